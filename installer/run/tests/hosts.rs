//! Every kind of host that is promised: these facts, these findings, this plan, as text that a person reviews
//! (`hosts/NAME.txt` beside `hosts/NAME.host`). `UPDATE_GOLDEN=1 cargo test -p installer-run --test hosts` writes it anew.

mod hosts {
    pub(crate) mod fixture;
    pub(crate) mod story;
}

#[path = "../../plan/tests/fixture/mod.rs"]
#[expect(dead_code, reason = "only the release is wanted here, the wishes are for golden plans")]
mod plans;

use std::collections::BTreeSet;

use hosts::fixture::{self, Fixture, Origin};
use hosts::story::Story;
use installer_model::finding::Severity;
use installer_model::settings::KubeProxyMode;
use installer_model::survey::CgroupVersion;

fn story(name: &str) -> Story {
    let all = fixture::all();
    let found = all.iter().find(|fixture| fixture.name == name);
    Story::of(found.unwrap_or_else(|| panic!("no host {name}")))
}

#[test]
fn these_facts_give_these_findings_and_this_plan() {
    let mut differing = Vec::new();
    for fixture in fixture::all() {
        let told = Story::of(&fixture).told(&fixture);
        let path = fixture::folder().join(format!("{}.txt", fixture.name));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &told).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != told {
            differing.push(fixture.name);
        }
    }
    assert_eq!(
        differing,
        Vec::<String>::new(),
        "UPDATE_GOLDEN=1 writes what is told now; look at the difference"
    );
}

#[test]
fn every_fixture_says_where_it_is_from() {
    let all = fixture::all();
    let parts: BTreeSet<&str> =
        all.iter().flat_map(|fixture| fixture.parts.iter().map(String::as_str)).collect();
    let public = |origin: &Origin| matches!(origin, Origin::Public(_));
    let hosts = all.iter().filter(|fixture| public(&fixture.origin)).count();
    let os_releases: Vec<&&str> = parts.iter().filter(|part| part.starts_with("os/")).collect();
    let known = os_releases.iter().filter(|part| public(&fixture::origin_of_part(part))).count();
    let sourced = parts.iter().filter(|part| public(&fixture::origin_of_part(part))).count();
    println!("{} hosts: {hosts} public as a whole, {} synthetic", all.len(), all.len() - hosts);
    println!(
        "{} os-release files: {known} public, {} synthetic",
        os_releases.len(),
        os_releases.len() - known
    );
    println!("{} parts: {sourced} public, {} synthetic", parts.len(), parts.len() - sourced);
    assert!(all.len() >= 40 && known * 2 > os_releases.len());
}

/// Each promised system is there, on both architectures where it was made for both: Anolis 7 stands for the machines of
/// the days of CentOS 7, which were x86_64.
#[test]
fn every_promised_system_is_there_on_its_architectures() {
    let known: Vec<(String, Option<String>)> = fixture::all()
        .into_iter()
        .map(|fixture| (fixture.name.clone(), Story::of(&fixture).facts.machine))
        .collect();
    let promised = [
        "kylin-v10-sp1",
        "kylin-v10-sp2",
        "kylin-v10-sp3",
        "kylin-v10-desktop",
        "openeuler-20.03",
        "openeuler-22.03",
        "openeuler-24.03",
        "uos-20-a",
        "uos-20-d",
        "uos-20-e",
        "uos-20-desktop",
        "anolis-7",
        "anolis-8",
        "anolis-23",
        "ubuntu-20.04",
        "ubuntu-22.04",
        "ubuntu-24.04",
        "debian-11",
        "debian-12",
        "debian-13",
        "rocky-8",
        "rocky-9",
    ];
    for system in promised {
        for machine in ["x86_64", "aarch64"] {
            let there = known.iter().any(|(name, found)| {
                name.starts_with(&format!("{system}-")) && found.as_deref() == Some(machine)
            });
            assert!(there || (system, machine) == ("anolis-7", "aarch64"), "{system} on {machine}");
        }
    }
}

