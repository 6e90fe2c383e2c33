//! What watchers follow: the store's feed, read and put into words once for all of them.
//!
//! ```text
//!  store.changed ──▶ Feed::keep ──▶ ring of the last messages ──▶ each watcher takes what is after its position
//!                                   older ones: straight from the store ──┘
//!  progress ──▶ a broadcast without numbers, which may be lost
//! ```
//!
//! A watcher is a position, not a queue: whoever reads slowly falls behind, and costs no memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, RwLock};

use appliance_store::ledger::Topic;
use appliance_store::{FeedItem, Store, StoreError};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{Semaphore, broadcast, watch};

/// Messages that are kept in memory.
const RING: usize = 4096;
/// Bytes of them. Older ones are read from the store again.
const RING_BYTES: usize = 4 << 20;
/// Messages that are taken at a time.
const PIECE: usize = 256;
/// Bytes that are taken at a time, and one message more: what a watcher who reads nothing holds.
const PIECE_BYTES: usize = 16 << 10;
/// Watchers that read the store at the same time; others wait for their turn. Each thread that reads keeps, in its part of
/// the heap, what others free for it: some megabytes that are given back only when it allocates again.
const READS: usize = 4;
/// Progress that a watcher may be behind before it loses some.
const PROGRESS: usize = 64;

/// One message, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) index: u64,
    pub(crate) topic: Topic,
    pub(crate) bytes: Bytes,
}

/// Messages after a position. Everything up to `upto` was looked at.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) messages: Vec<Message>,
    pub(crate) upto: u64,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Parts>);

struct Parts {
    store: Arc<Store>,
    ring: RwLock<Ring>,
    upto: watch::Sender<u64>,
    progress: broadcast::Sender<Bytes>,
    reads: Semaphore,
}

/// Has every message after `from` up to `upto`.
#[derive(Debug, Default)]
struct Ring {
    from: u64,
    upto: u64,
    messages: VecDeque<Message>,
    /// Of all messages.
    bytes: usize,
}

impl Ring {
    fn push(&mut self, messages: Vec<Message>, upto: u64) {
        for message in messages {
            self.bytes += message.bytes.len();
            self.messages.push_back(message);
        }
        while self.messages.len() > RING || self.bytes > RING_BYTES {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.from = oldest.index;
            self.bytes -= oldest.bytes.len();
        }
        self.upto = upto;
    }

    /// `None` when it goes not so far back.
    fn after(&self, position: u64, topics: &BTreeSet<Topic>) -> Option<Taken> {
        if position < self.from {
            return None;
        }
        let start = self.messages.partition_point(|message| message.index <= position);
        let of_topics = self.messages.iter().skip(start).filter(|message| topics.contains(&message.topic));
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for message in of_topics {
            bytes += message.bytes.len();
            messages.push(message.clone());
            if messages.len() >= PIECE || bytes >= PIECE_BYTES {
                return Some(Taken { upto: message.index, messages });
            }
        }
        Some(Taken { messages, upto: self.upto.max(position) })
    }
}

impl Feed {
    pub(crate) fn new(store: Arc<Store>) -> Feed {
        let upto = *store.changed().borrow();
        Feed(Arc::new(Parts {
            store,
            ring: RwLock::new(Ring { from: upto, upto, messages: VecDeque::new(), bytes: 0 }),
            upto: watch::Sender::new(upto),
            progress: broadcast::Sender::new(PROGRESS),
            reads: Semaphore::new(READS),
        }))
    }

