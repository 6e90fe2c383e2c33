//! The loop of one connection.
//!
//! libssh2 allows one call at a time on a session, so the session belongs to a thread that sleeps in `poll(2)` on
//! the socket and a doorbell. Everybody else holds plain byte streams whose other ends the loop moves bytes through; their
//! wakers ring the doorbell.
//!
//! A packet that the socket took only half of must be finished by the same call that began it (`ssh2_transport_send` keeps the
//! address of its data and refuses others). The call is remembered as the *holder*, and until it has succeeded no other
//! call is made on the session.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Session};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::oneshot;

use crate::target::Patience;
use crate::wake::Doorbell;

/// How much of a stream may wait between the loop and its user.
const STREAM: usize = 256 * 1024;
/// The most that libssh2 puts into one packet, and so moves in one call.
const PACKET: usize = 32 * 1024;
/// How long a connection that nobody uses any more may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// What a channel is opened for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// A command line for the user's login shell.
    Exec(String),
    /// A connection from the host to somewhere else.
    Tcp { host: String, port: u16 },
}

/// An order to the loop.
pub struct Open {
    pub purpose: Purpose,
    pub opened: oneshot::Sender<Result<Channel, String>>,
}

/// The user's ends of a channel. Dropping `input` closes the command's standard input; dropping `output` closes
/// the channel.
pub struct Channel {
    pub input: DuplexStream,
    pub output: DuplexStream,
    pub errors: DuplexStream,
    /// The exit code, where there is one. An error means that the connection went first.
    pub exit: oneshot::Receiver<Option<i32>>,
}

/// Bytes on their way in one direction.
struct Flow {
    stream: Option<DuplexStream>,
    buffer: Vec<u8>,
    sent: usize,
}

impl Flow {
    fn new(stream: DuplexStream) -> Flow {
        Flow { stream: Some(stream), buffer: Vec::new(), sent: 0 }
    }

    fn is_empty(&self) -> bool {
        self.sent == self.buffer.len()
    }

    /// Whether it is still wanted and has room.
    fn takes(&self) -> bool {
        self.stream.is_some() && self.is_empty()
    }
}

enum Stage {
    Opening,
    Starting(ssh2::Channel, String),
    Open(ssh2::Channel),
    Closing(ssh2::Channel),
    Gone,
}

/// A channel as the loop sees it.
struct Slot {
    stage: Stage,
    purpose: Purpose,
    opened: Option<oneshot::Sender<Result<Channel, String>>>,
    user: Option<Channel>,
    exit: Option<oneshot::Sender<Option<i32>>>,
    input: Flow,
    output: Flow,
    errors: Flow,
    end_of_input_sent: bool,
}

/// The calls of a slot, in the order in which a turn makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Stage,
    Write,
    ReadOutput,
    ReadErrors,
}

const CALLS: [Call; 4] = [Call::Stage, Call::Write, Call::ReadOutput, Call::ReadErrors];

/// What came of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Something moved; there may be more.
    Moved,
    /// Nothing to do, or not before the other side does something.
    Idle,
    /// libssh2 wants to be called again when the socket is ready.
    Blocked,
}

pub struct Driver {
    session: Session,
    orders: Receiver<Open>,
    doorbell: Arc<Doorbell>,
    waker: Waker,
    patience: Patience,
    waiting: VecDeque<Open>,
    slots: Vec<Slot>,
    holder: Option<(usize, Call)>,
    heard: Instant,
    asked: Instant,
    scratch: Vec<u8>,
    lost: Arc<OnceLock<String>>,
}

impl Driver {
    /// Takes over a session that is logged in.
    pub fn new(
        session: Session,
        orders: Receiver<Open>,
        doorbell: Arc<Doorbell>,
        patience: Patience,
        lost: Arc<OnceLock<String>>,
    ) -> Driver {
        session.set_blocking(false);
        // The loop decides when; libssh2's own clock, in whole seconds, must not hold it back.
        session.set_keepalive(true, 1);
        let waker = doorbell.waker();
        let now = Instant::now();
        Driver {
            session,
            orders,
            doorbell,
            waker,
            patience,
            waiting: VecDeque::new(),
            slots: Vec::new(),
            holder: None,
            heard: now,
            asked: now,
            scratch: vec![0; PACKET],
            lost,
        }
    }

    /// Runs until nobody holds the connection any more or it is lost. Why it was lost is known before its channels end.
    pub fn run(mut self) {
        if let Err(reason) = self.work() {
            let _ = self.lost.set(reason);
        }
    }

