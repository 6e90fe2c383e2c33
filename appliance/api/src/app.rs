//! What every route shares.

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use appliance_control::{Clusters, Control};
use appliance_store::ledger::{
    Actor, BundleCommand, Command, Keyed, ONLY, Reply, Row, Settings, UploadCommand,
};
use appliance_store::{Committed, Store, StoreError};
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

use crate::access::{Denials, Passwords, Seen};
use crate::extract::Mutation;
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::oidc::Logins;
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::site_hosts::SiteHosts;
use crate::streams::Streams;
use crate::writers::Writers;

/// Room on the state folder's disk, in bytes, below which nothing is written at a caller's wish: what is left is for runs that are
/// under way, and for those who come to make room. The store itself stops at less.
const ROOM: u64 = 32 << 20;

/// Terminals that may be open at once.
const TERMINALS: usize = 64;

/// Streams whose sessions are looked at at the same time: a thousand of them shall not start hundreds of threads.
const STILL_IN_AT_ONCE: usize = 4;

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    store: Arc<Store>,
    version: &'static str,
    started: Instant,
    passwords: Passwords,
    seen: Seen,
    metrics: Arc<Metrics>,
    feed: Feed,
    logins: Logins,
    site_hosts: SiteHosts,
    closing: watch::Sender<bool>,
    control: OnceLock<Control>,
    clusters: OnceLock<Clusters>,
    terminals: Arc<Semaphore>,
    streams: Streams,
    denials: Denials,
    writers: Writers,
    backups: Arc<Semaphore>,
    still_in: Semaphore,
    authority: String,
}

impl App {
    /// `authority` is the certificate in PEM that clients of this instance trust; empty without a server.
    pub fn new(store: Arc<Store>, version: &'static str, authority: String) -> App {
        App(Arc::new(Parts {
            feed: Feed::new(store.clone()),
            store,
            version,
            started: Instant::now(),
            passwords: Passwords::new(),
            seen: Seen::default(),
            metrics: Arc::default(),
            logins: Logins::default(),
            site_hosts: SiteHosts::default(),
            closing: watch::Sender::new(false),
            control: OnceLock::new(),
            clusters: OnceLock::new(),
            terminals: Arc::new(Semaphore::new(TERMINALS)),
            streams: Streams::default(),
            denials: Denials::default(),
            writers: Writers::default(),
            backups: Arc::new(Semaphore::new(1)),
            still_in: Semaphore::new(STILL_IN_AT_ONCE),
            authority,
        }))
    }

    /// Gives the routes of sites and runs what looks at hosts and performs plans. Once, before anybody is served.
    #[must_use]
    pub fn with_control(self, control: Control) -> App {
        let parts = Arc::downgrade(&self.0);
        control.on_progress(move |progress| {
            if let Some(parts) = parts.upgrade() {
                App(parts).tell_progress(progress);
            }
        });
        // A second one would be the same: there is one instance.
        let _ = self.0.control.set(control);
        self
    }

    pub(crate) fn control(&self) -> Result<&Control, Problem> {
        self.0.control.get().ok_or_else(|| Problem::new(Kind::Busy, "Nothing here performs runs."))
    }

    /// For what looks at hosts or performs, and is of no use when nothing of it can be kept.
    pub(crate) fn control_that_keeps(&self) -> Result<&Control, Problem> {
        if self.is_writable() { self.control() } else { Err(refusal::storage_full()) }
    }

    /// Gives the routes of clusters and hosts their way to them. Once, before anybody is served.
    #[must_use]
    pub fn with_clusters(self, clusters: Clusters) -> App {
        // A second one would be the same: there is one instance.
        let _ = self.0.clusters.set(clusters);
        self
    }

    pub(crate) fn clusters(&self) -> Result<&Clusters, Problem> {
        let none = || Problem::new(Kind::Busy, "This instance reaches no hosts.");
        self.0.clusters.get().ok_or_else(none)
    }

