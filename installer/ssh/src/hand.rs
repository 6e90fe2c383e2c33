//! A hand, as the engine holds it: one method per request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bundles_format::Digest;
use installer_model::link::{Heard, Listening, Probed, Probing};
use installer_model::repair::{Change, Repair};
use installer_model::survey::Protocol;
use installer_wire::answer::OutputHead;
use installer_wire::exchange::{Assembler, encode};
use installer_wire::{
    Answer, BlobState, Claimant, Command, CommandOutput, Decoder, Failure, FailureKind, FileStat, Hello,
    Request, Unit, UnitCommand, UnitState,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, oneshot};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::error::HandError;
use crate::host_key::Fingerprint;
use crate::place::{BinarySource, place};
use crate::root::{Greeted, Root, Said};
use crate::shell::{Shell, quoted};
use crate::target::{Sudo, Target};

/// How many blobs travel at a time, each on a channel of its own. OpenSSH allows ten sessions on a connection.
const STREAMS: usize = 4;

/// How much output one question for it brings at most.
const FOLLOW_PIECE: u32 = 256 * 1024;

/// How long a hand may take to answer that there is nothing new.
const FOLLOW_WAIT_MS: u32 = 20_000;

/// How often a hand hears from its engine at least.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How long a hand may take to answer a ping: it has a thread for each request, so that one which takes longer is stopped, or
/// stuck with its host, while the server it hangs on still answers.
const PING_LIMIT: Duration = Duration::from_secs(60);

/// Requests that a hand is asked at a time; it refuses more than 64, and pings come on top.
const REQUESTS: usize = 48;

/// A hand on a host. Clones share it; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Hand {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) root: Root,
    /// The program on the host.
    pub(crate) program: String,
    /// The folder that the hand keeps its things in.
    pub(crate) folder: String,
    pub(crate) streams: Semaphore,
    hello: Hello,
    fingerprint: Option<Fingerprint>,
    requests: AtomicU32,
    at_once: Semaphore,
    outgoing: mpsc::Sender<Zeroizing<Vec<u8>>>,
    desk: Arc<Desk>,
}

type Told = Result<(Answer, Vec<u8>), HandError>;

/// Where answers are waited for.
#[derive(Default)]
struct Desk {
    waiting: Mutex<HashMap<u32, oneshot::Sender<Told>>>,
    ended: OnceLock<HandError>,
}

impl Desk {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u32, oneshot::Sender<Told>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody who waits, and everybody who comes later.
    fn end(&self, error: HandError) {
        let _ = self.ended.set(error.clone());
        for (_, told) in self.waiting().drain() {
            let _ = told.send(Err(error.clone()));
        }
    }
}

/// A piece of a unit's output, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// Bytes from `offset` on.
    Output { offset: u64, bytes: Vec<u8> },
    /// All output has been given; how the unit ended. Never `Running`.
    Ended(UnitState),
}

/// A unit that is being followed. Dropping it changes nothing for the unit.
pub struct Follow {
    hand: Hand,
    name: String,
    offset: u64,
}

impl Hand {
    /// Connects to a host, puts the program there and starts it as root. `folder` is where it keeps its things.
    pub async fn start(target: &Target, source: &BinarySource, folder: &str) -> Result<Hand, HandError> {
        let connection = Connection::open(target).await?;
        let fingerprint = connection.fingerprint().clone();
        let shell = Shell::Ssh(Arc::new(connection));
        let root = Root { shell, user: target.user.clone(), sudo: target.sudo.clone() };
        Hand::start_in(root, Some(fingerprint), source, folder).await
    }

    /// The same on the machine that Armilla runs on, without SSH.
    pub async fn start_local(sudo: Sudo, source: &BinarySource, folder: &str) -> Result<Hand, HandError> {
        let root = Root { shell: Shell::Local, user: "this user".to_owned(), sudo };
        Hand::start_in(root, None, source, folder).await
    }

    /// A hand behind streams that somebody else opened, such as those of a process: its greeting was read, its hello comes
    /// first.
    /// `name` stands for its address. It carries blobs in pieces, having no other channel.
    pub async fn behind(
        name: &str,
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
    ) -> Result<Hand, HandError> {
        let root = Root { shell: Shell::Elsewhere(name.into()), user: "root".to_owned(), sudo: Sudo::None };
        Hand::said_hello(root, Box::new(input), output, Said::default(), None, String::new(), String::new())
            .await
    }

