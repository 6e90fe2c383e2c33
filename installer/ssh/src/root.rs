//! Becoming root, and knowing that a program has started.
//!
//! ```text
//! command line ──▶ noise of the login shell ──▶ (sudo asks ◀─ password) ──▶ greeting ──▶ the program's own stream
//!                                                      └── asks again: the password is wrong
//! ```
//! The password goes over the standard input, after sudo has shown the prompt that we gave it, and nowhere else.

use installer_wire::{GREETING, NOISE_LIMIT};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::error::HandError;
use crate::shell::{Running, Shell, quoted};
use crate::target::Sudo;

/// The prompt that sudo is told to show; nothing else on standard error looks like it.
const PROMPT: &str = "[armilla asks for the sudo password]";

/// How much of what a program writes to its standard error is kept, from the end.
const SAID_LIMIT: usize = 8 * 1024;

/// How long a program that will not greet may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Who becomes root, and where.
#[derive(Clone)]
pub struct Root {
    pub shell: Shell,
    pub user: String,
    pub sudo: Sudo,
}

/// A program that has greeted.
pub struct Greeted {
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    pub output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    pub said: Said,
    pub exit: oneshot::Receiver<Option<i32>>,
}

/// The end of what a program wrote to its standard error.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).replace(PROMPT, "").trim().to_owned()
    }

    fn add(&self, bytes: &[u8]) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        let excess = all.len().saturating_sub(SAID_LIMIT);
        all.drain(..excess);
        String::from_utf8_lossy(&all).matches(PROMPT).count()
    }
}

/// What came of a program before it greeted.
enum Met {
    Greeting,
    EndOfOutput,
    Asked,
}

impl Root {
    /// The command line that runs `script` with `sh` as root.
    fn line(&self, script: &str) -> String {
        let script = quoted(script);
        match &self.sudo {
            // What tools say about disks is read below: in the C locale, whatever the host's own is.
            Sudo::None => format!("exec env LC_ALL=C sh -c {script}"),
            Sudo::NoPassword => format!("exec env LC_ALL=C sudo -n -- sh -c {script}"),
            Sudo::Password(_) => {
                format!("exec env LC_ALL=C sudo -S -p {} -- sh -c {script}", quoted(PROMPT))
            }
        }
    }

