//! The event stream: everything that happens, in one sequence that goes on after a cut.
//!
//! ```text
//!  id: 41
//!  event: users
//!  data: {"topic":"users","id":"anna","became":"changed","at":1767225600000}
//!
//!  id: 57
//!  event: bookmark            everything up to 57 was looked at
//!  data: {"index":57}
//!
//!  event: progress            of live runs; may be lost, and has no id
//!  data: {…}
//!
//!  event: held                a run does not go on, and why; `"held":null` when it does again. What is held when the stream
//!  data: {"request":…}        begins comes at its beginning: it needs no id
//! ```

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use appliance_store::ledger::{Role, Topic};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::holding::Holding;
use crate::access::{Known, Needs, STILL_IN, is_still_in};
use crate::app::App;
use crate::extract::Query;
use crate::feed::{bookmark, name};
use crate::metrics::{Metrics, Watching};
use crate::problem::{Kind, Problem};

/// Something is sent at least this often, so that both ends know of each other.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add_stream(Needs::Viewer, routes!(watch))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WatchParams {
    /// Such as `runs,events`, separated by commas: users, sessions, tokens, settings, credentials, secrets, sites, drafts,
    /// hostKeys, bundles, uploads, waivers, checks, plans, runs, events, requests, audit. Without it, all that the caller may see.
    #[param(max_length = 500)]
    topics: Option<String>,
    /// The ledger index to go on after. The header `Last-Event-ID` comes before it; without either, the stream begins now.
    after: Option<u64>,
}

/// Follow what happens, as server-sent events. `Last-Event-ID` goes on where a stream was cut
///
/// Events of a topic have an id. Without one come `progress` of live runs, with the topic `events`, and with the topic `requests`
/// what is `held`: at the beginning all of it, then what changes.
#[utoipa::path(get, path = "/api/v1/watch", tag = "watch",
    params(WatchParams, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that came")),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = 403, body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn watch(
    State(app): State<App>,
    known: Known,
    Query(params): Query<WatchParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let topics = topics(params.topics.as_deref(), known.role)?;
    let position = position(&app, &headers, params.after)?;
    let opened = app.streams().open(&known)?;
    let watcher = Watcher::at(position, app, known, topics);
    let body = Body::from_stream(opened.while_read(stream::unfold(watcher, async |mut watcher| {
        let bytes = watcher.next().await?;
        Some((Ok::<_, Infallible>(bytes), watcher))
    })));
    // Nothing between us and the reader shall keep events back.
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store, no-transform")];
    Ok((headers, [("x-accel-buffering", "no")], body).into_response())
}

fn topics(wanted: Option<&str>, role: Role) -> Result<BTreeSet<Topic>, Problem> {
    let may = |topic: &Topic| role >= least_role(*topic);
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
        return Ok(Topic::ALL.into_iter().filter(may).collect());
    };
    let mut topics = BTreeSet::new();
    for word in wanted.split(',').map(str::trim) {
        let Some(topic) = Topic::ALL.into_iter().find(|topic| name(*topic) == word) else {
            return Err(Problem::invalid("?topics", format!("there is no topic {word:?}")));
        };
        if !may(&topic) {
            return Err(Problem::new(
                Kind::Forbidden,
                format!("The topic {word} is not for the role {role}."),
            ));
        }
        topics.insert(topic);
    }
    Ok(topics)
}

/// Who may see that something happened: as with reading the thing itself.
fn least_role(topic: Topic) -> Role {
    match topic {
        Topic::Users | Topic::Sessions | Topic::Tokens | Topic::Settings | Topic::Secrets | Topic::Audit => {
            Role::Admin
        }
        Topic::Credentials => Role::Operator,
        Topic::Sites
        | Topic::Drafts
        | Topic::HostKeys
        | Topic::Bundles
        | Topic::Uploads
        | Topic::Waivers
        | Topic::Checks
        | Topic::Plans
        | Topic::Runs
        | Topic::Events
        | Topic::Requests => Role::Viewer,
    }
}

fn position(app: &App, headers: &HeaderMap, after: Option<u64>) -> Result<u64, Problem> {
    let last = *app.store().changed().borrow();
    let wanted = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default()) {
        None | Some("") => after,
        Some(id) => Some(
            id.parse()
                .map_err(|_| Problem::new(Kind::Malformed, "Last-Event-ID is not an id of this stream."))?,
        ),
    };
    match wanted {
        None => Ok(last),
        Some(wanted) if wanted <= last => Ok(wanted),
        // The state was put back from a backup: what the caller has seen did not happen here.
        Some(_) => Err(Problem::new(Kind::Conflict, format!("The last event that happened here is {last}."))
            .hint("read everything again and watch from there")),
    }
}