    async fn start_in(
        root: Root,
        fingerprint: Option<Fingerprint>,
        source: &BinarySource,
        folder: &str,
    ) -> Result<Hand, HandError> {
        let program = place(&root, source, folder).await?;
        let serve = format!("exec {} hand --root {} serve", quoted(&program), quoted(folder));
        let Greeted { input, output, said, exit: _ } = root.run_when_free(&serve).await?;
        Hand::said_hello(root, input, output, said, fingerprint, program, folder.to_owned()).await
    }

    async fn said_hello(
        root: Root,
        input: Box<dyn AsyncWrite + Send + Unpin>,
        mut output: impl AsyncRead + Send + Unpin + 'static,
        said: Said,
        fingerprint: Option<Fingerprint>,
        program: String,
        folder: String,
    ) -> Result<Hand, HandError> {
        let mut reader = Reader::default();
        let (answer, _) =
            reader.next(&mut output, 0).await.map_err(|wrong| wrong.into_error(&root.shell, &said))?;
        let Answer::Hello(hello) = answer else {
            let reason = "the hand did not begin with hello".to_owned();
            return Err(HandError::Protocol { address: root.shell.address().to_owned(), reason });
        };
        if hello.uid != 0 {
            let (address, user) = (root.shell.address().to_owned(), root.user);
            let reason = format!("{user} is not root and no sudo was asked for");
            return Err(HandError::SudoRefused { address, user, reason });
        }
        let desk = Arc::new(Desk::default());
        let (outgoing, sending) = mpsc::channel(16);
        tokio::spawn(send(input, sending));
        tokio::spawn(receive(reader, output, Arc::clone(&desk), root.shell.clone(), said));
        let inner = Inner {
            root,
            program,
            folder,
            streams: Semaphore::new(STREAMS),
            hello,
            fingerprint,
            requests: AtomicU32::new(1),
            at_once: Semaphore::new(REQUESTS),
            outgoing,
            desk,
        };
        let inner = Arc::new(inner);
        tokio::spawn(stay_in_touch(Arc::downgrade(&inner)));
        Ok(Hand { inner })
    }

    /// What the hand said about itself and its host.
    pub fn hello(&self) -> &Hello {
        &self.inner.hello
    }

    pub fn address(&self) -> &str {
        self.inner.root.shell.address()
    }

    /// The host key of the connection, to be pinned; none on this machine itself.
    pub fn fingerprint(&self) -> Option<&Fingerprint> {
        self.inner.fingerprint.as_ref()
    }

