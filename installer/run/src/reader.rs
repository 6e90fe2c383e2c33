//! How a verb reads: through the socket where an engine runs, from the database where none does. The verb cannot tell
//! the two apart.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use appliance_store::{Holder, RunRow, Store, StoreError};
use installer_model::event::RunId;
use installer_model::plan::{Plan, PlanId, StepId};
use installer_model::view::View;

use crate::query::{Answer, Request, answer};
use crate::socket;

/// How long a reader waits for a process that has the store open and does not listen: it is opening, or closing, or a
/// verb like this one.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("ask the process that has the store open")]
    Socket(#[source] io::Error),
    #[error("understand what the process that has the store open says")]
    Answer(#[source] serde_json::Error),
    #[error("understand what the process that has the store open says: it is of another version")]
    Newer,
    /// It says its own part, beginning with `failed to`.
    #[error("get an answer: {0}")]
    Refused(String),
}

/// Reads the state in one directory. Nothing is held open between two calls, so that no reader keeps an engine from
/// starting.
#[derive(Clone)]
pub struct Reader {
    dir: PathBuf,
    holder: Holder,
    /// What this process has open itself.
    store: Option<Arc<Store>>,
}

/// Answers, one by one.
pub type Answers = Box<dyn Iterator<Item = Result<Answer, ReadError>> + Send>;

impl Reader {
    /// `holder` says to others who reads.
    pub fn new(dir: &Path, holder: Holder) -> Reader {
        Reader { dir: dir.to_owned(), holder, store: None }
    }

    /// Reads a store that this process has open.
    pub fn of(store: &Arc<Store>, holder: Holder) -> Reader {
        Reader { dir: store.folder().to_owned(), holder, store: Some(Arc::clone(store)) }
    }

    /// Asks; blocks until the first answer can be read.
    pub fn ask(&self, request: &Request) -> Result<Answers, ReadError> {
        if let Some(store) = &self.store {
            return Ok(Box::new(answer(store, request).into_iter().map(Ok)));
        }
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(stream) = connect(&self.dir)? {
                return through(stream, request);
            }
            if !Store::database_path(&self.dir).exists() {
                return Ok(Box::new(nothing(request).into_iter().map(Ok)));
            }
            match Store::open(&self.dir, &self.holder) {
                Ok(store) => return Ok(Box::new(answer(&store, request).into_iter().map(Ok))),
                Err(StoreError::InUse { .. }) if Instant::now() < until => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Every run, oldest first.
    pub fn runs(&self) -> Result<Vec<RunRow>, ReadError> {
        match self.one(&Request::Runs)? {
            Some(Answer::Runs { runs }) => Ok(runs),
            other => Err(unexpected(other)),
        }
    }

    pub fn run(&self, id: &RunId) -> Result<(RunRow, View), ReadError> {
        match self.one(&Request::Run { id: id.clone() })? {
            Some(Answer::Run { row, view }) => Ok((row, view)),
            other => Err(unexpected(other)),
        }
    }

    pub fn plan(&self, id: &PlanId) -> Result<Plan, ReadError> {
        match self.one(&Request::Plan { id: id.clone() })? {
            Some(Answer::Plan { plan }) => Ok(plan),
            other => Err(unexpected(other)),
        }
    }

    /// The plan that a site follows now.
    pub fn target(&self, site: &str) -> Result<Plan, ReadError> {
        match self.one(&Request::Target { site: site.to_owned() })? {
            Some(Answer::Plan { plan }) => Ok(plan),
            other => Err(unexpected(other)),
        }
    }

    /// A piece of what an attempt of a step said, from a byte offset on, and where the next one begins: where this one did
    /// when there is nothing more yet.
    pub fn output(
        &self,
        id: &RunId,
        step: &StepId,
        attempt: u32,
        offset: u64,
    ) -> Result<(String, u64), ReadError> {
        match self.one(&Request::Output { id: id.clone(), step: step.clone(), attempt, offset })? {
            Some(Answer::Output { next, text }) => Ok((text, next)),
            other => Err(unexpected(other)),
        }
    }

    /// A run's events and progress, until it ends.
    pub fn follow(&self, id: &RunId, from: u64) -> Result<Answers, ReadError> {
        self.ask(&Request::Follow { id: id.clone(), from })
    }

    /// What is answered as plain JSON: the site, a check, the keys of hosts.
    pub fn json(&self, request: &Request) -> Result<serde_json::Value, ReadError> {
        match self.one(request)? {
            Some(Answer::Json { value }) => Ok(value),
            other => Err(unexpected(other)),
        }
    }

    fn one(&self, request: &Request) -> Result<Option<Answer>, ReadError> {
        self.ask(request)?.next().transpose()
    }
}

fn unexpected(answer: Option<Answer>) -> ReadError {
    match answer {
        Some(Answer::Refused { why }) => ReadError::Refused(why),
        Some(_) | None => ReadError::Newer,
    }
}

/// What a store says that nobody has made yet.
fn nothing(request: &Request) -> Vec<Answer> {
    match request {
        Request::Runs => vec![Answer::Runs { runs: Vec::new() }],
        Request::HostKeys => vec![Answer::Json { value: serde_json::json!({}) }],
        Request::Ledger => vec![Answer::Json { value: "".into() }],
        Request::Run { .. }
        | Request::Follow { .. }
        | Request::Plan { .. }
        | Request::Target { .. }
        | Request::Site { .. }
        | Request::Check { .. }
        | Request::Output { .. } => {
            vec![Answer::Refused { why: "nothing was run from this state directory yet".to_owned() }]
        }
    }
}

/// `None` when nobody listens: there is no socket, or one that a killed process left.
fn connect(dir: &Path) -> Result<Option<UnixStream>, ReadError> {
    match UnixStream::connect(socket::path(dir)) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(ReadError::Socket(error)),
    }
}

fn through(mut stream: UnixStream, request: &Request) -> Result<Answers, ReadError> {
    let mut line = serde_json::to_vec(request).map_err(ReadError::Answer)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(ReadError::Socket)?;
    Ok(Box::new(BufReader::new(stream).lines().map(|line| {
        let line = line.map_err(ReadError::Socket)?;
        serde_json::from_str(&line).map_err(ReadError::Answer)
    })))
}
