//! The clusters of this instance's sites, each reached through a hand on one of its control planes.
//!
//! ```text
//!  site ──▶ a control plane that answers ──▶ hand ──┬─ dial ──▶ the cluster's API, TLS from here to there
//!                                                   ├─ files: admin.conf, certificates
//!                                                   └─ terminal
//! ```
//!
//! Hands are kept while somebody uses them and started again when their connection is lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use appliance_store::ledger::{Actor, Command, CredentialCommand};
use futures_util::future::join_all;
use installer_cluster::{Certificate, Cluster, ClusterError, Credentials, Dial, Etcd, Exec, WantedAddOn};
use installer_model::plan::Action;
use installer_model::site::{Host, Site};
use installer_run::images::HeldImage;
use installer_run::reader::Reader;
use installer_ssh::{Hand, HandError};
use installer_wire::terminal::Size;
use zeroize::Zeroizing;

use crate::error::{About, ControlError, Kind, Problem};
use crate::given::Given;
use crate::hands::{Acquaintance, hand_on};
use crate::instance::Instance;
use crate::secrets::SecretSource;
use crate::site_file;
use crate::supporting::{self, Archive, Wanted};
use crate::terminal::Terminal;

/// Where kubeadm puts the kubeconfig of administrators.
const ADMIN: &str = "/etc/kubernetes/admin.conf";

/// The longest file that is read of a control plane, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// A hand that nobody has used for so long is let go of.
const IDLE: Duration = Duration::from_secs(300);

/// How long a hand may take to be there: a host that does not answer is passed over.
const PATIENCE: Duration = Duration::from_secs(20);

/// The certificates that kubeadm makes on a control plane, below `/etc/kubernetes`, and those that the kubelet keeps.
const CERTIFICATES: [&str; 14] = [
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/apiserver.crt",
    "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
    "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "/etc/kubernetes/pki/front-proxy-ca.crt",
    "/etc/kubernetes/pki/front-proxy-client.crt",
    "/etc/kubernetes/pki/etcd/ca.crt",
    "/etc/kubernetes/pki/etcd/server.crt",
    "/etc/kubernetes/pki/etcd/peer.crt",
    "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    "/var/lib/kubelet/pki/kubelet-client-current.pem",
];

/// Reaches clusters. Clones share what they keep.
#[derive(Clone)]
pub struct Clusters {
    instance: Instance,
    /// None: what was given to the instance for each site.
    secrets: Option<Arc<dyn SecretSource>>,
    /// By site and host.
    hands: Arc<Mutex<HashMap<(String, String), Kept>>>,
    /// By site.
    reached: Arc<Mutex<HashMap<String, Reached>>>,
}

struct Kept {
    hand: Arc<Hand>,
    used: Instant,
}

/// A cluster that answers, and how it is reached.
#[derive(Clone)]
pub struct Reached {
    pub cluster: Cluster,
    /// The control plane that it is reached through.
    pub host: String,
    hand: Arc<Hand>,
}

/// What is known of one control plane's etcd.
pub struct EtcdOf {
    pub host: String,
    pub etcd: Result<Etcd, String>,
}

/// The certificates that could be seen, and why others could not.
#[derive(Default)]
pub struct Seen {
    pub certificates: Vec<Certificate>,
    pub problems: Vec<Problem>,
}

impl Clusters {
    /// With the secrets of whoever runs this process.
    pub fn new(instance: Instance, secrets: Arc<dyn SecretSource>) -> Clusters {
        Clusters { instance, secrets: Some(secrets), hands: Arc::default(), reached: Arc::default() }
    }

    /// With what was given to the instance for each site, and nothing else: a server reads no file that a site names.
    pub fn given(instance: Instance) -> Clusters {
        Clusters { instance, secrets: None, hands: Arc::default(), reached: Arc::default() }
    }

