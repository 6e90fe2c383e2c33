//! From the operator's files to findings and a plan: what check, plan, apply and reset have in common.
#![expect(clippy::print_stderr, reason = "tells the operator what is being done")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use appliance_store::{AdoptedPlan, Holder, Store};
use bundles_format::{FORMAT, Release};
use bundles_store::{Bundle, Sealed};
use installer_model::finding::{Finding, Severity};
use installer_model::link::Link;
use installer_model::plan::{Intent, Plan};
use installer_model::settings::{HostSettings, SiteSettings};
use installer_model::site::{Host, Site};
use installer_model::survey::{HostFacts, Survey, SurveyedHost, clock_skew_ms};
use installer_model::view::WaivedView;
use installer_model::waiver::KeptWaiver;
use installer_plan::planner::{self, AddOn, PlanInput};
use installer_plan::preflight::waive::waive;
use installer_plan::{HostInput, decide, preflight};
use installer_run::SiteWorld;
use installer_run::matrix::Matrix;
use installer_ssh::{Hand, HandError};
use installer_wire::{FailureKind, FenceRecord};

use crate::addons::{self, Addon, Opened};
use crate::cli::{CliError, SiteArgs, chain};
use crate::display::waived_line;
use crate::{findings, waiving, wiring};

/// Where a host keeps whom it belongs to.
pub(crate) const FENCE: &str = "/var/lib/armilla/fence.json";

/// What the hosts are looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Check,
    Plan,
    Apply,
    Import,
    Reset,
}

impl Purpose {
    /// The verb of the command line; what the store's holder is called.
    fn verb(self) -> &'static str {
        match self {
            Purpose::Check => "check",
            Purpose::Plan => "plan",
            Purpose::Apply => "apply",
            Purpose::Import => "bundle import",
            Purpose::Reset => "reset",
        }
    }
}

/// Everything that was read and found before anything is touched.
pub(crate) struct Ready {
    pub(crate) site: Site,
    /// What the bundle offers. A reset that was given no bundle knows its name from the last plan, and needs no more.
    pub(crate) release: Release,
    /// The bundle itself, where there is one.
    bundle: Option<Arc<Bundle<Sealed>>>,
    /// What was brought to the site beside it, by name.
    pub(crate) addons: Vec<Addon>,
    /// The name of the one that is being imported.
    pub(crate) imported: Option<String>,
    pub(crate) store: Arc<Store>,
    pub(crate) state: PathBuf,
    /// This process, as others are told of it.
    pub(crate) holder: Holder,
    pub(crate) world: Arc<SiteWorld>,
    /// Judged, waived and in order.
    pub(crate) findings: Vec<Finding>,
    pub(crate) unused_waivers: Vec<KeptWaiver>,
    /// Whether this ledger has claimed each host before.
    ours: BTreeMap<String, bool>,
    hosts: BTreeMap<String, HostInput>,
    shared: SiteSettings,
    /// PEM, by the registry's host.
    registry_cas: BTreeMap<String, String>,
}

/// Reads the files, connects to all hosts, surveys them and judges.
pub(crate) async fn ready(args: &SiteArgs, purpose: Purpose) -> Result<Ready, CliError> {
    ready_for(args, purpose, &[], &waiving::Change::default(), None).await
}

/// As [`ready`], after a change of the site's waivers.
pub(crate) async fn ready_waiving(
    args: &SiteArgs,
    purpose: Purpose,
    change: &waiving::Change,
) -> Result<Ready, CliError> {
    ready_for(args, purpose, &[], change, None).await
}

/// As [`ready`], with one more add-on than the site has so far.
pub(crate) async fn ready_with(
    args: &SiteArgs,
    purpose: Purpose,
    import: &addons::Import,
) -> Result<Ready, CliError> {
    ready_for(args, purpose, &[], &waiving::Change::default(), Some(import)).await
}

