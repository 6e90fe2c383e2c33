//! A server removes what has expired.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use appliance_api::DoorLimits;
use appliance_store::ledger::{
    Actor, AuditEntry, Command, Guesses, Once, PasswordHash, Remembered, Role, Session, SessionCommand,
    Settings, SettingsCommand, UserCommand,
};
use appliance_store::{Holder, Store};
use common::Server;
use tempfile::TempDir;

/// A state folder in which everything happened a week ago: of what happened years ago a server first asks whether its clock is right.
fn a_week_ago() -> TempDir {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    let then = now - 7 * DAY;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap();
    let done = |command: Command| store.submit_at(then, &Actor::Instance, &command).unwrap();
    let password = PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA".to_owned());
    done(Command::Users(UserCommand::Add { name: "anna".to_owned(), role: Role::Admin, password }));
    let session = |digit: &str, expires_at, idle_ms| Session {
        digest: digit.repeat(64),
        user: "anna".to_owned(),
        created_at: then,
        seen_at: then,
        expires_at,
        idle_ms,
        address: "192.0.2.7".to_owned(),
        agent: "test".to_owned(),
        revision: 0,
    };
    for session in
        [session("a", then + 10, u64::MAX), session("b", u64::MAX, 10), session("c", u64::MAX, u64::MAX)]
    {
        done(Command::Sessions(SessionCommand::LogIn { session, password: None }));
    }
    let address = "192.0.2.8".to_owned();
    done(Command::Sessions(SessionCommand::Failed { user: "anna".to_owned(), address }));
    let (settings, expected) = (Settings::default(), appliance_store::ledger::Expected::Any);
    let put = Command::Settings(SettingsCommand::Put { settings, expected });
    for (key, expires_at) in [("old", then + 10), ("new", now + DAY)] {
        let (key, request, command) = (key.to_owned(), String::new(), Box::new(put.clone()));
        done(Command::Once(Once { key, request, expires_at, command }));
    }
    dir
}

fn sweeps(server: &Server) -> Vec<AuditEntry> {
    let entries = server.app.store().rows::<AuditEntry>(None, usize::MAX).unwrap();
    let entries = entries.into_iter().map(|(_, entry)| entry);
    entries.filter(|entry| entry.said.action == "instance.sweep").collect()
}

#[tokio::test]
async fn a_server_that_starts_removes_what_has_expired_and_says_so_once() {
    let server = Server::start_in(a_week_ago(), DoorLimits::default()).await;
    let store = server.app.store().clone();
    let left = || {
        let answers = store.rows::<Remembered>(None, usize::MAX).unwrap().len();
        (store.rows::<Session>(None, usize::MAX).unwrap(), answers, store.rows::<Guesses>(None, 9).unwrap())
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while left().0.len() > 1 {
        assert!(tokio::time::Instant::now() < deadline, "nothing is swept: {:?}", left());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (sessions, answers, guesses) = left();
    assert_eq!(sessions[0].1.digest, "c".repeat(64));
    assert_eq!((answers, guesses.len()), (1, 0), "{guesses:?}");
    let said = sweeps(&server);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].said.actor, "instance");
    assert_eq!(said[0].said.detail, [("sessions".to_owned(), "2".to_owned())].into());
}