    /// The site as its cluster stands, or as it is wanted where none stands yet.
    pub fn site(&self, name: &str) -> Result<Site, ControlError> {
        let store = &self.instance.store;
        let founded: Option<Site> = store.site(name).map_err(|error| ControlError::store("", &error))?;
        if let Some(site) = founded {
            return Ok(site);
        }
        let row: Option<appliance_store::ledger::SiteRow> =
            store.row(name).map_err(|error| ControlError::store("", &error))?;
        let row = row.ok_or_else(|| ControlError::new(Kind::NotFound, format!("find site {name}")))?;
        Ok(Site::parse(&row.text)?)
    }

    /// The site's cluster, through the first control plane that answers. Hosts without a cluster are left alone: a question must
    /// not bring a hand back to those that a reset left bare.
    pub async fn reach(&self, site: &Site) -> Result<Reached, ControlError> {
        let name = site.name.as_str();
        let founded: Option<Site> =
            self.instance.store.site(name).map_err(|error| ControlError::store("", &error))?;
        if founded.is_none() {
            let none =
                ControlError::new(Kind::NotFound, format!("find a cluster of site {name}: none stands"));
            return Err(none.hint("`armilla apply` installs the site"));
        }
        let known = lock(&self.reached).get(name).cloned();
        if let Some(reached) = known.filter(|reached| !reached.hand.is_lost()) {
            self.touch(name, &reached.host);
            return Ok(reached);
        }
        let mut problems = Vec::new();
        let mut kind = Kind::Failed;
        for host in site.control_planes() {
            match self.reach_through(site, host).await {
                Ok(reached) => {
                    lock(&self.reached).insert(name.to_owned(), reached.clone());
                    return Ok(reached);
                }
                Err(error) => {
                    kind = kind.max(error.kind);
                    problems.extend(error.problems);
                }
            }
        }
        Err(ControlError::all(kind, problems))
    }

    /// Forgets the way to a cluster that did not answer, so that the next question looks for another one.
    pub fn lost(&self, site: &Site) {
        lock(&self.reached).remove(site.name.as_str());
    }

    async fn reach_through(&self, site: &Site, host: &Host) -> Result<Reached, ControlError> {
        let hand = self.hand(site, host).await?;
        let admin = self.admin(site, host, &hand).await?;
        let credentials = Credentials::parse(&admin).map_err(|error| {
            let problem = Problem::of_host(host.name.as_str(), format!("failed to {error}"));
            ControlError::all(Kind::Failed, vec![problem])
        })?;
        let cluster = Cluster::new(&credentials, dial_from(&hand));
        Ok(Reached { cluster, host: host.name.to_string(), hand })
    }

    /// The admin kubeconfig as the control plane has it. The store keeps a sealed copy, for when no host can be asked.
    async fn admin(&self, site: &Site, host: &Host, hand: &Hand) -> Result<Zeroizing<String>, ControlError> {
        let failed = |error: &HandError| {
            ControlError::all(Kind::of_hand(error), vec![Problem::of_hand(host.name.as_str(), error)])
        };
        if hand.stat(ADMIN, false).await.map_err(|error| failed(&error))?.is_none() {
            let problem =
                Problem::of_host(host.name.as_str(), format!("failed to find {ADMIN}: no cluster stands"));
            return Err(
                ControlError::all(Kind::NotFound, vec![problem]).hint("`armilla apply` installs the site")
            );
        }
        let read = hand.read(ADMIN, FILE_LIMIT).await.map_err(|error| failed(&error))?;
        let text = String::from_utf8(read).map(Zeroizing::new).map_err(|_| {
            let problem =
                Problem::of_host(host.name.as_str(), format!("failed to read {ADMIN}: it is not text"));
            ControlError::all(Kind::Failed, vec![problem])
        })?;
        let (store, name) = (Arc::clone(&self.instance.store), kubeconfig_secret(site));
        let kept = text.clone();
        let keeping = tokio::task::spawn_blocking(move || {
            let before = store.secret(&name)?;
            if before.is_some_and(|before| before.as_slice() == kept.as_bytes()) {
                return Ok(());
            }
            let sealed = store.seal(&name, kept.as_bytes())?;
            let command = Command::Credentials(CredentialCommand::PutSecret { name, sealed });
            store.submit(&Actor::Instance, &command).map(drop)
        });
        if let Ok(Err(error)) = keeping.await {
            // The cluster is reached all the same.
            tracing::warn!(error = %installer_model::chain(&error), "the kubeconfig was not kept");
        }
        Ok(text)
    }

