//! Limits on guessing: wrong guesses are counted, and the wait before the next one grows.
//!
//! ```text
//!                      heard at once   then a wait of    up to
//!  NAME@ADDRESS        5 guesses       1 s, doubling     15 min
//!  ADDRESS             20              1 s, doubling     15 min
//!  NAME, from anywhere 50              1 s, doubling     1 min     so that nobody can lock a user out for long
//! ```
//!
//! A count is forgotten an hour after its last wrong guess; the first, also after a right one.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::deciding::Deciding;
use crate::reading::Reading;
use crate::refused::Refused;
use crate::table::{Key, Row, Table};

/// Wrong guesses of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guesses {
    pub wrong: u32,
    /// Unix time in milliseconds of the last.
    pub last_at: u64,
    /// The next is heard from this time on.
    pub until: u64,
}

impl Row for Guesses {
    const TABLE: Table = Table::Guesses;
    const KIND: &'static str = "count of guesses";
}

const FORGOTTEN_AFTER: u64 = 60 * 60 * 1000;
/// Counts that are kept at most: whoever guesses from many addresses must not fill the disk.
const MOST: usize = 10_000;

struct Limit {
    key: String,
    free: u32,
    longest_ms: u64,
}

fn limits(name: Option<&str>, address: &str) -> Vec<Limit> {
    const QUARTER: u64 = 15 * 60 * 1000;
    let mut limits = vec![Limit { key: format!("from {address}"), free: 20, longest_ms: QUARTER }];
    if let Some(name) = name {
        limits.push(Limit { key: pair(name, address), free: 5, longest_ms: QUARTER });
        limits.push(Limit { key: format!("name {name}"), free: 50, longest_ms: 60 * 1000 });
    }
    limits
}

fn pair(name: &str, address: &str) -> String {
    format!("pair {name}@{address}")
}

impl Guesses {
    /// How long the next guess has to wait. A clock that was set back does not make the wait longer: what was counted in
    /// the future is not believed.
    pub fn wait_ms(&self, at: u64) -> u64 {
        if at < self.last_at { 0 } else { self.until.saturating_sub(at) }
    }

    fn is_stale(&self, at: u64) -> bool {
        at >= self.last_at.max(self.until) + FORGOTTEN_AFTER
    }
}

/// Refuses while a wait lasts. `name`: the user, where there is one of that name. [`crate::SessionCommand::LogIn`] asks it
/// again; a caller asks it before it computes a costly hash.
pub fn may_guess(now: &dyn Reading, at: u64, name: Option<&str>, address: &str) -> Result<(), Refused> {
    heard(&Deciding::new(now, at, &Actor::Instance)?, name, address)
}

pub(crate) fn heard(deciding: &Deciding<'_>, name: Option<&str>, address: &str) -> Result<(), Refused> {
    let mut longest = 0;
    for limit in limits(name, address) {
        if let Some(guesses) = deciding.find::<Guesses>(limit.key.as_str())? {
            longest = longest.max(guesses.wait_ms(deciding.at));
        }
    }
    if longest > 0 {
        return Err(Refused::Wait { until: deciding.at + longest, wait_ms: longest });
    }
    Ok(())
}

/// Counts a wrong guess.
pub(crate) fn wrong(deciding: &mut Deciding<'_>, name: Option<&str>, address: &str) -> Result<(), Refused> {
    make_room(deciding)?;
    let at = deciding.at;
    for limit in limits(name, address) {
        let before: Option<Guesses> = deciding.find(limit.key.as_str())?;
        let before = before.filter(|guesses| !guesses.is_stale(at)).map_or(0, |guesses| guesses.wrong);
        let wrong = before.saturating_add(1);
        let wait = match wrong.checked_sub(limit.free) {
            None => 0,
            Some(over) => (1000_u64 << over.min(20)).min(limit.longest_ms),
        };
        deciding.put(limit.key.as_str(), &Guesses { wrong, last_at: at, until: at + wait });
    }
    Ok(())
}

/// A right guess: what this user did wrong from this address is forgotten.
pub(crate) fn right(deciding: &mut Deciding<'_>, name: &str, address: &str) {
    deciding.remove(Table::Guesses, pair(name, address).as_str());
}

/// Forgets what is stale, and what is oldest past [`MOST`].
fn make_room(deciding: &mut Deciding<'_>) -> Result<(), Refused> {
    let mut counts = deciding.all::<Guesses>()?;
    if counts.len() < MOST {
        return Ok(());
    }
    counts.sort_by_key(|(_, guesses)| guesses.last_at);
    let surplus = counts.len() - MOST / 2;
    for (key, _) in counts.into_iter().take(surplus) {
        deciding.remove(Table::Guesses, key);
    }
    Ok(())
}

/// Keys of counts that nobody needs any more.
pub(crate) fn stale(deciding: &Deciding<'_>) -> Result<Vec<Key>, Refused> {
    let counts = deciding.all::<Guesses>()?;
    let stale = counts.into_iter().filter(|(_, guesses)| guesses.is_stale(deciding.at));
    Ok(stale.map(|(key, _)| key).collect())
}
