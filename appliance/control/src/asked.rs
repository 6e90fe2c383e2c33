//! From a site to findings and what a plan is made from: what check, plan, apply and reset have in common.
//!
//! ```text
//!  Asked ──open: files on this machine──▶ Opened ──look: every host──▶ Ready
//!        ◀─ an unknown bundle key ─┘            ◀─ unknown host keys ─┘
//! ```
//!
//! An error that asks something may be answered, and the same step tried again.

use std::collections::BTreeMap;
use std::sync::Arc;

use appliance_store::Store;
use bundles_format::{FORMAT, Release};
use bundles_store::{Bundle, Sealed};
use installer_model::finding::Finding;
use installer_model::settings::HostSettings;
use installer_model::site::Site;
use installer_model::survey::Survey;
use installer_model::waiver::KeptWaiver;
use installer_plan::preflight::waive::waive;
use installer_plan::{HostInput, decide, preflight};
use installer_run::SiteWorld;
use serde::{Deserialize, Serialize};

use crate::error::{ControlError, Kind, Problem};
use crate::hands::hand_binaries;
use crate::here::now_ms;
use crate::instance::Instance;
use crate::logins::{HostKeys, registries, targets};
use crate::look::{self, Seen};
use crate::options::{Options, Purpose};
use crate::performing::Means;
use crate::ready::Ready;
use crate::secrets::SecretSource;
use crate::site_file::{founder, host};
use crate::{addons, bundle, findings, waiving};

/// What is wanted of a site: the hosts, judged, and what a plan is made from.
#[derive(Clone)]
pub struct Asked {
    whole: Site,
    /// Without the hosts that are left alone.
    site: Site,
    options: Options,
    purpose: Purpose,
    waivers: waiving::Change,
    import: Option<addons::Import>,
}

impl Asked {
    pub fn new(site: Site, options: Options, purpose: Purpose) -> Asked {
        Asked {
            whole: site.clone(),
            site,
            options,
            purpose,
            waivers: waiving::Change::default(),
            import: None,
        }
    }

    /// These hosts are left alone.
    pub fn without(mut self, hosts: &[String]) -> Asked {
        self.site.hosts.retain(|host| !hosts.iter().any(|name| name == host.name.as_str()));
        self
    }

    /// After a change of the site's waivers.
    pub fn waiving(self, waivers: waiving::Change) -> Asked {
        Asked { waivers, ..self }
    }

    /// With one more add-on than the site has so far.
    pub fn importing(self, import: addons::Import) -> Asked {
        Asked { import: Some(import), ..self }
    }

    pub fn site(&self) -> &Site {
        &self.site
    }

    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What is wrong with the wish itself: told before anything is opened.
    pub fn refuse_wrong(&self) -> Result<(), ControlError> {
        if self.site.hosts.is_empty() {
            return Err(ControlError::new(Kind::Usage, "do anything: every host of the site is left out"));
        }
        waiving::refuse_wrong(&self.whole, &self.waivers)?;
        self.options.take_over.iter().try_for_each(|name| host(&self.site, name).map(drop))
    }

    /// Reads everything that is on this machine.
    pub fn open(&self, instance: &Instance) -> Result<Opened, ControlError> {
        self.refuse_wrong()?;
        let (site, options) = (&self.site, &self.options);
        let bundle = match self.purpose {
            Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
                Some(bundle::bundle(options, site, instance)?)
            }
            Purpose::Reset => bundle::bundle_if_there(options, site, instance)?,
        };
        let release = match &bundle {
            Some(bundle) => bundle.release().clone(),
            None => last_release(&instance.store, site)?,
        };
        let waivers = waiving::settle(&instance.store, &self.whole, &self.waivers, options)?;
        let addons = match self.purpose {
            // What goes needs nothing from where it came.
            Purpose::Reset => addons::Opened::default(),
            Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => {
                addons::open(site, instance, options, &release, self.import.as_ref())?
            }
        };
        let (asked, instance) = (self.clone(), instance.clone());
        Ok(Opened { asked, instance, bundle: bundle.map(Arc::new), release, waivers, addons })
    }
}

/// A check as the store keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub findings: Vec<Finding>,
    pub survey: Survey,
    /// Waivers that excused nothing.
    #[serde(default)]
    pub unused_waivers: Vec<KeptWaiver>,
    /// Unix time in milliseconds; 0 where an older version did not write it down.
    #[serde(default)]
    pub at: u64,
}

/// What was read on this machine.
pub struct Opened {
    asked: Asked,
    instance: Instance,
    bundle: Option<Arc<Bundle<Sealed>>>,
    release: Release,
    waivers: Vec<KeptWaiver>,
    pub addons: addons::Opened,
}

impl Opened {
    /// What runs touch, not connected yet; the parts of registries come with it.
    fn world(
        &self,
        secrets: &dyn SecretSource,
        keys: &HostKeys,
    ) -> Result<(SiteWorld, BTreeMap<String, String>), ControlError> {
        let Opened { asked, instance, bundle, addons, .. } = self;
        let (registry_cas, passwords) = registries(&asked.site, secrets)?;
        let targets = targets(&asked.site, secrets, keys)?;
        let binaries = hand_binaries(bundle.as_deref(), &instance.state)?;
        let founder = founder(&asked.whole).name.to_string();
        let world = SiteWorld::new(targets, binaries, bundle.clone(), founder)
            .with_addons(addons.bundles.iter().cloned())
            .with_take_over(asked.options.take_over.iter().cloned())
            .with_patience(asked.options.patience)
            .with_slowness(asked.site.slowness.factor())
            .with_secrets(passwords)
            .with_claimant(instance.claimant());
        Ok((world, registry_cas))
    }

