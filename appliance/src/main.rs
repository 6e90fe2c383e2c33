//! `armilla`: match and call.

mod bringing;
mod cli;
mod display;
mod findings;
mod fixing;
mod live;
mod memory;
mod performing;
mod planning;
mod private;
mod report;
mod runs;
mod served;
mod service;
mod serving;
mod taking_over;
mod wiring;

use std::process::ExitCode;

/// Not the platform's: musl's own is slow under many threads. mimalloc asks the kernel for the page size at start.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    private::keep_memory_private();
    let args: Vec<String> = std::env::args().collect();
    // What hosts run is told apart before anything else: it is started often and prints for programs.
    match args.get(1).map(String::as_str) {
        Some("hand") => exit(installer_hand::main(&args[2..])),
        Some("node") => node(&args[2..]),
        _ => cli::main(),
    }
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// `armilla node --config FILE`: the node service, for systemd.
#[expect(clippy::print_stderr, reason = "systemd keeps what a service says there")]
fn node(args: &[String]) -> ExitCode {
    let [flag, config] = args else {
        eprintln!("armilla node: want --config FILE");
        return ExitCode::from(2);
    };
    if flag != "--config" {
        eprintln!("armilla node: unknown option {flag}");
        return ExitCode::from(2);
    }
    match appliance_node::main(std::path::Path::new(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("armilla node: {}", cli::chain(&error));
            ExitCode::FAILURE
        }
    }
}
