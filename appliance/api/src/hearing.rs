//! Every caller is heard out. Who is cut off in the middle of a body may not get to read the answer (RFC 9112, section 9.6), and
//! over HTTP/2, where a server may answer and stop the rest (RFC 9113, section 8.1), curl 7.88 shows an error instead of it.
//!
//! ```text
//!  body ──lent──▶ route: reads it, or a part, or nothing ──given back──▶ the rest is read and thrown away
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// More is not waited for: bytes, and how long they may take.
const MOST: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(1);

/// The layer of all routes.
pub(crate) async fn hear_out(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (back, mut rest) = oneshot::channel();
    let lend = |body| Body::new(Lent { body, back: Some(back) });
    let response = next.run(request.map(lend)).await;
    if let Ok(rest) = rest.try_recv() {
        // Whatever comes of it, the answer is the same.
        let _ = tokio::time::timeout(PATIENCE, axum::body::to_bytes(rest, MOST)).await;
    }
    response
}

/// A body that comes back when the route is done with it.
struct Lent {
    body: Body,
    back: Option<oneshot::Sender<Body>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(back) = self.back.take() {
            // Nobody waits for it when the whole request was given up.
            let _ = back.send(std::mem::take(&mut self.body));
        }
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use futures_util::{StreamExt, stream};
    use tower::ServiceExt;

    use super::*;

    /// Pieces of a body that were taken from a caller who sends so many, by a route that reads none.
    async fn taken_of(pieces: usize) -> usize {
        let taken = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&taken);
        let body = stream::iter(0..pieces).map(move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 10]))
        });
        let router = Router::new().route("/", post(|| async { "done" })).layer(from_fn(hear_out));
        let request = Request::post("/").body(Body::from_stream(body)).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
        taken.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn what_a_route_leaves_is_taken_within_reason() {
        assert_eq!(taken_of(0).await, 0);
        assert_eq!(taken_of(3).await, 3);
        assert!((1024..2048).contains(&taken_of(100_000).await));
    }
}
