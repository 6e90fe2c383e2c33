//! Ways to a cluster: byte streams that somebody else opens, and TLS over them.
//!
//! A control plane reaches hosts by SSH and often by nothing else, so a connection to the cluster's API is a stream that
//! was opened *on* a host: see [`Dial`]. TLS is spoken over that stream from here, with the API server's name
//! checked against the cluster's own CA: the host in between carries bytes it cannot read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a connection may take to stand, TLS included.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a stream to a host and port, as seen from where the cluster is.
pub type Dial = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> + Send + Sync>;

/// Connects from this machine.
pub fn directly() -> Dial {
    Arc::new(|host, port| {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    })
}

/// Dials and speaks TLS; fails after [`CONNECT_LIMIT`].
pub(crate) async fn tls(
    dial: &Dial,
    config: Arc<ClientConfig>,
    host: String,
    port: u16,
) -> io::Result<TlsStream<Box<dyn Stream>>> {
    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
    let connecting = async {
        let stream = dial(host, port).await?;
        TlsConnector::from(config).connect(name, stream).await
    };
    tokio::time::timeout(CONNECT_LIMIT, connecting).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// What hyper's client asks for connections.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) dial: Dial,
    pub(crate) config: Arc<ClientConfig>,
}

impl tower::Service<http::Uri> for Connector {
    type Response = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let Connector { dial, config } = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let port = uri.port_u16().unwrap_or(443);
            Ok(Secured(TokioIo::new(tls(&dial, config, host, port).await?)))
        })
    }
}

/// A connection as hyper wants it.
pub(crate) struct Secured(TokioIo<TlsStream<Box<dyn Stream>>>);

impl Connection for Secured {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl hyper::rt::Write for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