    /// Whether the connection is known to be gone; a new hand can be started then.
    pub fn is_lost(&self) -> bool {
        self.inner.desk.ended.get().is_some()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Sends a request with its body and waits for the answer and its body. More requests than a hand works on at a time
    /// wait for their turn here.
    pub async fn call(&self, request: &Request, body: &[u8]) -> Result<(Answer, Vec<u8>), HandError> {
        let _turn = self.inner.at_once.acquire().await.expect("the semaphore is never closed");
        self.ask(request, body).await
    }

    async fn ask(&self, request: &Request, body: &[u8]) -> Result<(Answer, Vec<u8>), HandError> {
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let bytes = encode(number, request, body).map_err(|error| self.protocol(error.to_string()))?;
        let (told, answer) = oneshot::channel();
        self.inner.desk.waiting().insert(number, told);
        // Looked at after the insertion: an end in between has either emptied the desk or is seen here.
        if let Some(ended) = self.inner.desk.ended.get() {
            self.inner.desk.waiting().remove(&number);
            return Err(ended.clone());
        }
        let sent = self.inner.outgoing.send(Zeroizing::new(bytes)).await;
        let told = match sent {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.inner.root.shell.lost(""))),
            Err(_) => Err(self.inner.root.shell.lost("")),
        };
        match told? {
            (Answer::Failed(failure), _) => Err(self.failed(failure)),
            answered => Ok(answered),
        }
    }

    pub(crate) fn failed(&self, failure: Failure) -> HandError {
        HandError::Failed { address: self.address().to_owned(), failure }
    }

    pub(crate) fn protocol(&self, reason: String) -> HandError {
        HandError::Protocol { address: self.address().to_owned(), reason }
    }

    fn unexpected(&self, request: &str, answer: &Answer) -> HandError {
        let name =
            serde_json::to_value(answer).ok().and_then(|value| value["is"].as_str().map(str::to_owned));
        self.protocol(format!("{request} was answered with {}", name.unwrap_or_default()))
    }

    async fn done(&self, name: &str, request: Request, body: &[u8]) -> Result<(), HandError> {
        match self.call(&request, body).await? {
            (Answer::Done, _) => Ok(()),
            (other, _) => Err(self.unexpected(name, &other)),
        }
    }

    /// Asks for a sign of life; a hand that gives none within a minute counts as lost.
    pub async fn ping(&self) -> Result<(), HandError> {
        match tokio::time::timeout(PING_LIMIT, self.ask(&Request::Ping, &[])).await {
            Ok(Ok((Answer::Done, _))) => Ok(()),
            Ok(Ok((other, _))) => Err(self.unexpected("Ping", &other)),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let reason = format!("its hand has not answered for {} s", PING_LIMIT.as_secs());
                let lost = HandError::Lost { address: self.address().to_owned(), reason };
                self.inner.desk.end(lost.clone());
                Err(lost)
            }
        }
    }

    /// What the host is; options and facts are the survey's.
    pub async fn facts(&self, options: serde_json::Value) -> Result<serde_json::Value, HandError> {
        match self.call(&Request::Facts { options }, &[]).await? {
            (Answer::Facts { facts }, _) => Ok(facts),
            (other, _) => Err(self.unexpected("Facts", &other)),
        }
    }

    /// What is at a path, of a link the link itself; with its digest if that is asked for and it is a file.
    pub async fn stat(&self, path: &str, digest: bool) -> Result<Option<FileStat>, HandError> {
        match self.call(&Request::FileStat { path: path.to_owned(), digest }, &[]).await? {
            (Answer::FileStat { file }, _) => Ok(file),
            (other, _) => Err(self.unexpected("FileStat", &other)),
        }
    }

    /// A file's content, which must not be longer than `max` bytes.
    pub async fn read(&self, path: &str, max: u64) -> Result<Vec<u8>, HandError> {
        match self.call(&Request::FileRead { path: path.to_owned(), max }, &[]).await? {
            (Answer::FileRead { size }, _) if size > max => {
                let long = format!("read {path}: it has {size} bytes, more than {max}");
                Err(self.failed(Failure::new(FailureKind::Invalid, long)))
            }
            (Answer::FileRead { .. }, content) => Ok(content),
            (other, _) => Err(self.unexpected("FileRead", &other)),
        }
    }

    /// Puts a file in place in one rename; at most 16 MiB, more goes by blobs.
    pub async fn write(&self, path: &str, mode: u32, content: &[u8]) -> Result<(), HandError> {
        self.done("FileWrite", Request::FileWrite { path: path.to_owned(), mode }, content).await
    }

    /// Removes files, links and whole folders.
    pub async fn remove(&self, paths: &[&str]) -> Result<(), HandError> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        self.done("Remove", Request::Remove { paths }, &[]).await
    }

    pub async fn make_folder(&self, path: &str, mode: u32) -> Result<(), HandError> {
        self.done("MakeFolder", Request::MakeFolder { path: path.to_owned(), mode }, &[]).await
    }

    pub async fn make_link(&self, path: &str, target: &str) -> Result<(), HandError> {
        let request = Request::Symlink { path: path.to_owned(), target: target.to_owned() };
        self.done("Symlink", request, &[]).await
    }

    pub async fn blob_states(&self, blobs: &[Digest]) -> Result<Vec<BlobState>, HandError> {
        match self.call(&Request::BlobStat { blobs: blobs.to_vec() }, &[]).await? {
            (Answer::Blobs { blobs }, _) => Ok(blobs),
            (other, _) => Err(self.unexpected("BlobStat", &other)),
        }
    }

    pub async fn remove_blobs(&self, blobs: &[Digest]) -> Result<(), HandError> {
        self.done("BlobRemove", Request::BlobRemove { blobs: blobs.to_vec() }, &[]).await
    }

    /// Decompresses a zstd blob of the host's store to a path; says whether the file had to be written.
    pub async fn place_file(
        &self,
        blob: &Digest,
        path: &str,
        mode: u32,
        content: &Digest,
        size: u64,
    ) -> Result<bool, HandError> {
        let (blob, path, content) = (blob.clone(), path.to_owned(), content.clone());
        let request = Request::PlaceFile { blob, path, mode, content, size };
        match self.call(&request, &[]).await? {
            (Answer::Placed { changed }, _) => Ok(changed),
            (other, _) => Err(self.unexpected("PlaceFile", &other)),
        }
    }

    /// Runs a short command. An exit code other than 0 is an answer, not an error.
    pub async fn command(&self, command: Command, stdin: &[u8]) -> Result<CommandOutput, HandError> {
        match self.call(&Request::Command(command), stdin).await? {
            (Answer::Output(OutputHead { code, stdout, stderr, truncated }), mut body)
                if body.len() as u64 == u64::from(stdout) + u64::from(stderr) =>
            {
                let stderr = body.split_off(stdout as usize);
                Ok(CommandOutput { code, stdout: body, stderr, truncated })
            }
            (other, _) => Err(self.unexpected("Command", &other)),
        }
    }

    /// Starts a unit that outlives the connection; `true` means that the same one was there already.
    pub async fn start_unit(&self, command: UnitCommand, stdin: &[u8]) -> Result<bool, HandError> {
        match self.call(&Request::UnitStart(command), stdin).await? {
            (Answer::UnitStarted { already }, _) => Ok(already),
            (other, _) => Err(self.unexpected("UnitStart", &other)),
        }
    }

    /// Follows a unit's output from an offset to its end, whoever started it.
    pub fn follow_unit(&self, name: &str, offset: u64) -> Follow {
        Follow { hand: self.clone(), name: name.to_owned(), offset }
    }

    /// Stops a unit with all it started; gives how it ended.
    pub async fn stop_unit(&self, name: &str) -> Result<Unit, HandError> {
        match self.call(&Request::UnitStop { name: name.to_owned() }, &[]).await? {
            (Answer::Unit { unit }, _) => Ok(unit),
            (other, _) => Err(self.unexpected("UnitStop", &other)),
        }
    }

    pub async fn units(&self) -> Result<Vec<Unit>, HandError> {
        match self.call(&Request::UnitList, &[]).await? {
            (Answer::Units { units }, _) => Ok(units),
            (other, _) => Err(self.unexpected("UnitList", &other)),
        }
    }

    /// Deletes the record and the output of units that are over.
    pub async fn forget_units(&self, names: &[String]) -> Result<(), HandError> {
        self.done("UnitForget", Request::UnitForget { names: names.to_vec() }, &[]).await
    }

    /// Listens for a moment; says which of the ports were free.
    pub async fn net_listen(&self, wanted: Listening) -> Result<Vec<(Protocol, u16)>, HandError> {
        match self.call(&Request::NetListen(wanted), &[]).await? {
            (Answer::NetListening { ports }, _) => Ok(ports),
            (other, _) => Err(self.unexpected("NetListen", &other)),
        }
    }

    /// What the way to another host is like.
    pub async fn net_probe(&self, wanted: Probing) -> Result<Probed, HandError> {
        match self.call(&Request::NetProbe(wanted), &[]).await? {
            (Answer::NetProbed(probed), _) => Ok(probed),
            (other, _) => Err(self.unexpected("NetProbe", &other)),
        }
    }

    /// Ends listening; how many UDP probes came from whom.
    pub async fn net_end(&self, nonce: &str) -> Result<Heard, HandError> {
        match self.call(&Request::NetEnd { nonce: nonce.to_owned() }, &[]).await? {
            (Answer::NetHeard { heard }, _) => Ok(heard),
            (other, _) => Err(self.unexpected("NetEnd", &other)),
        }
    }

    /// Does a repair, or says what it would change; nothing: it was so already.
    pub async fn repair(&self, repair: &Repair, dry: bool) -> Result<Vec<Change>, HandError> {
        match self.call(&Request::Repair { repair: repair.clone(), dry }, &[]).await? {
            (Answer::Repaired { changes }, _) => Ok(changes),
            (other, _) => Err(self.unexpected("Repair", &other)),
        }
    }

    /// Takes every repair of the host back.
    pub async fn undo_repairs(&self) -> Result<Vec<Change>, HandError> {
        match self.call(&Request::UndoRepairs, &[]).await? {
            (Answer::Repaired { changes }, _) => Ok(changes),
            (other, _) => Err(self.unexpected("UndoRepairs", &other)),
        }
    }

    /// Claims the host for a run; from then on the hand refuses changes once somebody else has claimed it.
    pub async fn fence(
        &self,
        ledger: &str,
        term: u64,
        run: u64,
        take_over: bool,
        by: Option<Claimant>,
    ) -> Result<(), HandError> {
        self.done("Fence", Request::Fence { ledger: ledger.to_owned(), term, run, take_over, by }, &[]).await
    }
}