/// As [`ready`], for the verb that can do without some hosts: these are left alone.
pub(crate) async fn ready_without(
    args: &SiteArgs,
    purpose: Purpose,
    without: &[String],
) -> Result<Ready, CliError> {
    ready_for(args, purpose, without, &waiving::Change::default(), None).await
}

async fn ready_for(
    args: &SiteArgs,
    purpose: Purpose,
    without: &[String],
    change: &waiving::Change,
    import: Option<&addons::Import>,
) -> Result<Ready, CliError> {
    let whole = wiring::site(&args.site)?;
    let mut site = whole.clone();
    site.hosts.retain(|host| !without.iter().any(|name| name == host.name.as_str()));
    if site.hosts.is_empty() {
        return Err(CliError::new(2, "do anything: every host of the site is left out"));
    }
    waiving::refuse_wrong(&whole, change)?;
    args.take_over.iter().try_for_each(|name| wiring::host(&site, name).map(drop))?;
    let state = wiring::state_folder(&args.state);
    let store = Arc::new(wiring::store(&state, purpose.verb())?);
    let bundle = match purpose {
        Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
            Some(wiring::bundle(args, &site, &store)?)
        }
        Purpose::Reset => wiring::bundle_if_there(args, &site, &store)?,
    };
    let bundle = bundle.map(Arc::new);
    let release = match &bundle {
        Some(bundle) => bundle.release().clone(),
        None => last_release(&store, &site)?,
    };
    let waivers = waiving::settle(&store, &site, change)?;
    let Opened { addons, bundles, imported } = match purpose {
        // What goes needs nothing from where it came.
        Purpose::Reset => Opened::default(),
        Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
            addons::open(&site, &store, args, &release, import)?
        }
    };
    let together = addons::together(&release, &addons);
    let (registry_cas, secrets) = wiring::registries(&site)?;
    let targets = wiring::targets(&site, &store, args.yes)?;
    let binaries = wiring::hand_binaries(bundle.as_deref(), &state)?;
    let control_plane = founder(&whole).name.to_string();
    let world = SiteWorld::new(targets, binaries, bundle.clone(), control_plane)
        .with_addons(bundles)
        .with_take_over(args.take_over.iter().cloned())
        .with_patience(Duration::from_secs(args.patience))
        .with_slowness(site.slowness.factor())
        .with_secrets(secrets)
        .with_claimant(wiring::claimant(&state, purpose.verb()));
    eprintln!("Looking at {} ...", hosts_in_words(&site));
    let lineage = store.taken_from(site.name.as_str());
    let lineage = lineage.map_err(|error| CliError::from_error(1, "", &error))?;
    let mut problems = Problems::default();
    let hands = connect(&world, &mut problems).await;
    let (ours, inherited) = owned(&hands, store.ledger(), &lineage, &args.take_over, &mut problems).await;
    let world = world.with_take_over(inherited);
    let mut survey = survey(&site, &hands, &ours, &mut problems).await;
    if !problems.0.is_empty() {
        if purpose == Purpose::Reset {
            return Err(problems
                .into_error()
                .hint("a host that is lost for good can be left out: --without HOST"));
        }
        // What else stands in the way is told along with it: mended together, one look less.
        let mut findings = preflight::preflight(&site, &together, &survey);
        waive(&mut findings, &waivers);
        findings::in_order(&mut findings);
        findings.retain(Finding::stops);
        if !findings.is_empty() {
            eprint!("{}", findings::text(&findings, findings::language()));
        }
        return Err(problems.into_error());
    }
    survey.links = measure(&site, &hands, &survey, purpose).await?;
    let mut findings = match purpose {
        Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
            preflight::preflight(&site, &together, &survey)
        }
        // A host that is cleaned need not be fit for a cluster.
        Purpose::Reset => Vec::new(),
    };
    let unused_waivers = waive(&mut findings, &waivers);
    findings::in_order(&mut findings);
    let check = serde_json::json!({"findings": findings, "survey": survey});
    let kept = store.put_check(site.name.as_str(), &check);
    kept.map_err(|error| CliError::from_error(1, "keep the survey: ", &error))?;
    let shared = decide::site_settings(&site, &survey);
    let hosts = host_inputs(&site, &survey)?;
    let (site, world) = (whole, Arc::new(world));
    let holder = Holder::this_process(purpose.verb(), wiring::now_ms());
    Ok(Ready {
        bundle,
        addons,
        imported,
        site,
        release,
        store,
        state,
        holder,
        world,
        findings,
        unused_waivers,
        ours,
        hosts,
        shared,
        registry_cas,
    })
}

