//! Runs a plan: next, probe, act, probe, event.

pub mod cancel;
pub mod copies;
pub mod engine;
mod host_port;
pub mod hub;
pub mod images;
pub mod matrix;
pub mod observe;
pub mod query;
mod reach;
pub mod reader;
mod site_world;
pub mod socket;
mod steps;
pub mod world;

pub use cancel::{Cancel, Canceller, Level};
pub use engine::{Ended, Engine, RunError};
pub use observe::{Clock, Observer, Progress, SystemClock};
pub use site_world::SiteWorld;
pub use steps::{BEFORE, REPAIRS};
pub use world::{BoxFuture, Probe, StepContext, World};
