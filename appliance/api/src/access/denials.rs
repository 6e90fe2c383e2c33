//! Known callers who were refused something for want of rights: the audit says so, in as many entries as people can read.
//!
//! ```text
//!  a refusal ──▶ the first of its user and route ──▶ an entry
//!           └──▶ another within the minute ──▶ counted ──▶ an entry with `times`, when the minute or the server ends
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use appliance_store::ledger::{Actor, Command, SessionCommand};
use axum::http::{HeaderMap, Method, header};
use tokio::task::JoinSet;

use super::Known;
use crate::app::App;

const EACH: Duration = Duration::from_secs(60);
/// Routes of one user that are told apart within a minute; those beyond are counted together.
const ROUTES: usize = 10;
/// Letters of a path that are written down.
const LONGEST_PATH: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Denials {
    /// Of the last minute. There are never more than [`ROUTES`] and one for each user.
    counted: Mutex<HashMap<(String, String), Counted>>,
    /// What is being written down: the server ends after it.
    writing: Mutex<JoinSet<()>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    actor: Actor,
    method: String,
    /// What was asked for the last time.
    path: String,
    /// Refusals that are not written down yet.
    times: u64,
}

impl Counted {
    fn command(&self) -> Command {
        let Counted { method, path, times, .. } = self.clone();
        Command::Sessions(SessionCommand::Denied { method, path, times })
    }
}

/// Whether a request would change something or open a terminal. Who reads what is not theirs learns that and nothing else.
pub(super) fn is_of_interest(method: &Method, headers: &HeaderMap) -> bool {
    !method.is_safe() || headers.contains_key(header::UPGRADE)
}

impl Denials {
    /// Counts a refusal. What is to be written down at once comes back: the first of its kind within the minute.
    fn count(&self, actor: &Actor, method: &str, route: &str, path: &str) -> Option<Counted> {
        let mut denials = self.lock();
        let user = actor.name();
        let of_user = || denials.keys().filter(|(name, _)| *name == user).count();
        let key = (user.clone(), format!("{method} {route}"));
        let key = match denials.contains_key(&key) || of_user() < ROUTES {
            true => key,
            false => (user.clone(), String::new()),
        };
        let path: String = path.chars().take(LONGEST_PATH).collect();
        let counted = Counted { actor: actor.clone(), method: method.to_owned(), path, times: 1 };
        match denials.get_mut(&key) {
            Some(before) => {
                *before = Counted { times: before.times + 1, ..counted };
                None
            }
            None => {
                denials.insert(key, Counted { times: 0, ..counted.clone() });
                Some(counted)
            }
        }
    }

    /// The minute is over: what was counted in it. Of a kind that goes on the next entry comes after another minute.
    fn take(&self) -> Vec<Counted> {
        let mut denials = self.lock();
        denials.retain(|_, counted| counted.times > 0);
        let counted = denials.values().cloned().collect();
        denials.values_mut().for_each(|counted| counted.times = 0);
        counted
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Counted>> {
        self.counted.lock().expect("invariant: nothing panics while it counts")
    }

    fn writing(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.writing.lock().expect("invariant: nothing panics while it begins to write")
    }

    /// Writes a refusal down, beside the answer.
    pub(super) fn note(app: &App, known: &Known, method: &Method, route: &str, path: &str) {
        if let Some(first) = app.denials().count(&known.actor, method.as_str(), route, path) {
            write_beside(app, vec![first]);
        }
    }

    /// Writes down what is counted, for as long as the server lives.
    pub(crate) async fn keep(app: &App) {
        loop {
            tokio::time::sleep(EACH).await;
            write_beside(app, app.denials().take());
        }
    }

    /// Nobody is let in any more: what is not written down yet is.
    pub(crate) async fn end(app: &App) {
        write_beside(app, app.denials().take());
        let writing = std::mem::take(&mut *app.denials().writing());
        writing.join_all().await;
    }
}

/// In a task of its own, which [`Denials::end`] waits for.
fn write_beside(app: &App, denials: Vec<Counted>) {
    let mut writing = app.denials().writing();
    while writing.try_join_next().is_some() {}
    let app = app.clone();
    writing.spawn(async move {
        for counted in denials {
            write(&app, counted).await;
        }
    });
}

async fn write(app: &App, counted: Counted) {
    if let Err(problem) = app.submit_as(counted.actor.clone(), counted.command()).await {
        tracing::warn!(?problem, path = counted.path, "a refusal was not written down");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use appliance_store::ledger::{AuditEntry, Role};
    use appliance_store::{Holder, Store};

    use super::*;

    fn anna() -> Actor {
        Actor::Local { name: "anna".to_owned() }
    }

    #[test]
    fn a_flood_of_refusals_is_a_few_entries() {
        let denials = Denials::default();
        let ask = |actor: &Actor, route: usize| {
            denials.count(actor, "POST", &format!("/r{route}"), &format!("/r{route}?{}", "x".repeat(1000)))
        };
        let at_once: Vec<Counted> = (0..100_000).filter_map(|number| ask(&anna(), number % 100)).collect();
        assert_eq!(at_once.len(), ROUTES + 1);
        assert!(at_once.iter().all(|entry| entry.times == 1 && entry.path.len() == LONGEST_PATH));
        assert!(ask(&Actor::Instance, 0).is_some(), "others are not counted along");
        let later = denials.take();
        assert_eq!(later.len(), ROUTES + 1);
        let written = at_once.len() as u64 + later.iter().map(|entry| entry.times).sum::<u64>();
        assert_eq!(written, 100_000, "each is in some entry");
        assert!(denials.take().is_empty());
        assert!(denials.lock().is_empty(), "nobody is remembered who was not refused for a minute");
        assert!(ask(&anna(), 0).is_some());
    }

    #[tokio::test]
    async fn what_was_counted_is_written_down_when_a_server_ends() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap());
        let app = App::new(store.clone(), "test", String::new());
        let known = Known { actor: anna(), role: Role::Viewer };
        for _ in 0..5 {
            Denials::note(&app, &known, &Method::POST, "/users", "/users");
        }
        Denials::end(&app).await;
        let entries = store.rows::<AuditEntry>(None, 100).unwrap();
        let denied = entries.iter().filter(|(_, entry)| entry.said.actor == anna().name());
        let times: Vec<_> = denied.map(|(_, entry)| entry.said.detail["times"].as_str()).collect();
        assert_eq!(times, ["1", "4"]);
    }
}
