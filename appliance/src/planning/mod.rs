//! From the operator's files to findings and a plan: what check, plan, apply and reset have in common.
#![expect(clippy::print_stderr, reason = "tells the operator what is being done")]

mod changes;
mod look;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use appliance_store::{AdoptedPlan, Holder, Store};
use bundles_format::{FORMAT, Release};
use bundles_store::{Bundle, Sealed};
use installer_model::finding::Finding;
use installer_model::plan::{Intent, Plan};
use installer_model::settings::{HostSettings, SiteSettings};
use installer_model::site::{Host, Site};
use installer_model::survey::Survey;
use installer_model::view::WaivedView;
use installer_model::waiver::KeptWaiver;
use installer_plan::planner::{self, AddOn, PlanInput};
use installer_plan::preflight::waive::waive;
use installer_plan::{HostInput, decide, preflight};
use installer_run::SiteWorld;

pub(crate) use self::look::{FENCE, belongs, owner};
pub(crate) use self::report::{report_findings, report_warnings};
use crate::addons::{self, Addon, Opened};
use crate::cli::{CliError, SiteArgs};
use crate::display::waived_line;
use crate::{findings, waiving, wiring};

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

/// What a verb wants of the site: the hosts, judged, and what a plan is made from.
pub(crate) struct Asked<'a> {
    args: &'a SiteArgs,
    purpose: Purpose,
    without: &'a [String],
    waivers: waiving::Change,
    import: Option<&'a addons::Import>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(args: &'a SiteArgs, purpose: Purpose) -> Asked<'a> {
        Asked { args, purpose, without: &[], waivers: waiving::Change::default(), import: None }
    }

    /// These hosts are left alone.
    pub(crate) fn without(self, hosts: &'a [String]) -> Asked<'a> {
        Asked { without: hosts, ..self }
    }

    /// After a change of the site's waivers.
    pub(crate) fn waiving(self, change: waiving::Change) -> Asked<'a> {
        Asked { waivers: change, ..self }
    }

    /// With one more add-on than the site has so far.
    pub(crate) fn importing(self, import: &'a addons::Import) -> Asked<'a> {
        Asked { import: Some(import), ..self }
    }

    /// Reads the files, connects to all hosts, surveys them and judges.
    pub(crate) async fn ready(self) -> Result<Ready, CliError> {
        let whole = wiring::site(&self.args.site)?;
        let site = self.part_of(&whole)?;
        let Opening { store, state, bundle, release, waivers, opened } = self.open(&whole, &site)?;
        let Opened { addons, bundles, imported } = opened;
        let together = addons::together(&release, &addons);
        let (registry_cas, secrets) = wiring::registries(&site)?;
        let targets = wiring::targets(&site, &store, self.args.yes)?;
        let binaries = wiring::hand_binaries(bundle.as_deref(), &state)?;
        let world = SiteWorld::new(targets, binaries, bundle.clone(), founder(&whole).name.to_string())
            .with_addons(bundles)
            .with_take_over(self.args.take_over.iter().cloned())
            .with_patience(Duration::from_secs(self.args.patience))
            .with_slowness(site.slowness.factor())
            .with_secrets(secrets)
            .with_claimant(wiring::claimant(&state, self.purpose.verb()));
        eprintln!("Looking at {} ...", hosts_in_words(&site));
        let seen = look::look(world, &site, &store, &self.args.take_over).await?;
        let judge = |survey: &Survey| judged(&site, &together, survey, &waivers);
        if !seen.problems.is_empty() {
            return Err(self.cannot(seen.problems, || judge(&seen.survey).0));
        }
        let mut survey = seen.survey;
        survey.links = look::measure(&site, &seen.hands, &survey, self.purpose).await?;
        let (findings, unused_waivers) = match self.purpose {
            Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => judge(&survey),
            // A host that is cleaned need not be fit for a cluster.
            Purpose::Reset => (Vec::new(), waivers.clone()),
        };
        let check = serde_json::json!({"findings": findings, "survey": survey});
        let kept = store.put_check(site.name.as_str(), &check);
        kept.map_err(|error| CliError::from_error(1, "keep the survey: ", &error))?;
        Ok(Ready {
            shared: decide::site_settings(&site, &survey),
            hosts: host_inputs(&site, &survey)?,
            holder: Holder::this_process(self.purpose.verb(), wiring::now_ms()),
            world: Arc::new(seen.world),
            ours: seen.ours,
            site: whole,
            bundle,
            addons,
            imported,
            release,
            store,
            state,
            findings,
            unused_waivers,
            registry_cas,
        })
    }

    /// The site without the hosts that are left alone.
    fn part_of(&self, whole: &Site) -> Result<Site, CliError> {
        let mut site = whole.clone();
        site.hosts.retain(|host| !self.without.iter().any(|name| name == host.name.as_str()));
        if site.hosts.is_empty() {
            return Err(CliError::new(2, "do anything: every host of the site is left out"));
        }
        waiving::refuse_wrong(whole, &self.waivers)?;
        self.args.take_over.iter().try_for_each(|name| wiring::host(&site, name).map(drop))?;
        Ok(site)
    }

    /// Everything that is read on this machine.
    fn open(&self, whole: &Site, site: &Site) -> Result<Opening, CliError> {
        let state = wiring::state_folder(&self.args.state);
        let store = Arc::new(wiring::store(&state, self.purpose.verb())?);
        let bundle = match self.purpose {
            Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
                Some(wiring::bundle(self.args, site, &store)?)
            }
            Purpose::Reset => wiring::bundle_if_there(self.args, site, &store)?,
        };
        let release = match &bundle {
            Some(bundle) => bundle.release().clone(),
            None => last_release(&store, site)?,
        };
        let waivers = waiving::settle(&store, whole, &self.waivers)?;
        let opened = match self.purpose {
            // What goes needs nothing from where it came.
            Purpose::Reset => Opened::default(),
            Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
                addons::open(site, &store, self.args, &release, self.import)?
            }
        };
        Ok(Opening { store, state, bundle: bundle.map(Arc::new), release, waivers, opened })
    }

    /// Hosts that cannot be looked at end the command. What else stands in the way is told along with it: mended together,
    /// one look less.
    fn cannot(&self, problems: look::Problems, findings: impl FnOnce() -> Vec<Finding>) -> CliError {
        if self.purpose == Purpose::Reset {
            return problems
                .into_error()
                .hint("a host that is lost for good can be left out: --without HOST");
        }
        let stopping: Vec<Finding> = findings().into_iter().filter(Finding::stops).collect();
        if !stopping.is_empty() {
            eprint!("{}", findings::text(&stopping, findings::language()));
        }
        problems.into_error()
    }
}

/// What was read on this machine.
struct Opening {
    store: Arc<Store>,
    state: PathBuf,
    bundle: Option<Arc<Bundle<Sealed>>>,
    release: Release,
    waivers: Vec<KeptWaiver>,
    opened: Opened,
}

/// The findings, waived and in order, and the waivers that excused nothing.
fn judged(
    site: &Site,
    release: &Release,
    survey: &Survey,
    waivers: &[KeptWaiver],
) -> (Vec<Finding>, Vec<KeptWaiver>) {
    let mut findings = preflight::preflight(site, release, survey);
    let unused = waive(&mut findings, waivers);
    findings::in_order(&mut findings);
    (findings, unused)
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
