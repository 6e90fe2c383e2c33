//! One connection: HTTP over whatever stream it came in by.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower::ServiceExt;

use super::busy::{Busy, UnderWay};
use super::limits::DoorLimits;
use super::paced::Paced;
use super::streams::{Streams, in_pieces};
use crate::access::Peer;
use crate::extract::Patience;

/// How long requests under way may still take when the server closes.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);
/// HTTP/2 asks a quiet caller whether it is there.
const PING: Duration = Duration::from_secs(20);
/// Requests at once on one HTTP/2 connection. Browsers use some dozens.
const STREAMS: u32 = 128;

pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Bytes of answers that are taken from them ahead of their callers, for each request on its way.
pub(super) const AHEAD: usize = 32 << 10;

/// Serves until the caller leaves, fails or stalls, or the server closes.
pub(super) async fn serve<S>(
    stream: S,
    protocol: Protocol,
    peer: Peer,
    router: Router,
    mut closing: watch::Receiver<bool>,
    limits: DoorLimits,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = TokioIo::new(Paced::new(stream, limits.stalled));
    let busy = Busy::default();
    let told = busy.clone();
    let service = service_fn(move |request| {
        call(router.clone(), peer.clone(), request, told.begin(), Patience(limits.body))
    });
    let ended = match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head)
                .max_header_size(limits.head_bytes)
                .max_buf_size(limits.head_bytes.max(64 << 10))
                .serve_connection(stream, service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = closed(&mut closing) => {
                    connection.as_mut().graceful_shutdown();
                    farewell(connection).await
                }
            }
        }
        Protocol::Http2 => {
            let head = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
            let connection = http2::Builder::new(Streams { stalled: limits.stalled })
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(head)
                .keep_alive_interval(PING)
                .keep_alive_timeout(limits.stalled)
                .max_send_buf_size(AHEAD)
                // No CONNECT (RFC 8441): a browser that were told of it would send WebSockets here, whose routes are GET's.
                .serve_connection(stream, service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                // Who sends nothing, or half of what begins a request, and answers pings would stay for ever.
                () = busy.idle(limits.head, limits.idle) => {
                    connection.as_mut().graceful_shutdown();
                    farewell(connection).await
                }
                () = closed(&mut closing) => {
                    connection.as_mut().graceful_shutdown();
                    farewell(connection).await
                }
            }
        }
    };
    ended.map_err(io::Error::other)
}

/// Waits until the server closes.
pub(super) async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

async fn farewell(connection: impl Future<Output = hyper::Result<()>>) -> hyper::Result<()> {
    tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
}

async fn call(
    router: Router,
    peer: Peer,
    request: Request<Incoming>,
    under_way: UnderWay,
    patience: Patience,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    request.extensions_mut().insert(patience);
    // RFC 8441: a WebSocket on a stream of HTTP/2. Its answer has no body that would say how long it lasts.
    let is_conversation = request.method() == Method::CONNECT;
    let response = in_pieces(router.oneshot(request).await?);
    if is_conversation && response.status().is_success() {
        under_way.stay();
        return Ok(response);
    }
    Ok(under_way.until_sent(response))
}
