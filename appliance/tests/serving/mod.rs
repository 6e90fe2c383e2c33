//! `armilla serve` on loopback, and callers of it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PASSWORD: &str = "a password of some length\n";

/// One caller of the program, with a home of its own.
pub(crate) struct Caller {
    home: tempfile::TempDir,
    args: Vec<String>,
}

impl Caller {
    /// `args` go behind all that it runs.
    pub(crate) fn new(args: &[&str]) -> Caller {
        Caller {
            home: tempfile::tempdir().unwrap(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        }
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_armilla"));
        command.args(line.split(' ')).args(&self.args).current_dir(self.home.path());
        command.env_clear().env("HOME", self.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, line: &str, input: &str) -> Said {
        let mut child = self.command(line).spawn().unwrap();
        // A program that does not want it has closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// The same, when it has to go well.
    pub(crate) fn well(&self, line: &str, input: &str) -> Said {
        let said = self.run(line, input);
        assert_eq!(said.code, Some(0), "armilla {line}: {}", said.err);
        said
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }
}

pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// `armilla serve`, killed when this goes.
pub(crate) struct Server {
    child: Child,
    /// What it said until it listened.
    pub(crate) greeting: Vec<String>,
}

impl Server {
    /// On a port of its own choice, or again on one that it had.
    pub(crate) fn start(state: &Path, listen: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_armilla"));
        command.args(["serve", "--listen", listen, "--state"]).arg(state).env_clear().env("HOME", state);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // An empty line ends the greeting.
        let greeting: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let until = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(state.join("armilla.sock")).is_err() {
            assert!(Instant::now() < until, "{greeting:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Server { child, greeting }
    }

    /// What follows a word of the greeting.
    pub(crate) fn told(&self, mark: &str) -> String {
        let mut lines = self.greeting.iter();
        lines.find_map(|line| line.split_once(mark)).unwrap().1.trim().to_owned()
    }

    /// As `kill -9` does, or a power cut.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
