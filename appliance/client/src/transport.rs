//! One request, one answer, over whatever leads to the routes.
//!
//! Each request has a connection of its own: a command sends a handful, and a connection that was kept could be one
//! that the server has just closed.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin as Pinned;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::ClientError;
use crate::pin::{Address, Pin};

/// To a server that is there, over the slowest link that anybody works over.
const CONNECT: Duration = Duration::from_secs(10);
/// Of a host that is gone without a word, a waiting connection hears after three of these.
const KEEPALIVE: Duration = Duration::from_secs(15);

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// What is sent: whole, as it is small or a chunk.
pub type Payload = Full<Bytes>;
/// What is answered: as it comes.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
/// The routes in the own process.
pub type Handler =
    Arc<dyn Fn(Request<Payload>) -> Pinned<Box<dyn Future<Output = Response<Body>> + Send>> + Send + Sync>;

/// What bytes go over, both ways.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// What leads to the routes.
#[derive(Clone)]
pub enum Transport {
    /// The socket in a state folder: the server knows who asks by the process's user.
    Socket(PathBuf),
    /// A server somewhere, which shows a certificate of this authority.
    Tls(Address, Arc<ClientConfig>),
    /// This process answers itself.
    Here(Handler),
}

impl Transport {
    /// To a server with a certificate of this authority.
    pub fn pinned(address: &Address, pin: &Pin) -> Result<Transport, ClientError> {
        let config = pin.config().map_err(|error| untrusted(address, error))?;
        Ok(Transport::Tls(address.clone(), Arc::new(config)))
    }

    /// To the server that has this state folder, if one does. A socket without a listener was left by a process that was
    /// killed.
    pub fn of_folder(socket: &Path) -> Option<Transport> {
        StdUnixStream::connect(socket).ok().map(|_| Transport::Socket(socket.to_owned()))
    }

    /// An answer with its head; the body is still to come.
    pub(crate) async fn send(&self, mut request: Request<Payload>) -> Result<Response<Body>, ClientError> {
        let host = match self {
            Transport::Socket(_) | Transport::Here(_) => HeaderValue::from_static("localhost"),
            Transport::Tls(address, _) => HeaderValue::from_str(&address.authority())
                .map_err(|_| ClientError::Request(address.authority()))?,
        };
        request.headers_mut().insert(HOST, host);
        match self {
            Transport::Socket(path) => {
                let connected = timeout(CONNECT, UnixStream::connect(path)).await;
                let stream = in_time(connected).map_err(|source| self.unreached(source))?;
                self.over(stream, request).await
            }
            Transport::Tls(address, config) => {
                let stream = tls(address, config.clone()).await?;
                self.over(stream, request).await
            }
            Transport::Here(handler) => Ok(handler(request).await),
        }
    }

    async fn over<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &self,
        stream: S,
        request: Request<Payload>,
    ) -> Result<Response<Body>, ClientError> {
        let cut = |error: hyper::Error| ClientError::Cut { to: self.to_string(), source: error.into() };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(cut)?;
        // Ends with the answer's body, or when that is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        let answer = sender.send_request(request).await.map_err(cut)?;
        Ok(answer.map(|body| body.map_err(BoxError::from).boxed_unsync()))
    }

    /// A connection, and what the server is called over it: for what is spoken both ways.
    pub(crate) async fn wire(&self) -> Result<(Box<dyn Wire>, String), ClientError> {
        match self {
            Transport::Socket(path) => {
                let connected = timeout(CONNECT, UnixStream::connect(path)).await;
                let stream = in_time(connected).map_err(|source| self.unreached(source))?;
                Ok((Box::new(stream), "localhost".to_owned()))
            }
            Transport::Tls(address, config) => {
                let stream = tls(address, config.clone()).await?;
                Ok((Box::new(stream), address.authority()))
            }
            Transport::Here(handler) => {
                let (ours, theirs) = UnixStream::pair().map_err(|source| self.unreached(source))?;
                tokio::spawn(answer(theirs, handler.clone()));
                Ok((Box::new(ours), "localhost".to_owned()))
            }
        }
    }

    fn unreached(&self, source: io::Error) -> ClientError {
        ClientError::Connect { to: self.to_string(), source }
    }
}

/// The routes in the own process at the other end of a connection, for requests without a body.
async fn answer(stream: UnixStream, handler: Handler) {
    let service = service_fn(async |request: Request<hyper::body::Incoming>| {
        Ok::<_, std::convert::Infallible>(handler(request.map(|_| Payload::default())).await)
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        tracing::debug!(%error, "connection ended");
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Socket(path) => write!(f, "the server at {}", path.display()),
            Transport::Tls(address, _) => write!(f, "{address}"),
            Transport::Here(_) => f.write_str("this process"),
        }
    }
}

fn in_time<T>(waited: Result<io::Result<T>, tokio::time::error::Elapsed>) -> io::Result<T> {
    waited.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "nobody answers")))
}

/// A connection whose server did what `config` wants of it.
pub(crate) async fn tls(
    address: &Address,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, ClientError> {
    let unreached = |source| ClientError::Connect { to: address.to_string(), source };
    let target = (address.host(), address.port());
    let stream = in_time(timeout(CONNECT, TcpStream::connect(target)).await).map_err(unreached)?;
    // Small requests, each of which somebody waits for. Where either cannot be set, things work more slowly.
    let _ = stream.set_nodelay(true);
    let _ = keepalive(&stream);
    let name = address.server_name().map_err(|_| ClientError::Request(address.to_string()))?;
    let shaken = timeout(CONNECT, TlsConnector::from(config).connect(name, stream)).await;
    in_time(shaken).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => ClientError::Trust { to: address.to_string(), source: error },
        _ => unreached(error),
    })
}

fn keepalive(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE)?;
    Ok(sockopt::set_tcp_keepcnt(stream, 2)?)
}

pub(crate) fn untrusted(address: &Address, error: rustls::Error) -> ClientError {
    let source = io::Error::new(io::ErrorKind::InvalidData, error);
    ClientError::Trust { to: address.to_string(), source }
}
