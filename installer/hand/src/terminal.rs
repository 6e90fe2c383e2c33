//! `terminal`: a login shell of root on a terminal of its own, for a person at the other end of a connection.
//!
//! ```text
//!  standard input ──frames──▶ keys, sizes ──▶ ┌──────────┐
//!                                             │ terminal │ ◀──▶ the login shell and what it starts
//!  standard output ◀──────── bytes ────────── └──────────┘
//! ```
//! When the input ends or is silent for minutes the terminal hangs up, as a modem did: the shell and what runs in its
//! foreground get `SIGHUP`, and `SIGKILL` if they stay. What was put into the background with `nohup` or `setsid` goes on.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use installer_wire::GREETING;
use installer_wire::terminal::{Size, Typed, TypedDecoder};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetpgrp, tcsetwinsize};

/// How long the other side may be silent; it gives a sign of life far more often.
const SILENCE: Duration = Duration::from_secs(240);

/// How long a shell may take to end after it was hung up on.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// How long what a shell wrote last may take to arrive when something else keeps its terminal open.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What a shell and the programs in its terminal are spoken to with.
const HEEDED: [libc::c_int; 7] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Who the terminal is for, of `/etc/passwd`.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    user: String,
    home: String,
    shell: String,
}

/// Serves one terminal; gives the shell's exit code, 128 + n for a signal.
pub fn terminal(
    input: impl Read + Send + 'static,
    mut output: impl Write + Send + 'static,
    size: Size,
    term: &str,
) -> i32 {
    let opened = open(size).and_then(|(master, slave)| {
        let login = login(&fs::read_to_string("/etc/passwd").unwrap_or_default());
        Ok((master, start(&login, term, slave)?))
    });
    let (master, child) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = writeln!(io::stderr(), "armilla hand: open a terminal: {error}");
            return 1;
        }
    };
    let greeted = output.write_all(GREETING.as_bytes()).and_then(|()| output.flush());
    match (greeted, master.try_clone()) {
        (Ok(()), Ok(shown)) => serve(input, output, master, shown, child),
        (Err(_), _) | (_, Err(_)) => hang_up(&master, child),
    }
}

fn open(size: Size) -> io::Result<(File, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    tcsetwinsize(&master, winsize(size))?;
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let slave = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty())?;
    Ok((File::from(master), slave))
}

fn winsize(size: Size) -> Winsize {
    Winsize { ws_col: size.columns, ws_row: size.rows, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Root as this host has it; a host without a shell for root gets `sh`.
fn login(passwd: &str) -> Login {
    let line =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|line| line.get(2) == Some(&"0"));
    let field = |at: usize| {
        line.as_ref().and_then(|line| line.get(at)).copied().filter(|field| field.starts_with('/') || at == 0)
    };
    let shell = field(6).filter(|shell| !shell.ends_with("/nologin") && !shell.ends_with("/false"));
    Login {
        user: field(0).unwrap_or("root").to_owned(),
        home: field(5).unwrap_or("/").to_owned(),
        shell: shell.unwrap_or("/bin/sh").to_owned(),
    }
}

/// Starts the login shell in a session of its own, with nothing of our environment.
fn start(login: &Login, term: &str, slave: OwnedFd) -> io::Result<Child> {
    let name = login.shell.rsplit('/').next().unwrap_or("sh");
    let mut command = Command::new(&login.shell);
    command
        .arg0(format!("-{name}"))
        .env_clear()
        .env("TERM", term)
        .env("HOME", &login.home)
        .env("USER", &login.user)
        .env("LOGNAME", &login.user)
        .env("SHELL", &login.shell)
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::from(slave.try_clone()?))
        .stdout(Stdio::from(slave.try_clone()?))
        .stderr(Stdio::from(slave));
    if fs::metadata(&login.home).is_ok_and(|home| home.is_dir()) {
        command.current_dir(&login.home);
    }
    #[expect(unsafe_code, reason = "a terminal becomes a session's own between fork and exec")]
    // SAFETY: all of them are single system calls, which may be made there; nothing is allocated.
    unsafe {
        command.pre_exec(|| {
            // What started us may have ignored them, as nohup does, and that is inherited.
            for signal in HEEDED {
                libc::signal(signal, libc::SIG_DFL);
            }
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        });
    }
    command.spawn()
}

