//! How many streams somebody may have open at once: the event stream, logs that are followed, terminals. Each holds a
//! connection, or a place on one, for as long as its reader likes.
//!
//! ```text
//!  a session      64     a browser has one event stream for all its tabs, and logs and terminals beside it
//!  a token     1 280     programs that watch; the thousand watchers of the benchmarks come with one token
//!  a user      1 536     with all sessions and tokens: of the server's 4 096 connections most are left to others
//!  a user         16     terminals, which count as streams too: of the server's 64 most are left to others
//! ```
//!
//! Who is on the machine itself is limited by the door alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use appliance_store::ledger::{Actor, Via};
use futures_util::{Stream, StreamExt};

use crate::access::Known;
use crate::problem::{Kind, Problem};

const OF_SESSION: usize = 64;
const OF_TOKEN: usize = 1_280;
const OF_USER: usize = 1_536;
const TERMINALS_OF_USER: usize = 16;

/// Counts open streams. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<Whose, usize>>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    User(String),
    Session(String),
    Token(String),
    Terminals(String),
}

impl Whose {
    fn most(&self) -> usize {
        match self {
            Whose::User(_) => OF_USER,
            Whose::Session(_) => OF_SESSION,
            Whose::Token(_) => OF_TOKEN,
            Whose::Terminals(_) => TERMINALS_OF_USER,
        }
    }

    fn refused(&self) -> Problem {
        let most = self.most();
        let (detail, hint) = match self {
            Whose::User(_) | Whose::Session(_) | Whose::Token(_) => (
                format!("{most} streams are open already: as many as one may have."),
                "close those that are not looked at; one event stream serves many topics",
            ),
            Whose::Terminals(_) => (
                format!("{most} terminals are open already: as many as one user may have."),
                "close one that is not used: others need theirs",
            ),
        };
        Problem::new(Kind::TooManyStreams, detail).hint(hint).wait(Duration::from_secs(10))
    }
}

/// A stream that is open until this is dropped.
#[derive(Debug)]
pub(crate) struct Opened {
    streams: Streams,
    whose: Vec<Whose>,
}

impl Streams {
    /// One more for this caller, unless they have as many as one may.
    pub(crate) fn open(&self, known: &Known) -> Result<Opened, Problem> {
        self.count(of(&known.actor))
    }

    /// As [`Streams::open`], for a terminal.
    pub(crate) fn open_terminal(&self, known: &Known) -> Result<Opened, Problem> {
        let mut whose = of(&known.actor);
        if let Actor::User { name, .. } = &known.actor {
            whose.push(Whose::Terminals(name.clone()));
        }
        self.count(whose)
    }

    fn count(&self, whose: Vec<Whose>) -> Result<Opened, Problem> {
        let mut open = self.lock();
        let full = whose.iter().find(|whose| open.get(whose).is_some_and(|count| *count >= whose.most()));
        if let Some(full) = full {
            return Err(full.refused());
        }
        for whose in &whose {
            *open.entry(whose.clone()).or_default() += 1;
        }
        Ok(Opened { streams: self.clone(), whose })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Whose, usize>> {
        self.0.lock().expect("invariant: nothing panics while it counts")
    }
}

/// What every stream of this caller counts for.
fn of(actor: &Actor) -> Vec<Whose> {
    match actor {
        Actor::User { name, via: Via::Session(id) } => {
            vec![Whose::User(name.clone()), Whose::Session(id.clone())]
        }
        Actor::User { name, via: Via::Token(id) } => {
            vec![Whose::User(name.clone()), Whose::Token(id.clone())]
        }
        Actor::Local { .. } | Actor::Instance | Actor::Nobody { .. } => Vec::new(),
    }
}

impl Opened {
    /// Counts for as long as these pieces are read.
    pub(crate) fn while_read<T>(self, pieces: impl Stream<Item = T>) -> impl Stream<Item = T> {
        pieces.inspect(move |_| {
            let _counts = &self;
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        for whose in &self.whose {
            if let Some(count) = open.get_mut(whose) {
                *count -= 1;
                if *count == 0 {
                    open.remove(whose);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use appliance_store::ledger::Role;

    use super::*;

    fn known(name: &str, via: Via) -> Known {
        Known { actor: Actor::User { name: name.to_owned(), via }, role: Role::Viewer }
    }

    #[test]
    fn a_session_and_a_user_have_limits_and_nobody_else_is_held_up() {
        let streams = Streams::default();
        let session = |id: usize| known("anna", Via::Session(id.to_string()));
        let mut open: Vec<Opened> = (0..OF_SESSION).map(|_| streams.open(&session(0)).unwrap()).collect();
        assert_eq!(streams.open(&session(0)).unwrap_err().kind(), Kind::TooManyStreams);
        open.extend((OF_SESSION..OF_USER).map(|at| streams.open(&session(at / OF_SESSION)).unwrap()));
        assert!(streams.open(&session(1000)).is_err(), "more sessions are no way around it");
        assert!(streams.open(&known("anna", Via::Token("t".to_owned()))).is_err());
        assert!(streams.open(&known("ben", Via::Token("u".to_owned()))).is_ok());
        let local = Actor::Local { name: "root".to_owned() };
        assert!(streams.open(&Known { actor: local, role: Role::Admin }).is_ok());
        open.pop();
        assert!(streams.open(&session(1000)).is_ok());
        drop(open);
        assert!(streams.lock().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn nobody_takes_all_terminals_however_they_came_in() {
        let streams = Streams::default();
        let anna = |at: usize| match at % 2 {
            0 => known("anna", Via::Session(at.to_string())),
            _ => known("anna", Via::Token(at.to_string())),
        };
        let mut open: Vec<Opened> =
            (0..TERMINALS_OF_USER).map(|at| streams.open_terminal(&anna(at)).unwrap()).collect();
        let full = streams.open_terminal(&anna(100)).unwrap_err();
        assert_eq!(full.kind(), Kind::TooManyStreams);
        assert!(streams.open(&anna(100)).is_ok(), "they follow runs all the same");
        assert!(streams.open_terminal(&known("ben", Via::Session("b".to_owned()))).is_ok());
        let local = Known { actor: Actor::Local { name: "root".to_owned() }, role: Role::Admin };
        assert!((0..100).all(|_| streams.open_terminal(&local).is_ok()));
        open.pop();
        assert!(streams.open_terminal(&anna(100)).is_ok(), "the place of one that was closed is free");
        drop(open);
        assert!(streams.lock().is_empty());
    }

    #[tokio::test]
    async fn a_stream_counts_until_its_reader_leaves() {
        let streams = Streams::default();
        let reader = known("anna", Via::Session("s".to_owned()));
        let mut read = Box::pin(streams.open(&reader).unwrap().while_read(futures_util::stream::repeat(1)));
        assert_eq!(read.next().await, Some(1));
        assert_eq!(streams.lock().len(), 2);
        drop(read);
        assert!(streams.lock().is_empty());
    }
}