    /// Fills the ring for as long as it is polled.
    pub(crate) async fn keep(&self) {
        let mut changed = self.0.store.changed();
        loop {
            let last = *changed.borrow_and_update();
            while self.upto() < last {
                let feed = self.clone();
                let filled = tokio::task::spawn_blocking(move || feed.fill()).await;
                if !matches!(filled, Ok(Ok(()))) {
                    // Watchers read the store themselves until it works again.
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn fill(&self) -> Result<(), StoreError> {
        let after = self.upto();
        let taken = self.read(after, &Topic::ALL.into_iter().collect())?;
        let upto = taken.upto;
        let mut ring = self.0.ring.write().expect("invariant: nothing panics while it holds the ring");
        ring.push(taken.messages, upto);
        drop(ring);
        self.0.upto.send_replace(upto);
        Ok(())
    }

    /// The last index that watchers can see.
    pub(crate) fn upto(&self) -> u64 {
        *self.0.upto.borrow()
    }

    /// Changes when there is more to see.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.0.upto.subscribe()
    }

    /// What came after a position: from memory, or else in a thread from the store.
    pub(crate) async fn after(&self, position: u64, topics: &BTreeSet<Topic>) -> Result<Taken, StoreError> {
        let in_memory = {
            let ring = self.0.ring.read().expect("invariant: nothing panics while it holds the ring");
            ring.after(position, topics)
        };
        if let Some(taken) = in_memory {
            return Ok(taken);
        }
        let _turn = self.0.reads.acquire().await.expect("invariant: it is never closed");
        let (feed, topics) = (self.clone(), topics.clone());
        let read = tokio::task::spawn_blocking(move || feed.read(position, &topics)).await;
        // The thread panicked: the watcher tries again.
        read.unwrap_or(Ok(Taken { messages: Vec::new(), upto: position }))
    }

    fn read(&self, after: u64, topics: &BTreeSet<Topic>) -> Result<Taken, StoreError> {
        let fed = self.0.store.feed_piece(after, topics, PIECE, PIECE_BYTES)?;
        let messages = fed.items.iter().map(message).collect();
        Ok(Taken { messages, upto: fed.upto })
    }

    /// Tells the watchers of the moment something that they may miss: how far a live run is.
    pub(crate) fn tell_progress(&self, progress: &impl Serialize) {
        // Nobody watches: nobody misses it.
        let _ = self.0.progress.send(framed(None, "progress", progress));
    }

    pub(crate) fn progress(&self) -> broadcast::Receiver<Bytes> {
        self.0.progress.subscribe()
    }
}

fn message(item: &FeedItem) -> Message {
    let (index, topic) = (item.index(), item.topic());
    let bytes = match item {
        FeedItem::Event(record) => framed(Some(index), name(topic), record),
        FeedItem::Change { notice, .. } => framed(Some(index), name(topic), notice),
    };
    Message { index, topic, bytes }
}

/// A mark of how far the stream is, so that a reconnection does not look at everything again.
pub(crate) fn bookmark(index: u64) -> Bytes {
    framed(Some(index), "bookmark", &serde_json::json!({ "index": index }))
}

/// The stream's text form: html.spec.whatwg.org, "Server-sent events". JSON has no line ends of its own.
pub(crate) fn framed(index: Option<u64>, event: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("invariant: text keys and no fallible serializer");
    let id = index.map(|index| format!("id: {index}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n"))
}

/// What a topic is called in requests and answers.
pub(crate) fn name(topic: Topic) -> &'static str {
    match topic {
        Topic::Users => "users",
        Topic::Sessions => "sessions",
        Topic::Tokens => "tokens",
        Topic::Settings => "settings",
        Topic::Credentials => "credentials",
        Topic::Secrets => "secrets",
        Topic::Sites => "sites",
        Topic::Drafts => "drafts",
        Topic::HostKeys => "hostKeys",
        Topic::Bundles => "bundles",
        Topic::Uploads => "uploads",
        Topic::Waivers => "waivers",
        Topic::Checks => "checks",
        Topic::Plans => "plans",
        Topic::Runs => "runs",
        Topic::Events => "events",
        Topic::Requests => "requests",
        Topic::Audit => "audit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(indices: std::ops::RangeInclusive<u64>) -> Vec<Message> {
        let topic = |index: u64| if index.is_multiple_of(2) { Topic::Events } else { Topic::Users };
        indices.map(|index| Message { index, topic: topic(index), bytes: Bytes::new() }).collect()
    }

    #[test]
    fn a_ring_gives_what_is_after_a_position_and_knows_what_it_forgot() {
        let mut ring = Ring { from: 10, upto: 10, messages: VecDeque::new(), bytes: 0 };
        let events = BTreeSet::from([Topic::Events]);
        ring.push(messages(11..=20), 20);
        assert!(ring.after(9, &events).is_none());
        let taken = ring.after(10, &events).unwrap();
        assert_eq!(
            taken.messages.iter().map(|message| message.index).collect::<Vec<_>>(),
            [12, 14, 16, 18, 20]
        );
        assert_eq!(ring.after(20, &events).unwrap().upto, 20);
        let last = 20 + RING as u64;
        ring.push(messages(21..=last), last);
        assert!(ring.after(19, &events).is_none());
        assert!(ring.after(20, &events).is_some());
    }

    #[test]
    fn pieces_of_a_ring_leave_nothing_out() {
        let mut ring = Ring::default();
        ring.push(messages(1..=1000), 1000);
        let users = BTreeSet::from([Topic::Users]);
        let (mut position, mut seen) = (0, Vec::new());
        while position < 1000 {
            let taken = ring.after(position, &users).unwrap();
            seen.extend(taken.messages.iter().map(|message| message.index));
            position = taken.upto;
        }
        assert_eq!(seen, (1..=1000).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn pieces_and_the_ring_itself_are_bounded_in_bytes() {
        let mut ring = Ring::default();
        let large = |index| Message { index, topic: Topic::Users, bytes: vec![b'x'; 10_000].into() };
        ring.push((1..=1000).map(large).collect(), 1000);
        let kept = RING_BYTES / 10_000;
        assert_eq!((ring.messages.len(), ring.bytes), (kept, kept * 10_000));
        let users = BTreeSet::from([Topic::Users]);
        assert!(ring.after(ring.from - 1, &users).is_none());
        let mut position = ring.from;
        while position < 1000 {
            let taken = ring.after(position, &users).unwrap();
            assert!(taken.messages.len() <= 2);
            assert_eq!(taken.messages[0].index, position + 1);
            position = taken.upto;
        }
    }

    #[test]
    fn a_message_is_one_block_of_lines() {
        let text = framed(Some(7), "users", &serde_json::json!({"id": "a\nb"}));
        assert_eq!(text, "id: 7\nevent: users\ndata: {\"id\":\"a\\nb\"}\n\n");
    }
}
