//! What has expired is forgotten, at the start of a server and then every hour: sessions, tokens, uploads with their files,
//! idempotency keys, counts of guesses.

use std::time::{Duration, Instant};

use appliance_store::ledger::{Actor, Command, Reply};

use crate::app::App;
use crate::problem::Problem;
use crate::routes::clear_away;

/// What has expired is believed by nobody, swept or not: this is about room.
const EACH: Duration = Duration::from_secs(60 * 60);

/// The clock may be put right by so much within an hour and is believed all the same.
const PUT_RIGHT: Duration = Duration::from_secs(10 * 60);

/// Sweeps for as long as the server lives. What fails, such as a full disk, is tried again the next time. A clock that has jumped
/// is not believed until an hour later: it may be put right meanwhile, and what was removed does not come back.
pub(crate) async fn keep(app: &App) {
    let mut jumped = false;
    loop {
        if jumped {
            tracing::warn!("the clock has jumped: what has expired by it is kept for another hour");
        } else if let Err(problem) = sweep(app).await {
            tracing::warn!(?problem, "what has expired could not be removed");
        }
        let (clock, begun) = (app.now_ms(), Instant::now());
        tokio::time::sleep(EACH).await;
        jumped = !agree(clock, app.now_ms(), begun.elapsed());
    }
}

/// Whether a clock (Unix times in milliseconds) went on by as much as has passed.
fn agree(before: u64, now: u64, passed: Duration) -> bool {
    let wanted = u64::try_from(passed.as_millis()).map_or(u64::MAX, |passed| before.saturating_add(passed));
    now.abs_diff(wanted) <= u64::try_from(PUT_RIGHT.as_millis()).unwrap_or(u64::MAX)
}

/// Asks first: where nothing has expired, nothing is written.
async fn sweep(app: &App) -> Result<(), Problem> {
    let swept = app.reading(|store| store.dry_run(&Actor::Instance, &Command::Sweep)).await?;
    if swept.reply != Reply::Swept(0) {
        app.submit_as(Actor::Instance, Command::Sweep).await?;
    }
    // Also of uploads that ended in a process that was killed before it removed their files.
    clear_away(app).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use appliance_store::ledger::{Upload, UploadCommand};
    use appliance_store::{Holder, Store};

    use super::*;

    #[test]
    fn a_clock_is_believed_when_it_goes_on_as_time_does() {
        const HOUR: u64 = 60 * 60 * 1000;
        let after_an_hour = |now: u64| agree(100 * HOUR, now, EACH);
        assert!(after_an_hour(101 * HOUR) && after_an_hour(101 * HOUR - HOUR / 10));
        assert!(!after_an_hour(103 * HOUR) && !after_an_hour(99 * HOUR) && !after_an_hour(0));
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
        let upload = |id: &str, expires_at| {
            let (id, name, size) = (id.to_owned(), "x.bundle".to_owned(), 10);
            let (received, digest, by, begun_at, revision) = (0, None, String::new(), 0, 0);
            let upload = Upload { id, name, size, received, digest, by, begun_at, expires_at, revision };
            Command::Uploads(UploadCommand::Begin(upload))
        };
        store.submit_at(1, &Actor::Instance, &upload("old", 2)).unwrap();
        store.submit_at(1, &Actor::Instance, &upload("new", app.now_ms() + 60_000)).unwrap();
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
