//! Who writes to which upload: one at a time. A sender whose connection was lost comes back while the server still waits on the
//! old one: the newcomer takes its place, and what was not noted of the old one is sent again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedMutexGuard, watch};

#[derive(Default)]
pub(crate) struct Writers(Mutex<HashMap<String, Seat>>);

#[derive(Clone, Default)]
struct Seat {
    taken: Arc<tokio::sync::Mutex<()>>,
    /// Counts those who wanted it.
    wanted: watch::Sender<u64>,
}

/// The right to write to an upload, until it is dropped.
pub(crate) struct Writing {
    number: u64,
    wanted: watch::Receiver<u64>,
    _taken: OwnedMutexGuard<()>,
}

impl Writers {
    /// Asks whoever writes to leave, and waits until they have.
    pub(crate) async fn take(&self, upload: &str) -> Writing {
        let seat = {
            let mut seats = self.lock();
            // Seats that nobody holds or waits for are of uploads that may have ended.
            seats.retain(|id, seat| id == upload || Arc::strong_count(&seat.taken) > 1);
            seats.entry(upload.to_owned()).or_default().clone()
        };
        let mut number = 0;
        seat.wanted.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        let wanted = seat.wanted.subscribe();
        Writing { number, wanted, _taken: seat.taken.lock_owned().await }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Seat>> {
        self.0.lock().expect("invariant: nothing panics while it holds the seats")
    }
}

impl Writing {
    /// Comes back when somebody else wants to write.
    pub(crate) async fn is_wanted(&mut self) {
        let number = self.number;
        // Without the seat's own sender nobody else can want it.
        if self.wanted.wait_for(|newest| *newest > number).await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newcomer_waits_until_the_other_has_left() {
        let writers = Arc::new(Writers::default());
        let mut first = writers.take("a").await;
        let _elsewhere = writers.take("b").await;
        let second = tokio::spawn({
            let writers = Arc::clone(&writers);
            async move { writers.take("a").await.number }
        });
        first.is_wanted().await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.await.unwrap(), 2);
        let _third = writers.take("c").await;
        assert_eq!(writers.lock().len(), 2, "seats that nobody needs are forgotten");
    }
}
