//! One host, as a step sees it: short calls that survive a lost connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bundles_format::Digest;
use installer_model::chain;
use installer_model::event::Failure;
use installer_model::plan::StepId;
use installer_model::repair::Change;
use installer_model::secret::Secret;
use installer_model::site::SecretRef;
use installer_render::paths::ARMILLA_ROOT;
use installer_ssh::{Followed, Hand, HandError};
use installer_wire::{Command, CommandOutput, FailureKind, FileStat, TIMED_OUT, UnitCommand, UnitState};
use serde_json::Value;

use crate::copies::run_number;
use crate::reach::{Again, LOSSES};
use crate::site_world::{Nodes, SiteWorld};
use crate::world::StepContext;

/// Its cache lies with the rest of Armilla's, not in root's home.
const KUBECTL: [&str; 5] = [
    "/usr/local/bin/kubectl",
    "--kubeconfig",
    "/etc/kubernetes/admin.conf",
    "--cache-dir",
    "/var/lib/armilla/kubectl",
];
/// What `kubectl diff` calls; it takes a program and no words of a program's own.
const DIFFER: &str = "/usr/local/lib/armilla/differ";
/// How much longer than a unit's own limit it is followed: its host has ended it by then, unless it cannot.
const GRACE: Duration = Duration::from_secs(60);
const HANGS: &str = "`armilla run show` has all that it said; see what holds up the host (its disk, its load, its name \
    servers), then run the same command again: what is done stays done";
/// Lines of output that a failure carries.
const EVIDENCE: usize = 12;

#[derive(Clone, Copy)]
pub(crate) struct HostPort<'a> {
    world: &'a SiteWorld,
    host: &'a str,
    /// The step whose act this is for: hosts are claimed for its run, and it is told while one does not answer.
    act: Option<&'a StepContext>,
}

/// How a unit ended.
pub(crate) struct UnitEnd {
    pub(crate) state: UnitState,
    /// The last of what it said.
    pub(crate) tail: String,
}

impl UnitEnd {
    /// `what` completes "failed to".
    pub(crate) fn success(self, what: &str) -> Result<(), Failure> {
        match self.state {
            UnitState::Exited(0) => Ok(()),
            UnitState::Exited(TIMED_OUT) => Err(Failure {
                hint: Some(HANGS.to_owned()),
                ..failure(format!("{what}: it did not end in time and was stopped"), &self.tail)
            }),
            UnitState::Exited(code) => Err(failure(format!("{what}: it ended with {code}"), &self.tail)),
            UnitState::Running | UnitState::Lost | UnitState::Absent => {
                Err(failure(format!("{what}: it was cut off"), &self.tail))
            }
        }
    }
}

/// A failure with the last lines of what was said about it. `what` completes "failed to".
pub(crate) fn failure(what: impl Into<String>, said: &str) -> Failure {
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let evidence =
        lines[lines.len().saturating_sub(EVIDENCE)..].iter().map(|&line| line.to_owned()).collect();
    Failure { what: what.into(), evidence, hint: None, exit_code: 1 }
}

pub(crate) fn of_hand(error: &HandError) -> Failure {
    let what = chain(error);
    let exit_code = u8::try_from(error.exit_code()).unwrap_or(1);
    Failure { what, evidence: Vec::new(), hint: Some(error.hint().to_owned()), exit_code }
}

/// The host was tried again until its patience was over.
fn given_up(error: &HandError, why: &str, waited: Duration) -> Failure {
    let mut failure = of_hand(error);
    failure.evidence = vec![format!("last: {}", failure.what)];
    failure.what = format!("{why}; it was tried again for {} s", waited.as_secs());
    failure
}

