//! The socket through which other processes read while this one has the store open.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use appliance_store::Store;
use installer_model::event::{Event, RunId};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::hub::{Hub, Tick};
use crate::query::{Answer, Request, answer};

/// Bytes of a request, at most.
const REQUEST_LIMIT: u64 = 64 << 10;
/// Records sent between two looks at what else is new.
const PAGE: usize = 256;
/// Progress is sent at most this often.
const PROGRESS_PAUSE: Duration = Duration::from_millis(200);
/// How long followers get to read the end of a run.
const FAREWELL: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
#[error("listen on {}", .path.display())]
pub struct ListenError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The socket's place in a state directory. `armilla.sock` beside it is the server's and speaks HTTP.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("engine.sock")
}

/// Answers until it is closed or dropped.
pub struct Server {
    path: PathBuf,
    hub: Arc<Hub>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens in the state directory of an open store: whoever has the store owns the socket, so one that is there
    /// was left by a process that was killed.
    pub fn start(dir: &Path, store: Arc<Store>, hub: Arc<Hub>) -> Result<Server, ListenError> {
        let path = path(dir);
        let listener = bind(&path).map_err(|source| ListenError { path: path.clone(), source })?;
        let accepting = tokio::spawn(accept(listener, store, hub.clone()));
        Ok(Server { path, hub, accepting })
    }

    /// Lets followers read the end, then stops.
    pub async fn close(mut self) {
        self.hub.close();
        let _ = tokio::time::timeout(FAREWELL, &mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    // The folder is closed to others already; the socket says so itself too.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes connections until the hub closes, then waits for those that are being answered.
async fn accept(listener: UnixListener, store: Arc<Store>, hub: Arc<Hub>) {
    let mut connections = JoinSet::new();
    let mut ticks = hub.subscribe();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, store.clone(), hub.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not taken");
                    tokio::time::sleep(PROGRESS_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = closing(&mut ticks) => break,
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn closing(ticks: &mut watch::Receiver<Tick>) {
    // An error means that the hub is gone, and with it everything that could be told.
    let _ = ticks.wait_for(|tick| tick.closing).await;
}

async fn serve(mut stream: UnixStream, store: Arc<Store>, hub: Arc<Hub>) {
    if let Err(error) = converse(&mut stream, &store, &hub).await {
        // The reader went away: its own affair.
        tracing::debug!(%error, "a reader was not answered to the end");
    }
}

async fn converse(stream: &mut UnixStream, store: &Store, hub: &Hub) -> io::Result<()> {
    let mut line = String::new();
    let (read, mut write) = stream.split();
    BufReader::new(read.take(REQUEST_LIMIT)).read_line(&mut line).await?;
    match serde_json::from_str::<Request>(&line) {
        Ok(Request::Follow { id, from }) if hub.is_live(&id) => {
            follow(&mut write, store, hub, &id, from).await
        }
        Ok(request) => send(&mut write, &answer(store, &request)).await,
        Err(error) => {
            let why = format!("failed to read the request: {error}");
            send(&mut write, &[Answer::Refused { why }]).await
        }
    }
}

async fn send(write: &mut (impl AsyncWriteExt + Unpin), answers: &[Answer]) -> io::Result<()> {
    let mut lines = Vec::new();
    for answer in answers {
        serde_json::to_writer(&mut lines, answer)?;
        lines.push(b'\n');
    }
    write.write_all(&lines).await
}

/// Sends a live run's events as they come, and its progress, until it ends.
async fn follow(
    write: &mut (impl AsyncWriteExt + Unpin),
    store: &Store,
    hub: &Hub,
    run: &RunId,
    mut from: u64,
) -> io::Result<()> {
    let mut ticks = hub.subscribe();
    let mut progress_seen = 0;
    loop {
        let tick = *ticks.borrow_and_update();
        let records = store.records(run, from, PAGE).map_err(io::Error::other)?;
        let more = records.len() == PAGE;
        let ended = records.iter().any(|record| matches!(record.event, Event::RunEnded { .. }));
        from = records.last().map_or(from, |record| record.index + 1);
        let mut answers: Vec<Answer> = records.into_iter().map(|record| Answer::Record { record }).collect();
        if tick.progress > progress_seen {
            let progress = hub.progress_since(progress_seen).into_iter();
            answers.extend(progress.map(|progress| Answer::Progress { progress }));
            progress_seen = tick.progress;
        }
        let last = ended || (tick.closing && !more);
        if last {
            answers.push(Answer::End);
        }
        send(write, &answers).await?;
        if last {
            return Ok(());
        }
        if !more && ticks.changed().await.is_ok() && ticks.borrow().index < from {
            // Only progress: it can wait a little, an event cannot.
            let event = ticks.wait_for(|tick| tick.index >= from || tick.closing);
            let _ = tokio::time::timeout(PROGRESS_PAUSE, event).await;
        }
    }
}
