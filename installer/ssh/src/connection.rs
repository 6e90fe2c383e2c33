//! One SSH connection, with as many channels as the server allows.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use crate::driver::{Channel, Driver, Open, Purpose};
use crate::error::HandError;
use crate::host_key::Fingerprint;
use crate::login::{self, Socket};
use crate::target::Target;
use crate::wake::Doorbell;

/// A connection that is logged in. It ends when it is dropped and its channels are.
pub struct Connection {
    orders: Option<Sender<Open>>,
    doorbell: Arc<Doorbell>,
    address: String,
    fingerprint: Fingerprint,
    lost: Arc<OnceLock<String>>,
}

impl Connection {
    /// Connects, through jump hosts where the target has them, and logs in.
    pub async fn open(target: &Target) -> Result<Connection, HandError> {
        let through = match &target.jump {
            Some(jump) => Some(Arc::new(Box::pin(Connection::open(jump)).await?)),
            None => None,
        };
        let doorbell =
            Doorbell::new().map_err(|error| HandError::Here(format!("make an eventfd: {error}")))?;
        let (orders, taken) = channel();
        let (ready, logged_in) = oneshot::channel();
        let lost = Arc::new(OnceLock::new());
        let loop_doorbell = Arc::clone(&doorbell);
        let loop_lost = Arc::clone(&lost);
        let loop_target = target.clone();
        let runtime = tokio::runtime::Handle::current();
        let body = move || {
            let dial = || match &through {
                Some(through) => runtime.block_on(tunnel(Arc::clone(through), &loop_target)),
                None => login::dial(&loop_target),
            };
            let session = match login::log_in(&loop_target, &dial) {
                Ok((session, fingerprint)) => {
                    if ready.send(Ok(fingerprint)).is_err() {
                        return;
                    }
                    session
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                    return;
                }
            };
            let driver =
                Driver::new(session, taken, loop_doorbell, loop_target.patience, Arc::clone(&loop_lost));
            driver.run();
        };
        thread::Builder::new()
            .name(format!("ssh {}", target.address))
            .spawn(body)
            .map_err(|error| HandError::Here(format!("start a thread: {error}")))?;
        let fingerprint = logged_in.await.map_err(|_| HandError::Unreachable {
            address: target.address.clone(),
            reason: "the connection's thread ended".to_owned(),
        })??;
        let address = target.address.clone();
        Ok(Connection { orders: Some(orders), doorbell, address, fingerprint, lost })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The host key that the server showed, to be pinned.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Starts a command line in the user's login shell.
    pub async fn exec(&self, line: &str) -> Result<Channel, HandError> {
        self.channel(Purpose::Exec(line.to_owned())).await
    }

    /// Connects from the host to somewhere else.
    pub async fn tcp(&self, host: &str, port: u16) -> Result<Channel, HandError> {
        self.channel(Purpose::Tcp { host: host.to_owned(), port }).await
    }

    async fn channel(&self, purpose: Purpose) -> Result<Channel, HandError> {
        let (opened, open) = oneshot::channel();
        let orders = self.orders.as_ref().expect("the sender is there until the drop");
        orders.send(Open { purpose, opened }).map_err(|_| self.lost())?;
        self.doorbell.ring();
        match open.await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(reason)) => Err(HandError::ChannelRefused { address: self.address.clone(), reason }),
            Err(_) => Err(self.lost()),
        }
    }

    /// The error for something that ended because the connection did.
    pub fn lost(&self) -> HandError {
        let reason = self.lost.get().cloned().unwrap_or_else(|| "the server closed it".to_owned());
        HandError::Lost { address: self.address.clone(), reason }
    }

    /// Whether the connection is known to be gone.
    pub fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // First the sender, so that the loop finds it gone when the bell wakes it.
        self.orders = None;
        self.doorbell.ring();
    }
}

/// A socket whose other end is a connection from the jump host to the target. The jump host's connection lives as long as that.
async fn tunnel(through: Arc<Connection>, target: &Target) -> Result<Socket, HandError> {
    let unreachable = |reason: String| HandError::Unreachable {
        address: format!("{}:{} through {}", target.address, target.port, through.address),
        reason,
    };
    let channel = match through.tcp(&target.address, target.port).await {
        Ok(channel) => channel,
        Err(HandError::ChannelRefused { reason, .. }) => return Err(unreachable(reason)),
        Err(other) => return Err(other),
    };
    let pair = || -> std::io::Result<(UnixStream, tokio::net::UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        Ok((ours, tokio::net::UnixStream::from_std(theirs)?))
    };
    let (ours, theirs) = pair().map_err(|error| unreachable(error.to_string()))?;
    tokio::spawn(async move {
        let (mut from_us, mut to_us) = theirs.into_split();
        let Channel { mut input, mut output, errors: _errors, exit: _exit } = channel;
        let there = async {
            let _ = tokio::io::copy(&mut from_us, &mut input).await;
            let _ = input.shutdown().await;
        };
        let back = async {
            let _ = tokio::io::copy(&mut output, &mut to_us).await;
            let _ = to_us.shutdown().await;
        };
        tokio::join!(there, back);
        drop(through);
    });
    Ok(Socket::Unix(ours))
}
