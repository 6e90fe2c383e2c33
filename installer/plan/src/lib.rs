//! From a wish to a plan: preflight, planner, diff, lint, next. Pure: no clock, no files, no sockets.

pub mod closure;
pub mod decide;
pub mod diff;
mod digest;
mod draft;
mod lines;
pub mod lint;
pub mod matrix;
pub mod next;
pub mod order;
mod phases;
pub mod planner;
pub mod preflight;
pub mod removal;

pub use draft::HostInput;
