//! `armilla`: match and call.

mod cli;
mod display;
mod kubeconfig;
mod performing;
mod planning;
mod wiring;

use std::process::ExitCode;

/// Not the platform's: musl's own is slow under many threads. mimalloc asks the kernel for the page size at start.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // What hosts run is told apart before anything else: it is started often and prints for programs.
    match args.get(1).map(String::as_str) {
        Some("hand") => exit(installer_hand::main(&args[2..])),
        Some("node") => exit(appliance_node::main(&args[2..])),
        _ => cli::main(),
    }
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
