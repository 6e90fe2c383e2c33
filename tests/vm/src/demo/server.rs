//! The demo's server: `armilla serve` on the demo's state folder, in the lab's network, as a process of its own that is
//! recorded so that it can be ended.

use crate::demo::{DemoError, Folder};
use crate::file;
use crate::lab::Lab;
use crate::process::Process;
use crate::random;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// In the lab's own network, where the forward ends.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9443);
/// A machine that is busy with a new cluster takes its time.
const START: Duration = Duration::from_secs(60);
/// What is inside is let finish; a run would go on at the next start.
const END: Duration = Duration::from_secs(15);

/// The server, when it answers and has said how it is trusted.
pub(super) struct Server {
    pub(super) listens: SocketAddr,
    /// Of the certificate authority, as the console shows it.
    fingerprint: String,
}

/// Starts the server. Its standard streams go to `server.log`.
pub(super) fn start(folder: &Folder, lab: &Lab) -> Result<Server, DemoError> {
    let log = log(folder);
    let file = File::create(&log).map_err(file::FileError::new("make", &log))?;
    let both = file.try_clone().map_err(file::FileError::new("use", &log))?;
    let mut inner = lab.command([folder.program()]);
    inner.arg("serve").arg("--state").arg(folder.state()).args(["--listen", &LISTEN.to_string()]);
    let mut command = Command::new("setsid");
    command.arg(inner.get_program()).args(inner.get_args());
    command.current_dir("/").stdin(Stdio::null()).stdout(file).stderr(both);
    let words = super::in_words(&command);
    let mut child = command.spawn().map_err(|source| DemoError::Start { command: words.clone(), source })?;
    if let Some(process) = Process::with_pid(child.id()) {
        file::write(&record(folder), &format!("{} {}\n", process.pid, process.started), 0o600)?;
    }
    let begun = Instant::now();
    loop {
        let answers = UnixStream::connect(folder.state().join("armilla.sock")).is_ok();
        let ended = child.try_wait().ok().flatten();
        let said = file::read(&log)?;
        // It answers a moment before it has said everything.
        if let (true, Some(fingerprint)) = (answers, fingerprint(&said)) {
            return Ok(Server { listens: LISTEN, fingerprint: fingerprint.to_owned() });
        }
        if ended.is_some() || begun.elapsed() > START {
            return Err(DemoError::Server { said: said.trim().to_owned() });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Of the certificate authority, once the whole line is there.
fn fingerprint(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("SHA-256 ")?;
    rest.split_once('\n').map(|(line, _)| line.trim())
}

/// Ends the server of an earlier demo, if one runs: it has the state folder.
pub(super) fn stop(folder: &Folder) {
    let Some(process) = Process::from_file(&record(folder)).filter(|process| process.is_alive()) else {
        return;
    };
    if let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    if !process.wait_for_end(END) {
        process.kill();
        process.wait_for_end(END);
    }
}

fn log(folder: &Folder) -> PathBuf {
    folder.path().join("server.log")
}

fn record(folder: &Folder) -> PathBuf {
    folder.path().join("server.pid")
}

/// What somebody needs who logs in.
pub(super) struct Login {
    pub(super) url: String,
    /// Of the server's certificate authority, as its console shows it.
    pub(super) fingerprint: String,
    pub(super) password: String,
}

impl Login {
    /// `armilla login` on the machine, whose configuration stays in the demo's folder; the password comes in.
    pub(super) fn command(&self, folder: &Folder) -> Command {
        let mut command = Command::new(folder.program());
        command.env("XDG_CONFIG_HOME", folder.path().join("config"));
        command.args(["login", &self.url, "--ca-fingerprint", &self.fingerprint, "--password-stdin"]);
        command
    }

    pub(super) fn password_file(&self, folder: &Folder) -> Result<File, DemoError> {
        let path = password_file(folder);
        Ok(File::open(&path).map_err(file::FileError::new("read", &path))?)
    }
}

/// The administrator `admin`, made through the server's socket, as root may; the password stays in `admin.password`.
pub(super) fn login(folder: &Folder, server: &Server, url: String) -> Result<Login, DemoError> {
    let path = password_file(folder);
    let words: &[&str] = if path.exists() {
        // Of the demo before: its password is given again.
        &["passwd", "admin"]
    } else {
        file::write(&path, &format!("{}\n", random::password()?), 0o600)?;
        &["user", "add", "admin", "--role", "admin"]
    };
    let password = file::read(&path)?.trim().to_owned();
    let login = Login { url, fingerprint: server.fingerprint.clone(), password };
    let mut command = Command::new(folder.program());
    command.args(words).arg("--password-stdin").arg("--state").arg(folder.state());
    super::finish(command.stdin(login.password_file(folder)?))?;
    Ok(login)
}

/// What is known of an administrator goes with the state folder.
pub(super) fn password_file(folder: &Folder) -> PathBuf {
    folder.path().join("admin.password")
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_fingerprint_counts_once_its_line_is_whole() {
        assert_eq!(fingerprint(""), None);
        assert_eq!(fingerprint("listens\nauthority: SHA-256 9E:04"), None);
        assert_eq!(fingerprint("listens\nauthority: SHA-256 9E:04\nsetup"), Some("9E:04"));
    }
}
