//! How long a host that does not answer is tried again, and how often: decided here, with the time as an argument.
//!
//! ```text
//!            a call is lost, or the host cannot be reached
//!  answering ─────────────────────────────────────────────▶ silent since T ──▶ tried again after 1, 2, 4, 8, 8 … s
//!      ▲                                                        │      │
//!      └──────────── a new connection, at any time ─────────────┘      └─ T + patience: given up, each call fails at
//!                                                                         once until a connection succeeds
//! ```
//!
//! The patience is a host's and not a call's: it begins when the connection went, however long the call had lasted by then,
//! and what else speaks to the host ends at the same moment. Together with the silence after which a connection counts as
//! lost (`installer_ssh::Patience`) it bounds what a dead host can cost a run: a minute to notice, three to give up.

use std::time::{Duration, Instant};

/// A network that is gone for shorter than this is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// The pause after the first failure; each one after it is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A connection that comes up and is lost again this often within one call is not waited for any more: what is asked for may
/// be what ends it.
pub(crate) const LOSSES: u32 = 10;

/// What is known about reaching one host.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    silent: Option<Silence>,
}

#[derive(Debug)]
struct Silence {
    since: Instant,
    /// Why it began, fit to follow "failed to".
    why: String,
    failures: u32,
}

/// What to do after a failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Again {
    After(Duration),
    /// Why it began and how long was waited since.
    Never {
        why: String,
        waited: Duration,
    },
}

impl Reach {
    /// The host answers on a new connection.
    pub(crate) fn connected(&mut self) {
        self.silent = None;
    }

    /// The connection went, or there was none to be had.
    pub(crate) fn failed(&mut self, now: Instant, why: &str, patience: Duration) -> Again {
        let silence =
            self.silent.get_or_insert_with(|| Silence { since: now, why: why.to_owned(), failures: 0 });
        silence.failures = silence.failures.saturating_add(1);
        let waited = now.saturating_duration_since(silence.since);
        if waited >= patience {
            return Again::Never { why: silence.why.clone(), waited };
        }
        let doublings = silence.failures.saturating_sub(1).min(8);
        Again::After((FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE).min(patience - waited))
    }

    /// For how long the host has been silent.
    pub(crate) fn silent_for(&self, now: Instant) -> Option<Duration> {
        self.silent.as_ref().map(|silence| now.saturating_duration_since(silence.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_and_the_host_is_given_up_when_its_patience_is_over() {
        let (mut reach, begun) = (Reach::default(), Instant::now());
        let mut now = begun;
        let mut pauses = Vec::new();
        let given_up = loop {
            match reach.failed(now, &format!("at {:?}", now - begun), 30 * SECOND) {
                Again::After(pause) => pauses.push(pause.as_secs()),
                never => break never,
            }
            now += Duration::from_secs(*pauses.last().unwrap());
        };
        assert_eq!(pauses, [1, 2, 4, 8, 8, 7]);
        assert_eq!(given_up, Again::Never { why: "at 0ns".to_owned(), waited: 30 * SECOND });
        assert_eq!(reach.silent_for(now), Some(30 * SECOND));
    }

    #[test]
    fn a_host_that_was_given_up_fails_at_once_until_it_answers() {
        let (mut reach, begun) = (Reach::default(), Instant::now());
        reach.failed(begun, "gone", SECOND);
        assert!(matches!(reach.failed(begun + 5 * SECOND, "gone", SECOND), Again::Never { .. }));
        assert!(matches!(reach.failed(begun + 6 * SECOND, "gone", SECOND), Again::Never { .. }));
        reach.connected();
        assert_eq!(reach.silent_for(begun + 7 * SECOND), None);
        assert_eq!(reach.failed(begun + 7 * SECOND, "gone", SECOND), Again::After(SECOND));
    }
}
