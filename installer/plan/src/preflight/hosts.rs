//! What preflight and the decisions say of whole hosts, as text that a person reviews. The facts are those that the
//! hand's tests read from their fixtures; `UPDATE_GOLDEN=1 cargo test -p installer-plan hosts` writes the text anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use installer_model::finding::{Finding, Language};
use installer_model::site::Site;
use installer_model::survey::{FsyncLatency, HostFacts, Survey, SurveyedHost};

use super::preflight;
use super::trips::release;
use crate::decide;

/// One host as a whole cluster; `etcd_p99_us` since fixtures measure nothing.
fn told(facts: &str, address: &str, more: &str, etcd_p99_us: u64) -> String {
    let mut facts: HostFacts = serde_json::from_str(facts).unwrap();
    facts.fsync = Some(FsyncLatency {
        directory: "/var/lib/etcd".into(),
        writes: 500,
        p50_us: etcd_p99_us / 4,
        p99_us: etcd_p99_us,
        max_us: etcd_p99_us * 2,
    });
    let site = format!(
        "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: demo}}\nhosts:\n  - {{name: one, address: {address}, roles: [control-plane, worker]}}\n{more}"
    );
    let site = Site::parse(&site).unwrap();
    let surveyed = SurveyedHost {
        facts,
        surveyed_unix_ns: 1,
        ssh_rtt_us: Some(300),
        clock_skew_ms: Some(0),
        ours: false,
    };
    let survey = Survey { hosts: BTreeMap::from([("one".parse().unwrap(), surveyed)]), ..Survey::default() };
    let mut text = String::new();
    for finding in preflight(&site, &release(), None, &survey) {
        tell(&mut text, &finding);
    }
    let host = &site.hosts[0];
    let settings = decide::host_settings(host, survey.facts(&host.name).unwrap());
    writeln!(text, "{settings:#?}\n{:#?}", decide::site_settings(&site, &survey)).unwrap();
    text
}

fn tell(text: &mut String, finding: &Finding) {
    let Finding { id, severity, observed, wanted, .. } = finding;
    writeln!(text, "{severity} {id}: {observed} (wanted: {wanted})").unwrap();
    for language in [Language::En, Language::Zh] {
        writeln!(text, "    {}: {}", finding.title.get(language), finding.text.get(language)).unwrap();
        if let Some(fix) = &finding.fix {
            writeln!(text, "    -> {}", fix.get(language)).unwrap();
        }
    }
}

fn golden(name: &str, told: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write(&path, told);
    }
    assert_eq!(told, read(&path), "{name}: UPDATE_GOLDEN=1 writes what was told");
}

#[expect(clippy::disallowed_methods, reason = "a golden file is a file; what is under test touches none")]
pub(super) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a golden file is a file; what is under test touches none")]
pub(super) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_host_of_the_lab_is_taken_with_the_settings_that_it_needs() {
    let facts = include_str!("../../../hand/fixtures/lab.facts.json");
    golden("lab.txt", &told(facts, "10.77.0.11", "", 2_000));
}

#[test]
fn a_server_with_docker_is_refused_with_all_reasons_at_once() {
    let facts = include_str!("../../../hand/fixtures/ubuntu-22.04.facts.json");
    golden("ubuntu-22.04.txt", &told(facts, "10.20.0.13", "", 30_000));
}

#[test]
fn an_openeuler_on_arm_is_told_what_stands_in_its_way() {
    let facts = include_str!("../../../hand/fixtures/openeuler-22.03-arm64.facts.json");
    golden("openeuler-22.03-arm64.txt", &told(facts, "172.16.8.21", "dataRoot: /data\n", 600_000));
}
