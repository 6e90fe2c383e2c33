//! Who owns this host: the ledger, and the highest (term, run) seen.

use std::fs;
use std::path::{Path, PathBuf};

use installer_wire::{Failure, FailureKind, FenceRecord};
use rustix::fs::{FlockOperation, flock};

use crate::failure::{Doing, io_failure};
use crate::files;

/// What a claim does to what the host holds: the record to keep, or the refusal.
pub fn judge(
    held: Option<&FenceRecord>,
    claim: &FenceRecord,
    take_over: bool,
) -> Result<FenceRecord, Failure> {
    let Some(held) = held else { return Ok(claim.clone()) };
    let refuse =
        |detail: String| Err(Failure { kind: FailureKind::Fenced, detail, fence: Some(held.clone()) });
    if held.ledger != claim.ledger {
        return match take_over {
            true => Ok(claim.clone()),
            false => refuse(format!("the host belongs to ledger {}, not to {}", held.ledger, claim.ledger)),
        };
    }
    if (claim.term, claim.run) < (held.term, held.run) {
        return refuse(format!(
            "the host has seen term {} run {}, which is newer than term {} run {}",
            held.term, held.run, claim.term, claim.run
        ));
    }
    Ok(claim.clone())
}

pub struct Fence {
    path: PathBuf,
}

impl Fence {
    /// The fence under the hand's root. Touches nothing.
    pub fn at(root: &Path) -> Fence {
        Fence { path: root.join("fence.json") }
    }

    pub fn held(&self) -> Result<Option<FenceRecord>, Failure> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_failure(&format!("read {}", self.path.display()), &error)),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| Failure::new(FailureKind::Io, format!("read {}: {error}", self.path.display())))
    }

    /// Claims the host; two claims at a time are taken one after the other.
    pub fn claim(&self, claim: &FenceRecord, take_over: bool) -> Result<FenceRecord, Failure> {
        let folder = self.path.parent().expect("the fence lies in the root");
        fs::create_dir_all(folder).doing(|| format!("make the folder {}", folder.display()))?;
        let lock = fs::File::open(folder).doing(|| format!("open {}", folder.display()))?;
        flock(&lock, FlockOperation::LockExclusive).doing(|| format!("lock {}", folder.display()))?;
        let held = self.held()?;
        let record = judge(held.as_ref(), claim, take_over)?;
        if held.as_ref() != Some(&record) {
            let text = serde_json::to_vec_pretty(&record).expect("a record of strings and numbers is JSON");
            files::write(&self.path.to_string_lossy(), 0o600, &text)?;
        }
        Ok(record)
    }

    /// Refuses when somebody else has claimed the host since `mine`.
    pub fn still(&self, mine: &FenceRecord) -> Result<(), Failure> {
        let held = self.held()?;
        match held {
            Some(held) if held != *mine => Err(Failure {
                kind: FailureKind::Fenced,
                detail: format!(
                    "the host has been claimed since by ledger {} term {} run {}",
                    held.ledger, held.term, held.run
                ),
                fence: Some(held),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ledger: &str, term: u64, run: u64) -> FenceRecord {
        FenceRecord { ledger: ledger.into(), term, run }
    }

    #[test]
    fn older_terms_and_runs_are_refused_with_what_the_host_holds() {
        let held = record("a", 3, 7);
        for (term, run, welcome) in [(3, 7, true), (3, 8, true), (4, 0, true), (3, 6, false), (2, 99, false)]
        {
            let judged = judge(Some(&held), &record("a", term, run), false);
            assert_eq!(judged.is_ok(), welcome, "term {term} run {run}");
            if let Err(failure) = judged {
                assert_eq!(failure.fence, Some(held.clone()));
            }
        }
    }

    #[test]
    fn another_ledger_needs_the_word_take_over() {
        let held = record("a", 3, 7);
        assert_eq!(judge(Some(&held), &record("b", 9, 9), false).unwrap_err().kind, FailureKind::Fenced);
        assert_eq!(judge(Some(&held), &record("b", 0, 0), true).unwrap(), record("b", 0, 0));
        assert!(judge(Some(&held), &record("a", 0, 0), true).is_err(), "taking over does not excuse age");
    }

    #[test]
    fn a_connection_learns_that_it_was_overtaken() {
        let root = tempfile::tempdir().unwrap();
        let fence = Fence::at(root.path());
        let mine = fence.claim(&record("a", 1, 1), false).unwrap();
        fence.still(&mine).unwrap();
        Fence::at(root.path()).claim(&record("a", 2, 1), false).unwrap();
        assert_eq!(fence.still(&mine).unwrap_err().fence, Some(record("a", 2, 1)));
    }
}
