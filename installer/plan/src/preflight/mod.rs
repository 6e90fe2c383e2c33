//! Checks of (Site, Release, Survey) before anything is touched: pure, each with an id, a severity, what was seen,
//! what is wanted, and what to do.
//!
//! A check either looks at one host ([`Judge::Host`]) or at all of them together ([`Judge::Site`]). It returns what it
//! objects to; nothing means that it passed. A fact that could not be read never refuses by itself: what could not be
//! seen may well work.

mod boot;
mod capacity;
mod clock;
mod clones;
mod cluster;
mod folders;
mod hardware;
#[cfg(test)]
mod hosts;
mod interfaces;
mod kernel;
mod leftover;
mod limits;
mod links;
mod machine;
mod names;
mod network;
#[cfg(test)]
mod page;
mod ports;
mod protection;
mod registry;
mod rules;
mod services;
mod space;
mod storage;
mod system;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trips;
pub mod waive;

use bundles_format::{Arch, Release};
use installer_model::finding::{Finding, Severity, Text};
use installer_model::names::HostName;
use installer_model::repair::Repair;
use installer_model::site::{Host, Site};
use installer_model::survey::{HostFacts, Questions, Survey, SurveyedHost};
use installer_render::paths::{ARMILLA_ROOT, BIN, CNI_BIN, DataFolders};

pub use registry::{AREAS, Area, checks};

/// A sentence in both languages, written in the source.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    pub en: &'static str,
    pub zh: &'static str,
}

impl Words {
    fn text(self) -> Text {
        Text::new(self.en, self.zh)
    }
}

/// One entry of the registry.
pub struct Check {
    /// Stable: people and tools refer to it.
    pub id: &'static str,
    pub title: Words,
    /// Why it matters.
    pub why: Words,
    pub judge: Judge,
}

pub enum Judge {
    Host(fn(&HostView<'_>) -> Vec<Objection>),
    Site(fn(&SiteView<'_>) -> Vec<Objection>),
}

/// What a check of one host may look at.
pub struct HostView<'a> {
    site: &'a Site,
    release: &'a Release,
    /// Of the release, what is about to come to hosts that hold the rest.
    coming: Option<&'a Release>,
    host: &'a Host,
    facts: &'a HostFacts,
    surveyed: &'a SurveyedHost,
}

impl HostView<'_> {
    fn arch(&self) -> Option<Arch> {
        self.facts.arch()
    }

    fn folders(&self) -> DataFolders {
        DataFolders::below(self.site.data_root.as_str())
    }

    /// A kernel setting that is only looked at.
    fn setting(&self, name: &str) -> Option<&str> {
        self.facts.kernel.settings.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.setting(name)?.parse().ok()
    }

    /// Of these programs, as `comm` shows them, those that run: `lfd (pid 7)`.
    fn running(&self, commands: &[&str]) -> Vec<String> {
        let all = self.facts.services.processes.iter();
        let found = all.filter(|process| commands.contains(&process.command.as_str()));
        found.map(|process| format!("{} (pid {})", process.command, process.pid)).collect()
    }

    /// Of these units, those that start with the host.
    fn enabled<'u>(&self, units: &[&'u str]) -> Vec<&'u str> {
        units.iter().copied().filter(|unit| self.facts.boot.enabled_units.contains(*unit)).collect()
    }
}

/// Whether the kernel, and its clock, belong to the machine below.
fn is_container(facts: &HostFacts) -> bool {
    const CONTAINERS: [&str; 6] = ["docker", "lxc", "lxc-libvirt", "openvz", "podman", "systemd-nspawn"];
    facts.virtualization.as_deref().is_some_and(|kind| CONTAINERS.contains(&kind))
}

/// What a check of the whole site may look at.
pub struct SiteView<'a> {
    site: &'a Site,
    release: &'a Release,
    survey: &'a Survey,
}

impl<'a> SiteView<'a> {
    /// Hosts that were surveyed, in the order of the site file.
    fn hosts(&self) -> impl Iterator<Item = (&'a Host, &'a SurveyedHost)> {
        let survey = self.survey;
        self.site.hosts.iter().filter_map(move |host| Some((host, survey.hosts.get(&host.name)?)))
    }
}

