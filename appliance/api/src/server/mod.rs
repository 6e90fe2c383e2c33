//! The doors: one TCP port with TLS (and an answer for those who come without), and a unix socket.
//!
//! ```text
//!  TCP ──▶ first byte ──0x16──▶ TLS ──▶ HTTP/2 or HTTP/1.1 ──┐
//!              └─ other ──▶ redirect to https                ├──▶ the same router
//!  STATE/armilla.sock ──▶ peer credentials ──▶ HTTP/1.1 ─────┘
//! ```

mod busy;
mod connection;
mod limits;
mod paced;
mod redirect;
mod streams;
mod unix;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use self::limits::DoorLimits;
use self::limits::{Admission, Doorkeeper};
pub(crate) use self::unix::LocalDoor;
use crate::access::Peer;

/// First byte of a TLS handshake record (RFC 8446, section 5.1). No HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;
/// After an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server does not start. Completes "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("listen on {address}")]
    Tcp {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("listen on {}", .path.display())]
    Unix {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The TCP port.
pub(crate) struct PublicDoor {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    keeper: Doorkeeper,
}

impl PublicDoor {
    pub(crate) async fn open(
        address: SocketAddr,
        tls: rustls::ServerConfig,
        router: Router,
        limits: DoorLimits,
    ) -> Result<PublicDoor, ListenError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| ListenError::Tcp { address, source })?;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        Ok(PublicDoor { listener, acceptor, router, keeper: Doorkeeper::new(limits) })
    }

    /// With the port that was given, where 0 was asked for.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Lets callers in until `closing` turns true, then waits for those who are inside to finish.
    pub(crate) async fn serve(self, mut closing: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                () = connection::closed(&mut closing) => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.let_in(stream, peer, &closing),
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        self.keeper.empty(connection::FAREWELL).await;
    }

    /// A caller over the limits is let go at once: it sees its connection closed.
    fn let_in(&self, stream: TcpStream, peer: SocketAddr, closing: &watch::Receiver<bool>) {
        let Some(admission) = self.keeper.admit(Some(peer.ip())) else { return };
        let (acceptor, router, closing) = (self.acceptor.clone(), self.router.clone(), closing.clone());
        tokio::spawn(async move {
            if let Err(error) = greet(stream, peer, acceptor, router, closing, &admission).await {
                tracing::debug!(%peer, %error, "a connection ended");
            }
            drop(admission);
        });
    }
}

async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    router: Router,
    closing: watch::Receiver<bool>,
    admission: &Admission,
) -> io::Result<()> {
    let limits = admission.limits();
    stream.set_nodelay(true)?;
    let mut first = [0];
    let hello = tokio::time::timeout(limits.handshake, stream.peek(&mut first)).await?;
    if hello? == 0 {
        return Ok(());
    }
    if first[0] != TLS_HANDSHAKE {
        return redirect::answer(stream, limits).await;
    }
    let mut stream = tokio::time::timeout(limits.handshake, acceptor.accept(stream)).await??;
    stream.get_mut().1.set_buffer_limit(Some(connection::AHEAD));
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let protocol = if http2 { connection::Protocol::Http2 } else { connection::Protocol::Http1 };
    connection::serve(stream, protocol, Peer::Tcp(peer), router, closing, limits).await
}
