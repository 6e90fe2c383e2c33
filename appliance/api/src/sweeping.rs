//! What has expired is forgotten, at the start of a server and then every hour: sessions, tokens, uploads with their files,
//! idempotency keys, counts of guesses.

use std::time::{Duration, Instant};

use appliance_store::ledger::{Actor, AuditEntry, Command, Key, Reply};
use appliance_store::{Store, StoreError};

use crate::app::App;
use crate::problem::Problem;
use crate::routes::clear_away;

/// What has expired is believed by nobody, swept or not: this is about room.
const EACH: Duration = Duration::from_secs(60 * 60);

/// The clock may be put right by so much within an hour and is believed all the same.
const PUT_RIGHT: Duration = Duration::from_secs(10 * 60);

/// A clock that is further ahead of what was last written down may be wrong. A server that was off for so long looks the same,
/// and sweeps a day late.
const QUIET: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A clock that went on as time does for so long is believed, wherever it stands. What was written down in the last so much does
/// not vouch for it: it may be of this clock.
const STEADY: Duration = Duration::from_secs(24 * 60 * 60);

/// Entries of the audit that are looked through together.
const AT_ONCE: usize = 100;

/// Sweeps for as long as the server lives. What fails, such as a full disk, is tried again the next time. A clock that has jumped
/// is not believed until an hour later, one that may be wrong not until a day later: it may be put right meanwhile, and what was
/// removed does not come back.
pub(crate) async fn keep(app: &App) {
    let (mut jumped, mut steady) = (false, Duration::ZERO);
    loop {
        if jumped {
            tracing::warn!("the clock has jumped: what has expired by it is kept for another hour");
        } else if let Err(problem) = sweep(app, steady).await {
            tracing::warn!(?problem, "what has expired could not be removed");
        }
        let (clock, begun) = (app.now_ms(), Instant::now());
        tokio::time::sleep(EACH).await;
        jumped = !agree(clock, app.now_ms(), begun.elapsed());
        steady = if jumped { Duration::ZERO } else { steady + EACH };
    }
}

/// Whether a clock (Unix times in milliseconds) went on by as much as has passed.
fn agree(before: u64, now: u64, passed: Duration) -> bool {
    now.abs_diff(before.saturating_add(millis(passed))) <= millis(PUT_RIGHT)
}

