//! Terminals, on hosts and in pods, told alike: what is typed goes in, what is shown comes out, and an end.

use futures_util::future::BoxFuture;
use installer_cluster::{Ended, Executed};
use installer_wire::terminal::{Size, Typed};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::sync::mpsc;

/// What may be typed ahead.
const AHEAD: usize = 64;

/// A terminal with somebody at it. It hangs up when `typed` is dropped.
pub struct Terminal {
    pub typed: mpsc::Sender<Typed>,
    /// What it shows. To be read for as long as it is open.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    pub ended: BoxFuture<'static, Ended>,
}

impl Terminal {
    pub(crate) fn on_host(terminal: installer_ssh::Terminal) -> Terminal {
        let installer_ssh::Terminal { typed, output, exit, hand } = terminal;
        let ended = async move {
            let code = exit.await.ok().flatten();
            drop(hand);
            let message = code.is_none().then(|| "the connection to the host ended".to_owned());
            Ended { code, message }
        };
        Terminal { typed, output, ended: Box::pin(ended) }
    }

    pub(crate) fn in_pod(executed: Executed, size: Size) -> Terminal {
        let Executed { mut input, output, errors: _, mut resize, ended } = executed;
        let (typed, mut typing) = mpsc::channel(AHEAD);
        if let Some(resize) = &mut resize {
            resize.set(size.columns, size.rows);
        }
        tokio::spawn(async move {
            while let Some(typed) = typing.recv().await {
                match typed {
                    Typed::Keys(keys) => {
                        if input.write_all(&keys).await.is_err() || input.flush().await.is_err() {
                            return;
                        }
                    }
                    Typed::Size(size) => {
                        if let Some(resize) = &mut resize {
                            resize.set(size.columns, size.rows);
                        }
                    }
                }
            }
            let _ = input.shutdown().await;
        });
        Terminal { typed, output, ended }
    }
}
