//! The loop of a hand: read a request, work on it on a thread of its own, answer.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use installer_model::survey::Questions;
use installer_wire::answer::OutputHead;
use installer_wire::exchange::{Assembler, Incoming, encode};
use installer_wire::{Answer, Decoder, Failure, FailureKind, FenceRecord, GREETING, Hello, Request};

use crate::blobs::Blobs;
use crate::command::Commands;
use crate::facts;
use crate::fence::Fence;
use crate::files;
use crate::matrix::{self, Listeners};
use crate::repair;
use crate::unit_exec::boot_id;
use crate::units::Units;

/// How many requests may be worked on at a time.
const AT_ONCE: usize = 64;

/// How long an engine may be silent before its hand takes it for gone; it pings far more often than that. The host's
/// sshd would keep both for hours.
const SILENCE: Duration = Duration::from_secs(240);

/// An answer and its body.
type Answered = Result<(Answer, Vec<u8>), Failure>;

struct Desk<W> {
    root: PathBuf,
    output: Mutex<W>,
    busy: AtomicUsize,
    commands: Commands,
    listeners: Listeners,
    /// What this connection has claimed.
    claim: Mutex<Option<FenceRecord>>,
}

/// Serves one engine until its end of the stream closes; gives the exit code of the process.
pub fn serve<W: Write + Send + 'static>(mut input: impl Read, output: W, root: &Path) -> i32 {
    let desk = Arc::new(Desk {
        root: root.to_owned(),
        output: Mutex::new(output),
        busy: AtomicUsize::new(0),
        commands: Commands::default(),
        listeners: Listeners::default(),
        claim: Mutex::new(None),
    });
    let served = desk.greet().and_then(|()| take_requests(&mut input, &desk));
    desk.commands.kill_all();
    match served {
        Ok(()) => 0,
        Err(error) => {
            tracing::debug!(%error, "the connection ended badly");
            1
        }
    }
}

fn take_requests<W: Write + Send + 'static>(input: &mut impl Read, desk: &Arc<Desk<W>>) -> io::Result<()> {
    let (mut decoder, mut assembler) = (Decoder::default(), Assembler::default());
    let mut piece = vec![0; 64 * 1024];
    let mut heard = Instant::now();
    loop {
        let read = match input.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                heard = Instant::now();
                read
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut && heard.elapsed() < SILENCE => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        decoder.feed(&piece[..read]);
        while let Some(frame) = decoder.next_frame().map_err(io::Error::other)? {
            if let Some(message) = assembler.take(frame).map_err(io::Error::other)? {
                desk.take(message)?;
            }
        }
    }
}