#[test]
fn a_kernel_before_5_13_gets_iptables_and_a_newer_one_nftables() {
    for fixture in fixture::all() {
        let story = Story::of(&fixture);
        let version = story.facts.kernel_version().unwrap();
        let wanted = if version < (5, 13) { KubeProxyMode::Iptables } else { KubeProxyMode::Nftables };
        assert_eq!(story.shared.kube_proxy_mode, wanted, "{}", fixture.name);
        assert!(story.planned.contains(&format!("mode: {}", wanted.as_str())), "{}", fixture.name);
    }
}

#[test]
fn only_a_kubelet_on_cgroup_v1_is_told_to_bear_it() {
    for fixture in fixture::all() {
        let story = Story::of(&fixture);
        let v2 = story.facts.cgroup.as_ref().unwrap().version == CgroupVersion::V2;
        assert_eq!(story.settings.fail_cgroup_v1, v2, "{}", fixture.name);
        let told = format!("failCgroupV1: {v2}");
        assert!(
            story.planned.iter().any(|line| line.contains(&told)) || v2,
            "{}: {:?}",
            fixture.name,
            story.planned
        );
    }
}

/// What can be read of every one of them: nothing that the plan rests on is left to a guess.
#[test]
fn no_promised_system_leaves_a_decision_to_a_guess() {
    for fixture in fixture::all() {
        let Story { facts, .. } = Story::of(&fixture);
        let os = facts.os.as_ref().unwrap();
        assert!(!os.id.is_empty() && !os.id.contains('"') && !os.pretty_name.contains('"'), "{os:?}");
        assert!(facts.arch().is_some() && facts.kernel_version().is_some(), "{}", fixture.name);
        assert!(facts.init.systemd && facts.init.systemd_version.is_some(), "{}", fixture.name);
        assert!(facts.cpu.model.is_some(), "{}", fixture.name);
        assert!(
            facts.has_default_route_v4() && facts.commands.values().all(Option::is_some),
            "{}",
            fixture.name
        );
    }
}

/// A bare host of a promised system is refused only for what its owner must decide.
#[test]
fn promised_systems_are_refused_only_for_what_their_owner_must_change() {
    for fixture in fixture::all() {
        let story = Story::of(&fixture);
        let refused = story.findings.iter().filter(|finding| finding.severity == Severity::Refuse);
        for finding in refused {
            let firewall = finding.id == "firewall" && has(&fixture, "with/firewalld");
            let swap = finding.id == "swap" && has(&fixture, "with/swap");
            let kernel = finding.id == "kernel" && story.facts.kernel_version().unwrap() < (4, 18);
            assert!(firewall || swap || kernel, "{}: {finding:?}", fixture.name);
            assert!(finding.fix.is_some(), "{}: {} has no fix", fixture.name, finding.id);
        }
    }
}

fn has(fixture: &Fixture, part: &str) -> bool {
    fixture.parts.iter().any(|own| own == part)
}

#[test]
fn large_pages_are_pointed_out_and_hinder_nothing() {
    let large = story("kylin-v10-sp3-kunpeng");
    assert_eq!(large.facts.page_size, Some(65536));
    let finding = large.findings.iter().find(|finding| finding.id == "page-size").unwrap();
    assert_eq!(finding.severity, Severity::Info);
    assert!(!story("kylin-v10-sp3-s2500-4k").findings.iter().any(|finding| finding.id == "page-size"));
}

#[test]
fn quotes_around_quotes_change_nothing() {
    let plain = story("openeuler-22.03-x86_64").facts.os;
    let doubled = story("openeuler-22.03-doubled-quotes").facts.os;
    assert_eq!(plain, doubled);
    assert_eq!(plain.unwrap().id, "openEuler");
}

/// Conntrack for IPv4 was a module of its own until 4.18; nobody asks for it, old or new.
#[test]
fn no_plan_loads_a_module_that_newer_kernels_have_not() {
    for fixture in fixture::all() {
        let story = Story::of(&fixture);
        assert!(!story.modules.iter().any(|name| name == "nf_conntrack_ipv4"), "{}", fixture.name);
        assert!(story.modules.iter().any(|name| name == "nf_conntrack"), "{}", fixture.name);
    }
}
