//! The network between this host and the others, before anything is installed: ports that are listened on for a moment,
//! and probes of the other hosts' ports.
//!
//! ```text
//!  hand of h1                          hand of h2
//!   probe ── "armilla-probe NONCE n" ──▶ listen     known peer, right nonce: answered, else ignored
//!         ◀─ "armilla-heard PROOF n" ──             PROOF = of nonce and port: no stranger can say it
//! ```
//!
//! Nothing stays on the host: sockets end with the question, with its time, or with the hand.

mod listen;
mod probe;
mod word;

#[cfg(test)]
mod tests;

pub use listen::Listeners;
pub use probe::probe;
