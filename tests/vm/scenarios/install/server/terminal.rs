//! Somebody at a terminal of the server: WebSocket (RFC 6455) as written by hand, over the TLS of `openssl s_client`.

use lab::Lab;
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The key of the handshake and what it must be answered with, from section 1.3 of the RFC.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Terminal {
    child: Child,
    input: ChildStdin,
    frames: Receiver<Frame>,
    shown: String,
}

/// Opcode and content.
type Frame = (u8, Vec<u8>);
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// How a terminal ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Everything that was shown.
    pub(crate) shown: String,
    /// What the shell ended with, as the server tells it.
    pub(crate) exit: Value,
    /// Code and reason of the last frame.
    pub(crate) close: (u16, String),
}

impl Terminal {
    /// Opens the terminal at `path` of the server at `place`; `folder` holds the certificate of its authority. What the
    /// server says where it does not open one.
    pub(crate) fn open(
        lab: &Lab,
        folder: &Path,
        place: &str,
        token: &str,
        path: &str,
    ) -> Result<Terminal, String> {
        let mut command = lab.command(["openssl", "s_client", "-quiet", "-verify_return_error"]);
        command.arg("-CAfile").arg(folder.join("ca.pem")).args(["-connect", place]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        write!(
            input,
            "GET {path} HTTP/1.1\r\nHost: {place}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        )
        .unwrap();
        let head = head(&mut output);
        if !head.starts_with("HTTP/1.1 101 ") {
            let _ = child.kill();
            let _ = child.wait();
            return Err(head);
        }
        assert!(head.contains(ACCEPT), "{head}");
        let (send, frames) = channel();
        std::thread::spawn(move || {
            while let Ok(frame) = frame(&mut output) {
                if send.send(frame).is_err() {
                    return;
                }
            }
        });
        Ok(Terminal { child, input, frames, shown: String::new() })
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.send(BINARY, keys.as_bytes());
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let told = serde_json::json!({ "resize": { "columns": columns, "rows": rows } });
        self.send(TEXT, told.to_string().as_bytes());
    }

    /// Frames of clients are masked; this mask changes nothing.
    fn send(&mut self, opcode: u8, content: &[u8]) {
        let length = u8::try_from(content.len()).ok().filter(|length| *length < 126).expect("short frames");
        let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(content);
        self.input.write_all(&frame).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits until this was shown.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.shown.contains(text) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.frames.recv_timeout(left) {
                Ok((BINARY, bytes)) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                other => panic!("{text:?} was not shown, but {:?}; then {other:?}", self.shown),
            }
        }
    }

    /// Reads to the end.
    pub(crate) fn end(mut self) -> Ended {
        let mut exit = Value::Null;
        loop {
            match self.frames.recv_timeout(PATIENCE).expect("the terminal ends") {
                (BINARY, bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                (TEXT, text) => exit = serde_json::from_slice::<Value>(&text).unwrap()["exit"].take(),
                (CLOSE, goodbye) => {
                    let (code, reason) = goodbye.split_at(2);
                    let close = (
                        u16::from_be_bytes([code[0], code[1]]),
                        String::from_utf8_lossy(reason).into_owned(),
                    );
                    return Ended { shown: std::mem::take(&mut self.shown), exit, close };
                }
                _ => {}
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and headers of an answer, and of a problem what came with them.
fn head(output: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && output.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A server's frame: not masked, and never in parts.
fn frame(output: &mut impl Read) -> std::io::Result<Frame> {
    let mut head = [0; 2];
    output.read_exact(&mut head)?;
    assert_eq!(head[0] & 0x80, 0x80, "frames come whole");
    let length = match head[1] & 0x7f {
        126 => {
            let mut length = [0; 2];
            output.read_exact(&mut length)?;
            usize::from(u16::from_be_bytes(length))
        }
        127 => panic!("frames are shorter"),
        short => usize::from(short),
    };
    let mut content = vec![0; length];
    output.read_exact(&mut content)?;
    Ok((head[0] & 0x0f, content))
}