/// What a check objects to.
pub struct Objection {
    severity: Severity,
    /// Set by checks of the site that object to one host.
    host: Option<HostName>,
    observed: String,
    wanted: String,
    fix: Option<Text>,
    repairs: Vec<Repair>,
}

impl Objection {
    fn new(severity: Severity, observed: impl Into<String>, wanted: impl Into<String>) -> Objection {
        Objection {
            severity,
            host: None,
            observed: observed.into(),
            wanted: wanted.into(),
            fix: None,
            repairs: Vec::new(),
        }
    }

    fn info(observed: impl Into<String>, wanted: impl Into<String>) -> Objection {
        Objection::new(Severity::Info, observed, wanted)
    }

    fn warn(observed: impl Into<String>, wanted: impl Into<String>) -> Objection {
        Objection::new(Severity::Warn, observed, wanted)
    }

    fn refuse(observed: impl Into<String>, wanted: impl Into<String>) -> Objection {
        Objection::new(Severity::Refuse, observed, wanted)
    }

    fn fix(self, en: impl Into<String>, zh: impl Into<String>) -> Objection {
        Objection { fix: Some(Text::new(en, zh)), ..self }
    }

    /// What `check --fix` does about it on the host that the objection is about; called again, the next thing.
    fn repair(mut self, repair: Repair) -> Objection {
        self.repairs.push(repair);
        self
    }

    fn at(self, host: &Host) -> Objection {
        Objection { host: Some(host.name.clone()), ..self }
    }
}

/// One objection or none, as the list that a check returns.
fn when(objects: bool, objection: impl FnOnce() -> Objection) -> Vec<Objection> {
    if objects { vec![objection()] } else { Vec::new() }
}

/// All findings of all hosts: those of the site first, then by host in the order of the site file; within each in the
/// order of the registry.
///
/// `release` is all that a host holds in the end; `coming` is the part of it that hosts of ours are still to get.
pub fn preflight(site: &Site, release: &Release, coming: Option<&Release>, survey: &Survey) -> Vec<Finding> {
    let whole = SiteView { site, release, survey };
    let mut findings = Vec::new();
    for check in checks() {
        if let Judge::Site(judge) = check.judge {
            findings.extend(judge(&whole).into_iter().map(|objection| finding(check, None, objection)));
        }
    }
    for (host, surveyed) in whole.hosts() {
        let view = HostView { site, release, coming, host, facts: &surveyed.facts, surveyed };
        for check in checks() {
            if let Judge::Host(judge) = check.judge {
                let judged = judge(&view).into_iter();
                findings.extend(judged.map(|objection| finding(check, Some(&host.name), objection)));
            }
        }
    }
    findings
}

/// Whether anything forbids to go on.
pub fn refuses(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::stops)
}

fn finding(check: &Check, host: Option<&HostName>, objection: Objection) -> Finding {
    Finding {
        id: check.id.to_owned(),
        severity: objection.severity,
        host: objection.host.or_else(|| host.cloned()),
        title: check.title.text(),
        observed: objection.observed,
        wanted: objection.wanted,
        text: check.why.text(),
        fix: objection.fix,
        repairs: objection.repairs,
        waived: None,
    }
}

/// What the hand of a host must be asked so that every check has what it judges. The fsync test runs where etcd will;
/// where etcd runs already (`ours`) its disk is left in peace.
pub fn questions(site: &Site, host: &Host, ours: bool) -> Questions {
    let folders = DataFolders::below(site.data_root.as_str());
    let fixed = [ARMILLA_ROOT, BIN, CNI_BIN, "/etc", "/var/lib/kubelet", folders::LOGS, folders::RUN];
    let mut data_dirs: Vec<String> = fixed.map(str::to_owned).to_vec();
    data_dirs.extend([folders.containerd, folders.kubelet]);
    if host.roles.control_plane {
        data_dirs.push(folders.etcd.clone());
    }
    data_dirs.sort();
    data_dirs.dedup();
    Questions { data_dirs, fsync_dir: (host.roles.control_plane && !ours).then_some(folders.etcd) }
}

/// Bytes as people read them: `3.5 GiB`.
fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => {
            let tenths = u128::from(count) * 10 / u128::from(*size);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}
