//! Requests of an HTTP/2 connection, each let go when its caller takes nothing of the answer.
//!
//! A caller may stop one answer and go on with others of the same connection (RFC 9113, section 5.2), so that the connection is
//! never seen to stall. hyper then holds a piece of the answer and does not ask for the next one, which is what is noticed here:
//!
//! ```text
//!  asked for a piece ──▶ nothing to give yet: waits for as long as it takes
//!        ▲          └──▶ gave one, and from there on the time runs
//!        └── the caller took it ──┘         └──▶ too long: the stream is reset, all that it holds is dropped
//! ```

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes of an answer that are given at a time. Who takes so much in the time limit is not let go.
const PIECE: usize = 16 << 10;

tokio::task_local! {
    static GIVEN: Given;
}

/// When the piece was given that was not taken yet; shared by a stream's task and its answer.
#[derive(Debug, Clone, Default)]
struct Given(Arc<Mutex<Option<Instant>>>);

impl Given {
    fn set(&self, given: Option<Instant>) {
        *self.0.lock().expect("invariant: nothing panics while it is set") = given;
    }

    /// Comes when a piece was not taken for so long.
    async fn stalled(&self, limit: Duration) {
        loop {
            let given = *self.0.lock().expect("invariant: nothing panics while it is set");
            match given {
                // What is given meanwhile is looked at before its time is over.
                None => sleep(limit).await,
                Some(given) if given.elapsed() >= limit => return,
                Some(given) => sleep_until(given + limit).await,
            }
        }
    }
}

/// Carries the streams of a connection out.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    pub(super) stalled: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (given, limit) = (Given::default(), self.stalled);
        tokio::spawn(GIVEN.scope(given.clone(), async move {
            tokio::select! {
                biased;
                () = stream => {}
                // hyper's own future goes, and with it what it holds: h2 resets the stream.
                () = given.stalled(limit) => tracing::debug!("let a stream go whose caller takes nothing"),
            }
        }));
    }
}

/// The answer, in pieces; as it is where nobody watches over it.
pub(super) fn in_pieces(answer: Response) -> Response {
    match GIVEN.try_with(Clone::clone) {
        Ok(given) => answer.map(|body| Body::new(Pieces { body, rest: Bytes::new(), cut: false, given })),
        Err(_) => answer,
    }
}

struct Pieces {
    body: Body,
    /// Of the last frame.
    rest: Bytes,
    /// Whether some of that frame was given.
    cut: bool,
    given: Given,
}

impl Pieces {
    fn piece(&mut self) -> Frame<Bytes> {
        self.given.set(Some(Instant::now()));
        if self.rest.len() > PIECE {
            self.cut = true;
            return Frame::data(self.rest.split_to(PIECE));
        }
        let last = std::mem::take(&mut self.rest);
        // h2 holds the last one when this body is gone already: the whole shall not stay in memory for it.
        let was_cut = std::mem::take(&mut self.cut);
        Frame::data(if was_cut { Bytes::copy_from_slice(&last) } else { last })
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.given.set(None);
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(frame)) = polled else { return Poll::Ready(polled) };
        match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                Poll::Ready(Some(Ok(self.piece())))
            }
            Err(trailers) => Poll::Ready(Some(Ok(trailers))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, mut hint) = (self.rest.len() as u64, self.body.size_hint());
        if rest > 0 {
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + rest);
            }
            hint.set_lower(hint.lower() + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_whole_in_its_pieces_and_says_its_length() {
        let text: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let answer = Response::new(Body::from(text.clone()));
        let mut answer = GIVEN.scope(Given::default(), async { in_pieces(answer) }).await.into_body();
        let (mut left, mut whole) = (text.len() as u64, Vec::new());
        while left > 0 {
            assert_eq!(answer.size_hint().exact(), Some(left));
            let piece = answer.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!((1..=PIECE).contains(&piece.len()));
            left -= piece.len() as u64;
            whole.extend_from_slice(&piece);
        }
        assert!(answer.is_end_stream());
        assert!(answer.frame().await.is_none());
        assert_eq!(whole, text);
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_was_given_something_is_let_go() {
        let (given, limit) = (Given::default(), Duration::from_secs(30));
        let watching = tokio::spawn({
            let given = given.clone();
            async move { given.stalled(limit).await }
        });
        sleep(limit * 10).await;
        assert!(!watching.is_finished(), "there was nothing to take");
        for _ in 0..10 {
            given.set(Some(Instant::now()));
            sleep(limit / 2).await;
            given.set(None);
        }
        assert!(!watching.is_finished(), "each piece was taken in time");
        sleep(limit / 2).await;
        let begun = Instant::now();
        given.set(Some(begun));
        watching.await.unwrap();
        assert!(begun.elapsed() < limit + Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}
