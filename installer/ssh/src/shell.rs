//! Somewhere to run command lines: a host over SSH, or this machine.

use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use crate::connection::Connection;
use crate::error::HandError;

/// Where a hand is put. The machine that runs Armilla may be one of the hosts; it needs no SSH to itself.
#[derive(Clone)]
pub enum Shell {
    Ssh(Arc<Connection>),
    Local,
    /// Streams that somebody else opened, to what goes by this name; nothing more can be started there.
    Elsewhere(Arc<str>),
}

/// A command line that runs. Dropping it closes its streams.
pub struct Running {
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    pub errors: Box<dyn AsyncRead + Send + Unpin>,
    /// The exit code, where there is one.
    pub exit: oneshot::Receiver<Option<i32>>,
}

impl Shell {
    pub fn address(&self) -> &str {
        match self {
            Shell::Ssh(connection) => connection.address(),
            Shell::Local => "this machine",
            Shell::Elsewhere(name) => name,
        }
    }

    pub async fn run(&self, line: &str) -> Result<Running, HandError> {
        match self {
            Shell::Ssh(connection) => {
                let channel = connection.exec(line).await?;
                Ok(Running {
                    input: Box::new(channel.input),
                    output: Box::new(channel.output),
                    errors: Box::new(channel.errors),
                    exit: channel.exit,
                })
            }
            Shell::Elsewhere(name) => Err(HandError::ChannelRefused {
                address: name.to_string(),
                reason: "there is one stream and no other".to_owned(),
            }),
            Shell::Local => run_here(line).map_err(|error| HandError::Here(format!("start sh: {error}"))),
        }
    }

    /// The error for a stream that ended without a word.
    pub fn lost(&self, said: &str) -> HandError {
        match self {
            Shell::Ssh(connection) if said.is_empty() || connection.is_lost() => connection.lost(),
            Shell::Ssh(_) | Shell::Local | Shell::Elsewhere(_) => {
                let reason = if said.is_empty() {
                    "the hand ended".to_owned()
                } else {
                    format!("the hand said: {said}")
                };
                HandError::Lost { address: self.address().to_owned(), reason }
            }
        }
    }
}

fn run_here(line: &str) -> std::io::Result<Running> {
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (told, exit) = oneshot::channel();
    let input = Box::new(child.stdin.take().expect("stdin was asked for"));
    let output = Box::new(child.stdout.take().expect("stdout was asked for"));
    let errors = Box::new(child.stderr.take().expect("stderr was asked for"));
    tokio::spawn(async move {
        let code = child.wait().await.ok().and_then(|status| status.code());
        let _ = told.send(code);
    });
    Ok(Running { input, output, errors, exit })
}

/// A word of a POSIX shell's command line that means exactly `text`.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_mean_themselves() {
        for text in ["plain", "two words", "it's", "$HOME `id` \"x\" \\", "a\nb", ""] {
            let said = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(text))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), text);
        }
    }
}