    /// What a run of a plan that is there already needs: nothing is looked at but to whom the hosts belong. `whole`: a host
    /// that cannot be asked ends it; otherwise it is left to the run.
    pub async fn reach(&self, secrets: &dyn SecretSource, whole: bool) -> Result<Means, ControlError> {
        let keys = HostKeys::kept(&self.instance.store, self.asked.options.trust_new_hosts);
        let (world, _) = self.world(secrets, &keys)?;
        let take_over = &self.asked.options.take_over;
        let (world, strangers, kept) =
            look::belong(world, &self.asked.site, &self.instance.store, take_over).await?;
        if whole && !kept.is_empty() {
            return Err(kept.into_error(&keys));
        }
        Ok(Means {
            site: self.asked.whole.clone(),
            store: Arc::clone(&self.instance.store),
            holder: self.instance.holder.clone(),
            actor: self.asked.options.actor.clone(),
            world: Arc::new(world),
            bundle: self.bundle.clone(),
            addons: self.addons.addons.clone(),
            strangers,
        })
    }

    /// Connects to all hosts, surveys them and judges.
    pub async fn look(&self, secrets: &dyn SecretSource) -> Result<Ready, ControlError> {
        let Opened { asked, instance, bundle, release, waivers, addons } = self;
        let site = &asked.site;
        let keys = HostKeys::kept(&instance.store, asked.options.trust_new_hosts);
        let (world, registry_cas) = self.world(secrets, &keys)?;
        let seen = look::look(world, site, &instance.store, &asked.options.take_over).await?;
        let together = addons::together(release, &addons.addons);
        let judge = |survey: &Survey| judged(site, &together, addons.coming.as_ref(), survey, waivers);
        if !seen.kept.is_empty() {
            return Err(self.cannot(seen, &keys, judge));
        }
        let Seen { world, hands, ours, mut survey, .. } = seen;
        survey.links = look::measure(site, &hands, &survey, asked.purpose).await?;
        let (findings, unused_waivers) = match asked.purpose {
            Purpose::Check | Purpose::Plan | Purpose::Apply | Purpose::Import => judge(&survey),
            // A host that is cleaned need not be fit for a cluster.
            Purpose::Reset => (Vec::new(), waivers.clone()),
        };
        let check = Checked { findings, survey, unused_waivers, at: now_ms() };
        if asked.options.keep {
            let kept = instance.store.by(&asked.options.actor).put_check(site.name.as_str(), &check);
            kept.map_err(|error| ControlError::store("keep the survey: ", &error))?;
        }
        let Checked { findings, survey, unused_waivers, .. } = check;
        Ok(Ready {
            shared: decide::site_settings(site, &survey),
            hosts: host_inputs(site, &survey)?,
            holder: instance.holder.clone(),
            actor: asked.options.actor.clone(),
            world: Arc::new(world),
            ours,
            site: asked.whole.clone(),
            bundle: bundle.clone(),
            addons: addons.addons.clone(),
            imported: addons.imported.clone(),
            release: release.clone(),
            store: Arc::clone(&instance.store),
            state: instance.state.clone(),
            trusted: keys.seen(),
            findings,
            unused_waivers,
            registry_cas,
        })
    }

    /// Hosts that cannot be looked at end it. What else stands in the way is told along with it: mended together, one
    /// look less.
    fn cannot(
        &self,
        seen: Seen,
        keys: &HostKeys,
        judge: impl FnOnce(&Survey) -> (Vec<Finding>, Vec<KeptWaiver>),
    ) -> ControlError {
        let mut error = seen.kept.into_error(keys);
        if self.asked.purpose == Purpose::Reset {
            return error.hint("a host that is lost for good can be left out: --without HOST");
        }
        error.findings = judge(&seen.survey).0.into_iter().filter(Finding::stops).collect();
        error
    }
}

/// The findings, waived and in order, and the waivers that excused nothing.
fn judged(
    site: &Site,
    release: &Release,
    coming: Option<&Release>,
    survey: &Survey,
    waivers: &[KeptWaiver],
) -> (Vec<Finding>, Vec<KeptWaiver>) {
    let mut findings = preflight::preflight(site, release, coming, survey);
    let unused = waive(&mut findings, waivers);
    findings::in_order(&mut findings);
    (findings, unused)
}

/// The name of what was installed last. Only a reset, which installs nothing, has use for a release without content.
fn last_release(store: &Store, site: &Site) -> Result<Release, ControlError> {
    let target = store.target(site.name.as_str()).map_err(|error| ControlError::store("", &error))?;
    let version = target.map_or_else(|| "unknown".to_owned(), |plan| plan.release.clone());
    Ok(Release {
        format: FORMAT,
        name: String::new(),
        version,
        architectures: Vec::new(),
        components: Vec::new(),
    })
}

fn host_inputs(site: &Site, survey: &Survey) -> Result<BTreeMap<String, HostInput>, ControlError> {
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
                let text = format!("its architecture is {machine}, wanted x86_64 or aarch64");
                problems.push(Problem::of_host(host.name.as_str(), text));
            }
        }
    }
    if problems.is_empty() { Ok(inputs) } else { Err(ControlError::all(Kind::Refused, problems)) }
}
