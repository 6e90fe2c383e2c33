//! The real world: the hosts of a site, through hands over SSH.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bundles_format::Digest;
use bundles_store::{Bundle, Sealed};
use futures_util::future::{join_all, try_join_all};
use installer_model::chain;
use installer_model::event::Failure;
use installer_model::plan::Step;
use installer_model::secret::Secret;
use installer_model::site::SecretRef;
use installer_render::paths::{ARMILLA_ROOT, SITE_COPY};
use installer_ssh::{BinarySource, Blob, Hand, HandError, Target};
use installer_wire::Claimant;
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};

use crate::host_port::HostPort;
use crate::reach::{Again, PATIENCE, Reach};
use crate::steps;
use crate::world::{BoxFuture, Probe, StepContext, World};

/// The term of claims: an instance that leads alone has one term.
const TERM: u64 = 1;

/// The hosts of a site and the bundle that they are given.
pub struct SiteWorld {
    hosts: BTreeMap<String, HostSlot>,
    binaries: BinarySource,
    /// The site's own bundle and its add-ons: a blob is taken from whichever has it.
    bundles: Vec<Arc<Bundle<Sealed>>>,
    control_plane: String,
    /// Hosts that are claimed even when another ledger holds them.
    take_over: BTreeSet<String>,
    /// Who claims hosts, for whoever is refused later.
    claimant: Option<Claimant>,
    /// What references of the plan stand for.
    secrets: BTreeMap<SecretRef, Secret>,
    /// How long a lost connection is tried again; `None` is the usual.
    patience: Option<Duration>,
    /// How many times as long as usual commands on hosts may take.
    slowness: u32,
    nodes: Mutex<LastNodes>,
    sending: Semaphore,
}

struct HostSlot {
    target: Target,
    held: Mutex<Held>,
    reach: std::sync::Mutex<Reach>,
}

#[derive(Default)]
struct Held {
    claimed: Option<Claimed>,
    /// When the last attempt to connect began that failed, and how.
    failed: Option<(Instant, HandError)>,
}

/// Nodes of the cluster by name, as the API server has them.
pub(crate) type Nodes = Arc<BTreeMap<String, Value>>;

/// What was last asked about all nodes: when, and the answer; `None` when the API server gave none.
pub(crate) type LastNodes = Option<(Instant, Result<Option<Nodes>, Failure>)>;

/// Hosts that are sent blobs at a time. More would share the same link of the machine that sends, and each keep its buffers.
const SENT_TO: usize = 32;

/// A hand, and the run that it was claimed for.
struct Claimed {
    hand: Arc<Hand>,
    fenced: Option<(String, u64)>,
}

impl HostSlot {
    fn reach(&self) -> std::sync::MutexGuard<'_, Reach> {
        self.reach
            .lock()
            .expect("invariant: nothing panics while it holds what is known about reaching a host")
    }
}

impl SiteWorld {
    /// `control_plane` is the host whose API server is asked about the cluster.
    pub fn new(
        targets: BTreeMap<String, Target>,
        binaries: BinarySource,
        bundle: Option<Arc<Bundle<Sealed>>>,
        control_plane: String,
    ) -> SiteWorld {
        let slot = |target| HostSlot { target, held: Mutex::default(), reach: std::sync::Mutex::default() };
        let hosts = targets.into_iter().map(|(name, target)| (name, slot(target))).collect();
        let (take_over, secrets) = (BTreeSet::new(), BTreeMap::new());
        let bundles = bundle.into_iter().collect();
        SiteWorld {
            hosts,
            binaries,
            bundles,
            control_plane,
            take_over,
            claimant: None,
            secrets,
            patience: None,
            slowness: 1,
            nodes: Mutex::default(),
            sending: Semaphore::new(SENT_TO),
        }
    }

    /// Takes these hosts from whichever ledger holds them: the operator named each.
    pub fn with_take_over(mut self, hosts: impl IntoIterator<Item = String>) -> SiteWorld {
        self.take_over.extend(hosts);
        self
    }

    /// Claims hosts in this name.
    pub fn with_claimant(mut self, claimant: Claimant) -> SiteWorld {
        self.claimant = Some(claimant);
        self
    }

    /// Claims every host of the site before a run is begun: of two ledgers that meet on bare hosts one is refused before it
    /// has changed anything, and a host on which nothing is left to do is ours too from then on. `run` is the last run of
    /// the ledger, so that a state folder that was copied before others were made is refused as well.
    ///
    /// The first host in the order of names is claimed before the others: whoever gets it goes on, alike for all.
    pub async fn claim_all(&self, ledger: &str, run: u64) -> Result<(), (String, HandError)> {
        let names: Vec<&str> = self.hosts.keys().map(String::as_str).collect();
        self.claim_each(&names, ledger, run).await
    }