/// The name of what was installed last. Only a reset, which installs nothing, has use for a release without content.
fn last_release(store: &Store, site: &Site) -> Result<Release, CliError> {
    let target = store.target(site.name.as_str()).map_err(|error| CliError::from_error(1, "", &error))?;
    let version = target.map_or_else(|| "unknown".to_owned(), |plan| plan.release.clone());
    Ok(Release {
        format: FORMAT,
        name: String::new(),
        version,
        architectures: Vec::new(),
        components: Vec::new(),
    })
}

fn founder(site: &Site) -> &Host {
    site.control_planes().next().expect("a valid site has a control plane")
}

/// "1 host", "3 hosts".
pub(crate) fn hosts_in_words(site: &Site) -> String {
    let count = site.hosts.len();
    format!("{count} host{}", if count == 1 { "" } else { "s" })
}

/// What keeps hosts from being looked at, gathered until all were asked: an exit code and what to say, for each.
#[derive(Default)]
struct Problems(Vec<(u8, String)>);

impl Problems {
    fn add(&mut self, host: &str, error: &HandError) {
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        self.0.push((code, format!("{host}: failed to {}\nhint: {}", chain(error), error.hint())));
    }

    /// Sorted by host; of several exit codes the highest. There is at least one problem.
    fn into_error(mut self) -> CliError {
        self.0.sort_by(|(_, one), (_, other)| one.cmp(other));
        let code = self.0.iter().map(|(code, _)| *code).max().unwrap_or(1);
        CliError::all(code, self.0.into_iter().map(|(_, problem)| problem).collect())
    }
}

/// A hand on every host that can be reached and lets us in.
async fn connect(world: &SiteWorld, problems: &mut Problems) -> BTreeMap<String, Arc<Hand>> {
    let mut hands = BTreeMap::new();
    for (name, hand) in world.connect().await {
        match hand {
            Ok(hand) => drop(hands.insert(name, hand)),
            Err(error) => problems.add(&name, &error),
        }
    }
    hands
}

/// Whether each host was claimed by this ledger before. One that another ledger holds is refused unless it is taken
/// over by name: to judge it as a stranger's leftovers would advise the operator to delete a cluster of ours. A host that
/// was down when the site was taken over is still held by the ledger before (`lineage`), and is taken now: those come second.
async fn owned(
    hands: &BTreeMap<String, Arc<Hand>>,
    ledger: &str,
    lineage: &[String],
    take_over: &[String],
    problems: &mut Problems,
) -> (BTreeMap<String, bool>, Vec<String>) {
    let asked = hands.iter().map(|(name, hand)| async move { (name, owner(hand).await) });
    let (mut ours, mut inherited) = (BTreeMap::new(), Vec::new());
    for (name, held) in futures_util::future::join_all(asked).await {
        let held = match held {
            Ok(held) => held,
            Err(error) => {
                problems.add(name, &error);
                continue;
            }
        };
        let inherits = held.as_ref().is_some_and(|held| lineage.contains(&held.ledger));
        inherited.extend(inherits.then(|| name.clone()));
        let by_name = inherits || take_over.contains(name);
        let claimed = held.is_some();
        match held.filter(|held| held.ledger != ledger && !by_name) {
            Some(held) => {
                problems.0.push((4, format!("{name}: {}\nhint: {FOREIGN}", belongs(&held, ledger))))
            }
            None => drop(ours.insert(name.clone(), claimed)),
        }
    }
    (ours, inherited)
}

