//! HTTP: routes, problems, sessions, the event stream and their description.
//!
//! ```text
//!  doors (server) ──▶ layers ──▶ identify ──▶ needs ──▶ route ──▶ Store
//!                                         └─ no route: pages ──▶ the web UI
//!  the command line without a server ─┘ the same router, in its own process
//! ```
mod access;
mod app;
mod extract;
mod feed;
mod hearing;
mod layers;
mod metrics;
mod oidc;
mod pages;
mod problem;
mod refusal;
mod routes;
mod server;
mod serving;
mod site_hosts;
mod streams;
mod sweeping;
mod tls;
mod trouble;
mod writers;

pub use access::{Caller, Known, Needs, NoLogin, Peer};
pub use app::App;
pub use problem::{Flaw, Kind, Problem};
pub use routes::router;
pub use server::{DoorLimits, ListenError};
pub use serving::{Options, ServeError, Serving};
pub use tls::{Authority, AuthorityError};
