//! Other processes read through the socket while an engine runs, and from the database when none does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod sim;

use std::sync::Arc;
use std::time::Duration;

use appliance_store::{Holder, Store};
use installer_model::event::{Event, Outcome, Record, RunId};
use installer_plan::next::Limits;
use installer_run::hub::Hub;
use installer_run::query::{Answer, Request};
use installer_run::reader::{ReadError, Reader};
use installer_run::socket::{self, Server};
use installer_run::{Cancel, Engine, Observer, SystemClock};
use sim::{SimWorld, plans};
use tempfile::TempDir;

fn holder() -> Holder {
    Holder::this_process("test", 0)
}

fn records(answers: &[Answer]) -> Vec<&Record> {
    answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Record { record } => Some(record),
            _ => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_event_once_and_the_progress_while_the_run_goes_on() {
    let dir = TempDir::new().unwrap();
    let plan = plans::three_hosts();
    let store = Arc::new(Store::open(dir.path(), &holder()).unwrap());
    let hub = Arc::new(Hub::default());
    let server = Server::start(dir.path(), store.clone(), hub.clone()).unwrap();
    let adopted = store.adopt(&plan).unwrap();
    let engine = Engine {
        store: store.clone(),
        world: Arc::new(SimWorld::new(&plan)),
        observer: Arc::new(vec![hub.clone() as Arc<dyn Observer>]),
        clock: Arc::new(SystemClock),
        limits: Limits::default(),
        waived: Vec::new(),
    };
    let reader = Reader::new(dir.path(), holder());
    let following = tokio::task::spawn_blocking({
        let reader = reader.clone();
        move || {
            let run = loop {
                match reader.runs().unwrap().pop() {
                    Some(row) => break row.run,
                    None => std::thread::sleep(Duration::from_millis(5)),
                }
            };
            let answers: Vec<Answer> = reader.follow(&run, 0).unwrap().map(Result::unwrap).collect();
            answers
        }
    });
    let ended = engine.run(&adopted, Cancel::never()).await.unwrap();
    server.close().await;
    let answers = following.await.unwrap();

    assert_eq!(ended.outcome, Outcome::Healthy);
    let all = store.records(&ended.run, 0, usize::MAX).unwrap();
    assert_eq!(records(&answers), all.iter().collect::<Vec<_>>());
    assert_eq!(answers.last(), Some(&Answer::End));
    let progress = answers.iter().filter(|answer| matches!(answer, Answer::Progress { .. })).count();
    assert!(progress > 0, "no progress was sent");

    // The engine is gone and with it the socket: the same question goes to the database, with the same answer.
    drop((engine, store));
    assert!(!socket::path(dir.path()).exists());
    let again: Vec<Answer> = reader.follow(&ended.run, 0).unwrap().map(Result::unwrap).collect();
    assert_eq!(records(&again), records(&answers));
    let (row, view) = reader.run(&ended.run).unwrap();
    assert_eq!((row.outcome, view), (Some(Outcome::Healthy), ended.view));
    assert_eq!(reader.target("demo").unwrap(), plan);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_from_an_index_on_gets_only_what_comes_after() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(Store::open(dir.path(), &holder()).unwrap());
    let adopted = store.adopt(&plans::one_host()).unwrap();
    let begun = store.begin(&adopted, 0).unwrap();
    let cancelled = store.append(&begun.run, 1, vec![Event::RunCancelled]).unwrap()[0].index;
    let hub = Arc::new(Hub::default());
    let _server = Server::start(dir.path(), store.clone(), hub).unwrap();
    let run = begun.run.clone();
    let reader = Reader::new(dir.path(), holder());
    let asked = tokio::task::spawn_blocking(move || -> Vec<Answer> {
        reader.follow(&run, cancelled).unwrap().map(Result::unwrap).collect()
    });
    let answers = asked.await.unwrap();
    assert_eq!(records(&answers).iter().map(|record| record.index).collect::<Vec<_>>(), [cancelled]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_what_is_not_understood_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(Store::open(dir.path(), &holder()).unwrap());
    let _server = Server::start(dir.path(), store, Arc::new(Hub::default())).unwrap();
    let reader = Reader::new(dir.path(), holder());
    let refused = tokio::task::spawn_blocking(move || reader.run(&RunId("r-9".into()))).await.unwrap();
    assert!(matches!(&refused, Err(ReadError::Refused(why)) if why == "failed to find run r-9 in the store"));

    let socket = socket::path(dir.path());
    let line = tokio::task::spawn_blocking(move || {
        use std::io::{BufRead, BufReader, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
        stream.write_all(b"{\"get\":\"weather\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    assert!(line.await.unwrap().starts_with(r#"{"is":"refused","why":"failed to read the request"#));
}

#[test]
fn a_state_directory_that_nobody_used_has_no_runs_and_stays_as_it_is() {
    let dir = TempDir::new().unwrap();
    let reader = Reader::new(&dir.path().join("none"), holder());
    assert_eq!(reader.runs().unwrap(), []);
    let site = Request::Site { name: "demo".into() };
    assert!(matches!(reader.ask(&site).unwrap().next(), Some(Ok(Answer::Refused { .. }))));
    assert!(!dir.path().join("none").exists());
}

#[test]
fn a_process_that_has_the_store_and_does_not_listen_is_named() {
    let dir = TempDir::new().unwrap();
    let _store = Store::open(dir.path(), &Holder::this_process("check", 0)).unwrap();
    let error = Reader::new(dir.path(), holder()).runs().unwrap_err().to_string();
    assert!(error.contains("`armilla check`"), "{error}");
}

#[tokio::test]
async fn a_socket_left_by_a_killed_process_is_in_nobodys_way() {
    let dir = TempDir::new().unwrap();
    drop(std::os::unix::net::UnixListener::bind(socket::path(dir.path())).unwrap());
    let reader = Reader::new(dir.path(), holder());
    assert_eq!(reader.runs().unwrap(), []);
    let store = Arc::new(Store::open(dir.path(), &holder()).unwrap());
    Server::start(dir.path(), store, Arc::new(Hub::default())).unwrap();
}