    pub(crate) fn terminals(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.terminals)
    }

    /// Who follows what goes on.
    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Who was refused for want of rights.
    pub(crate) fn denials(&self) -> &Denials {
        &self.0.denials
    }

    /// Who writes to uploads.
    pub(crate) fn writers(&self) -> &Writers {
        &self.0.writers
    }

    /// For those who ask whether a stream's session still holds.
    pub(crate) fn still_in(&self) -> &Semaphore {
        &self.0.still_in
    }

    pub(crate) fn backups(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.backups)
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.0.store
    }

    pub(crate) fn version(&self) -> &'static str {
        self.0.version
    }

    pub(crate) fn started(&self) -> Instant {
        self.0.started
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Logins by an identity provider that are under way.
    pub(crate) fn logins(&self) -> &Logins {
        &self.0.logins
    }

    /// Hosts of sites as they were last read.
    pub(crate) fn site_hosts(&self) -> &SiteHosts {
        &self.0.site_hosts
    }

    /// What watchers follow.
    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Tells those who watch events how far a live run is. It may be lost on the way.
    pub fn tell_progress(&self, progress: &impl Serialize) {
        self.0.feed.tell_progress(progress);
    }

    pub(crate) fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Turns true when the server closes: streams end then.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Unix time in milliseconds.
    pub fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// How the instance is set.
    pub(crate) fn settings(&self) -> Result<Settings, Problem> {
        Ok(self.row(ONLY)?.unwrap_or_default())
    }

    /// A row by its key. Fast: what is read often lies in memory.
    pub(crate) fn row<R: Row>(&self, key: &str) -> Result<Option<R>, Problem> {
        self.store().row(key).map_err(refusal::problem)
    }

    /// Every row of a table, in a thread of its own.
    pub(crate) async fn rows<R: Row + Send + 'static>(&self) -> Result<Vec<R>, Problem> {
        let rows = self.reading(|store| store.rows::<R>(None, usize::MAX)).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Reads in a thread of its own.
    pub(crate) async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.store().clone();
        let read = tokio::task::spawn_blocking(move || read(&store)).await;
        read.map_err(|error| Problem::internal(&error))?.map_err(refusal::problem)
    }

    /// Carries the command of a request out: once for its idempotency key, and not at all in a dry run.
    pub(crate) async fn submit(&self, mutation: &Mutation, command: Command) -> Result<Committed, Problem> {
        let actor = mutation.actor.clone();
        if mutation.dry_run {
            return self.reading(move |store| store.dry_run(&actor, &command)).await;
        }
        let command = match self.keyed(mutation) {
            Some(keyed) => keyed.once(command),
            None => command,
        };
        self.submit_as(actor, command).await
    }

    /// What a request that is carried out once is known by.
    pub(crate) fn keyed(&self, mutation: &Mutation) -> Option<Keyed> {
        mutation.keyed(self.store(), self.now_ms())
    }

    /// What was answered when this request came before, under the same idempotency key. Asked by routes that look at what is
    /// there before they have a command: the first time may have changed it.
    pub(crate) async fn answered(&self, mutation: &Mutation) -> Result<Option<Reply>, Problem> {
        let Some(keyed) = self.keyed(mutation) else { return Ok(None) };
        let actor = mutation.actor.clone();
        self.reading(move |store| store.answered(&actor, &keyed)).await
    }

    /// The name of what this request made when it came before.
    pub(crate) async fn made_before(&self, mutation: &Mutation) -> Result<Option<String>, Problem> {
        let made = |reply| if let Reply::Made { id, .. } = reply { Some(id) } else { None };
        Ok(self.answered(mutation).await?.and_then(made))
    }

    /// Carries a command out that is of no request, or only a part of one.
    pub(crate) async fn submit_as(&self, actor: Actor, command: Command) -> Result<Committed, Problem> {
        if !self.is_writable() && !may_take_the_rest(&command) {
            return Err(refusal::storage_full());
        }
        self.reading(move |store| store.submit(&actor, &command)).await
    }

    /// Whether what callers wish is written down: there is room for it. A disk that does not say is taken to have room.
    pub(crate) fn is_writable(&self) -> bool {
        self.room().is_none_or(|room| room >= ROOM)
    }

    /// Bytes that are left on the state folder's disk; `None` when it does not say.
    pub(crate) fn room(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.store().folder()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// What may be written while there is hardly room: coming in, and what makes room.
fn may_take_the_rest(command: &Command) -> bool {
    match command {
        Command::Once(once) => may_take_the_rest(&once.command),
        Command::Sessions(_) | Command::Sweep => true,
        Command::Bundles(bundles) => matches!(bundles, BundleCommand::Remove { .. }),
        Command::Uploads(uploads) => matches!(uploads, UploadCommand::End { .. }),
        Command::Users(_)
        | Command::Tokens(_)
        | Command::Settings(_)
        | Command::Credentials(_)
        | Command::Sites(_)
        | Command::Drafts(_)
        | Command::HostKeys(_)
        | Command::Waivers(_)
        | Command::Checks(_)
        | Command::Plans(_)
        | Command::Requests(_)
        | Command::Runs(_)
        | Command::Terminals(_)
        | Command::TakeOver(_) => false,
    }
}
