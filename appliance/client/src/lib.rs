//! The client of a server's HTTP interface: over the local socket, over TLS to a server whose certificate authority is
//! pinned, or in memory to the same routes in the own process. What is asked and answered is the same each way.
//!
//! ```text
//!  Client ──Request──▶ Transport ─┬─ Socket   STATE/armilla.sock
//!    ▲                            ├─ Tls      HOST:PORT, certificate of the pinned authority, bearer token
//!    │                            └─ Here     a function: the router of the own process
//!    └─ value | Problem ◀─────────┘
//!  Talk    a terminal: keys there, what it shows here
//!  Watch   the event stream: goes on after the last index it gave, however often the connection is lost
//! ```

mod client;
mod context;
mod error;
mod events;
mod pin;
mod problem;
mod talk;
mod transport;
mod watch;
mod words;

pub use client::{Answer, Client, Coming};
pub use context::{Context, ContextError, Contexts};
pub use error::ClientError;
pub use events::{EventError, Message, Parser};
pub use pin::{Address, AddressError, Fingerprint, FingerprintError, Pin, look};
pub use problem::{Fault, Problem};
pub use talk::{Said, Talk};
pub use transport::{Body, BoxError, Handler, Payload, Transport};
pub use watch::Watch;
pub use words::escaped;
