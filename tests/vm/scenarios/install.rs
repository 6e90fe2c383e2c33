//! What installing promises, on real hosts, from the outside. All of it needs root and what `make binary` leaves.
//!
//! `cargo test -p lab --test install -- --ignored --nocapture first bad_input service::systemd` is a part of `make test`. Parts of
//! `make test-full`: `kills`, `pressure`, `secrets`, `takeover` and `residue` of `PART=soak`, `own_host` and `variants` of `PART=sites`, `faults` is
//! `PART=faults`, `server` is `PART=server`, `emulated` is `PART=qemu`.

#![expect(clippy::unwrap_used, reason = "a scenario ends at the first thing that is not so")]
#![expect(clippy::print_stdout, reason = "how long things took is a part of what a scenario finds")]

#[path = "install/addon.rs"]
mod addon;
#[path = "bad_input.rs"]
mod bad_input;
#[path = "install/emulated.rs"]
mod emulated;
#[path = "install/fate.rs"]
mod fate;
#[path = "install/faults.rs"]
mod faults;
#[path = "install/first.rs"]
mod first;
#[path = "install/installation.rs"]
mod installation;
#[path = "install/kills.rs"]
mod kills;
#[path = "install/own_host.rs"]
mod own_host;
#[path = "install/pressure.rs"]
mod pressure;
#[path = "install/residue.rs"]
mod residue;
#[path = "install/secrets.rs"]
mod secrets;
#[path = "install/server.rs"]
mod server;
#[path = "install/service.rs"]
mod service;
#[path = "install/takeover.rs"]
mod takeover;
#[path = "install/variants.rs"]
mod variants;
#[path = "install/wire.rs"]
mod wire;