    /// As [`SiteWorld::claim_all`], for these hosts alone.
    pub async fn claim_each(
        &self,
        hosts: &[&str],
        ledger: &str,
        run: u64,
    ) -> Result<(), (String, HandError)> {
        let claim = |host: &str| {
            let host = host.to_owned();
            async move {
                let claimed = match self.hand(&host).await {
                    Ok(hand) => self.claim(&host, &hand, ledger, run).await,
                    Err(error) => Err(error),
                };
                claimed.map_err(|error| (host, error))
            }
        };
        let Some((first, others)) = hosts.split_first() else { return Ok(()) };
        claim(first).await?;
        try_join_all(others.iter().map(|host| claim(host))).await.map(drop)
    }

    /// Hosts with a hand that somebody else put there, such as a process that stands in for one.
    pub fn with_hands(mut self, hands: BTreeMap<String, Hand>) -> SiteWorld {
        for (host, hand) in hands {
            if let Some(slot) = self.hosts.get_mut(&host) {
                slot.held.get_mut().claimed = Some(Claimed { hand: Arc::new(hand), fenced: None });
            }
        }
        self
    }

    /// More bundles to take blobs from.
    pub fn with_addons(mut self, bundles: impl IntoIterator<Item = Arc<Bundle<Sealed>>>) -> SiteWorld {
        self.bundles.extend(bundles);
        self
    }

    /// Secrets that plans refer to.
    pub fn with_secrets(mut self, secrets: BTreeMap<SecretRef, Secret>) -> SiteWorld {
        self.secrets = secrets;
        self
    }

    pub(crate) fn secret(&self, from: &SecretRef) -> Option<&Secret> {
        self.secrets.get(from)
    }

    /// Gives up on a lost connection after this long.
    pub fn with_patience(mut self, patience: Duration) -> SiteWorld {
        self.patience = Some(patience);
        self
    }

    /// Hosts that take so many times as long as usual for everything.
    pub fn with_slowness(mut self, factor: u32) -> SiteWorld {
        self.slowness = factor;
        self
    }

    pub(crate) fn slowness(&self) -> u32 {
        self.slowness
    }

    pub(crate) fn last_nodes(&self) -> &Mutex<LastNodes> {
        &self.nodes
    }

    pub(crate) fn control_plane(&self) -> &str {
        &self.control_plane
    }

    /// Connects to every host at once; what went wrong is told host by host.
    pub async fn connect(&self) -> BTreeMap<String, Result<Arc<Hand>, HandError>> {
        let hands = self.hosts.keys().map(|name| async move { (name.clone(), self.hand(name).await) });
        join_all(hands).await.into_iter().collect()
    }

    /// The host's hand, started when there is none.
    pub async fn hand(&self, host: &str) -> Result<Arc<Hand>, HandError> {
        let slot = self.slot(host)?;
        let asked = Instant::now();
        let mut held = slot.held.lock().await;
        if let Some(claimed) = held.claimed.as_ref().filter(|claimed| !claimed.hand.is_lost()) {
            slot.reach().connected();
            return Ok(Arc::clone(&claimed.hand));
        }
        // Whoever waited while somebody else tried shares what came of it: a host that is gone is not tried once for each of
        // those who speak to it.
        if let Some((_, error)) = held.failed.as_ref().filter(|(began, _)| *began >= asked) {
            return Err(error.clone());
        }
        let began = Instant::now();
        match Hand::start(&slot.target, &self.binaries, ARMILLA_ROOT).await {
            Ok(hand) => {
                let hand = Arc::new(hand);
                *held =
                    Held { claimed: Some(Claimed { hand: Arc::clone(&hand), fenced: None }), failed: None };
                slot.reach().connected();
                Ok(hand)
            }
            Err(error) => {
                held.failed = Some((began, error.clone()));
                Err(error)
            }
        }
    }

    /// A call to the host was lost, or it cannot be reached: whether to try again.
    pub(crate) fn again(&self, host: &str, error: &HandError) -> Again {
        let patience = self.patience.unwrap_or(PATIENCE);
        match self.slot(host) {
            Ok(slot) => slot.reach().failed(Instant::now(), &chain(error), patience),
            Err(missing) => Again::Never { why: chain(&missing), waited: Duration::ZERO },
        }
    }

