//! To whom a host belongs.

use installer_ssh::{Hand, HandError};
use installer_wire::{FailureKind, FenceRecord};

/// Where a host keeps whom it belongs to.
pub const FENCE: &str = "/var/lib/armilla/fence.json";

/// What helps when a host belongs to somebody else.
pub(crate) const FOREIGN: &str = "name the state folder that it was installed from with --state; if that is lost, take the site over with `armilla take-over`, or one host with --take-over HOST";

/// To whom a host belongs that is not this ledger's, for people.
pub fn belongs(held: &FenceRecord, ledger: &str) -> String {
    let taken = held.taken_from.as_deref() == Some(ledger);
    let mut text = match taken {
        true => format!(
            "it was taken over from this state folder (ledger {ledger}) and belongs to ledger {} now (its run r-{})",
            held.ledger, held.run
        ),
        false => format!(
            "it belongs to ledger {} (its run r-{}), this state folder is ledger {ledger}",
            held.ledger, held.run
        ),
    };
    if let Some(by) = &held.by {
        text.push_str(&format!("; the last one there was {by}"));
    }
    text
}

/// Which ledger and run the host was last claimed for.
pub async fn owner(hand: &Hand) -> Result<Option<FenceRecord>, HandError> {
    match hand.read(FENCE, 4096).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.failure().is_some_and(|failure| failure.kind == FailureKind::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}
