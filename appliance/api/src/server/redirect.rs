//! Who comes to the TLS port without TLS is told where to go.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::limits::DoorLimits;

/// Bytes of a request that are read: its first line and its host stand at the beginning.
const HEAD: usize = 8 << 10;

/// Reads a request's head and answers. Nothing of the request is done, so a secret in it was sent in the open but not used.
pub(super) async fn answer(mut stream: TcpStream, limits: DoorLimits) -> io::Result<()> {
    let head = tokio::time::timeout(limits.handshake, read_head(&mut stream)).await??;
    let answer = answer_to(&String::from_utf8_lossy(&head));
    tokio::time::timeout(limits.stalled, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with bytes unread would reset the connection before the answer is read (RFC 9112, section 9.6).
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    })
    .await?
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while head.len() < HEAD && !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut part).await? {
            0 => break,
            read => head.extend_from_slice(&part[..read]),
        }
    }
    Ok(head)
}

fn answer_to(head: &str) -> String {
    let (status, location, text) = match target(head) {
        Some(target) => {
            ("308 Permanent Redirect", format!("Location: {target}\r\n"), format!("Go to {target}\n"))
        }
        None => ("400 Bad Request", String::new(), "This port speaks HTTPS.\n".to_owned()),
    };
    let length = text.len();
    format!(
        "HTTP/1.1 {status}\r\n{location}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{text}"
    )
}

/// The same place over https; `None` when the request does not say where it wanted to go in words that may be repeated.
fn target(head: &str) -> Option<String> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (_method, path, version) = (words.next()?, words.next()?, words.next()?);
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then_some(value.trim())
    })?;
    let plain_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
    let plain_path = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\".contains(&byte));
    (version.starts_with("HTTP/1.") && plain_host && plain_path).then(|| format!("https://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_to_the_same_place_over_https() {
        let head = "GET /a?b=c HTTP/1.1\r\nUser-Agent: x\r\nhOsT:  10.0.0.1:9443 \r\n\r\n";
        assert_eq!(target(head).as_deref(), Some("https://10.0.0.1:9443/a?b=c"));
        let answer = answer_to(head);
        assert!(
            answer
                .starts_with("HTTP/1.1 308 Permanent Redirect\r\nLocation: https://10.0.0.1:9443/a?b=c\r\n")
        );
    }

    #[test]
    fn nothing_is_repeated_that_could_be_more_than_a_place() {
        for head in [
            "",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET //evil.example HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://evil.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{1}x HTTP/1.1\r\nHost: a\r\n\r\n",
            "\u{0}\u{0}\u{0}",
        ] {
            assert_eq!(target(head), None, "{head:?}");
            assert!(answer_to(head).starts_with("HTTP/1.1 400 "));
        }
    }
}
