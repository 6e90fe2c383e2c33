//! What the store and the ledger refuse, as problems.

use std::time::Duration;

use appliance_store::ledger::Refused;
use appliance_store::{StoreError, is_of_full_disk};

use crate::problem::{Kind, Problem};

/// Why a command was not carried out, for its caller.
pub(crate) fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::Refused(refused) => refused_problem(&refused),
        StoreError::Missing(what) => Problem::not_found(what),
        other if is_of_full_disk(&other) => storage_full(),
        other => Problem::internal(&other),
    }
}

pub(crate) fn storage_full() -> Problem {
    Problem::new(
        Kind::StorageFull,
        "The disk that holds the instance's state is full: nothing can be written.",
    )
    .hint("make room on it; reading goes on, and writing does again as soon as there is room")
}

fn refused_problem(refused: &Refused) -> Problem {
    let sentence = sentence(&refused.to_string());
    match refused {
        Refused::Missing { .. } => Problem::new(Kind::NotFound, sentence),
        Refused::Changed { .. } => {
            Problem::new(Kind::Stale, sentence).hint("read it again, and decide again whether to change it")
        }
        Refused::Invalid { pointer, detail } => Problem::invalid(*pointer, detail.clone()),
        Refused::Wait { wait_ms, .. } => {
            Problem::new(Kind::TooManyGuesses, sentence).wait(Duration::from_millis(*wait_ms))
        }
        Refused::KeyReused(_) => {
            Problem::new(Kind::KeyReused, sentence).hint("draw a new key for each request")
        }
        Refused::LastAdministrator(_) => {
            Problem::new(Kind::Conflict, sentence).hint("make somebody else an administrator first")
        }
        Refused::Exists { .. }
        | Refused::InUse { .. }
        | Refused::Disabled(_)
        | Refused::Expired { .. }
        | Refused::Ended(_)
        | Refused::TooMany { .. }
        | Refused::Adopt(_)
        | Refused::Begin(_) => Problem::new(Kind::Conflict, sentence),
        Refused::Unreadable(error) => Problem::internal(error),
    }
}

/// A message that follows "failed to …:" as a sentence of its own.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_is_known_however_deep_it_lies() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let folder = StoreError::Folder { path: "/x".into(), source: full() };
        assert_eq!(problem(folder).kind(), Kind::StorageFull);
        assert_eq!(problem(StoreError::Full { path: "/x".into() }).kind(), Kind::StorageFull);
        let other = StoreError::Folder { path: "/x".into(), source: io::ErrorKind::NotFound.into() };
        assert_eq!(problem(other).kind(), Kind::Internal);
    }

    #[test]
    fn refusals_become_sentences() {
        assert_eq!(sentence("user ben is there already"), "User ben is there already.");
    }
}
