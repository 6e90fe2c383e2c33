//! The product's first promises on real hosts: from bare to a working cluster, again for nothing, mended, through a power
//! cut, one host out and in, and back to bare; and a single host in a closed room, by curl alone and through a death of the server.

use crate::addon;
use crate::installation::Installation;
use crate::residue::Before;
use crate::server;
use lab::snapshot::Excuses;
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
#[ignore = "needs root"]
fn three_bare_hosts_live_a_first_life() {
    let site = Installation::begin("first-install", 3, |_| {});
    let before = Before::of(&site);
    let first = site.armilla("apply", &[]).healthy("the first apply");
    assert!(first.acts().len() > 50, "{:?}", first.acts());
    site.prove("proofs after the first apply");

    let second = site.armilla("apply", &[]).healthy("the second apply");
    assert_eq!(second.acts(), [""; 0], "a second apply acts");
    assert_eq!(second.met().len(), first.acts().len() + first.met().len(), "a second apply asks every probe");

    a_changed_file_is_one_act(&site);
    a_power_cut_of_all_hosts_heals_itself(&site);
    addon::an_applications_own_images_come_to_every_node(&site);
    a_host_leaves_and_comes_back(&site, &before);
    addon::every_node_holds_them(&site);
    every_host_is_bare_again(&site, &before);
}

fn a_changed_file_is_one_act(site: &Installation) {
    let file = "/etc/containerd/config.toml";
    let before = site.host("h2").shell(&format!("cat {file}")).unwrap();
    site.host("h2").shell(&format!("echo '# changed by hand' >> {file}")).unwrap();
    let mended = site.armilla("apply", &[]).healthy("apply after one file was changed");
    assert_eq!(mended.acts().len(), 1, "{:?}", mended.acts());
    assert!(mended.acts()[0].starts_with("h2/"), "{:?}", mended.acts());
    assert_eq!(site.host("h2").shell(&format!("cat {file}")).unwrap(), before);
}

/// A node that is Ready and shows the boot id of now was heard from after the cut: the one from before is stale.
fn a_power_cut_of_all_hosts_heals_itself(site: &Installation) {
    let names: Vec<&str> = site.lab.hosts().iter().map(|host| host.name()).collect();
    site.lab.power_off(&names).unwrap();
    let since = now();
    site.lab.power_on(&names).unwrap();
    let boots: BTreeMap<String, String> = site.lab.hosts().iter().map(boot).collect();
    site.wait_for_nodes("nodes after a power cut", Duration::from_secs(240), |nodes| {
        nodes.iter().all(|(name, boot)| boots.get(name) == Some(boot))
    });
    site.wait_for_pods("pods after a power cut", Duration::from_secs(180), &since);
    site.prove("proofs after a power cut");
}

/// As Kubernetes writes it, so that texts compare as times do.
fn now() -> String {
    let date = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

fn boot(host: &lab::Host) -> (String, String) {
    let id = host.shell("cat /proc/sys/kernel/random/boot_id").unwrap();
    (host.name().to_owned(), id.trim().to_owned())
}

fn a_host_leaves_and_comes_back(site: &Installation, before: &Before) {
    site.armilla("reset", &["--host", "h3"]).healthy("reset --host h3");
    let nodes = site.cluster().kubectl(&["get", "nodes", "-o", "name"]).unwrap();
    assert_eq!(nodes, "node/h1\nnode/h2\n");
    before.assert_again(site, &["h3"], "after reset --host h3");
    let back = site.armilla("apply", &[]).healthy("apply after reset --host h3");
    assert!(back.acts().iter().all(|step| step.starts_with("h3/")), "{:?}", back.acts());
    site.wait_for_nodes("nodes after h3 came back", Duration::from_secs(60), |_| true);
}

/// To the last file, mount, route and setting. A second reset finds nothing that it would touch.
fn every_host_is_bare_again(site: &Installation, before: &Before) {
    site.armilla("reset", &[]).healthy("reset");
    let used = before.assert_again(site, &["h1", "h2", "h3"], "after reset");
    assert_eq!(Excuses::committed().unused(&used), [""; 0], "an excuse that nothing needs is a hole");
}

#[test]
#[ignore = "needs root"]
fn a_single_host_in_a_closed_room_is_a_cluster_by_curl_alone() {
    let site = Installation::begin("closed-install", 1, |spec| spec.isolated = true);
    assert_eq!(site.host("h1").shell("ip route show default; cat /etc/resolv.conf").unwrap(), "");
    let mut server = server::installed(&site, &["/found/"]);
    site.prove("proofs in a closed room");
    server.nothing_was_lost();
}
