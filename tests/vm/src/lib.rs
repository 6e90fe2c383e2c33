//! Real hosts on one machine: systemd, sshd and a network of their own, for the demo, the tests and the benchmarks.
//!
//! A host is a systemd-nspawn container that boots a minimal Debian from an overlay on a disk of its own; a lab is a
//! network namespace with a bridge between hosts and no way out. What all hosts share, because there is one kernel:
//! its version, clock, modules, kernel-wide sysctls, and the hardware's product UUID. What each has for itself: disk,
//! machine-id, boot id, host keys, cgroups, network.
//!
//! ```no_run
//! # fn main() -> Result<(), lab::LabError> {
//! let lab = lab::Lab::up(&lab::LabSpec::new("mine", 3)?)?.down_on_drop();
//! lab.power_off(&["h1"])?;
//! lab.power_on(&["h1"])?;
//! assert_eq!(lab.host("h1")?.shell("hostname")?, "h1\n");
//! assert_eq!(lab.gateway_count()?.packets, 0);
//! # Ok(())
//! # }
//! ```

mod address;
mod base;
mod cgroup;
mod command;
mod condition;
pub mod demo;
mod file;
mod gateway;
mod guest;
mod host;
mod lab;
mod machine;
mod making;
mod needs;
mod netns;
mod place;
mod process;
pub mod proofs;
mod random;
mod recipe;
mod relay;
mod scripts;
pub mod snapshot;
mod spec;
mod state;
mod teardown;

pub use address::{GATEWAY, RUNNER};
pub use base::BaseError;
pub use command::CommandError;
pub use condition::{Cut, Rate};
pub use file::FileError;
pub use gateway::{Flow, GatewayCount, GatewayError};
pub use host::{Host, HostError};
pub use lab::{Lab, LabError};
pub use machine::{Machine, MachineError, MachineSpec};
pub use needs::{NeedsError, check as check_needs};
pub use process::Process;
pub use recipe::RecipeError;
pub use relay::{Forward, ForwardError, RELAY_VERB, serve as serve_relay};
pub use spec::{HostSpec, LabName, LabSpec, Owner, Size, SpecError};
pub use state::{HostRecord, Record, StateError};
pub use teardown::TeardownError;