    /// The admin kubeconfig: from a control plane, or else the copy that was kept when one answered last.
    pub async fn kubeconfig(&self, site: &Site) -> Result<Zeroizing<String>, ControlError> {
        let host = site_file::founder(site);
        let asked = async { self.admin(site, host, &*self.hand(site, host).await?).await };
        let error = match asked.await {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        let (store, name) = (Arc::clone(&self.instance.store), kubeconfig_secret(site));
        let kept = tokio::task::spawn_blocking(move || store.secret(&name)).await;
        match kept {
            Ok(Ok(Some(kept))) => match std::str::from_utf8(&kept) {
                Ok(text) => Ok(Zeroizing::new(text.to_owned())),
                Err(_) => Err(error),
            },
            Ok(Ok(None) | Err(_)) | Err(_) => Err(error),
        }
    }

    /// A hand on a host, kept for those who come after.
    pub async fn hand(&self, site: &Site, host: &Host) -> Result<Arc<Hand>, ControlError> {
        self.let_go();
        let key = (site.name.to_string(), host.name.to_string());
        if let Some(kept) = lock(&self.hands).get_mut(&key).filter(|kept| !kept.hand.is_lost()) {
            kept.used = Instant::now();
            return Ok(Arc::clone(&kept.hand));
        }
        let known = Acquaintance::of(&self.instance);
        let secrets = self.secrets(site);
        let starting = hand_on(host, &known, &*secrets);
        let hand = tokio::time::timeout(PATIENCE, starting).await.map_err(|_| {
            let late = format!("it gave no hand within {} s", PATIENCE.as_secs());
            ControlError::all(Kind::Unreachable, vec![Problem::of_host(host.name.as_str(), late)])
        })?;
        let hand = hand.map_err(|error| about_host(host.name.as_str(), error))?;
        let kept = Kept { hand: Arc::clone(&hand), used: Instant::now() };
        lock(&self.hands).insert(key, kept);
        Ok(hand)
    }

    fn secrets(&self, site: &Site) -> Arc<dyn SecretSource> {
        match &self.secrets {
            Some(secrets) => Arc::clone(secrets),
            None => Arc::new(Given::new(&self.instance.store, site.name.as_str())),
        }
    }

    /// What somebody needs who helps with a site: from the store and from every host that answers within the limit.
    pub async fn support(&self, site: &Site, limit: Duration, at: u64, by: &Actor) -> Archive {
        let Instance { store, state, holder } = &self.instance;
        let given = Given::new(store, site.name.as_str());
        let wanted = Wanted {
            by: format!("{by}, through {holder}"),
            site: Ok(site),
            reader: &Reader::of(store, holder.clone()),
            state,
            secrets: &*self.secrets(site),
            known: &|| given.known(site),
            limit,
            trust_new: false,
            tell: &|said| tracing::debug!(said, "collects for support"),
        };
        let mut archive = supporting::collect(&wanted, at).await;
        supporting::of_instance(store, &mut archive);
        archive
    }

    fn touch(&self, site: &str, host: &str) {
        if let Some(kept) = lock(&self.hands).get_mut(&(site.to_owned(), host.to_owned())) {
            kept.used = Instant::now();
        }
    }

    /// Lets go of hands that nobody uses. One that carries a terminal or a log lives on with that.
    fn let_go(&self) {
        let mut gone = Vec::new();
        lock(&self.hands).retain(|(site, host), kept| {
            let stays = kept.used.elapsed() < IDLE && !kept.hand.is_lost();
            if !stays {
                gone.push((site.clone(), host.clone()));
            }
            stays
        });
        let mut reached = lock(&self.reached);
        reached.retain(|site, through| !gone.contains(&(site.clone(), through.host.clone())));
    }

    /// The images that each host of a site holds. All hosts that cannot be asked are named at once.
    pub async fn images(&self, site: &Site) -> Result<BTreeMap<String, Vec<HeldImage>>, ControlError> {
        let asked = site.hosts.iter().map(|host| async move {
            let hand = self.hand(site, host).await?;
            installer_run::images::held(&hand).await.map_err(|failure| {
                let said = failure.evidence.last().map(|line| format!(": {line}")).unwrap_or_default();
                let problem =
                    Problem::of_host(host.name.as_str(), format!("failed to {}{said}", failure.what));
                ControlError::all(Kind::Failed, vec![problem])
            })
        });
        let (mut held, mut problems, mut kind) = (BTreeMap::new(), Vec::new(), Kind::Failed);
        for (host, images) in site.hosts.iter().zip(join_all(asked).await) {
            match images {
                Ok(images) => drop(held.insert(host.name.to_string(), images)),
                Err(error) => {
                    kind = kind.max(error.kind);
                    problems.extend(error.problems);
                }
            }
        }
        if problems.is_empty() { Ok(held) } else { Err(ControlError::all(kind, problems)) }
    }

    /// The workloads that the site's plan brought as add-ons.
    pub fn addons(&self, site: &Site) -> Result<Vec<WantedAddOn>, ControlError> {
        let target = self.instance.store.target(site.name.as_str());
        let target = target.map_err(|error| ControlError::store("", &error))?;
        let steps = target.iter().flat_map(|adopted| &adopted.steps);
        let manifests = steps.filter_map(|step| match &step.action {
            Action::Apply { name, manifest } => Some((name, manifest)),
            _ => None,
        });
        Ok(manifests.flat_map(|(name, manifest)| installer_cluster::wanted(name, manifest)).collect())
    }

    /// Each control plane's etcd, as it tells of itself.
    pub async fn etcd(&self, site: &Site) -> Vec<EtcdOf> {
        let asked = site.control_planes().map(|host| async move {
            let etcd = match self.hand(site, host).await {
                Ok(hand) => {
                    installer_cluster::etcd(&dial_from(&hand)).await.map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            EtcdOf { host: host.name.to_string(), etcd }
        });
        join_all(asked).await
    }

    /// The certificates of a cluster: those that its API server and kubelets show, and the files on its control planes.
    pub async fn certificates(&self, site: &Site) -> Result<Seen, ControlError> {
        let reached = self.reach(site).await?;
        let mut seen = Seen::default();
        let api = reached.cluster.api_certificate(&reached.host).await;
        seen.add(&reached.host, api);
        let kubelets = site.hosts.iter().map(|host| {
            let cluster = reached.cluster.clone();
            async move {
                let address = host.cluster_address.to_string();
                (host.name.to_string(), cluster.kubelet_certificate(host.name.as_str(), &address).await)
            }
        });
        for (host, shown) in join_all(kubelets).await {
            seen.add(&host, shown);
        }
        let files = site.control_planes().map(|host| self.files(site, host));
        for files in join_all(files).await {
            seen.certificates.extend(files.certificates);
            seen.problems.extend(files.problems);
        }
        Ok(seen)
    }

    async fn files(&self, site: &Site, host: &Host) -> Seen {
        let name = host.name.as_str();
        let mut seen = Seen::default();
        let hand = match self.hand(site, host).await {
            Ok(hand) => hand,
            Err(error) => {
                seen.problems.extend(error.problems);
                return seen;
            }
        };
        let read = CERTIFICATES.map(|path| {
            let hand = Arc::clone(&hand);
            async move { (path, hand.read(path, FILE_LIMIT).await) }
        });
        for (path, content) in join_all(read).await {
            match content {
                Ok(content) => match certificate(name, path, Zeroizing::new(content)) {
                    Ok(certificate) => seen.certificates.extend(certificate),
                    Err(why) => {
                        seen.problems.push(Problem::of_host(name, format!("{path}: failed to {why}")))
                    }
                },
                // An external etcd has no files here, and kubelets may be set up otherwise.
                Err(error) if error.failure().is_some() => {}
                Err(error) => seen.problems.push(Problem::of_hand(name, &error)),
            }
        }
        seen
    }

    /// A terminal of root on a host.
    pub async fn shell(
        &self,
        site: &Site,
        host: &str,
        size: Size,
        term: &str,
    ) -> Result<Terminal, ControlError> {
        let host = site_file::host(site, host)?;
        let hand = self.hand(site, host).await?;
        let opened = hand.terminal(size, term).await.map_err(|error| {
            ControlError::all(Kind::of_hand(&error), vec![Problem::of_hand(host.name.as_str(), &error)])
        })?;
        Ok(Terminal::on_host(opened))
    }

    /// A terminal in a container.
    pub async fn exec(&self, site: &Site, wanted: &Exec, size: Size) -> Result<Terminal, ControlError> {
        let executed = self.reach(site).await?.cluster.exec(wanted).await;
        Ok(Terminal::in_pod(executed.map_err(|error| ControlError::of_cluster(&error))?, size))
    }
}

impl Seen {
    fn add(&mut self, host: &str, shown: Result<Certificate, ClusterError>) {
        match shown {
            Ok(certificate) => self.certificates.push(certificate),
            Err(error) => {
                self.problems.push(Problem::of_host(host, format!("failed to {error}")).hint(error.hint()));
            }
        }
    }
}

impl ControlError {
    /// What a cluster said, or that it did not.
    pub fn of_cluster(error: &ClusterError) -> ControlError {
        let kind = match error {
            ClusterError::Unreachable { .. } | ClusterError::Late { .. } => Kind::Unreachable,
            ClusterError::Refused { status: 404, .. } => Kind::NotFound,
            ClusterError::Refused { status: 401 | 403, .. } => Kind::NotLetIn,
            ClusterError::Refused { status: 409, .. } => Kind::Conflict,
            ClusterError::Refused { status: 400..=499, .. } | ClusterError::Invalid { .. } => Kind::Usage,
            ClusterError::Refused { .. } | ClusterError::Nonsense { .. } | ClusterError::Credentials(_) => {
                Kind::Failed
            }
        };
        ControlError::of(kind, "", error).hint(error.hint())
    }
}

/// Problems that name their host in their text name it beside that instead.
fn about_host(name: &str, mut error: ControlError) -> ControlError {
    for problem in &mut error.problems {
        if problem.about == About::All {
            problem.about = About::Host(name.to_owned());
            let rest = problem.text.strip_prefix(&format!("{name}: ")).map(str::to_owned);
            problem.text = format!("failed to {}", rest.unwrap_or_else(|| problem.text.clone()));
        }
    }
    error
}

/// Where a site's kubeconfig is sealed to.
fn kubeconfig_secret(site: &Site) -> String {
    format!("kubeconfig/{}", site.name)
}

/// Connections that begin on the host of a hand.
fn dial_from(hand: &Arc<Hand>) -> Dial {
    let hand = Arc::clone(hand);
    Arc::new(move |host, port| {
        let hand = Arc::clone(&hand);
        Box::pin(async move {
            let stream = hand.dial(&host, port).await.map_err(std::io::Error::other)?;
            Ok(Box::new(stream) as Box<dyn installer_cluster::Stream>)
        })
    })
}

/// The certificate of a file: in PEM, or that of the user of a kubeconfig.
fn certificate(host: &str, path: &str, content: Zeroizing<Vec<u8>>) -> Result<Option<Certificate>, String> {
    let text = std::str::from_utf8(&content).map_err(|_| "read it: it is not text".to_owned())?;
    let found = if path.ends_with(".conf") {
        installer_cluster::certificate_of_kubeconfig(host, path, text)
    } else {
        installer_cluster::certificates_in(host, path, text)
    };
    found.map_err(|error| error.to_string())
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().expect("invariant: nothing panics while it holds them")
}
