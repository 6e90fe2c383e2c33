//! One host as a whole cluster: what was read, what is found, what is planned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bundles_format::Release;
use installer_model::finding::Finding;
use installer_model::plan::{Action, Plan};
use installer_model::settings::{HostSettings, SiteSettings};
use installer_model::site::Site;
use installer_model::survey::{HostFacts, Presence, Survey, SurveyedHost};
use installer_plan::planner::{self, PlanInput};
use installer_plan::preflight::{preflight, questions};
use installer_plan::{HostInput, decide};
use serde_json::Value;

use super::fixture::{Fixture, Origin};

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: demo}\nhosts:\n  - {name: one, address: 10.0.0.1, roles: [control-plane, worker]}\n";

/// Lines of the planned files that depend on what the host is.
const TELLING: [&str; 6] =
    ["failCgroupV1:", "mode:", "maxPerCore:", "oomScoreAdj:", "restrict_oom_score_adj", "resolvConf:"];

pub(crate) struct Story {
    pub(crate) facts: HostFacts,
    pub(crate) findings: Vec<Finding>,
    pub(crate) settings: HostSettings,
    pub(crate) shared: SiteSettings,
    /// Of all planned files, the lines that [`TELLING`] names, each once.
    pub(crate) planned: BTreeSet<String>,
    pub(crate) modules: Vec<String>,
}

impl Story {
    pub(crate) fn of(fixture: &Fixture) -> Story {
        let site = Site::parse(SITE).expect("a site without mistakes");
        let host = &site.hosts[0];
        let facts = fixture.facts(&questions(&site, host, false));
        let arch = facts.arch().expect("a machine that we serve");
        let release = release_for(arch);
        let surveyed = SurveyedHost {
            facts,
            surveyed_unix_ns: 1_790_000_000_000_000_000,
            ssh_rtt_us: Some(300),
            clock_skew_ms: Some(0),
            ours: false,
        };
        let survey = Survey { hosts: BTreeMap::from([(host.name.clone(), surveyed)]), ..Survey::default() };
        let facts = survey.facts(&host.name).expect("the host was surveyed").clone();
        let settings = decide::host_settings(host, &facts);
        let shared = decide::site_settings(&site, &survey);
        let input = PlanInput {
            site: &site,
            release: &release,
            hosts: &BTreeMap::from([(host.name.to_string(), HostInput { arch, settings: settings.clone() })]),
            shared: &shared,
            registry_cas: &BTreeMap::new(),
            addons: &[],
            parent: None,
        };
        let plan = planner::install(&input).expect("a release that has everything");
        Story {
            findings: preflight(&site, &release, None, &survey),
            planned: telling_lines(&plan),
            modules: modules(&plan),
            facts,
            settings,
            shared,
        }
    }

    pub(crate) fn told(&self, fixture: &Fixture) -> String {
        let mut text = String::new();
        let origin = match &fixture.origin {
            Origin::Public(url) => format!("public, {url}"),
            Origin::Synthetic(why) => format!("synthetic, {why}"),
        };
        writeln!(text, "{}: {origin}\n\nfacts", fixture.name).expect("text takes text");
        let line = |text: &mut String, what: &str, value: String| {
            writeln!(text, "  {what:10} {value}").expect("text takes text");
        };
        let facts = &self.facts;
        if let Some(os) = &facts.os {
            line(
                &mut text,
                "system",
                format!("{} (id {}, like {:?})", os.pretty_name, os.id, os.id_like.join(" ")),
            );
        }
        let or_unknown = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
        line(
            &mut text,
            "kernel",
            format!("{}, pages of {} B", or_unknown(&facts.kernel_release), facts.page_size.unwrap_or(0)),
        );
        line(&mut text, "processor", or_unknown(&facts.cpu.model));
        let cgroup = facts
            .cgroup
            .as_ref()
            .map(|cgroup| format!("{:?}, {}", cgroup.version, words(&cgroup.controllers)));
        line(&mut text, "cgroup", or_unknown(&cgroup));
        line(
            &mut text,
            "systemd",
            or_unknown(&facts.init.systemd_version.map(|version| version.to_string())),
        );
        for wanted in
            [Presence::Usable, Presence::Loadable, Presence::Blocked, Presence::Missing, Presence::Unknown]
        {
            let features = facts.features.iter().filter(|(_, presence)| **presence == wanted);
            let names: Vec<&str> = features.map(|(feature, _)| feature.module()).collect();
            if !names.is_empty() {
                line(&mut text, &format!("{wanted:?}").to_lowercase(), names.join(" "));
            }
        }
        let beside = [
            ("firewall", facts.firewalls.join(" ")),
            ("time", facts.time_services.join(" ")),
            ("selinux", facts.selinux.map(|mode| format!("{mode:?}").to_lowercase()).unwrap_or_default()),
            ("resolver", facts.resolv_conf.clone().unwrap_or_default()),
        ];
        for (what, value) in beside.into_iter().filter(|(_, value)| !value.is_empty() && value != "disabled")
        {
            line(&mut text, what, value);
        }
        writeln!(text, "\nfindings").expect("text takes text");
        for Finding { id, severity, observed, wanted, .. } in &self.findings {
            line(&mut text, &severity.to_string(), format!("{id}: {observed} (wanted: {wanted})"));
        }
        writeln!(text, "\nplan").expect("text takes text");
        for planned in &self.planned {
            line(&mut text, "", planned.clone());
        }
        line(&mut text, "modules", self.modules.join(" "));
        text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

fn words(set: &BTreeSet<String>) -> String {
    set.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The release of the golden plans, for this architecture.
fn release_for(arch: bundles_format::Arch) -> Release {
    let mut release = crate::plans::release();
    release.architectures = vec![arch];
    for component in &mut release.components {
        component.files.iter_mut().for_each(|file| file.arch = arch);
        component.images.iter_mut().for_each(|image| image.arch = arch);
    }
    release
}

fn telling_lines(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![serde_json::to_value(plan).expect("a plan is JSON")];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => {
                let lines = text.lines().map(str::trim);
                let telling =
                    |line: &&str| TELLING.iter().any(|word| line.trim_start_matches("- ").starts_with(word));
                found.extend(lines.filter(telling).map(str::to_owned));
            }
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.into_iter().map(|(_, value)| value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

fn modules(plan: &Plan) -> Vec<String> {
    let names = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Modules { names, .. } => Some(names.clone()),
        _ => None,
    });
    names.flatten().collect()
}
