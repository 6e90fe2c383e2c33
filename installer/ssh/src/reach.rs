//! From a host to somewhere else, and to a person: connections that begin there, and terminals.
//!
//! ```text
//!  dial:      direct-tcpip ── refused by sshd ──▶ `armilla hand dial` on a channel
//!  terminal:  `armilla hand terminal` on a channel: the same with sudo, without a pty of sshd, and on this machine
//! ```

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use installer_wire::terminal::{Size, Typed};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use crate::error::HandError;
use crate::hand::Hand;
use crate::root::Greeted;
use crate::shell::{Shell, quoted};

/// How often a terminal hears from its user at least.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How much may be typed ahead of the host, in frames.
const AHEAD: usize = 64;

/// A connection that begins on a host. Dropping it closes it.
pub struct Dialed {
    input: Box<dyn AsyncWrite + Send + Unpin>,
    output: Box<dyn AsyncRead + Send + Unpin>,
    /// The SSH connection lives as long as what goes through it.
    _hand: Hand,
}

/// A terminal on a host. It hangs up when `typed` is dropped.
pub struct Terminal {
    pub typed: mpsc::Sender<Typed>,
    /// What it shows.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// The exit code of its shell, where there is one.
    pub exit: oneshot::Receiver<Option<i32>>,
    /// The SSH connection lives as long as what goes through it.
    pub hand: Hand,
}

impl Hand {
    /// Connects from the host to an address that may be its own.
    pub async fn dial(&self, host: &str, port: u16) -> Result<Dialed, HandError> {
        match &self.inner().root.shell {
            Shell::Ssh(connection) => match connection.tcp(host, port).await {
                Ok(channel) => Ok(Dialed {
                    input: Box::new(channel.input),
                    output: Box::new(channel.output),
                    _hand: self.clone(),
                }),
                // sshd tried, and nobody is there: the hand would find the same.
                Err(HandError::ChannelRefused { address, reason }) if reason.contains("connect failed") => {
                    Err(HandError::ChannelRefused { address, reason: format!("{host}:{port}: {reason}") })
                }
                Err(HandError::ChannelRefused { reason, .. }) => {
                    tracing::debug!(reason, host, port, "sshd forwards no ports: a hand dials");
                    self.dial_by_hand(host, port).await
                }
                Err(other) => Err(other),
            },
            Shell::Local => self.dial_by_hand(host, port).await,
            Shell::Elsewhere(name) => Err(HandError::ChannelRefused {
                address: name.to_string(),
                reason: "there is one stream and no other".to_owned(),
            }),
        }
    }

    async fn dial_by_hand(&self, host: &str, port: u16) -> Result<Dialed, HandError> {
        let Greeted { input, output, .. } = self.job(&format!("dial {} {port}", quoted(host))).await?;
        Ok(Dialed { input, output: Box::new(output), _hand: self.clone() })
    }

    /// Opens a terminal with a login shell of root; `term` is what its user's is called, such as `xterm-256color`.
    pub async fn terminal(&self, size: Size, term: &str) -> Result<Terminal, HandError> {
        let Size { columns, rows } = size;
        let Greeted { input, output, exit, .. } =
            self.job(&format!("terminal {columns} {rows} {}", quoted(term))).await?;
        let (typed, typing) = mpsc::channel(AHEAD);
        tokio::spawn(pass_on(input, typing));
        Ok(Terminal { typed, output: Box::new(output), exit, hand: self.clone() })
    }

    /// Starts another job of the hand's program, as root, on a channel of its own.
    async fn job(&self, words: &str) -> Result<Greeted, HandError> {
        let (program, folder) = (quoted(&self.inner().program), quoted(&self.inner().folder));
        self.inner().root.run_when_free(&format!("exec {program} hand --root {folder} {words}")).await
    }
}

/// Passes on what is typed, and signs of life in between.
async fn pass_on(mut input: Box<dyn AsyncWrite + Send + Unpin>, mut typing: mpsc::Receiver<Typed>) {
    loop {
        let typed = match tokio::time::timeout(SIGN_OF_LIFE, typing.recv()).await {
            Ok(Some(typed)) => typed,
            Ok(None) => break,
            Err(_) => Typed::Keys(Vec::new()),
        };
        if input.write_all(&typed.encode()).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

impl AsyncRead for Dialed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, into)
    }
}

impl AsyncWrite for Dialed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(context)
    }
}
