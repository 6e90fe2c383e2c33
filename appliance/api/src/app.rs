//! What every route shares.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use appliance_store::Store;
use tokio::sync::watch;

use crate::access::Passwords;
use crate::metrics::Metrics;

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    store: Arc<Store>,
    version: &'static str,
    started: Instant,
    passwords: Passwords,
    metrics: Metrics,
    closing: watch::Sender<bool>,
    authority: String,
}

impl App {
    /// `authority` is the certificate in PEM that clients of this instance trust; empty without a server.
    pub fn new(store: Arc<Store>, version: &'static str, authority: String) -> App {
        App(Arc::new(Parts {
            store,
            version,
            started: Instant::now(),
            passwords: Passwords::new(),
            metrics: Metrics::default(),
            closing: watch::Sender::new(false),
            authority,
        }))
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

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
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
}
