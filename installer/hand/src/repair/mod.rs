//! Repairs of the host: small, named changes, each with what it changed and with what takes it back.
//!
//! ```text
//!  Repair ──look──▶ is it so already? ──yes──▶ no change
//!                     │ no
//!                     ▼
//!          keep how to take it back ──▶ act ──▶ Change{what, before, after}
//! ```
//!
//! What takes repairs back lies in `before/repairs.json` below the hand's root, written before each act. `undo` works it
//! off from the last to the first.

mod act;
mod edit;
mod record;
mod undo;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use installer_model::repair::{Change, Repair};
use installer_wire::{Command, CommandOutput, Failure, FailureKind};

use crate::command::Commands;
use crate::failure::Doing;
use record::{Record, Undo};

/// The host that is repaired: its files below a root, and its programs.
pub struct Host<'a> {
    root: PathBuf,
    record: PathBuf,
    run: &'a dyn Fn(&[&str]) -> Result<CommandOutput, Failure>,
}

/// Does the repair, or says what it would change.
pub fn repair(
    repair: &Repair,
    dry: bool,
    hand_root: &Path,
    commands: &Commands,
) -> Result<Vec<Change>, Failure> {
    let run = |argv: &[&str]| commands.run(&Command::new(argv.iter().copied()), Vec::new());
    Work::on(&Host::new(hand_root, &run), dry)?.act(repair)
}

/// Takes every repair back.
pub fn undo_all(hand_root: &Path, commands: &Commands) -> Result<Vec<Change>, Failure> {
    let run = |argv: &[&str]| commands.run(&Command::new(argv.iter().copied()), Vec::new());
    undo::all(&Host::new(hand_root, &run))
}

impl<'a> Host<'a> {
    fn new(hand_root: &Path, run: &'a dyn Fn(&[&str]) -> Result<CommandOutput, Failure>) -> Host<'a> {
        Host { root: PathBuf::from("/"), record: hand_root.join("before/repairs.json"), run }
    }

    /// Where a path of the host lies for this process.
    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The output of a program that must succeed.
    fn must(&self, argv: &[&str]) -> Result<String, Failure> {
        let output = (self.run)(argv)?;
        if output.ok() {
            return Ok(output.stdout_text().trim().to_owned());
        }
        let said = output.stderr_text();
        let said = said.trim().lines().last().unwrap_or_default();
        Err(Failure::new(FailureKind::Io, format!("{}: {said}", argv.join(" "))))
    }

    /// The output of a program that may fail, and that the host may lack.
    fn ask(&self, argv: &[&str]) -> Option<String> {
        let output = (self.run)(argv).ok()?;
        output.ok().then(|| output.stdout_text().trim().to_owned())
    }

    fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    fn write(&self, path: &str, mode: u32, content: &str) -> Result<(), Failure> {
        crate::files::write(&self.path(path).to_string_lossy(), mode, content.as_bytes())
    }

    /// A kernel's own file: written in place.
    fn tell_kernel(&self, path: &str, value: &str) -> Result<(), Failure> {
        std::fs::write(self.path(path), format!("{value}\n")).doing(|| format!("write {value} to {path}"))
    }
}

/// One repair being done.
struct Work<'h, 'a> {
    host: &'h Host<'a>,
    dry: bool,
    record: Record,
    changes: Vec<Change>,
}

impl<'h, 'a> Work<'h, 'a> {
    fn on(host: &'h Host<'a>, dry: bool) -> Result<Work<'h, 'a>, Failure> {
        Ok(Work { host, dry, record: Record::read(&host.record)?, changes: Vec::new() })
    }

    /// Keeps how to take it back, then does it; a dry run does neither.
    fn change(
        &mut self,
        what: &str,
        before: impl Into<String>,
        after: impl Into<String>,
        undo: Option<Undo>,
        act: impl FnOnce(&Host<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !self.dry {
            if let Some(undo) = undo {
                self.record.keep(undo);
                self.record.write(&self.host.record)?;
            }
            act(self.host)?;
        }
        self.changes.push(Change { what: what.to_owned(), before: before.into(), after: after.into() });
        Ok(())
    }
}