fn serve(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    master: File,
    shown: File,
    child: Child,
) -> i32 {
    let (told, events) = mpsc::channel();
    let showing = told.clone();
    thread::spawn(move || {
        show(shown, output);
        let _ = showing.send(Event::AllShown);
    });
    let typing = match master.try_clone() {
        Ok(typing) => typing,
        Err(_) => return hang_up(&master, child),
    };
    let pid = child.id();
    let hung_up = told.clone();
    thread::spawn(move || {
        take_keys(input, typing);
        let _ = hung_up.send(Event::HungUp);
    });
    thread::spawn(move || {
        let _ = told.send(Event::Ended(wait(child)));
    });
    let (mut code, mut killed) = (None, false);
    let mut limit: Option<Instant> = None;
    loop {
        let left =
            limit.map_or(Duration::from_secs(3600), |limit| limit.saturating_duration_since(Instant::now()));
        match events.recv_timeout(left) {
            // A terminal that nothing has open any more has shown all.
            Ok(Event::AllShown) if code.is_some() => return code.unwrap_or(1),
            Ok(Event::AllShown) => {}
            Ok(Event::Ended(ended)) => {
                code = Some(ended);
                limit = Some(Instant::now() + LAST_WORDS);
            }
            Ok(Event::HungUp) if code.is_none() => {
                end(&master, pid, Signal::HUP);
                limit = Some(Instant::now() + LAST_MOMENTS);
            }
            Ok(Event::HungUp) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => match (code, limit) {
                (Some(code), _) => return code,
                (None, Some(_)) if killed => return 129,
                // Its end comes in a moment, and is waited for: nothing is left when this returns.
                (None, Some(_)) => {
                    end(&master, pid, Signal::KILL);
                    killed = true;
                    limit = Some(Instant::now() + LAST_MOMENTS);
                }
                (None, None) => {}
            },
            Err(mpsc::RecvTimeoutError::Disconnected) => return code.unwrap_or(1),
        }
    }
}

enum Event {
    /// The other side left, or has been silent for too long.
    HungUp,
    /// The shell ended.
    Ended(i32),
    /// Nothing has the terminal open any more, and all of it was passed on.
    AllShown,
}