impl<'a> HostPort<'a> {
    pub(crate) fn new(world: &'a SiteWorld, host: &'a str) -> HostPort<'a> {
        HostPort { world, host, act: None }
    }

    /// For the act of this step.
    pub(crate) fn for_act(self, ctx: &'a StepContext) -> HostPort<'a> {
        HostPort { act: Some(ctx), ..self }
    }

    /// What a reference of the plan stands for.
    pub(crate) fn secret(&self, from: &SecretRef) -> Result<&'a Secret, Failure> {
        self.world.secret(from).ok_or_else(|| failure(format!("find the secret from {from}"), ""))
    }

    /// The host whose API server answers for the cluster.
    pub(crate) fn control_plane(&self) -> HostPort<'a> {
        HostPort { host: self.world.control_plane(), ..*self }
    }

    /// Calls the host's hand; connects again and repeats when the connection was lost, as long as [`crate::reach`] says.
    /// Every request of a hand may be repeated.
    async fn call<T, F>(&self, call: impl Fn(Arc<Hand>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, HandError>>,
    {
        let mut losses = 0;
        loop {
            let error = match self.world.hand(self.host).await {
                Ok(hand) => match self.claim_and(&hand, call(hand.clone())).await {
                    Ok(value) => return Ok(value),
                    Err(error) => {
                        if error.is_lost_connection() {
                            self.world.lost(self.host, &hand).await;
                            losses += 1;
                        }
                        error
                    }
                },
                Err(error) => error,
            };
            if !error.is_lost_connection() || losses >= LOSSES {
                return Err(of_hand(&error));
            }
            match self.world.again(self.host, &error) {
                Again::After(pause) => self.wait(&error, pause).await,
                Again::Never { why, waited } => return Err(given_up(&error, &why, waited)),
            }
        }
    }

    /// A hand that came after a lost connection has claimed nothing yet: no act goes on over it before it has.
    async fn claim_and<T>(
        &self,
        hand: &Arc<Hand>,
        call: impl Future<Output = Result<T, HandError>>,
    ) -> Result<T, HandError> {
        if let Some(ctx) = self.act {
            let run = run_number(&ctx.run);
            self.world.claim(self.host, hand, &ctx.ledger, run).await?;
        }
        call.await
    }

    async fn wait(&self, error: &HandError, pause: Duration) {
        tracing::info!(host = self.host, %error, "connection lost, trying again");
        if let Some(ctx) = self.act {
            let since = self.world.silent_for(self.host).unwrap_or_default().as_secs();
            ctx.note(format!("no answer from {} for {since} s, trying again: {}", self.host, chain(error)));
        }
        tokio::time::sleep(pause).await;
    }

    /// What is at the path, links not followed. `digest`: hash the content too.
    pub(crate) async fn stat(&self, path: &str, digest: bool) -> Result<Option<FileStat>, Failure> {
        self.call(|hand| async move { hand.stat(path, digest).await }).await
    }

    /// The beginning of a file, at most `max` bytes; `None` where there is none.
    pub(crate) async fn read(&self, path: &str, max: u64) -> Result<Option<Vec<u8>>, Failure> {
        let read = |hand: Arc<Hand>| async move {
            match hand.read(path, max).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.failure().is_some_and(|f| f.kind == FailureKind::Missing) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.call(read).await
    }

    /// Atomic; folders above are made.
    pub(crate) async fn write(&self, path: &str, mode: u32, content: &[u8]) -> Result<(), Failure> {
        self.call(|hand| async move { hand.write(path, mode, content).await }).await
    }

    pub(crate) async fn folder(&self, path: &str, mode: u32) -> Result<(), Failure> {
        self.call(|hand| async move { hand.make_folder(path, mode).await }).await
    }

    pub(crate) async fn link(&self, path: &str, target: &str) -> Result<(), Failure> {
        self.call(|hand| async move { hand.make_link(path, target).await }).await
    }

    /// Files, links and whole folders; what is not there is as wanted.
    pub(crate) async fn remove(&self, paths: &[String]) -> Result<(), Failure> {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let paths = &paths;
        self.call(|hand| async move { hand.remove(paths).await }).await
    }

    /// Takes repairs back; what each changed.
    pub(crate) async fn undo_repairs(&self) -> Result<Vec<Change>, Failure> {
        self.call(|hand| async move { hand.undo_repairs().await }).await
    }

    /// A short command: half a minute.
    pub(crate) async fn command(&self, argv: &[&str]) -> Result<CommandOutput, Failure> {
        self.command_within(30, argv, b"").await
    }

    pub(crate) async fn command_within(
        &self,
        seconds: u64,
        argv: &[&str],
        stdin: &[u8],
    ) -> Result<CommandOutput, Failure> {
        let seconds = seconds * u64::from(self.world.slowness());
        let mut command = Command::new(argv.iter().copied()).timeout_ms(seconds * 1000);
        command.env.insert("KUBECTL_EXTERNAL_DIFF".to_owned(), DIFFER.to_owned());
        // What a command writes down for itself and cannot clear away when it is killed goes with a reset.
        command.env.insert("TMPDIR".to_owned(), ARMILLA_ROOT.to_owned());
        command.max_output = 8 << 20;
        let command = &command;
        self.call(|hand| async move { hand.command(command.clone(), stdin).await }).await
    }

    /// So many times as long as on an ordinary server.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        usual * self.world.slowness()
    }

    pub(crate) async fn kubectl(&self, words: &[&str], stdin: &[u8]) -> Result<CommandOutput, Failure> {
        self.kubectl_within(60, words, stdin).await
    }

    pub(crate) async fn kubectl_within(
        &self,
        seconds: u64,
        words: &[&str],
        stdin: &[u8],
    ) -> Result<CommandOutput, Failure> {
        self.command_within(seconds, &[&KUBECTL, words].concat(), stdin).await
    }

    /// The cluster's nodes by name; `None` when nobody answers. Every host's steps ask for its node: whoever asks while
    /// others wait for an answer shares the next one, which is asked for after that. So a hundred questions that come
    /// together start two processes on the control plane and not a hundred, and none is answered with what was so before.
    pub(crate) async fn nodes(&self) -> Result<Option<Nodes>, Failure> {
        let asked = Instant::now();
        let mut last = self.world.last_nodes().lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(began, _)| *began >= asked) {
            return answer.clone();
        }
        let began = Instant::now();
        let answer = self.ask_for_nodes().await;
        *last = Some((began, answer.clone()));
        answer
    }

    async fn ask_for_nodes(&self) -> Result<Option<Nodes>, Failure> {
        let output = self.control_plane().kubectl(&["get", "nodes", "-o", "json"], b"").await?;
        let said: Option<Value> =
            if output.ok() { serde_json::from_slice(&output.stdout).ok() } else { None };
        let Some(Value::Array(items)) = said.map(|mut said| said["items"].take()) else { return Ok(None) };
        let named = |node: Value| Some((node["metadata"]["name"].as_str()?.to_owned(), node));
        Ok(Some(Arc::new(items.into_iter().filter_map(named).collect())))
    }

    /// The bundle's own binary on the host, as placed by the plan.
    pub(crate) fn binary(&self) -> &'static str {
        "/usr/local/bin/armilla"
    }

    /// Sends what the host lacks of these blobs, a part that is there already left out.
    pub(crate) async fn put_blobs(&self, ctx: &StepContext, blobs: &[(Digest, u64)]) -> Result<(), Failure> {
        if blobs.is_empty() {
            return Ok(());
        }
        self.call(|hand| async move { self.world.send_blobs(&hand, ctx, blobs).await }).await
    }

    pub(crate) async fn remove_blobs(&self, blobs: Vec<Digest>) -> Result<(), Failure> {
        let blobs = &blobs;
        self.call(|hand| async move { hand.remove_blobs(blobs).await }).await
    }

    /// Unpacks a blob to its place.
    pub(crate) async fn place(
        &self,
        blob: &Digest,
        path: &str,
        mode: u32,
        content: &Digest,
        size: u64,
    ) -> Result<(), Failure> {
        self.call(|hand| async move { hand.place_file(blob, path, mode, content, size).await.map(drop) })
            .await
    }

    /// Runs a command that outlives the connection, as a unit named after the step's attempt, and follows it. What an
    /// attempt before this one left running is followed if it is the same command, and stopped if it is another. After `limit` the host kills it.
    pub(crate) async fn unit(
        &self,
        ctx: &StepContext,
        argv: &[&str],
        limit: Duration,
    ) -> Result<UnitEnd, Failure> {
        let units = self.call(|hand| async move { hand.units().await }).await?;
        let wanted: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
        let mut name = None;
        for unit in units.into_iter().filter(|unit| unit.state == UnitState::Running) {
            if unit.argv == wanted {
                name = Some(unit.name);
            } else if is_of_step(&unit.name, &ctx.ledger, &ctx.step) {
                let stopped = &unit.name;
                self.call(|hand| async move { hand.stop_unit(stopped).await.map(drop) }).await?;
            }
        }
        let name = match name {
            Some(name) => name,
            None => {
                let command = &UnitCommand::new(&unit_name(ctx), wanted).limit(limit);
                self.call(|hand| async move { hand.start_unit(command.clone(), b"").await }).await?;
                command.name.clone()
            }
        };
        let end = self.follow(ctx, &name, limit + GRACE).await?;
        let names = [name];
        let names = &names;
        self.call(|hand| async move { hand.forget_units(names).await }).await?;
        Ok(end)
    }

    /// The units of commands that are at work on the host, of this run or any other.
    pub(crate) async fn running_units(&self) -> Result<Vec<String>, Failure> {
        let units = self.call(|hand| async move { hand.units().await }).await?;
        let running = units.into_iter().filter(|unit| unit.state == UnitState::Running);
        Ok(running.map(|unit| unit.name).collect())
    }

    pub(crate) async fn stop_unit(&self, name: &str) -> Result<(), Failure> {
        self.call(|hand| async move { hand.stop_unit(name).await.map(drop) }).await
    }

    async fn follow(&self, ctx: &StepContext, name: &str, patience: Duration) -> Result<UnitEnd, Failure> {
        let began = Instant::now();
        let mut offset = 0;
        let mut tail = String::new();
        loop {
            // The hand may be another one than before; the unit is the same.
            let next = self.call(|hand| async move { hand.follow_unit(name, offset).next().await });
            let Ok(next) = tokio::time::timeout(patience.saturating_sub(began.elapsed()), next).await else {
                self.stop_unit(name).await?;
                return Ok(UnitEnd { state: UnitState::Exited(TIMED_OUT), tail });
            };
            match next? {
                Followed::Output { offset: at, bytes } => {
                    offset = at + bytes.len() as u64;
                    ctx.output(&bytes);
                    tail.push_str(&String::from_utf8_lossy(&bytes));
                    keep_tail(&mut tail);
                    if let Some(line) = tail.lines().last() {
                        ctx.note(line);
                    }
                }
                Followed::Ended(state) => return Ok(UnitEnd { state, tail }),
            }
        }
    }

    /// Claims the host for the act's run.
    pub(crate) async fn claim(&self) -> Result<(), Failure> {
        self.call(|_| async { Ok(()) }).await
    }
}