impl Follow {
    /// The next piece of output, as soon as there is one, or the end.
    pub async fn next(&mut self) -> Result<Followed, HandError> {
        loop {
            let request = Request::UnitFollow {
                name: self.name.clone(),
                offset: self.offset,
                max: FOLLOW_PIECE,
                wait_ms: FOLLOW_WAIT_MS,
            };
            match self.hand.call(&request, &[]).await? {
                (Answer::UnitOutput { offset, .. }, bytes) if !bytes.is_empty() => {
                    self.offset = offset + bytes.len() as u64;
                    return Ok(Followed::Output { offset, bytes });
                }
                (Answer::UnitOutput { state, .. }, _) if state.is_over() => {
                    return Ok(Followed::Ended(state));
                }
                (Answer::UnitOutput { .. }, _) => {}
                (other, _) => return Err(self.hand.unexpected("UnitFollow", &other)),
            }
        }
    }

    /// Where the next piece begins; another hand can go on from here.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// What ends the reading of answers.
enum Wrong {
    End,
    Nonsense(String),
}

impl Wrong {
    fn into_error(self, shell: &Shell, said: &Said) -> HandError {
        match self {
            Wrong::End => shell.lost(&said.text()),
            Wrong::Nonsense(reason) => HandError::Protocol { address: shell.address().to_owned(), reason },
        }
    }
}

/// Cuts the hand's stream into answers.
#[derive(Default)]
struct Reader {
    decoder: Decoder,
    assembler: Assembler,
}

impl Reader {
    /// The next answer to `request`; others are an error. For the greeting.
    async fn next(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        request: u32,
    ) -> Result<(Answer, Vec<u8>), Wrong> {
        match self.any(from).await? {
            (number, Ok(answer)) if number == request => Ok(answer),
            (number, _) => Err(Wrong::Nonsense(format!("answer {number} came before its request"))),
        }
    }