impl<W: Write + Send + 'static> Desk<W> {
    fn greet(&self) -> io::Result<()> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(GREETING.as_bytes())?;
        drop(output);
        let hello = Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: rustix::system::uname().machine().to_string_lossy().into_owned(),
            pid: std::process::id(),
            boot_id: boot_id(),
            root: self.root.to_string_lossy().into_owned(),
            uid: rustix::process::getuid().as_raw(),
        };
        self.send(0, Ok((Answer::Hello(hello), Vec::new())))
    }

    /// Puts a request on a thread of its own.
    fn take(self: &Arc<Self>, message: Incoming) -> io::Result<()> {
        let request = message.request;
        if self.busy.fetch_add(1, Ordering::SeqCst) >= AT_ONCE {
            self.busy.fetch_sub(1, Ordering::SeqCst);
            let busy = format!("the hand works on {AT_ONCE} requests already");
            return self.send(request, Err(Failure::new(FailureKind::Busy, busy)));
        }
        let desk = Arc::clone(self);
        thread::spawn(move || {
            let answered = catch_unwind(AssertUnwindSafe(|| desk.work(message)))
                .unwrap_or_else(|_| Err(Failure::new(FailureKind::Io, "the hand met a bug in itself")));
            desk.busy.fetch_sub(1, Ordering::SeqCst);
            // An engine that is gone is noticed by the reading side.
            let _ = desk.send(request, answered);
        });
        Ok(())
    }

    fn send(&self, request: u32, answered: Answered) -> io::Result<()> {
        let (answer, body) = answered.unwrap_or_else(|failure| (Answer::Failed(failure), Vec::new()));
        let bytes = encode(request, &answer, &body).map_err(io::Error::other)?;
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&bytes)?;
        output.flush()
    }

    fn work(&self, message: Incoming) -> Answered {
        let request: Request = serde_json::from_slice(&message.json)
            .map_err(|error| Failure::new(FailureKind::Invalid, format!("read the request: {error}")))?;
        if request.changes_host() {
            let claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner).clone();
            claim.map_or(Ok(()), |claim| Fence::at(&self.root).still(&claim))?;
        }
        self.answer(request, message.body)
    }

    fn answer(&self, request: Request, body: Vec<u8>) -> Answered {
        let blobs = Blobs::at(&self.root);
        let units = Units::at(&self.root);
        let done = |_: ()| Answer::Done;
        let answer = match request {
            Request::Ping => Answer::Done,
            Request::Facts { options } => {
                let questions: Questions = serde_json::from_value(options).map_err(|error| {
                    Failure::new(FailureKind::Invalid, format!("read the questions of the survey: {error}"))
                })?;
                let facts = serde_json::to_value(facts::gather(&questions)).expect("facts are JSON");
                Answer::Facts { facts }
            }
            Request::FileStat { path, digest } => Answer::FileStat { file: files::stat(&path, digest)? },
            Request::FileRead { path, max } => {
                let (size, content) = files::read(&path, max)?;
                return Ok((Answer::FileRead { size }, content));
            }
            Request::FileWrite { path, mode } => files::write(&path, mode, &body).map(done)?,
            Request::Remove { paths } => files::remove(&paths).map(done)?,
            Request::MakeFolder { path, mode } => files::make_folder(&path, mode).map(done)?,
            Request::Symlink { path, target } => files::make_link(&path, &target).map(done)?,
            Request::BlobStat { blobs: asked } => {
                Answer::Blobs { blobs: asked.iter().map(|digest| blobs.state(digest)).collect() }
            }
            Request::BlobPiece { digest, size, offset } => {
                let state = blobs.put_piece(&digest, size, offset, &body)?;
                Answer::BlobPiece { have: state.bytes, complete: state.complete }
            }
            Request::BlobRemove { blobs: gone } => blobs.remove(&gone).map(done)?,
            Request::PlaceFile { blob, path, mode, content, size } => {
                Answer::Placed { changed: blobs.place(&blob, &path, mode, &content, size)? }
            }
            Request::Command(command) => {
                let output = self.commands.run(&command, body)?;
                let head = OutputHead {
                    code: output.code,
                    stdout: output.stdout.len() as u32,
                    stderr: output.stderr.len() as u32,
                    truncated: output.truncated,
                };
                return Ok((Answer::Output(head), [output.stdout, output.stderr].concat()));
            }
            Request::UnitStart(command) => Answer::UnitStarted { already: units.start(&command, &body)? },
            Request::UnitFollow { name, offset, max, wait_ms } => {
                let wait = Duration::from_millis(wait_ms.into());
                let followed = units.follow(&name, offset, max, wait)?;
                let answer = Answer::UnitOutput {
                    offset: followed.offset,
                    size: followed.size,
                    state: followed.state,
                };
                return Ok((answer, followed.output));
            }
            Request::UnitStop { name } => Answer::Unit { unit: units.stop(&name)? },
            Request::UnitList => Answer::Units { units: units.list()? },
            Request::UnitForget { names } => units.forget(&names).map(done)?,
            Request::Fence { ledger, term, run, take_over, by } => {
                let claim = FenceRecord { ledger, term, run, by, taken_from: None };
                let claimed = Fence::at(&self.root).claim(&claim, take_over)?;
                *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(claimed);
                Answer::Done
            }
            Request::NetListen(wanted) => Answer::NetListening { ports: self.listeners.listen(&wanted)? },
            Request::NetProbe(wanted) => Answer::NetProbed(matrix::probe(&wanted)?),
            Request::NetEnd { nonce } => Answer::NetHeard { heard: self.listeners.end(&nonce) },
            Request::Repair { repair: wanted, dry } => {
                Answer::Repaired { changes: repair::repair(&wanted, dry, &self.root, &self.commands)? }
            }
            Request::UndoRepairs => {
                Answer::Repaired { changes: repair::undo_all(&self.root, &self.commands)? }
            }
            Request::Unknown => {
                return Err(Failure::new(FailureKind::Unsupported, "this hand does not know the request"));
            }
        };
        Ok((answer, Vec::new()))
    }
}