/// Whether a clock that says `now` is believed: it has gone on as time does for `steady`, and `written` is when something was
/// written down last that is older than [`STEADY`]. Unix times in milliseconds.
fn is_believed(now: u64, written: Option<u64>, steady: Duration) -> bool {
    steady >= STEADY || written.is_none_or(|written| now.saturating_sub(written) <= millis(QUIET))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// When something was written down last before `before`, by the audit: Unix times in milliseconds.
fn written_before(store: &Store, before: u64) -> Result<Option<u64>, StoreError> {
    let Some((Key::Number(last), _)) = store.last_row::<AuditEntry>()? else { return Ok(None) };
    // The end of the audit first: on most days it is there.
    let mut end = last + 1;
    while end > 1 {
        let begin = end.saturating_sub(AT_ONCE as u64).max(1);
        let count = usize::try_from(end - begin).unwrap_or(AT_ONCE);
        let entries = store.rows::<AuditEntry>(Some(&Key::Number(begin)), count)?;
        let older = entries.iter().rev().map(|(_, entry)| entry.said.at).find(|at| *at < before);
        if older.is_some() {
            return Ok(older);
        }
        end = begin;
    }
    Ok(None)
}

/// Asks first: where nothing has expired, nothing is written.
async fn sweep(app: &App, steady: Duration) -> Result<(), Problem> {
    let swept = app.reading(|store| store.dry_run(&Actor::Instance, &Command::Sweep)).await?;
    if swept.reply != Reply::Swept(0) {
        let now = app.now_ms();
        let before = now.saturating_sub(millis(STEADY));
        let written = app.reading(move |store| written_before(store, before)).await?;
        if is_believed(now, written, steady) {
            app.submit_as(Actor::Instance, Command::Sweep).await?;
        } else {
            let days = now.saturating_sub(written.unwrap_or(now)) / millis(STEADY);
            tracing::warn!(
                days,
                "the clock is far ahead of what was written down last: what has expired by it is kept for a day"
            );
        }
    }
    // Also of uploads that ended in a process that was killed before it removed their files.
    clear_away(app).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use appliance_store::Holder;
    use appliance_store::ledger::{SessionCommand, Upload, UploadCommand};

    use super::*;

    #[test]
    fn a_clock_is_believed_when_it_goes_on_as_time_does() {
        const HOUR: u64 = 60 * 60 * 1000;
        let after_an_hour = |now: u64| agree(100 * HOUR, now, EACH);
        assert!(after_an_hour(101 * HOUR) && after_an_hour(101 * HOUR - HOUR / 10));
        assert!(!after_an_hour(103 * HOUR) && !after_an_hour(99 * HOUR) && !after_an_hour(0));
    }

    #[test]
    fn a_clock_far_ahead_of_what_was_written_is_believed_after_a_day() {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let now = 20_000 * DAY;
        let at_start = |written| is_believed(now, written, Duration::ZERO);
        assert!(at_start(None) && at_start(Some(now - 30 * DAY)));
        assert!(!at_start(Some(now - 31 * DAY)) && !at_start(Some(0)));
        assert!(at_start(Some(now + DAY)), "nothing expires too early by a clock that is behind");
        assert!(!is_believed(now, Some(0), STEADY - EACH) && is_believed(now, Some(0), STEADY));
    }

    #[tokio::test]
    async fn a_server_that_starts_with_a_clock_far_ahead_keeps_what_seems_expired() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap());
        let app = App::new(store.clone(), "test", String::new());
        let long_ago = app.now_ms() - 2 * millis(QUIET);
        store.submit_at(long_ago, &Actor::Instance, &begun("old", long_ago + 1)).unwrap();
        sweep(&app, Duration::ZERO).await.unwrap();
        // What came since is of the same clock, and vouches for nothing.
        for number in 0..2 * AT_ONCE {
            let (method, path, times) = ("POST".to_owned(), format!("/{number}"), 1);
            let denied = Command::Sessions(SessionCommand::Denied { method, path, times });
            store.submit(&Actor::Instance, &denied).unwrap();
        }
        sweep(&app, STEADY - EACH).await.unwrap();
        assert!(store.row::<Upload>("old").unwrap().is_some());
        sweep(&app, STEADY).await.unwrap();
        assert!(store.row::<Upload>("old").unwrap().is_none());
    }

    fn begun(id: &str, expires_at: u64) -> Command {
        let (id, name, size) = (id.to_owned(), "x.bundle".to_owned(), 10);
        let (received, digest, by, begun_at, revision) = (0, None, String::new(), 0, 0);
        let upload = Upload { id, name, size, received, digest, by, begun_at, expires_at, revision };
        Command::Uploads(UploadCommand::Begin(upload))
    }

    #[tokio::test(start_paused = true)]
    async fn what_expires_while_a_server_runs_goes_within_the_hour() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap());
        let app = App::new(store.clone(), "test", String::new());
        let sweeping = tokio::spawn({
            let app = app.clone();
            async move { keep(&app).await }
        });
        // It has swept once when its first hour begins.
        tokio::time::sleep(EACH / 2).await;
        let before = store.last_index().unwrap();
        store.submit(&Actor::Instance, &begun("old", 2)).unwrap();
        store.submit(&Actor::Instance, &begun("new", app.now_ms() + 60_000)).unwrap();
        let folder = dir.path().join("uploads");
        std::fs::create_dir(&folder).unwrap();
        for name in ["old", "new", "stranger"] {
            std::fs::write(folder.join(name), "01234").unwrap();
        }
        tokio::time::sleep(EACH).await;
        let kept: Vec<Upload> = app.rows().await.unwrap();
        assert_eq!(kept.iter().map(|upload| upload.id.as_str()).collect::<Vec<_>>(), ["new"]);
        let files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["new"]);
        let after = store.last_index().unwrap();
        assert!(after > before);
        tokio::time::sleep(10 * EACH).await;
        assert_eq!(store.last_index().unwrap(), after, "where nothing has expired, nothing is written");
        sweeping.abort();
    }
}
