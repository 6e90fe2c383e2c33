//! `lab`: match and call.

mod cli;

use clap::Parser;
use cli::{Arguments, Verb, show};
use lab::demo::{Demo, DemoError, Folder, Product};
use lab::{Lab, LabError, NeedsError, SpecError};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// What stops the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Needs(#[from] NeedsError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Snapshot(#[from] lab::snapshot::SnapshotError),
    #[error("find the owner: no process {0}")]
    NoOwner(u32),
    #[error("read {file}")]
    OsRelease { file: String, source: std::io::Error },
    #[error("understand {0:?}: an address is HOST:PORT")]
    Address(String),
    #[error("run the command")]
    Run(#[source] std::io::Error),
    #[error("print")]
    Print(#[source] std::io::Error),
}

fn main() -> ExitCode {
    match act(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            complain(&trouble);
            ExitCode::FAILURE
        }
    }
}

fn act(Arguments { name, verb }: Arguments) -> Result<(), Trouble> {
    match verb {
        Verb::Up(arguments) => {
            lab::check_needs(arguments.install_missing)?;
            let spec = cli::up::spec(&name, &arguments)?;
            print(&show::up(&Lab::up_telling(&spec, &tell)?, arguments.output))
        }
        Verb::Down { all } => {
            let names = if all { Lab::names() } else { vec![name] };
            Ok(names.iter().try_for_each(Lab::down_by_name)?)
        }
        Verb::Ls { output } => print(&show::list(&Lab::list(), output)),
        Verb::PowerOff { hosts } => Ok(Lab::open(&name)?.power_off(&hosts)?),
        Verb::PowerOn { hosts } => Ok(Lab::open(&name)?.power_on(&hosts)?),
        Verb::Cut { host, way } => Ok(Lab::open(&name)?.cut(&host, way.into())?),
        Verb::Mend { host } => Ok(Lab::open(&name)?.mend(&host)?),
        Verb::Shape { host, rate, off: _ } => Ok(Lab::open(&name)?.shape(&host, rate)?),
        Verb::Exec { host, command } => {
            let lab = Lab::open(&name)?;
            become_command(lab.host(&host)?.command(command).map_err(LabError::Host)?)
        }
        Verb::Run { command } => become_command(Lab::open(&name)?.command(command)),
        Verb::GatewayCount { output } => print(&show::count(&Lab::open(&name)?.gateway_count()?, output)),
        Verb::GatewayProbe { host } => Ok(Lab::open(&name)?.gateway_probe(&host)?),
        Verb::Snapshot { host } => print(&Lab::open(&name)?.host(&host)?.snapshot()?.to_text()),
        Verb::Forward { listen, to, output } => {
            let lab = Lab::open(&name)?;
            let program = std::env::current_exe().map_err(Trouble::Run)?;
            print(&show::forward(&lab.forward(&program, listen, address(&lab, &to)?)?, output))
        }
        Verb::Demo { place, checkout } => {
            lab::check_needs(false)?;
            let product = Product::of_checkout(&checkout)?;
            let folder = Folder::make(&place.folder).map_err(DemoError::File)?;
            let program = std::env::current_exe().map_err(Trouble::Run)?;
            Ok(Demo { lab: name, folder, product, program }.run(&say)?)
        }
        Verb::DemoDown { place } => {
            Ok(Demo::down(&name, &Folder::at(&place.folder).map_err(DemoError::File)?)?)
        }
        Verb::Relay { to } => Ok(lab::serve_relay(&name, to).map_err(LabError::Forward)?),
    }
}

/// The command takes this process's place: its signals, terminal and status are the command's own.
fn become_command(mut command: Command) -> Result<(), Trouble> {
    Err(Trouble::Run(command.exec()))
}

/// `h1:6443` or `10.77.0.11:6443`.
fn address(lab: &Lab, text: &str) -> Result<SocketAddr, Trouble> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let wrong = || Trouble::Address(text.to_owned());
    let (host, port) = text.split_once(':').ok_or_else(wrong)?;
    Ok((lab.host(host)?.address(), port.parse().map_err(|_| wrong())?).into())
}

fn print(text: &str) -> Result<(), Trouble> {
    std::io::stdout().write_all(text.as_bytes()).map_err(Trouble::Print)
}

#[expect(clippy::print_stdout, reason = "this is where the command line speaks")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is where the command line speaks")]
fn tell(text: &str) {
    eprintln!("lab: {text}");
}

/// Every cause, from the outermost in.
fn complain(trouble: &Trouble) {
    let mut text = format!("failed to {trouble}");
    let mut cause = std::error::Error::source(trouble);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    tell(&text);
}
