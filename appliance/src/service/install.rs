//! `armilla serve --install` and `--uninstall`: brings the unit to this machine, and takes it away.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, lchown};
use std::path::Path;
use std::process::Command;

use super::unit::{PROGRAM, SYSUSERS, Service, USER, Verdict};
use crate::cli::CliError;

const UNIT: &str = "armilla.service";
const UNIT_FILE: &str = "/etc/systemd/system/armilla.service";
const SYSUSERS_FILE: &str = "/etc/sysusers.d/armilla.conf";
/// How long a service may take to say that it is up is the unit's `TimeoutStartSec`: `systemctl` waits for it.
const FAILED_HINT: &str = "`journalctl -u armilla -e` has what the service said";

/// Brings the service to this machine and has it running when it returns. What is so already stays as it is. Returns
/// what was done, line by line.
pub(crate) fn install(service: &Service) -> Result<Vec<String>, CliError> {
    ready_for_units()?;
    if let Some(fault) = service.state_fault() {
        return Err(CliError::new(5, format!("keep the state in {}: {fault}", service.state().display()))
            .hint("leave --state out, or name a folder such as /srv/armilla"));
    }
    let verdict = service.judge(unit_there()?.as_deref());
    refuse_foreign(verdict)?;
    let mut said = Vec::new();
    let changed = place_program(&mut said)? | place_unit(service, verdict, &mut said)?;
    make_user(&mut said)?;
    if let Some(state) = &service.state {
        own(state).map_err(|error| failed(&format!("make {}", state.display()), &error))?;
    }
    if changed {
        systemctl(&["daemon-reload"])?;
    }
    if !asks("is-enabled")? {
        systemctl(&["enable", "--quiet", UNIT])?;
        said.push(format!("enabled {UNIT}: it starts with the machine"));
    }
    let runs = asks("is-active")?;
    if runs && changed {
        systemctl(&["restart", UNIT])?;
        said.push(format!("restarted {UNIT}; a run that was open goes on"));
    } else if !runs {
        systemctl(&["start", UNIT])?;
        said.push(format!("started {UNIT}"));
    }
    if said.is_empty() {
        said.push(format!("{UNIT} is installed and runs already; nothing was changed"));
    }
    Ok(said)
}

/// Takes the service away. Its state and its user stay: what the server knows is nowhere else.
pub(crate) fn uninstall(service: &Service) -> Result<Vec<String>, CliError> {
    ready_for_units()?;
    let Some(there) = unit_there()? else {
        return Err(CliError::new(3, format!("find {UNIT_FILE}")).hint("the service is not installed here"));
    };
    if service.judge(Some(&there)) == Verdict::Foreign {
        refuse_foreign(Verdict::Foreign)?;
    }
    systemctl(&["disable", "--quiet", "--now", UNIT])?;
    let mut said = vec![format!("stopped and disabled {UNIT}")];
    for file in [UNIT_FILE, SYSUSERS_FILE, PROGRAM] {
        match fs::remove_file(file) {
            Ok(()) => said.push(format!("removed {file}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&format!("remove {file}"), &error)),
        }
    }
    systemctl(&["daemon-reload"])?;
    said.push(format!("kept the state folder and the user {USER}"));
    Ok(said)
}

fn failed(what: &str, error: &io::Error) -> CliError {
    CliError::new(1, format!("{what}: {error}"))
}

fn ready_for_units() -> Result<(), CliError> {
    if !rustix::process::geteuid().is_root() {
        return Err(CliError::new(7, "install a service: only root may")
            .hint("run the same line with sudo; `armilla serve` without it needs no root"));
    }
    if !Path::new("/run/systemd/system").is_dir() {
        return Err(CliError::new(1, "install a service: this machine was not started by systemd")
            .hint("have `armilla serve` started by what starts services here"));
    }
    Ok(())
}

fn unit_there() -> Result<Option<String>, CliError> {
    match fs::read_to_string(UNIT_FILE) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&format!("read {UNIT_FILE}"), &error)),
    }
}

fn refuse_foreign(verdict: Verdict) -> Result<(), CliError> {
    match verdict {
        Verdict::Missing | Verdict::Same | Verdict::Earlier => Ok(()),
        Verdict::Edited => Err(CliError::new(4, format!("replace {UNIT_FILE}: it was changed by hand"))
            .hint("move the changes into a drop-in (`systemctl edit armilla`), remove the file, and run this again")),
        Verdict::Foreign => Err(CliError::new(4, format!("touch {UNIT_FILE}: Armilla did not write it"))
            .hint("see what it is for; remove or rename it if it is not needed")),
    }
}

/// Copies this program to its place; whether that changed something.
fn place_program(said: &mut Vec<String>) -> Result<bool, CliError> {
    let program = fs::read("/proc/self/exe").map_err(|error| failed("read this program", &error))?;
    if fs::read(PROGRAM).is_ok_and(|there| there == program) {
        return Ok(false);
    }
    replace(Path::new(PROGRAM), &program, 0o755)
        .map_err(|error| failed(&format!("write {PROGRAM}"), &error))?;
    said.push(format!("copied this program to {PROGRAM}"));
    Ok(true)
}

fn place_unit(service: &Service, verdict: Verdict, said: &mut Vec<String>) -> Result<bool, CliError> {
    if verdict == Verdict::Same {
        return Ok(false);
    }
    let unit = service.unit();
    replace(Path::new(UNIT_FILE), unit.as_bytes(), 0o644)
        .map_err(|error| failed(&format!("write {UNIT_FILE}"), &error))?;
    said.push(format!("wrote {UNIT_FILE}"));
    Ok(true)
}

/// A file as a whole, made beside its place: there it gets the label that SELinux gives to files of that folder.
fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(content)?;
    // Whatever the umask took away.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn make_user(said: &mut Vec<String>) -> Result<(), CliError> {
    if user_ids().is_some() {
        return Ok(());
    }
    replace(Path::new(SYSUSERS_FILE), SYSUSERS.as_bytes(), 0o644)
        .map_err(|error| failed(&format!("write {SYSUSERS_FILE}"), &error))?;
    command("systemd-sysusers", &[SYSUSERS_FILE])
        .map_err(|error| error.hint("make it with `useradd --system armilla` and run this again"))?;
    said.push(format!("made the user {USER}"));
    Ok(())
}

/// The server's user and its group in the list of accounts.
fn user_ids() -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find_map(|line| line.strip_prefix(USER)?.strip_prefix(':'))?;
    let mut words = line.split(':').skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Makes a state folder and gives it, with what lies in it, to the server's user. Links are not followed.
fn own(state: &Path) -> io::Result<()> {
    let (user, group) = user_ids().ok_or_else(|| io::Error::other("there is no user armilla"))?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    let mut open = vec![state.to_owned()];
    while let Some(path) = open.pop() {
        let there = fs::symlink_metadata(&path)?;
        if (there.uid(), there.gid()) != (user, group) {
            lchown(&path, Some(user), Some(group))?;
        }
        if there.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(())
}

/// `is-enabled` and `is-active` answer with their exit code.
fn asks(question: &str) -> Result<bool, CliError> {
    let asked = Command::new("systemctl").args([question, "--quiet", UNIT]).status();
    asked.map(|status| status.success()).map_err(|error| failed("run systemctl", &error))
}

fn systemctl(args: &[&str]) -> Result<(), CliError> {
    command("systemctl", args).map_err(|error| error.hint(FAILED_HINT))
}

fn command(program: &str, args: &[&str]) -> Result<(), CliError> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| failed(&format!("run {program}"), &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(CliError::new(1, format!("{program} {}: {}", args.join(" "), said.trim())))
}
