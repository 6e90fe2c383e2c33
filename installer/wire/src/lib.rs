//! What a hand and its engine say to each other: see PROTOCOL.md beside this crate.
//!
//! Nouns and their encoding, without any IO: [`frame`] cuts a byte stream into frames, [`exchange`] joins frames into
//! messages with their bodies, [`request`] and [`answer`] are the messages.

pub mod answer;
pub mod exchange;
pub mod frame;
pub mod request;
pub mod terminal;

pub use answer::{
    Answer, BlobState, Claimant, CommandOutput, Failure, FailureKind, FenceRecord, FileKind, FileStat, Hello,
    Unit, UnitState,
};
pub use exchange::{Assembler, Incoming};
pub use frame::{Decoder, Frame, FrameError};
pub use request::{Command, Request, TIMED_OUT, UnitCommand};

/// The protocol version in the greeting.
pub const PROTOCOL: u32 = 1;

/// The line that a hand writes before its first frame.
pub const GREETING: &str = "armilla-hand 1\n";

/// How much a login shell may print before the greeting.
pub const NOISE_LIMIT: usize = 64 * 1024;