/// Passes on what the terminal shows. It ends with an IO error when nothing has it open any more.
fn show(mut shown: File, mut output: impl Write) {
    let mut piece = vec![0; 32 * 1024];
    loop {
        match shown.read(&mut piece) {
            Ok(0) => return,
            Ok(read) if output.write_all(&piece[..read]).and_then(|()| output.flush()).is_ok() => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// Types what comes into the terminal, until nothing does.
fn take_keys(mut input: impl Read, mut typing: File) {
    let mut decoder = TypedDecoder::default();
    let mut piece = vec![0; 16 * 1024];
    let mut heard = Instant::now();
    loop {
        let read = match input.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => {
                heard = Instant::now();
                read
            }
            Err(error) if error.kind() == ErrorKind::TimedOut && heard.elapsed() < SILENCE => continue,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        decoder.feed(&piece[..read]);
        loop {
            match decoder.next_typed() {
                Ok(Some(Typed::Keys(keys))) if typing.write_all(&keys).is_ok() => {}
                Ok(Some(Typed::Size(size))) => drop(tcsetwinsize(&typing, winsize(size))),
                Ok(None) => break,
                Ok(Some(Typed::Keys(_))) | Err(_) => return,
            }
        }
    }
}

fn wait(mut child: Child) -> i32 {
    match child.wait() {
        Ok(status) => status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1),
        Err(_) => 1,
    }
}

/// Sends a signal to the shell and to what runs in the terminal's foreground.
fn end(master: &File, pid: u32, signal: Signal) {
    if let Ok(foreground) = tcgetpgrp(master) {
        let _ = kill_process_group(foreground, signal);
    }
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn hang_up(master: &File, child: Child) -> i32 {
    end(master, child.id(), Signal::HUP);
    end(master, child.id(), Signal::KILL);
    wait(child)
}

#[cfg(test)]
mod tests {
    use std::io::PipeWriter;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A terminal with a person at it, who types and reads.
    struct Person {
        keys: Option<PipeWriter>,
        seen: Arc<Mutex<Vec<u8>>>,
        served: thread::JoinHandle<i32>,
    }

    #[derive(Clone)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Person {
        /// At a shell without anybody's profile.
        fn sits_down() -> Person {
            let (from, keys) = io::pipe().unwrap();
            let seen = Arc::new(Mutex::new(Vec::new()));
            let screen = Screen(Arc::clone(&seen));
            let served = thread::spawn(move || {
                let (master, slave) = open(Size { columns: 80, rows: 24 }).unwrap();
                let login = Login { user: "root".into(), home: "/".into(), shell: "/bin/sh".into() };
                let child = start(&login, "dumb", slave).unwrap();
                let shown = master.try_clone().unwrap();
                serve(from, screen, master, shown, child)
            });
            Person { keys: Some(keys), seen, served }
        }

        fn types(&mut self, typed: Typed) {
            self.keys.as_mut().unwrap().write_all(&typed.encode()).unwrap();
        }

        fn line(&mut self, line: &str) {
            self.types(Typed::Keys(format!("{line}\n").into_bytes()));
        }

        fn sees(&self, text: &str) {
            let deadline = Instant::now() + Duration::from_secs(60);
            while !self.screen().contains(text) {
                assert!(Instant::now() < deadline, "{text:?} in {:?}", self.screen());
                thread::sleep(Duration::from_millis(5));
            }
        }

        fn screen(&self) -> String {
            String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
        }
    }

    #[test]
    fn a_person_has_a_terminal_of_their_size_and_gets_the_exit_code() {
        let mut person = Person::sits_down();
        person.line("tty; stty size; echo term=$TERM; echo $((6*7))x");
        person.sees("/dev/pts/");
        person.sees("24 80");
        person.sees("term=dumb");
        person.sees("42x");
        person.types(Typed::Size(Size { columns: 132, rows: 50 }));
        person.line("stty size");
        person.sees("50 132");
        person.line("exit 7");
        assert_eq!(person.served.join().unwrap(), 7);
    }

    #[test]
    fn nothing_of_our_environment_is_in_a_terminal() {
        let mut person = Person::sits_down();
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "there is something that could be seen");
        person.line("echo count=$(env | grep -c CARGO)");
        person.sees("count=0");
        person.keys = None;
        person.served.join().unwrap();
    }

    #[test]
    fn control_c_ends_what_runs_and_not_the_shell() {
        let mut person = Person::sits_down();
        // Who says `before` has the terminal already: between two programs it would be the shell that is interrupted.
        person.line(r#"sh -c 'echo b""efore; exec sleep 1000'; echo 'a'fter=$?"#);
        person.sees("before");
        person.types(Typed::Keys(vec![3]));
        person.line("echo 's'till");
        person.sees("still");
        person.line("exit 0");
        assert_eq!(person.served.join().unwrap(), 0);
    }

    #[test]
    fn who_leaves_leaves_nothing_behind() {
        let mut person = Person::sits_down();
        // What is typed shows as well, and is not what is waited for.
        person.line("echo p''id=$$ r''eady; exec sleep 1000");
        person.sees(" ready");
        let screen = person.screen();
        let pid = screen.split_once("pid=").and_then(|(_, rest)| rest.split_once(" ready")).unwrap().0;
        person.keys = None;
        let code = person.served.join().unwrap();
        assert!(code == 129 || code == 137, "{code}");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn root_is_as_the_host_has_it() {
        let passwd = "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\ntoor:x:0:0:root:/root:/bin/zsh\n";
        let login_of = |text: &str| {
            let Login { user, home, shell } = login(text);
            [user, home, shell].join(" ")
        };
        assert_eq!(login_of(passwd), "toor /root /bin/zsh");
        assert_eq!(login_of("root:x:0:0:root:/root:/usr/sbin/nologin\n"), "root /root /bin/sh");
        assert_eq!(login_of("root:x:0:0:root::\n"), "root / /bin/sh");
        assert_eq!(login_of(""), "root / /bin/sh");
    }
}
