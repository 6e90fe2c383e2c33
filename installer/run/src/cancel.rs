//! What an operator says to a run that goes on: to end early, once to finish what is in flight, twice to leave at once; and
//! to take up a host again that dropped out.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Go,
    /// Start nothing more, let what is in flight end.
    Finish,
    /// Leave now. The run stays open and the next engine takes it up.
    Abort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    level: Level,
    /// How many retries were asked for.
    retries: u64,
}

/// Hosts to take up again that the engine has not heard of yet.
type Retries = Arc<Mutex<Vec<String>>>;

/// The asking end.
#[derive(Debug, Clone)]
pub struct Canceller {
    word: watch::Sender<Word>,
    retries: Retries,
}

/// The end that an engine heeds.
#[derive(Debug, Clone)]
pub struct Cancel {
    word: watch::Receiver<Word>,
    retries: Retries,
}

impl Canceller {
    pub fn new() -> (Canceller, Cancel) {
        let (sender, receiver) = watch::channel(Word { level: Level::Go, retries: 0 });
        let retries = Retries::default();
        (Canceller { word: sender, retries: retries.clone() }, Cancel { word: receiver, retries })
    }

    /// The first call finishes, the second aborts.
    pub fn request(&self) {
        self.word.send_modify(|word| {
            word.level = match word.level {
                Level::Go => Level::Finish,
                Level::Finish | Level::Abort => Level::Abort,
            }
        });
    }

    /// At least this level, however often it is asked for.
    pub fn ask(&self, level: Level) {
        self.word.send_modify(|word| word.level = word.level.max(level));
    }

    /// Lets a host that dropped out take part again. A host that did not drop out is left alone.
    pub fn retry(&self, host: &str) {
        lock(&self.retries).push(host.to_owned());
        self.word.send_modify(|word| word.retries += 1);
    }
}

impl Cancel {
    /// A run that nobody speaks to.
    pub fn never() -> Cancel {
        Canceller::new().1
    }

    pub fn level(&self) -> Level {
        self.word.borrow().level
    }

    /// The hosts to take up again, each told once.
    pub fn take_retries(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.retries))
    }

    /// Returns when the level is higher than `seen`, or a host is to be taken up again; never if neither can be any more.
    pub async fn above(&mut self, seen: Level) {
        let retries = Arc::clone(&self.retries);
        let spoken = |word: &Word| word.level > seen || !lock(&retries).is_empty();
        if self.word.wait_for(spoken).await.is_err() {
            // The asking end is gone.
            std::future::pending::<()>().await;
        }
    }
}

fn lock(retries: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    retries.lock().expect("invariant: nothing panics while it holds the list")
}
