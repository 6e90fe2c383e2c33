//! What the verbs share: the operator's files, folders and answers, and what hosts are reached with.

mod bundles;
mod hands;
mod logins;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use appliance_store::{Holder, Store, StoreError};
use installer_model::site::{Host, Site};
use installer_run::reader::Reader;
use installer_wire::Claimant;

pub(crate) use self::bundles::{about, bundle, bundle_if_there, open_bundle};
pub(crate) use self::hands::{control_plane_hand, hand_binaries, hands};
pub(crate) use self::logins::{HostKeys, Secrets, host_key_of, registries, target, targets};
use crate::cli::{CliError, StateArgs};

/// A site of some thousand hosts has less than a MiB; what is longer is some other file.
const SITE_FILE_LIMIT: u64 = 4 << 20;

/// The site file, read and validated: nothing was connected to yet.
pub(crate) fn site(path: &Path) -> Result<Site, CliError> {
    let text = site_text(path)?;
    Site::parse(&text).map_err(|errors| {
        let problems = errors.0.iter().map(|error| format!("{}: {error}", path.display())).collect();
        CliError::all(5, problems).hint("mend the site file; no host was connected to")
    })
}

fn site_text(path: &Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| {
        let (code, hint) = match error.kind() {
            std::io::ErrorKind::NotFound => (3, "`armilla init root@ADDRESS ...` writes one"),
            std::io::ErrorKind::PermissionDenied => (1, "who runs armilla must be allowed to read it"),
            _ => (5, "name the site file with -s FILE"),
        };
        CliError::new(code, format!("read {}: {error}", path.display())).hint(hint)
    };
    let wrong = |what: &str| {
        CliError::new(5, format!("understand {}: {what}", path.display()))
            .hint("name the site file with -s FILE")
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(SITE_FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SITE_FILE_LIMIT {
        return Err(wrong("it is longer than 4 MiB, which no site file is"));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not text in UTF-8"))
}

/// A host of the site by its name.
pub(crate) fn host<'a>(site: &'a Site, name: &str) -> Result<&'a Host, CliError> {
    site.hosts.iter().find(|host| host.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = site.hosts.iter().map(|host| host.name.as_str()).collect();
        CliError::new(3, format!("find host {name}: the site has {}", names.join(", ")))
    })
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

/// This process, as hosts remember who claimed them.
pub(crate) fn claimant(state: &Path, verb: &str) -> Claimant {
    let Holder { user, pid, command, started_at, host } = Holder::this_process(verb, now_ms());
    let folder = std::path::absolute(state).unwrap_or_else(|_| state.to_owned()).display().to_string();
    Claimant { user, machine: host, pid, command, folder, since: started_at }
}

/// Who runs this, for people: the login behind a sudo, and this machine's name.
pub(crate) fn operator() -> String {
    let named = ["SUDO_USER", "LOGNAME", "USER"].into_iter().filter_map(|name| std::env::var(name).ok());
    let login = { named }.find(|login| !login.is_empty());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{}", login.as_deref().unwrap_or("root"), machine.trim())
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Sixteen random bytes in hex digits.
pub(crate) fn nonce() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Opens the store for this command alone. A verb that only reads has it open for a moment: that is waited for.
pub(crate) fn store(folder: &Path, command: &str) -> Result<Store, CliError> {
    let holder = Holder::this_process(command, now_ms());
    Store::open_within(folder, &holder, Duration::from_secs(2)).map_err(|error| {
        let (code, hint) = match error {
            StoreError::InUse { .. } => {
                (4, "wait for it to end; `armilla run follow` shows a run that goes on")
            }
            _ => (1, "name another folder with --state"),
        };
        CliError::from_error(code, "", &error).hint(hint)
    })
}

/// Reads runs and plans, whoever has the store open.
pub(crate) fn reader(args: &StateArgs, command: &str) -> Reader {
    Reader::new(&state_folder(args), Holder::this_process(command, now_ms()))
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

/// `~/` is the home of whoever runs armilla.
pub(crate) fn home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.to_owned(),
    }
}
