//! One shell in the lab's network, as somebody would have it open who follows a README: variables, functions and background
//! jobs stay from one line to the next.

use lab::Lab;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The longest that anything takes that is waited for: reading a bundle, looking at hosts.
const PATIENCE: Duration = Duration::from_secs(300);
/// Ends what a script said.
const MARK: &str = "--ended-with";

pub(crate) struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// What it said on standard error.
    log: PathBuf,
}

/// What a script came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
}

impl Shell {
    /// A shell whose working directory is `folder`, where its programs lie too; its home is a folder in that.
    pub(crate) fn begin(lab: &Lab, folder: &Path) -> Shell {
        let (home, log) = (folder.join("home"), folder.join("shell.log"));
        std::fs::create_dir_all(&home).unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = lab.command(["sh"]);
        command.current_dir(folder).env("PATH", path).env("HOME", home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Shell { child, input, lines, log }
    }

    /// Runs a script to its end.
    pub(crate) fn run(&mut self, script: &str) -> Said {
        writeln!(self.input, "{script}\nprintf '\\n{MARK} %s\\n' $?").unwrap();
        let mut out = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                panic!("{script}: did not end; it said {out:#?}; see {}", self.log.display())
            });
            match line.strip_prefix(MARK) {
                Some(code) => {
                    let code = code.trim().parse().unwrap();
                    return Said { code, out: out.join("\n").trim_end().to_owned() };
                }
                None => out.push(line),
            }
        }
    }

    /// Runs a script that must end well; what it said.
    pub(crate) fn tell(&mut self, script: &str) -> String {
        let said = self.run(script);
        assert_eq!(said.code, 0, "{script}: {}; see {}", said.out, self.log.display());
        said.out
    }

    /// Runs a script in the background; the number of its process.
    pub(crate) fn start(&mut self, script: &str) -> u32 {
        self.tell(&format!("{{ {script}\n}} &\necho $!")).trim().parse().unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
