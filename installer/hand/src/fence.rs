//! Who owns this host: the ledger, and the highest (term, run) seen.

use std::fs;
use std::io::{self, Write};
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
    let refuse = |detail: String| {
        Err(Failure { kind: FailureKind::Fenced, detail, fence: Some(Box::new(held.clone())) })
    };
    if held.ledger != claim.ledger {
        let taken_from = Some(held.ledger.clone());
        return match take_over {
            true => Ok(FenceRecord { taken_from, ..claim.clone() }),
            false if held.taken_from.as_ref() == Some(&claim.ledger) => refuse(format!(
                "the host was taken over from this state folder (ledger {}) by ledger {}{}",
                claim.ledger,
                held.ledger,
                last(held)
            )),
            false => refuse(format!(
                "the host belongs to ledger {}, not to {}{}",
                held.ledger,
                claim.ledger,
                last(held)
            )),
        };
    }
    if (claim.term, claim.run) < (held.term, held.run) {
        return refuse(format!(
            "the host has seen term {} run {}, which is newer than term {} run {}{}",
            held.term,
            held.run,
            claim.term,
            claim.run,
            last(held)
        ));
    }
    Ok(FenceRecord { taken_from: held.taken_from.clone(), ..claim.clone() })
}

/// Who made the claim that holds, as the end of a sentence.
fn last(held: &FenceRecord) -> String {
    held.by.as_ref().map_or(String::new(), |by| format!("; the last one here was {by}"))
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
            match files::write(&self.path.to_string_lossy(), 0o600, &text) {
                // A disk that is full is no reason to let nobody in who would empty it.
                Err(full) if full.kind == FailureKind::NoSpace && held.is_some() => {
                    overwrite(&self.path, &text).doing(|| format!("overwrite {}", self.path.display()))?;
                }
                written => written?,
            }
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
                    "the host has been claimed since by ledger {} term {} run {}{}",
                    held.ledger,
                    held.term,
                    held.run,
                    last(&held)
                ),
                fence: Some(Box::new(held)),
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Writes over what is there, in the block that it has: it needs no space, and a power cut may leave half of it.
fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use installer_wire::Claimant;

    use super::*;

    fn record(ledger: &str, term: u64, run: u64) -> FenceRecord {
        FenceRecord { ledger: ledger.into(), term, run, by: None, taken_from: None }
    }

    fn by(pid: u32) -> Option<Claimant> {
        let (user, machine, command) = ("anna".into(), "laptop".into(), "apply".into());
        Some(Claimant { user, machine, pid, command, folder: "/home/anna/state".into(), since: 0 })
    }

    #[test]
    fn older_terms_and_runs_are_refused_with_what_the_host_holds() {
        let held = record("a", 3, 7);
        for (term, run, welcome) in [(3, 7, true), (3, 8, true), (4, 0, true), (3, 6, false), (2, 99, false)]
        {
            let judged = judge(Some(&held), &record("a", term, run), false);
            assert_eq!(judged.is_ok(), welcome, "term {term} run {run}");
            if let Err(failure) = judged {
                assert_eq!(failure.fence.as_deref(), Some(&held));
            }
        }
    }

    #[test]
    fn another_ledger_needs_the_word_take_over() {
        let held = record("a", 3, 7);
        assert_eq!(judge(Some(&held), &record("b", 9, 9), false).unwrap_err().kind, FailureKind::Fenced);
        let taken = judge(Some(&held), &record("b", 0, 0), true).unwrap();
        assert_eq!(taken, FenceRecord { taken_from: Some("a".into()), ..record("b", 0, 0) });
        assert!(judge(Some(&held), &record("a", 0, 0), true).is_err(), "taking over does not excuse age");
    }

    #[test]
    fn whoever_is_refused_learns_by_whom_and_that_the_host_was_taken_from_them() {
        let held = FenceRecord { by: by(12), ..record("a", 1, 4) };
        let refused = judge(Some(&held), &record("b", 1, 1), false).unwrap_err();
        let who =
            "`armilla apply` of anna on laptop (process 12, state folder /home/anna/state, since 1970-01-01";
        assert!(refused.detail.contains(who), "{}", refused.detail);
        let taken = judge(Some(&held), &FenceRecord { by: by(13), ..record("b", 1, 1) }, true).unwrap();
        let again = judge(Some(&taken), &record("b", 1, 2), false).unwrap();
        assert_eq!(again.taken_from.as_deref(), Some("a"), "later runs keep where the host came from");
        let refused = judge(Some(&again), &record("a", 1, 5), false).unwrap_err();
        assert!(
            refused
                .detail
                .starts_with("the host was taken over from this state folder (ledger a) by ledger b")
        );
    }

    #[test]
    fn another_process_with_the_same_ledger_and_run_overtakes() {
        let root = tempfile::tempdir().unwrap();
        let fence = Fence::at(root.path());
        let mine = fence.claim(&FenceRecord { by: by(1), ..record("a", 1, 1) }, false).unwrap();
        fence.claim(&FenceRecord { by: by(2), ..record("a", 1, 1) }, false).unwrap();
        let overtaken = fence.still(&mine).unwrap_err();
        assert!(overtaken.detail.contains("process 2"), "{}", overtaken.detail);
    }

    #[test]
    fn a_connection_learns_that_it_was_overtaken() {
        let root = tempfile::tempdir().unwrap();
        let fence = Fence::at(root.path());
        let mine = fence.claim(&record("a", 1, 1), false).unwrap();
        fence.still(&mine).unwrap();
        Fence::at(root.path()).claim(&record("a", 2, 1), false).unwrap();
        assert_eq!(fence.still(&mine).unwrap_err().fence.as_deref(), Some(&record("a", 2, 1)));
    }

    #[test]
    fn a_record_that_is_written_over_is_the_new_one_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("fence.json");
        for text in ["long before", "short", "longer than both"] {
            fs::write(&path, "something else").unwrap();
            overwrite(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
