//! What a plan is made from, and the plan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use appliance_store::ledger::Actor;
use appliance_store::{AdoptedPlan, Holder, Store};
use bundles_format::Release;
use bundles_store::{Bundle, Sealed};
use installer_model::finding::Finding;
use installer_model::plan::{Intent, Plan};
use installer_model::settings::SiteSettings;
use installer_model::site::Site;
use installer_model::view::WaivedView;
use installer_model::waiver::KeptWaiver;
use installer_plan::HostInput;
use installer_plan::planner::{self, AddOn, PlanInput};
use installer_run::SiteWorld;

use crate::addons::Addon;
use crate::asks::UnknownHostKey;
use crate::error::{ControlError, Kind};
use crate::performing::Means;
use crate::words::waived_line;

/// Everything that was read and found before anything is touched.
pub struct Ready {
    pub site: Site,
    /// What the bundle offers. A reset that was given no bundle knows its name from the last plan, and needs no more.
    pub release: Release,
    /// The bundle itself, where there is one.
    pub(crate) bundle: Option<Arc<Bundle<Sealed>>>,
    /// What was brought to the site beside it, by name.
    pub addons: Vec<Addon>,
    /// The name of the one that is being imported.
    pub imported: Option<String>,
    pub store: Arc<Store>,
    pub state: PathBuf,
    /// This process, as others are told of it.
    pub holder: Holder,
    /// Who asks.
    pub actor: Actor,
    /// Keys of hosts that were seen for the first time and trusted.
    pub trusted: Vec<UnknownHostKey>,
    pub world: Arc<SiteWorld>,
    /// Judged, waived and in order.
    pub findings: Vec<Finding>,
    pub unused_waivers: Vec<KeptWaiver>,
    /// Whether this ledger has claimed each host before.
    pub(crate) ours: BTreeMap<String, bool>,
    pub(crate) hosts: BTreeMap<String, HostInput>,
    pub(crate) shared: SiteSettings,
    /// PEM, by the registry's host.
    pub(crate) registry_cas: BTreeMap<String, String>,
}

impl Ready {
    /// The plan for what is intended, held against the plan that is the target now.
    pub fn plan(&self, intent: &Intent, keep: &[String]) -> Result<Plan, ControlError> {
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
            ControlError::new(Kind::Refused, gaps.to_string())
                .hint("build the bundle for this site's architectures")
        })
    }

    /// Whether this ledger has put anything on the host.
    pub fn is_ours(&self, host: &str) -> bool {
        self.ours.get(host) == Some(&true)
    }

    /// The hosts that were looked at and hold nothing of this ledger's.
    pub fn strangers(&self) -> Vec<&str> {
        self.ours.iter().filter(|(_, ours)| !**ours).map(|(name, _)| name.as_str()).collect()
    }

    /// What is gone on with in spite of what was found.
    pub fn waived(&self) -> Vec<WaivedView> {
        waived(&self.findings)
    }

    /// What a run of a plan made from this needs.
    pub fn means(&self) -> Means {
        Means {
            site: self.site.clone(),
            store: Arc::clone(&self.store),
            holder: self.holder.clone(),
            actor: self.actor.clone(),
            world: Arc::clone(&self.world),
            bundle: self.bundle.clone(),
            addons: self.addons.clone(),
            // Whoever looked does that, and tells what changes.
            strangers: Vec::new(),
        }
    }

    pub fn target(&self) -> Result<Option<AdoptedPlan>, ControlError> {
        self.store.target(self.site.name.as_str()).map_err(|error| ControlError::store("", &error))
    }
}

/// The findings that are gone on with in spite of them.
pub fn waived(findings: &[Finding]) -> Vec<WaivedView> {
    let of = |finding: &Finding| {
        let host = finding.host.as_ref().map(ToString::to_string);
        Some(WaivedView { host, observed: finding.observed.clone(), waiver: finding.waived.clone()? })
    };
    findings.iter().filter_map(of).collect()
}