/// The name of a step's unit on its host: of the ledger, the run, the step and the attempt, in letters that systemd takes.
/// Each ledger counts its runs from 1, and what another one left running on the host keeps its name.
fn unit_name(ctx: &StepContext) -> String {
    format!("armilla-{}-{}-{}-{}", short(&ctx.ledger), ctx.run, word(&ctx.step), ctx.attempt)
}

/// Whether a unit was started by an attempt of this step, in this run of this ledger or in an earlier one.
fn is_of_step(unit: &str, ledger: &str, step: &StepId) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = unit.strip_prefix(&format!("armilla-{}-r-", short(ledger)));
    let Some((run, rest)) = rest.and_then(|rest| rest.split_once('-')) else { return false };
    is_number(run) && rest.strip_prefix(&format!("{}-", word(step))).is_some_and(is_number)
}

fn short(ledger: &str) -> &str {
    ledger.get(..8).unwrap_or(ledger)
}

fn word(step: &StepId) -> String {
    step.0.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
}

fn keep_tail(tail: &mut String) {
    const MOST: usize = 8192;
    if tail.len() > MOST {
        let cut = (tail.len() - MOST..tail.len()).find(|&at| tail.is_char_boundary(at)).unwrap_or(tail.len());
        tail.drain(..cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_a_step_are_told_from_those_of_others() {
        let ledger = "0123456789abcdef";
        let step = StepId("h1/found/etcd".into());
        let ours = |unit: &str| is_of_step(unit, ledger, &step);
        assert!(ours("armilla-01234567-r-1-h1-found-etcd-1"));
        assert!(ours("armilla-01234567-r-12-h1-found-etcd-30"));
        for other in [
            "armilla-01234567-r-1-h1-found-etcd-certs-1",
            "armilla-01234567-r-1-h1-found-etcd",
            "armilla-01234567-r-x-h1-found-etcd-1",
            "armilla-76543210-r-1-h1-found-etcd-1",
            "kubelet",
        ] {
            assert!(!ours(other), "{other}");
        }
    }
}