    fn work(&mut self) -> Result<(), String> {
        let mut leaving: Option<Instant> = None;
        loop {
            self.doorbell.silence();
            if !self.take_orders() && leaving.is_none() {
                leaving = Some(Instant::now());
            }
            self.turn_all()?;
            // The holder is kept by its place.
            if self.holder.is_none() {
                self.slots.retain(|slot| !matches!(slot.stage, Stage::Gone));
            }
            if let Some(since) = leaving
                && (self.slots.is_empty() && self.waiting.is_empty() || since.elapsed() > GOODBYE)
            {
                let _ = self.session.disconnect(None, "done", None);
                return Ok(());
            }
            self.sleep(leaving.is_some())?;
        }
    }

    /// Whether there may be more orders later.
    fn take_orders(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.waiting.push_back(order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Makes calls until none moves anything.
    fn turn_all(&mut self) -> Result<(), String> {
        loop {
            let mut moved = false;
            if let Some((slot, call)) = self.holder {
                if self.turn(slot, call)? == Turn::Blocked && self.blocked_on_sending() {
                    return Ok(());
                }
                self.holder = None;
                moved = true;
            }
            // Opening is a state of the session, not of the channel: one at a time.
            let opening = self.slots.iter().any(|slot| matches!(slot.stage, Stage::Opening));
            if !opening && let Some(order) = self.waiting.pop_front() {
                self.slots.push(Slot::new(order));
            }
            for slot in 0..self.slots.len() {
                for call in CALLS {
                    match self.turn(slot, call)? {
                        Turn::Moved => moved = true,
                        Turn::Idle => {}
                        Turn::Blocked if self.blocked_on_sending() => {
                            self.holder = Some((slot, call));
                            return Ok(());
                        }
                        Turn::Blocked => {}
                    }
                }
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn blocked_on_sending(&self) -> bool {
        match self.session.block_directions() {
            BlockDirections::Outbound | BlockDirections::Both => true,
            BlockDirections::None | BlockDirections::Inbound => false,
        }
    }

    fn turn(&mut self, slot: usize, call: Call) -> Result<Turn, String> {
        let slot = &mut self.slots[slot];
        let mut context = Context::from_waker(&self.waker);
        match call {
            Call::Stage => slot.advance(&self.session),
            Call::Write => slot.write(&self.session, &mut context),
            Call::ReadOutput => slot.read(&self.session, &mut context, &mut self.scratch, false),
            Call::ReadErrors => slot.read(&self.session, &mut context, &mut self.scratch, true),
        }
    }

    fn sleep(&mut self, leaving: bool) -> Result<(), String> {
        let stream = self.session.as_raw_fd();
        // The session owns the socket for as long as the loop runs.
        #[expect(unsafe_code, reason = "ssh2 gives the descriptor of its stream only as a number")]
        let socket = unsafe { BorrowedFd::borrow_raw(stream) };
        let mut wanted = PollFlags::empty();
        // Without a channel that can take anything, what arrives stays in the socket.
        if self.holder.is_some() || self.slots.iter().any(Slot::listens) {
            wanted |= PollFlags::IN;
        }
        if self.holder.is_some() {
            wanted |= PollFlags::OUT;
        }
        let listens = wanted.contains(PollFlags::IN);
        let now = Instant::now();
        if !listens {
            self.heard = now;
        }
        let tick = if leaving { Duration::from_millis(100) } else { self.patience.keepalive / 2 };
        let timeout = Timespec { tv_sec: tick.as_secs() as i64, tv_nsec: tick.subsec_nanos().into() };
        let mut polled =
            [PollFd::from_borrowed_fd(socket, wanted), PollFd::new(&*self.doorbell, PollFlags::IN)];
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(format!("poll: {errno}")),
        }
        let events = polled[0].revents();
        let now = Instant::now();
        if events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            self.heard = now;
        }
        if listens && now.duration_since(self.heard) > self.patience.silence {
            return Err(format!("nothing was heard for {} s", self.patience.silence.as_secs()));
        }
        self.ask_if_silent(socket, now)
    }

    /// Asks a silent server for a sign of life. Never while a packet is under way or the socket is full: libssh2 forgets where
    /// a keepalive it could not finish came from.
    fn ask_if_silent(&mut self, socket: BorrowedFd<'_>, now: Instant) -> Result<(), String> {
        let every = self.patience.keepalive;
        if self.holder.is_some()
            || now.duration_since(self.asked) < every
            || now.duration_since(self.heard) < every
        {
            return Ok(());
        }
        let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
        let ready = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        if ready.is_ok() && polled[0].revents().contains(PollFlags::OUT) {
            self.asked = now;
            self.session.keepalive_send().map_err(|error| error.message().to_owned())?;
        }
        Ok(())
    }
}

impl Slot {
    fn new(order: Open) -> Slot {
        let (input, our_input) = duplex(STREAM);
        let (output, our_output) = duplex(STREAM);
        let (errors, our_errors) = duplex(STREAM / 4);
        let (exit, exited) = oneshot::channel();
        Slot {
            stage: Stage::Opening,
            purpose: order.purpose,
            opened: Some(order.opened),
            user: Some(Channel { input, output, errors, exit: exited }),
            exit: Some(exit),
            input: Flow::new(our_input),
            output: Flow::new(our_output),
            errors: Flow::new(our_errors),
            end_of_input_sent: false,
        }
    }

    /// Whether something arriving could be taken now.
    fn listens(&self) -> bool {
        match self.stage {
            Stage::Opening | Stage::Starting(..) | Stage::Closing(_) => true,
            Stage::Open(_) => self.output.takes() || self.errors.takes(),
            Stage::Gone => false,
        }
    }

    /// Opens, starts and closes the channel.
    fn advance(&mut self, session: &Session) -> Result<Turn, String> {
        match std::mem::replace(&mut self.stage, Stage::Gone) {
            Stage::Opening => {
                let opened = match &self.purpose {
                    Purpose::Exec(_) => session.channel_session(),
                    Purpose::Tcp { host, port } => session.channel_direct_tcpip(host, *port, None),
                };
                match (opened, &self.purpose) {
                    (Ok(channel), Purpose::Exec(line)) => {
                        self.stage = Stage::Starting(channel, line.clone());
                        Ok(Turn::Moved)
                    }
                    (Ok(channel), Purpose::Tcp { .. }) => Ok(self.hand_over(channel)),
                    (Err(error), _) if would_block(&error) => {
                        self.stage = Stage::Opening;
                        Ok(Turn::Blocked)
                    }
                    (Err(error), _) => self.refuse(&error),
                }
            }
            Stage::Starting(mut channel, line) => match channel.exec(&line) {
                Ok(()) => Ok(self.hand_over(channel)),
                Err(error) if would_block(&error) => {
                    self.stage = Stage::Starting(channel, line);
                    Ok(Turn::Blocked)
                }
                Err(error) => self.refuse(&error),
            },
            Stage::Open(channel) => {
                let over = self.output.stream.is_none() && self.errors.stream.is_none();
                self.stage = if over { Stage::Closing(channel) } else { Stage::Open(channel) };
                Ok(if over { Turn::Moved } else { Turn::Idle })
            }
            Stage::Closing(mut channel) => match channel.close() {
                Err(error) if would_block(&error) => {
                    self.stage = Stage::Closing(channel);
                    Ok(Turn::Blocked)
                }
                Err(error) if is_fatal(&error) => Err(error.message().to_owned()),
                Ok(()) | Err(_) => {
                    if let Some(exit) = self.exit.take() {
                        let _ = exit.send(exit_code(&channel));
                    }
                    Ok(Turn::Moved)
                }
            },
            Stage::Gone => Ok(Turn::Idle),
        }
    }

    fn hand_over(&mut self, channel: ssh2::Channel) -> Turn {
        self.stage = Stage::Open(channel);
        if let (Some(opened), Some(user)) = (self.opened.take(), self.user.take()) {
            // Whoever asked and left drops its ends here, and the channel closes.
            let _ = opened.send(Ok(user));
        }
        Turn::Moved
    }

    /// The server would not open this channel; the others go on.
    fn refuse(&mut self, error: &ssh2::Error) -> Result<Turn, String> {
        if is_fatal(error) {
            return Err(error.message().to_owned());
        }
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(error.message().to_owned()));
        }
        Ok(Turn::Moved)
    }

    /// Moves input from its user to the channel.
    fn write(&mut self, session: &Session, context: &mut Context<'_>) -> Result<Turn, String> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(Turn::Idle) };
        if self.input.is_empty() {
            self.input.sent = 0;
            self.input.buffer.clear();
            match &mut self.input.stream {
                Some(stream) => match take_some(stream, context, &mut self.input.buffer) {
                    Poll::Pending => return Ok(Turn::Idle),
                    Poll::Ready(0) => self.input.stream = None,
                    Poll::Ready(_) => {}
                },
                None if self.end_of_input_sent => return Ok(Turn::Idle),
                None => {
                    return match channel.send_eof() {
                        Err(error) if would_block(&error) => Ok(Turn::Blocked),
                        Err(error) if is_fatal(&error) => Err(error.message().to_owned()),
                        Ok(()) | Err(_) => {
                            self.end_of_input_sent = true;
                            Ok(Turn::Moved)
                        }
                    };
                }
            }
        }
        if self.input.is_empty() {
            return Ok(Turn::Moved);
        }
        match channel.write(&self.input.buffer[self.input.sent..]) {
            // The window is closed until the other side has read.
            Ok(0) => Ok(Turn::Idle),
            Ok(written) => {
                self.input.sent += written;
                Ok(Turn::Moved)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Blocked),
            Err(_) if channel.eof() || is_closed(session) => {
                // The command is gone and reads no more; what it wrote is still to come.
                self.input.stream = None;
                self.input.buffer.clear();
                self.input.sent = 0;
                self.end_of_input_sent = true;
                Ok(Turn::Moved)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Moves output from the channel to its user.
    fn read(
        &mut self,
        session: &Session,
        context: &mut Context<'_>,
        scratch: &mut [u8],
        errors: bool,
    ) -> Result<Turn, String> {
        let Stage::Open(channel) = &mut self.stage else { return Ok(Turn::Idle) };
        let flow = if errors { &mut self.errors } else { &mut self.output };
        let Some(stream) = &mut flow.stream else { return Ok(Turn::Idle) };
        let mut moved = Turn::Idle;
        while flow.sent < flow.buffer.len() {
            match Pin::new(&mut *stream).poll_write(context, &flow.buffer[flow.sent..]) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(written)) => {
                    flow.sent += written;
                    moved = Turn::Moved;
                }
                Poll::Ready(Err(_)) => {
                    // Nobody listens. Of the output that means that the channel is not wanted any more.
                    flow.sent = flow.buffer.len();
                    if !errors {
                        self.output.stream = None;
                        self.errors.stream = None;
                        return Ok(Turn::Moved);
                    }
                }
            }
        }
        let read = if errors { channel.stderr().read(scratch) } else { channel.read(scratch) };
        match read {
            Ok(0) if channel.eof() => {
                flow.stream = None;
                Ok(Turn::Moved)
            }
            Ok(0) => Ok(moved),
            Ok(read) => {
                flow.buffer.clear();
                flow.buffer.extend_from_slice(&scratch[..read]);
                flow.sent = 0;
                Ok(Turn::Moved)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Turn::Blocked),
            Err(_) if is_closed(session) => {
                flow.stream = None;
                Ok(Turn::Moved)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Reads what its user has written, at most a packet of it; 0 is the end.
fn take_some(stream: &mut DuplexStream, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<usize> {
    buffer.resize(PACKET, 0);
    let mut into = ReadBuf::new(buffer);
    let read = match Pin::new(stream).poll_read(context, &mut into) {
        Poll::Pending => {
            buffer.clear();
            return Poll::Pending;
        }
        Poll::Ready(Ok(())) => into.filled().len(),
        Poll::Ready(Err(_)) => 0,
    };
    buffer.truncate(read);
    Poll::Ready(read)
}

fn exit_code(channel: &ssh2::Channel) -> Option<i32> {
    match channel.exit_signal() {
        Ok(signal) if signal.exit_signal.is_some() => None,
        Ok(_) | Err(_) => channel.exit_status().ok(),
    }
}

fn would_block(error: &ssh2::Error) -> bool {
    // LIBSSH2_ERROR_EAGAIN
    error.code() == ssh2::ErrorCode::Session(-37)
}

/// Errors of the connection rather than of one channel: the socket is gone, or what came from it made no sense.
fn is_fatal(error: &ssh2::Error) -> bool {
    // SOCKET_NONE, INVALID_MAC, SOCKET_SEND, DECRYPT, SOCKET_DISCONNECT, PROTO, SOCKET_TIMEOUT, SOCKET_RECV, BAD_SOCKET
    matches!(error.code(), ssh2::ErrorCode::Session(-1 | -4 | -7 | -12 | -13 | -14 | -30 | -43 | -45))
}

/// Whether the last error says that a channel, not the connection, is closed. The streams of ssh2 give IO errors, which have
/// lost their code.
fn is_closed(session: &Session) -> bool {
    // CHANNEL_CLOSED, CHANNEL_EOF_SENT
    ssh2::Error::last_session_error(session)
        .is_some_and(|error| matches!(error.code(), ssh2::ErrorCode::Session(-26 | -27)))
}
