//! A real sshd on 127.0.0.1 with keys and a configuration of its own, and a relay in front of it that can be cut.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its server has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use installer_ssh::{Auth, Binary, BinarySource, Fingerprint, HostKeyPolicy, Target};

pub(crate) struct Sshd {
    child: Child,
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
}

/// Settings of a server beyond the usual.
#[derive(Default)]
pub(crate) struct Settings<'a> {
    /// Lines for sshd_config.
    pub(crate) lines: &'a [&'a str],
    /// A password for a stand-in of sudo, which is put first on the PATH.
    pub(crate) sudo_password: Option<&'a str>,
}

/// Asks, takes one line, and asks again when it is wrong, as sudo does with `-S -p`.
const SUDO: &str = r#"#!/bin/sh
[ "$1" = -S ] || { echo 'sudo: a password is required' >&2; exit 1; }
for turn in 1 2 3; do
    printf '%s' "$3" >&2
    IFS= read -r answer || { echo "sudo: no password was provided" >&2; exit 1; }
    if [ "$answer" = "$(cat "$(dirname "$0")/../password")" ]; then shift 4; exec "$@"; fi
    echo 'Sorry, try again.' >&2
done
echo 'sudo: 3 incorrect password attempts' >&2
exit 1
"#;

impl Sshd {
    pub(crate) fn start(settings: &Settings<'_>) -> Sshd {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // sshd wants this folder and does not make it; on a host its unit does.
        let _ = fs::create_dir_all("/run/sshd");
        for (kind, name) in [("ed25519", "host_ed25519"), ("ecdsa", "host_ecdsa")] {
            keygen(kind, &at(name), "");
        }
        keygen("ed25519", &at("user"), "");
        keygen("ed25519", &at("locked"), "open sesame");
        keygen("ed25519", &at("stranger"), "");
        let keys = [at("user.pub"), at("locked.pub")].map(|path| fs::read_to_string(path).unwrap());
        fs::write(at("authorized_keys"), keys.concat()).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin yes\nMaxStartups 100\n",
            at("host_ed25519").display(),
            at("host_ecdsa").display(),
            at("authorized_keys").display(),
        );
        if let Some(password) = settings.sudo_password {
            fs::create_dir(at("bin")).unwrap();
            fs::write(at("bin/sudo"), SUDO).unwrap();
            fs::set_permissions(at("bin/sudo"), PermissionsExt::from_mode(0o755)).unwrap();
            fs::write(at("password"), password).unwrap();
            config += &format!("SetEnv PATH={}:/usr/bin:/bin:/usr/sbin:/sbin\n", at("bin").display());
        }
        for line in settings.lines {
            config += &format!("{line}\n");
        }
        fs::write(at("sshd_config"), config).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(at("sshd.log")).unwrap())
            .spawn()
            .expect("start /usr/sbin/sshd (package openssh-server)");
        let server = Sshd { child, port, folder };
        wait_until("sshd answers", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        server
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn fingerprint(&self, name: &str) -> Fingerprint {
        let printed = Command::new("ssh-keygen").arg("-lf").arg(self.path(name)).output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        printed.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn key(&self, name: &str) -> Auth {
        Auth::Key { file: self.path(name), passphrase: None }
    }

    /// This user, by key, with the host key pinned.
    pub(crate) fn target(&self) -> Target {
        let host_key = HostKeyPolicy::Pinned(self.fingerprint("host_ed25519"));
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let mut target = Target::new("127.0.0.1", user.trim(), self.key("user"), host_key);
        target.port = self.port;
        target
    }

    /// The folder that hands use on this host.
    pub(crate) fn root(&self) -> String {
        self.path("data root").to_str().unwrap().to_owned()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(kind: &str, path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(path).status();
    assert!(made.expect("start ssh-keygen (package openssh-client)").success());
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The program of `examples/hand.rs`, which cargo builds along with the tests.
pub(crate) fn hand_program() -> BinarySource {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/hand");
    let binary = Binary::read(&program).expect("cargo test -p installer-ssh builds the example `hand`");
    BinarySource::new([(std::env::consts::ARCH.parse().unwrap(), binary)])
}

/// Passes bytes on to a server until it is told otherwise.
pub(crate) struct Relay {
    pub(crate) port: u16,
    state: Arc<RelayState>,
}

#[derive(Default)]
struct RelayState {
    passed: AtomicU64,
    cut_after: AtomicU64,
    holding: AtomicBool,
}

impl Relay {
    pub(crate) fn to(port: u16) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let relay = Relay { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        relay.state.cut_after.store(u64::MAX, Ordering::SeqCst);
        let state = Arc::clone(&relay.state);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let (from, to, state) = (from.unwrap(), to.unwrap(), Arc::clone(&state));
                    thread::spawn(move || state.pass(from, to));
                }
            }
        });
        relay
    }

    /// Cuts every connection once this many more bytes have passed.
    pub(crate) fn cut_after(&self, bytes: u64) {
        let passed = self.state.passed.load(Ordering::SeqCst);
        self.state.cut_after.store(passed.saturating_add(bytes), Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.state.cut_after.store(u64::MAX, Ordering::SeqCst);
    }

    /// Holds bytes back without closing anything, as a network that is gone does.
    pub(crate) fn hold(&self, holding: bool) {
        self.state.holding.store(holding, Ordering::SeqCst);
    }
}

impl RelayState {
    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            while self.holding.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(10));
            }
            let passed = self.passed.fetch_add(read as u64, Ordering::SeqCst);
            if passed + read as u64 > self.cut_after.load(Ordering::SeqCst)
                || to.write_all(&piece[..read]).is_err()
            {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
