//! Whether anything is under way on a connection: who keeps one open and asks for nothing is let go.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Requests whose answers are not sent to their end.
    under_way: usize,
    /// There was a request.
    asked: bool,
}

/// What goes on on one connection. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Arc<watch::Sender<State>>);

impl Busy {
    /// A request begins. It is under way until what is given here is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|state| {
            state.under_way += 1;
            state.asked = true;
        });
        UnderWay { busy: self.clone(), stays: false }
    }

    /// Comes back when nothing was under way for so long: `first` before the first request, `idle` after one.
    pub(super) async fn idle(&self, first: Duration, idle: Duration) {
        let mut state = self.0.subscribe();
        loop {
            let State { under_way, asked } = *state.borrow_and_update();
            let patience = if asked { idle } else { first };
            // The sender lives as long as this borrow of it: a change is what comes.
            match under_way {
                0 => tokio::select! {
                    _ = state.changed() => {}
                    () = tokio::time::sleep(patience) => return,
                },
                _ => drop(state.changed().await),
            }
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    busy: Busy,
    stays: bool,
}

impl UnderWay {
    /// Until the answer was sent to its end.
    pub(super) fn until_sent(self, response: Response) -> Response {
        response.map(|body| Body::new(Sent { body, _under_way: self }))
    }

    /// For as long as the connection lives: what was a request is a conversation now.
    pub(super) fn stay(mut self) {
        self.stays = true;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.stays {
            self.busy.0.send_modify(|state| state.under_way -= 1);
        }
    }
}

/// The body of an answer.
struct Sent {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Sent {
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
    use tokio::time::{Instant, sleep};

    use super::*;

    const FIRST: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(300);

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_after_its_last_answer_and_soon_without_a_request() {
        let begun = Instant::now();
        Busy::default().idle(FIRST, IDLE).await;
        assert_eq!(begun.elapsed().as_secs(), 30);
        let busy = Busy::default();
        let (begun, request) = (Instant::now(), busy.begin());
        let asking = tokio::spawn(async move {
            sleep(Duration::from_secs(1000)).await;
            drop(request);
        });
        busy.idle(FIRST, IDLE).await;
        assert_eq!(begun.elapsed().as_secs(), 1300);
        asking.await.unwrap();
        let terminal = Busy::default();
        terminal.begin().stay();
        let waited = tokio::time::timeout(Duration::from_secs(100_000), terminal.idle(FIRST, IDLE)).await;
        assert!(waited.is_err(), "a conversation goes on");
    }
}