/// What helps when a host belongs to somebody else.
const FOREIGN: &str = "name the state folder that it was installed from with --state; if that is lost, take the site over with `armilla take-over`, or one host with --take-over HOST";

/// To whom a host belongs that is not this ledger's, for people.
pub(crate) fn belongs(held: &FenceRecord, ledger: &str) -> String {
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

/// The facts of every host.
async fn survey(
    site: &Site,
    hands: &BTreeMap<String, Arc<Hand>>,
    ours: &BTreeMap<String, bool>,
    problems: &mut Problems,
) -> Survey {
    let mut survey = Survey::default();
    let looks = site.hosts.iter().filter_map(|host| {
        let name = host.name.as_str();
        let (hand, ours) = (hands.get(name)?, *ours.get(name)?);
        Some(async move { (host, look(site, host, hand, ours).await) })
    });
    for (host, looked) in futures_util::future::join_all(looks).await {
        match looked {
            Ok(surveyed) => drop(survey.hosts.insert(host.name.clone(), surveyed)),
            Err(error) => problems.add(host.name.as_str(), &error),
        }
    }
    survey
}

async fn look(site: &Site, host: &Host, hand: &Hand, ours: bool) -> Result<SurveyedHost, HandError> {
    let questions = serde_json::to_value(preflight::questions(site, host, ours)).expect("plain data");
    let ping = std::time::Instant::now();
    hand.ping().await?;
    let rtt = ping.elapsed();
    let facts = hand.facts(questions).await?;
    let now = wiring::now_ns();
    let facts: HostFacts = serde_json::from_value(facts).map_err(|error| HandError::Protocol {
        address: host.address.to_string(),
        reason: format!("its facts: {error}"),
    })?;
    let rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
    let clock_skew_ms = facts.clock_unix_ns.map(|clock| clock_skew_ms(clock, now, rtt_us));
    Ok(SurveyedHost { facts, surveyed_unix_ns: now, ssh_rtt_us: Some(rtt_us), clock_skew_ms, ours })
}

/// The network between the hosts. Hosts that form a cluster already are measured only by `check`, where that is the
/// question; a host that is cleaned needs no network.
async fn measure(
    site: &Site,
    hands: &BTreeMap<String, Arc<Hand>>,
    survey: &Survey,
    purpose: Purpose,
) -> Result<Vec<Link>, CliError> {
    let ours = |host: &Host| survey.hosts.get(&host.name).is_some_and(|surveyed| surveyed.ours);
    let wanted = |one: &Host, other: &Host| match purpose {
        Purpose::Reset => false,
        Purpose::Check => true,
        Purpose::Plan | Purpose::Apply | Purpose::Import => !ours(one) || !ours(other),
    };
    let nonce = wiring::nonce()
        .map_err(|error| CliError::new(1, format!("get a random number from the kernel: {error}")))?;
    Ok(Matrix { site, hands, survey, nonce, wanted: &wanted }.measure().await)
}

/// Which ledger and run the host was last claimed for.
pub(crate) async fn owner(hand: &Hand) -> Result<Option<FenceRecord>, HandError> {
    match hand.read(FENCE, 4096).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.failure().is_some_and(|failure| failure.kind == FailureKind::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}

fn host_inputs(site: &Site, survey: &Survey) -> Result<BTreeMap<String, HostInput>, CliError> {
    let mut inputs = BTreeMap::new();
    let mut problems = Vec::new();
    for host in &site.hosts {
        let facts = survey.facts(&host.name).expect("every host was surveyed");
        match facts.arch() {
            Some(arch) => {
                let settings: HostSettings = decide::host_settings(host, facts);
                inputs.insert(host.name.to_string(), HostInput { arch, settings });
            }
            None => {
                let machine = facts.machine.as_deref().unwrap_or("unknown");
                problems
                    .push(format!("{}: its architecture is {machine}, wanted x86_64 or aarch64", host.name));
            }
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(CliError::all(5, problems)) }
}

impl Ready {
    /// The plan for what is intended, held against the plan that is the target now.
    pub(crate) fn plan(&self, intent: &Intent, keep: &[String]) -> Result<Plan, CliError> {
        let parent = self.target()?.map(|plan| plan.id.clone());
        // Where nothing of ours is, nothing is removed.
        let ours = || self.hosts.iter().filter(|(name, _)| self.is_ours(name));
        let hosts = match intent {
            Intent::Install => self.hosts.clone(),
            Intent::Reset | Intent::ResetHosts(_) => {
                ours().map(|(name, input)| (name.clone(), input.clone())).collect()
            }
        };
        let addons: Vec<AddOn<'_>> = self.addons.iter().map(Addon::planned).collect();
        let input = PlanInput {
            site: &self.site,
            release: &self.release,
            hosts: &hosts,
            shared: &self.shared,
            registry_cas: &self.registry_cas,
            addons: &addons,
            parent,
        };
        let plan = match intent {
            Intent::Install => planner::install(&input),
            Intent::Reset => planner::reset(&input, keep),
            Intent::ResetHosts(names) => {
                let host =
                    self.site.hosts.iter().find(|host| names.iter().any(|name| name == host.name.as_str()));
                planner::reset_host(&input, host.expect("the verb looked the host up"), keep)
            }
        };
        let plan = plan.map(|mut plan| {
            plan.report.extend(self.waived().iter().map(waived_line));
            plan
        });
        plan.map_err(|gaps| {
            CliError::new(5, gaps.to_string()).hint("build the bundle for this site's architectures")
        })
    }

    /// Whether this ledger has put anything on the host.
    pub(crate) fn is_ours(&self, host: &str) -> bool {
        self.ours.get(host) == Some(&true)
    }

    /// The hosts that were looked at and hold nothing of this ledger's.
    pub(crate) fn strangers(&self) -> Vec<&str> {
        self.ours.iter().filter(|(_, ours)| !**ours).map(|(name, _)| name.as_str()).collect()
    }

    /// What is gone on with in spite of what was found.
    pub(crate) fn waived(&self) -> Vec<WaivedView> {
        let of = |finding: &Finding| {
            let host = finding.host.as_ref().map(ToString::to_string);
            Some(WaivedView { host, observed: finding.observed.clone(), waiver: finding.waived.clone()? })
        };
        self.findings.iter().filter_map(of).collect()
    }

    /// Remembers the bundles that the site is made of: the next command finds them without being told, and a host that
    /// joins later gets what the others have.
    pub(crate) fn keep_bundles(&self) -> Result<(), CliError> {
        let failed = |error| CliError::from_error(1, "keep the site's bundles: ", &error);
        let name = self.site.name.as_str();
        if let Some(bundle) = &self.bundle {
            self.store.put_base(name, &addons::kept(bundle)?).map_err(failed)?;
        }
        self.addons
            .iter()
            .try_for_each(|addon| self.store.put_addon(name, &addon.release.name, addon))
            .map_err(failed)
    }

    pub(crate) fn target(&self) -> Result<Option<AdoptedPlan>, CliError> {
        self.store.target(self.site.name.as_str()).map_err(|error| CliError::from_error(1, "", &error))
    }

    /// What apply cannot do yet is refused by its path, before anything is touched.
    pub(crate) fn refuse_unsupported_changes(&self) -> Result<(), CliError> {
        let before: Option<Site> = self
            .store
            .site(self.site.name.as_str())
            .map_err(|error| CliError::from_error(1, "read the site as it was: ", &error))?;
        let problems = match before {
            Some(before) => unsupported(&before, &self.site),
            None => self.hosts_of_other_sites()?,
        };
        if problems.is_empty() {
            return Ok(());
        }
        Err(CliError::all(5, problems)
            .hint("put these back as they were, or reset the site and install it anew"))
    }

    /// A site that was never installed has no host that this ledger put into another site's cluster.
    fn hosts_of_other_sites(&self) -> Result<Vec<String>, CliError> {
        let failed = |error| CliError::from_error(1, "read the other sites: ", &error);
        let mut problems = Vec::new();
        for name in self.store.site_names().map_err(failed)? {
            let Some(other) = self.store.site::<Site>(&name).map_err(failed)? else { continue };
            problems.extend(shared_hosts(&self.site, &other, &self.ours));
        }
        Ok(problems)
    }
}

/// Hosts that carry the cluster of another site.
fn shared_hosts(site: &Site, other: &Site, ours: &BTreeMap<String, bool>) -> Vec<String> {
    let claimed = site.hosts.iter().filter(|host| ours.get(host.name.as_str()) == Some(&true));
    claimed
        .filter(|host| other.hosts.iter().any(|theirs| theirs.cluster_address == host.cluster_address))
        .map(|host| {
            let name = &host.name;
            format!("hosts[{name}]: it belongs to site {}; was metadata.name that once?", other.name)
        })
        .collect()
}

/// Changes between two site files that an existing cluster does not follow.
fn unsupported(before: &Site, now: &Site) -> Vec<String> {
    let mut problems = Vec::new();
    let mut fixed = |path: &str, was: String, is: String| {
        if was != is {
            problems.push(format!("{path}: was {was} when the cluster was made and is now {is}"));
        }
    };
    fixed("network.podCIDR", before.network.pod_cidr.to_string(), now.network.pod_cidr.to_string());
    fixed(
        "network.serviceCIDR",
        before.network.service_cidr.to_string(),
        now.network.service_cidr.to_string(),
    );
    fixed(
        "network.clusterDomain",
        before.network.cluster_domain.to_string(),
        now.network.cluster_domain.to_string(),
    );
    fixed("api.port", before.api.port.to_string(), now.api.port.to_string());
    fixed("dataRoot", before.data_root.to_string(), now.data_root.to_string());
    for host in &before.hosts {
        let name = &host.name;
        match now.host(name) {
            None => problems.push(format!(
                "hosts: {name} is gone from the file; take it out with `armilla reset --host {name}` first"
            )),
            Some(same) if same.roles.control_plane != host.roles.control_plane => {
                problems.push(format!(
                    "hosts[{name}].roles: a host cannot become or cease to be a control plane yet"
                ));
            }
            Some(same) if same.cluster_address != host.cluster_address => problems.push(format!(
                "hosts[{name}].clusterAddress: was {} when it joined and is now {}",
                host.cluster_address, same.cluster_address
            )),
            Some(_) => {}
        }
    }
    problems
}

/// Shows what somebody should look at, and what was waived.
pub(crate) fn report_warnings(ready: &Ready) {
    let worth = |finding: &&Finding| finding.severity >= Severity::Warn || finding.waived.is_some();
    let warnings: Vec<Finding> = ready.findings.iter().filter(worth).cloned().collect();
    if !warnings.is_empty() {
        eprint!("{}", findings::text(&warnings, findings::language()));
    }
    eprint!("{}", findings::unused_text(&ready.unused_waivers));
}

/// Shows what was found; refusals end the command.
pub(crate) fn report_findings(ready: &Ready) -> Result<(), CliError> {
    let refused = ready.findings.iter().filter(|finding| finding.stops()).count();
    if refused == 0 {
        report_warnings(ready);
        return Ok(());
    }
    eprint!(
        "{}{}",
        findings::text(&ready.findings, findings::language()),
        findings::unused_text(&ready.unused_waivers)
    );
    let stand = if refused == 1 { "finding stands" } else { "findings stand" };
    Err(CliError::new(5, format!("start: {refused} {stand} in the way"))
        .hint("nothing was changed; mend them and run again"))
}
