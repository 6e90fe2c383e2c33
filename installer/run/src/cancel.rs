//! How an operator ends a run early: once to finish what is in flight, twice to leave at once.

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Go,
    /// Start nothing more, let what is in flight end.
    Finish,
    /// Leave now. The run stays open and the next engine takes it up.
    Abort,
}

/// The asking end.
#[derive(Debug, Clone)]
pub struct Canceller(watch::Sender<Level>);

/// The end that an engine heeds.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<Level>);

impl Canceller {
    pub fn new() -> (Canceller, Cancel) {
        let (sender, receiver) = watch::channel(Level::Go);
        (Canceller(sender), Cancel(receiver))
    }

    /// The first call finishes, the second aborts.
    pub fn request(&self) {
        self.0.send_modify(|level| {
            *level = match *level {
                Level::Go => Level::Finish,
                Level::Finish | Level::Abort => Level::Abort,
            }
        });
    }
}

impl Cancel {
    /// A run that nobody cancels.
    pub fn never() -> Cancel {
        Canceller::new().1
    }

    pub fn level(&self) -> Level {
        *self.0.borrow()
    }

    /// Returns when the level is higher than `seen`; never if it cannot become so any more.
    pub async fn above(&mut self, seen: Level) {
        if self.0.wait_for(|level| *level > seen).await.is_err() {
            // The asking end is gone.
            std::future::pending::<()>().await;
        }
    }
}