/// One reader of the stream: where it is, and what it waits for. It is asked for more when its connection takes more.
struct Watcher {
    app: App,
    known: Known,
    topics: BTreeSet<Topic>,
    /// Everything up to this index was sent, or is of no topic of this watcher.
    position: u64,
    /// The last index that was sent as an id; none before the first.
    told: Option<u64>,
    /// When the last message was sent.
    beat: Instant,
    /// When it was asked whether the watcher may still be in.
    asked: Instant,
    changed: watch::Receiver<u64>,
    progress: Option<broadcast::Receiver<Bytes>>,
    holding: Option<Holding>,
    closing: watch::Receiver<bool>,
    _held: Watching,
}

impl Watcher {
    fn at(position: u64, app: App, known: Known, topics: BTreeSet<Topic>) -> Watcher {
        Watcher {
            progress: topics.contains(&Topic::Events).then(|| app.feed().progress()),
            holding: topics.contains(&Topic::Requests).then(|| Holding::of(&app)).flatten(),
            changed: app.feed().changed(),
            closing: app.closing(),
            _held: Metrics::watching(app.metrics()),
            app,
            known,
            topics,
            position,
            told: None,
            beat: Instant::now(),
            asked: Instant::now(),
        }
    }

    /// The next bytes; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if self.told.is_none() {
            return Some(self.mark());
        }
        loop {
            if *self.closing.borrow() {
                return None;
            }
            // Also of a stream that is never quiet.
            if self.asked.elapsed() >= STILL_IN {
                self.asked = Instant::now();
                if !is_still_in(&self.app, &self.known).await {
                    return None;
                }
            }
            self.changed.mark_unchanged();
            // An error of the store ends the stream: the reader comes back to where it was.
            let taken = self.app.feed().after(self.position, &self.topics).await.ok()?;
            self.position = taken.upto;
            if let Some(last) = taken.messages.last() {
                self.told = Some(last.index);
                self.beat = Instant::now();
                let mut bytes =
                    BytesMut::with_capacity(taken.messages.iter().map(|message| message.bytes.len()).sum());
                taken.messages.iter().for_each(|message| bytes.extend_from_slice(&message.bytes));
                return Some(bytes.freeze());
            }
            if self.position < self.app.feed().upto() {
                continue;
            }
            // After what was written down, which may say of which run it is.
            if let Some(news) = self.holding.as_mut().and_then(Holding::news) {
                self.beat = Instant::now();
                return Some(news);
            }
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                _ = self.closing.changed() => {}
                progress = next_progress(&mut self.progress) => return Some(progress),
                () = next_news(&mut self.holding) => {}
                () = sleep_until(self.asked + STILL_IN) => {}
                () = sleep_until(self.beat + HEARTBEAT) => return Some(self.mark()),
            }
        }
    }

    fn mark(&mut self) -> Bytes {
        self.told = Some(self.position);
        self.beat = Instant::now();
        bookmark(self.position)
    }
}

/// What was missed is gone; without progress of interest it waits for ever.
async fn next_progress(progress: &mut Option<broadcast::Receiver<Bytes>>) -> Bytes {
    let Some(receiver) = progress else { return std::future::pending().await };
    loop {
        match receiver.recv().await {
            Ok(bytes) => return bytes,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Where nothing performs runs, it waits for ever.
async fn next_news(holding: &mut Option<Holding>) {
    match holding {
        Some(holding) => holding.changed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use appliance_store::ledger::{Actor, Via};
    use appliance_store::{Holder, Store};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_never_quiet_ends_with_its_session_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), &Holder::this_process("test", 0)).unwrap());
        let app = App::new(store, "test", String::new());
        let actor = Actor::User { name: "anna".to_owned(), via: Via::Session("0011".to_owned()) };
        let topics = [Topic::Events].into_iter().collect();
        let mut watcher = Watcher::at(0, app.clone(), Known { actor, role: Role::Viewer }, topics);
        for second in 0..60 {
            app.tell_progress(&second);
            if watcher.next().await.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("it was sent what happens for a minute after its session was gone");
    }
}
