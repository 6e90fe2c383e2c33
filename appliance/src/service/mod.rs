//! The server as a systemd unit: what the unit says, and bringing it to this machine.
//!
//! ```text
//!  /etc/systemd/system/armilla.service   written by `serve --install`, changed by drop-ins only
//!  /etc/sysusers.d/armilla.conf          the user that the server runs as
//!  /usr/local/sbin/armilla               the program, a copy of the one that installs
//!  /var/lib/armilla-server               the state folder, unless another is named
//! ```
//!
//! None of these is a path of a cluster host, so that one machine can be both and a reset of the host leaves the server.

mod heart;
mod install;
mod unit;

pub(crate) use self::heart::Heart;
pub(crate) use self::install::{install, uninstall};
pub(crate) use self::unit::Service;
