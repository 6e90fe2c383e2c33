//! The planner: site, release and settings of the hosts become a plan. Pure.

use std::collections::BTreeMap;

use bundles_format::{Arch, Digest, Release};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId, Step};
use installer_model::settings::SiteSettings;
use installer_model::site::{Host, Site};

use crate::digest::digest_of;
use crate::draft::{Draft, HostInput};
use crate::phases::{clean, equip, found, import, join, leave, place, prepare, prove, start};

/// Everything that a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    pub site: &'a Site,
    pub release: &'a Release,
    /// One entry for every host of the site that the plan touches, by name.
    pub hosts: &'a BTreeMap<String, HostInput>,
    pub shared: &'a SiteSettings,
    /// PEM of the CA of each of the site's own registries that has one, by the registry's host.
    pub registry_cas: &'a BTreeMap<String, String>,
    /// What was brought to the site beside the bundle that it is installed from.
    pub addons: &'a [AddOn<'a>],
    pub parent: Option<PlanId>,
}

/// An add-on bundle, as far as a plan holds it.
#[derive(Debug, Clone)]
pub struct AddOn<'a> {
    pub release: &'a Release,
    /// Name and text of each manifest that is to be applied, in order; none where nobody asked for them.
    pub manifests: &'a [(String, String)],
}

/// Names that two of these bundles give different content: which one a host would have is nobody's to guess. A line each.
pub fn clashes(base: &Release, addons: &[AddOn<'_>]) -> Vec<String> {
    let mut taken: BTreeMap<(&str, Arch), (&Release, &Digest)> = BTreeMap::new();
    let mut clashes = Vec::new();
    for release in [base].into_iter().chain(addons.iter().map(|addon| addon.release)) {
        for image in release.components.iter().flat_map(|component| &component.images) {
            let digest = &image.manifest.digest;
            match taken.entry((&image.reference, image.arch)).or_insert((release, digest)) {
                (_, there) if *there == digest => {}
                (other, there) => clashes.push(format!(
                    "{} for {} is {} in {} and {} in {}",
                    image.reference,
                    image.arch,
                    there.short(),
                    other.name,
                    digest.short(),
                    release.name
                )),
            }
        }
    }
    clashes
}

/// What the bundle lacks for this site: all of it at once.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the bundle does not fit the site, it lacks: {}", .0.join("; "))]
pub struct Gaps(pub Vec<String>);

/// The site as its file says, from nothing or from any point on the way there.
pub fn install(input: &PlanInput<'_>) -> Result<Plan, Gaps> {
    let mut draft = draft(input);
    let founder = founder(input.site);
    for host in &input.site.hosts {
        prepare::plan(&mut draft, host);
        place::plan(&mut draft, host);
        start::plan(&mut draft, host);
        import::plan(&mut draft, host);
        import::addons_of_site(&mut draft, host, input.addons);
    }
    found::plan(&mut draft, founder);
    for host in joining(input.site) {
        join::plan(&mut draft, host, founder);
    }
    equip::plan(&mut draft, founder);
    equip::addons_of_site(&mut draft, founder, input.addons);
    for host in &input.site.hosts {
        prove::host(&mut draft, host, founder);
    }
    prove::cluster(&mut draft, founder);
    finish(input, draft, Intent::Install)
}

/// Every host of the input is put back as it was.
pub fn reset(input: &PlanInput<'_>, keep: &[String]) -> Result<Plan, Gaps> {
    let mut draft = draft(input);
    for host in input.site.hosts.iter().filter(|host| input.hosts.contains_key(host.name.as_str())) {
        clean::plan(&mut draft, host, None, keep);
    }
    finish(input, draft, Intent::Reset)
}

/// One host leaves the cluster and is put back as it was. Where it is not in the input (it is lost, or holds nothing of
/// Armilla's), only its node goes.
pub fn reset_host(input: &PlanInput<'_>, host: &Host, keep: &[String]) -> Result<Plan, Gaps> {
    let mut draft = draft(input);
    if input.hosts.contains_key(host.name.as_str()) {
        let left = leave::plan(&mut draft, host);
        clean::plan(&mut draft, host, Some(&left), keep);
    } else {
        leave::forget(&mut draft, host, founder(input.site));
    }
    finish(input, draft, Intent::ResetHosts(vec![host.name.to_string()]))
}

fn draft<'a>(input: &PlanInput<'a>) -> Draft<'a> {
    Draft::new(input.site, input.release, input.hosts, input.shared, input.registry_cas)
}

/// The control plane that kubeadm begins with.
fn founder(site: &Site) -> &Host {
    site.control_planes().next().expect("a valid site has a control plane")
}

fn joining(site: &Site) -> impl Iterator<Item = &Host> {
    let founder = &founder(site).name;
    site.hosts.iter().filter(move |host| &host.name != founder)
}

fn finish(input: &PlanInput<'_>, draft: Draft<'_>, intent: Intent) -> Result<Plan, Gaps> {
    let mut steps = draft.finish().map_err(Gaps)?;
    // Phase by phase, as people read it; within a phase, hosts in the order of the site file.
    steps.sort_by_key(|step| step.phase);
    let mut plan = Plan {
        format: PLAN_FORMAT,
        id: PlanId(String::new()),
        parent: input.parent.clone(),
        site: input.site.name.to_string(),
        intent,
        release: input.release.version.clone(),
        report: report(input, &steps),
        steps,
    };
    plan.id = identify(&plan);
    Ok(plan)
}

/// The digest of what the plan says, whatever came before it.
fn identify(plan: &Plan) -> PlanId {
    let said = (plan.format, &plan.site, &plan.intent, &plan.release, &plan.steps);
    let bytes = serde_json::to_vec(&said).expect("a plan is plain data");
    PlanId(digest_of(&bytes).hex())
}

fn report(input: &PlanInput<'_>, steps: &[Step]) -> Vec<String> {
    let shared = input.shared;
    let mut report = vec![format!(
        "{} steps on {} hosts, kube-proxy with {}",
        steps.len(),
        input.hosts.len(),
        shared.kube_proxy_mode.as_str()
    )];
    if input.hosts.values().any(|host| !host.settings.fail_cgroup_v1) {
        report.push("some host has cgroup v1: the kubelet is told to accept it".to_owned());
    }
    if shared.restrict_oom_score_adj {
        report.push("some host cannot lower oom_score_adj: it is left at 0".to_owned());
    }
    if shared.conntrack_unsettable {
        report.push("some host cannot set connection tracking limits: kube-proxy leaves them".to_owned());
    }
    report
}
