//! HTTP: routes, problems, sessions, the event stream and their description.
//!
//! ```text
//!  doors (server) ──▶ layers ──▶ identify ──▶ needs ──▶ route ──▶ Store
//!  the command line without a server ─┘ the same router, in its own process
//! ```
#![allow(dead_code, unused_imports, reason = "the resources that use the rest come next")]

mod access;
mod app;
mod extract;
mod layers;
mod metrics;
mod problem;
mod routes;
mod server;
mod serving;
mod tls;

pub use access::{Caller, Known, Needs, NoLogin, Peer, Role};
pub use app::App;
pub use problem::{Flaw, Kind, Problem};
pub use routes::router;
pub use server::{DoorLimits, ListenError};
pub use serving::{Options, ServeError, Serving};
pub use tls::{Authority, AuthorityError};
