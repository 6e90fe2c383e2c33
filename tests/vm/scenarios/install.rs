//! What installing promises, on real hosts, from the outside. All of it needs root and what `make binary` leaves.
//!
//! `cargo test -p lab --test install -- --ignored --nocapture first` is a part of `make test`, `kills`, `pressure`, `takeover`
//! and `residue` are parts of `make test-full PART=soak`, `faults` is `PART=faults`.

#![expect(clippy::unwrap_used, reason = "a scenario ends at the first thing that is not so")]
#![expect(clippy::print_stdout, reason = "how long things took is a part of what a scenario finds")]

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
#[path = "install/pressure.rs"]
mod pressure;
#[path = "install/residue.rs"]
mod residue;
#[path = "install/takeover.rs"]
mod takeover;
#[path = "install/wire.rs"]
mod wire;
