//! Connects to hosts over SSH and puts a hand on them.
//!
//! [`Hand::start`] does all of it: [`login`] proves the host's key and the user, [`driver`] moves the bytes of all channels
//! of a connection, [`root`] becomes root, [`place`] puts the program there, [`hand`] speaks with it, [`transfer`] brings
//! blobs.

pub mod connection;
pub mod driver;
pub mod error;
pub mod hand;
pub mod host_key;
pub mod login;
pub mod place;
pub mod reach;
pub mod root;
pub mod shell;
pub mod target;
pub mod transfer;
pub mod wake;

pub use connection::Connection;
pub use error::HandError;
pub use hand::{Follow, Followed, Hand};
pub use host_key::{Fingerprint, FingerprintError};
pub use place::{Binary, BinarySource};
pub use reach::{Dialed, Terminal};
pub use target::{AskHostKey, Auth, HostKeyPolicy, Patience, Sudo, Target};
pub use transfer::{Blob, Brought, OpenBlob};