    /// For how long the host has not answered.
    pub(crate) fn silent_for(&self, host: &str) -> Option<Duration> {
        self.slot(host).ok()?.reach().silent_for(Instant::now())
    }

    /// Claims the host for a run with this hand: an older run and another ledger are refused from then on.
    pub(crate) async fn claim(
        &self,
        host: &str,
        hand: &Arc<Hand>,
        ledger: &str,
        run: u64,
    ) -> Result<(), HandError> {
        let mut held = self.slot(host)?.held.lock().await;
        let Some(claimed) = held.claimed.as_mut().filter(|claimed| Arc::ptr_eq(&claimed.hand, hand)) else {
            return Ok(());
        };
        let wanted = Some((ledger.to_owned(), run));
        if claimed.fenced != wanted {
            let take_over = self.take_over.contains(host);
            hand.fence(ledger, TERM, run, take_over, self.claimant.clone()).await?;
            claimed.fenced = wanted;
        }
        Ok(())
    }

    /// Writes the host's copy of the site, as whoever holds the host.
    pub(crate) async fn keep_copy(
        &self,
        host: &str,
        ledger: &str,
        run: u64,
        copy: &[u8],
    ) -> Result<(), HandError> {
        let hand = self.hand(host).await?;
        self.claim(host, &hand, ledger, run).await?;
        hand.write(SITE_COPY, 0o600, copy).await
    }

    /// Forgets a hand whose connection is gone; another task may have replaced it already.
    pub(crate) async fn lost(&self, host: &str, hand: &Arc<Hand>) {
        let Ok(slot) = self.slot(host) else { return };
        let mut held = slot.held.lock().await;
        if held.claimed.as_ref().is_some_and(|claimed| Arc::ptr_eq(&claimed.hand, hand)) {
            held.claimed = None;
        }
    }

    fn slot(&self, host: &str) -> Result<&HostSlot, HandError> {
        self.hosts.get(host).ok_or_else(|| HandError::Here(format!("find host {host} in the site")))
    }

    /// Sends blobs of the bundle, several at a time; progress is of all of them together.
    pub(crate) async fn send_blobs(
        &self,
        hand: &Hand,
        ctx: &StepContext,
        blobs: &[(Digest, u64)],
    ) -> Result<(), HandError> {
        let holder = |digest: &Digest| self.bundles.iter().find(|bundle| bundle.blob(digest).is_some());
        if let Some((digest, _)) = blobs.iter().find(|(digest, _)| holder(digest).is_none()) {
            return Err(HandError::Here(format!("find {digest}: no bundle that is here has it")));
        }
        let _turn = self.sending.acquire().await.expect("the semaphore is never closed");
        let total = blobs.iter().map(|(_, size)| size).sum();
        let done = AtomicU64::new(0);
        ctx.progress(0, Some(total));
        let sends = blobs.iter().map(|(digest, size)| {
            let (done, seen) = (&done, AtomicU64::new(0));
            async move {
                let tell = move |there: u64| {
                    let before = seen.swap(there, Ordering::Relaxed);
                    let more = there.saturating_sub(before);
                    ctx.progress(done.fetch_add(more, Ordering::Relaxed) + more, Some(total));
                };
                let bundle = holder(digest).expect("each was looked up above");
                hand.put_blob(&blob_of(bundle, digest, *size), &tell).await
            }
        });
        try_join_all(sends).await.map(drop)
    }
}

fn blob_of(bundle: &Arc<Bundle<Sealed>>, digest: &Digest, size: u64) -> Blob {
    let (bundle, wanted) = (Arc::clone(bundle), digest.clone());
    let open = move |offset: u64| {
        let missing = || std::io::Error::other(format!("{wanted} is not in the bundle"));
        let mut reader = bundle.blob(&wanted).ok_or_else(missing)?;
        reader.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(reader) as Box<dyn std::io::Read + Send>)
    };
    Blob { digest: digest.clone(), size, open: Arc::new(open) }
}

impl World for SiteWorld {
    fn probe<'a>(&'a self, step: &'a Step) -> BoxFuture<'a, Probe> {
        Box::pin(async move {
            let port = HostPort::new(self, &step.host);
            match steps::probe(step, &port).await {
                Ok(probe) => probe,
                Err(failure) => Probe::CannotTell(failure.what),
            }
        })
    }

    fn act<'a>(&'a self, step: &'a Step, ctx: &'a StepContext) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let port = HostPort::new(self, &step.host).for_act(ctx);
            port.claim().await?;
            steps::act(step, &port, ctx).await
        })
    }
}
