//! What the verbs share: the operator's folders, answers and secrets.

mod secrets;
mod server;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use appliance_control::hands::Acquaintance;
use appliance_control::here::{now_ms, operator};
use appliance_control::{Instance, Options, Trusting};
use appliance_store::Holder;
use appliance_store::ledger::Actor;
use bundles_format::Release;
use installer_run::reader::Reader;

pub(crate) use self::secrets::Secrets;
pub(crate) use self::server::{ServerArgs, contexts, contexts_path, failed};
use crate::cli::{CliError, SiteArgs, StateArgs};

/// What the command line says about its site.
pub(crate) fn options(args: &SiteArgs) -> Options {
    Options {
        by: operator(),
        actor: Actor::Local { name: operator() },
        folder: args.site.parent().unwrap_or(Path::new("")).to_owned(),
        bundle: args.bundle.clone(),
        bundle_id: None,
        trust: Trusting::Operator(args.trust.clone()),
        take_over: args.take_over.clone(),
        patience: Duration::from_secs(args.patience),
        trust_new_hosts: args.yes,
        keep: true,
    }
}

pub(crate) fn state_folder(args: &StateArgs) -> PathBuf {
    if let Some(folder) = &args.state {
        return folder.clone();
    }
    let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home =
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".local/state");
    base.unwrap_or_else(home).join("armilla")
}

/// The state folder, opened for this command alone.
pub(crate) fn instance(args: &StateArgs, verb: &str) -> Result<Instance, CliError> {
    Ok(Instance::open(&state_folder(args), verb)?)
}

/// Reads runs and plans, whoever has the store open.
pub(crate) fn reader(args: &StateArgs, command: &str) -> Reader {
    Reader::new(&state_folder(args), Holder::this_process(command, now_ms()))
}

/// What the state folder knows of hosts, whoever has its store open.
pub(crate) fn acquaintance(args: &StateArgs, verb: &str) -> Result<Acquaintance, CliError> {
    Ok(Acquaintance::read(&reader(args, verb), &state_folder(args))?)
}

/// Asks on the terminal; without one the answer is no.
#[expect(clippy::print_stderr, reason = "questions go to the terminal")]
pub(crate) fn confirm(yes: bool, question: &str) -> bool {
    if yes {
        eprintln!("{question} yes (--yes)");
        return true;
    }
    if !std::io::stdin().is_terminal() {
        return false;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// One line about the bundle, for people.
pub(crate) fn about(release: &Release) -> String {
    let archs: Vec<&str> = release.architectures.iter().map(|arch| arch.as_str()).collect();
    format!("{} {} ({})", release.name, release.version, archs.join(", "))
}