    async fn any(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<(u32, Result<(Answer, Vec<u8>), String>), Wrong> {
        let mut piece = [0; 16 * 1024];
        loop {
            while let Some(frame) =
                self.decoder.next_frame().map_err(|error| Wrong::Nonsense(error.to_string()))?
            {
                let taken = self.assembler.take(frame).map_err(|error| Wrong::Nonsense(error.to_string()))?;
                if let Some(message) = taken {
                    let answer = serde_json::from_slice(&message.json).map_err(|error| error.to_string());
                    return Ok((message.request, answer.map(|answer| (answer, message.body))));
                }
            }
            match from.read(&mut piece).await {
                Ok(read @ 1..) => self.decoder.feed(&piece[..read]),
                Ok(0) | Err(_) => return Err(Wrong::End),
            }
        }
    }
}

/// Pings now and then for as long as anybody holds the hand: one that hears nothing for minutes takes its engine for gone.
async fn stay_in_touch(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(PING_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if (Hand { inner }).ping().await.is_err() {
            return;
        }
    }
}

/// Writes requests until the last hand is dropped, and then closes the hand's input, which ends it.
async fn send(
    mut input: Box<dyn AsyncWrite + Send + Unpin>,
    mut sending: mpsc::Receiver<Zeroizing<Vec<u8>>>,
) {
    while let Some(bytes) = sending.recv().await {
        if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
            // The reading side learns why.
            return;
        }
    }
    let _ = input.shutdown().await;
}

/// Gives answers to those who wait for them until the stream ends.
async fn receive(
    mut reader: Reader,
    mut output: impl AsyncRead + Unpin,
    desk: Arc<Desk>,
    shell: Shell,
    said: Said,
) {
    loop {
        match reader.any(&mut output).await {
            Ok((number, answer)) => {
                // Nobody waits for an answer whose asker has been cancelled.
                if let Some(told) = desk.waiting().remove(&number) {
                    let address = shell.address().to_owned();
                    let _ = told.send(answer.map_err(|reason| HandError::Protocol { address, reason }));
                }
            }
            Err(wrong) => {
                desk.end(wrong.into_error(&shell, &said));
                return;
            }
        }
    }
}