    /// Like [`Root::run`], where a channel must come free: a server with `MaxSessions 1` counts the last one for a moment
    /// after it was closed.
    pub async fn run_when_free(&self, script: &str) -> Result<Greeted, HandError> {
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            match self.run(script).await {
                Err(HandError::ChannelRefused { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }

    /// Runs a script as root and waits until what it starts has greeted.
    pub async fn run(&self, script: &str) -> Result<Greeted, HandError> {
        let Running { mut input, output, errors, exit } = self.shell.run(&self.line(script)).await?;
        let mut output = BufReader::new(output);
        let said = Said::default();
        let (asked, mut asks) = mpsc::channel(4);
        let listening = tokio::spawn(listen(errors, said.clone(), asked));
        let mut noise = 0;
        let mut line = Vec::new();
        let mut answered = false;
        loop {
            let met = tokio::select! {
                biased;
                Some(()) = asks.recv() => Met::Asked,
                met = greeting(&mut output, &mut line, &mut noise) => met,
            };
            match (met, &self.sudo) {
                (Met::Greeting, _) => return Ok(Greeted { input, output, said, exit }),
                (Met::Asked, Sudo::Password(password)) if !answered => {
                    answered = true;
                    let answer = Zeroizing::new(format!("{}\n", password.expose()));
                    // If it is gone already, the end of its output says so.
                    let _ = input.write_all(answer.as_bytes()).await;
                    let _ = input.flush().await;
                }
                (Met::Asked, _) => return Err(self.wrong_password()),
                (Met::EndOfOutput, _) => {
                    // With its streams closed it ends, even if it was still talking.
                    drop((input, output));
                    let code = tokio::time::timeout(LAST_WORDS, async {
                        let _ = listening.await;
                        exit.await.ok().flatten()
                    });
                    let code = code.await.ok().flatten();
                    return Err(self.why_not(code, &said.text(), answered));
                }
            }
        }
    }

    fn wrong_password(&self) -> HandError {
        HandError::WrongSudoPassword { address: self.shell.address().to_owned(), user: self.user.clone() }
    }

    /// Why a program ended before it greeted.
    fn why_not(&self, code: Option<i32>, said: &str, answered: bool) -> HandError {
        let address = self.shell.address().to_owned();
        let refused = |reason: &str| HandError::SudoRefused {
            address: address.clone(),
            user: self.user.clone(),
            reason: reason.to_owned(),
        };
        if code.is_none() && said.is_empty() {
            return self.shell.lost("");
        }
        let has = |text: &str| said.contains(text);
        if answered && (has("incorrect password") || has("try again")) {
            return self.wrong_password();
        }
        if has("a password is required") {
            return refused("sudo asks for a password and none was given");
        }
        if has("sudoers") || has("is not allowed to") || has("may not run sudo") {
            return refused(said);
        }
        if has("must have a tty") {
            return refused("its sudo wants a terminal (requiretty)");
        }
        if has("sudo") && (code == Some(127) || has("not found") || has("No such file")) {
            return refused("there is no sudo");
        }
        place_error(address, code, said)
    }
}

/// The error for a script of ours that failed with these words.
pub fn place_error(address: String, code: Option<i32>, said: &str) -> HandError {
    let last = said.lines().last().unwrap_or_default();
    // "mkdir: cannot create directory '/x': Read-only file system", as GNU and BusyBox tools say it
    let path = last.rsplit(": ").nth(1).and_then(|what| what.rsplit(' ').next()).unwrap_or_default();
    let path = path.trim_matches(|c| "'‘’\"`".contains(c));
    let path = if path.starts_with('/') { path.to_owned() } else { "the data root".to_owned() };
    if said.contains("Read-only file system") {
        return HandError::ReadOnly { address, path };
    }
    if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
        return HandError::NoSpace { address, path };
    }
    let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
    let reason = if said.is_empty() { format!("it ended with {code}") } else { format!("{said} ({code})") };
    HandError::NotPlaced { address, reason }
}

/// Reads on until the greeting, skipping what a login shell prints before it. May be cancelled and called again.
async fn greeting(
    output: &mut BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    line: &mut Vec<u8>,
    noise: &mut usize,
) -> Met {
    loop {
        let most = NOISE_LIMIT.saturating_sub(*noise) as u64;
        if most == 0 {
            return Met::EndOfOutput;
        }
        // What a cancelled call has read stays in `line`.
        let before = line.len();
        let read = (&mut *output).take(most).read_until(b'\n', line).await;
        *noise += line.len() - before;
        match read {
            Ok(1..) if line.ends_with(GREETING.as_bytes()) => return Met::Greeting,
            Ok(1..) => line.clear(),
            Ok(0) | Err(_) => return Met::EndOfOutput,
        }
    }
}

/// Reads standard error to its end and tells each time that the prompt shows up.
async fn listen(mut errors: Box<dyn AsyncRead + Send + Unpin>, said: Said, asked: mpsc::Sender<()>) {
    let mut seen = 0;
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut piece).await {
        let prompts = said.add(&piece[..read]);
        while seen < prompts {
            seen += 1;
            let _ = asked.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(sudo: Sudo) -> Root {
        Root { shell: Shell::Local, user: "site".into(), sudo }
    }

    #[tokio::test]
    async fn noise_before_the_greeting_is_skipped_and_what_follows_is_the_programs_own() {
        let script = "echo welcome; printf 'motd without an end'; printf 'armilla-hand 1\\nrest'";
        let mut greeted = root(Sudo::None).run(script).await.unwrap();
        let mut rest = String::new();
        greeted.output.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "rest");
    }

    #[tokio::test]
    async fn endless_noise_is_given_up() {
        let error = root(Sudo::None).run("yes").await.err().unwrap();
        assert!(matches!(error, HandError::Lost { .. } | HandError::NotPlaced { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn what_a_script_says_about_the_disk_becomes_an_error_of_its_own() {
        let read_only =
            "echo \"mkdir: cannot create directory '/var/lib/armilla': Read-only file system\" >&2; exit 1";
        let error = root(Sudo::None).run(read_only).await.err().unwrap();
        assert!(
            matches!(&error, HandError::ReadOnly { path, .. } if path == "/var/lib/armilla"),
            "{error:?}"
        );
        let full = "echo 'cat: write error: No space left on device' >&2; exit 1";
        let error = root(Sudo::None).run(full).await.err().unwrap();
        assert!(matches!(&error, HandError::NoSpace { path, .. } if path == "the data root"), "{error:?}");
    }

    #[tokio::test]
    async fn tools_speak_in_the_c_locale_on_a_host_that_has_another() {
        let greeted = root(Sudo::None).run("printf 'armilla-hand 1\n'; echo \"$LC_ALL\"").await;
        let mut said = String::new();
        greeted.unwrap().output.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "C\n");
    }

    #[test]
    fn sudo_words_are_told_apart() {
        let root = root(Sudo::NoPassword);
        let judged = |code, said: &str, answered| root.why_not(code, said, answered);
        assert!(matches!(judged(Some(1), "Sorry, try again.", true), HandError::WrongSudoPassword { .. }));
        assert!(matches!(
            judged(Some(1), "sudo: 1 incorrect password attempt", true),
            HandError::WrongSudoPassword { .. }
        ));
        for said in [
            "sudo: a password is required",
            "site is not in the sudoers file.",
            "Sorry, user site is not allowed to execute '/bin/sh' as root on h1.",
            "env: 'sudo': No such file or directory",
            "sudo: sorry, you must have a tty to run sudo",
        ] {
            assert!(matches!(judged(Some(1), said, false), HandError::SudoRefused { .. }), "{said}");
        }
    }
}
