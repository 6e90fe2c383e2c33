use std::collections::BTreeSet;

use installer_model::finding::{Finding, Severity};
use installer_model::survey::*;

use super::trips::{EDGES, World, listener, trips};
use super::*;

fn look(world: &World) -> Vec<Finding> {
    preflight(&world.site, &world.release, None, &world.survey)
}

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.id.as_str()).collect()
}

#[test]
fn a_sound_site_passes_every_check() {
    assert_eq!(look(&World::sound()), []);
}

#[test]
fn each_check_finds_what_it_is_for() {
    for (id, change, severity, host, observed) in trips() {
        let mut world = World::sound();
        change(&mut world);
        let findings = look(&world);
        let found = findings.iter().find(|finding| {
            finding.id == *id
                && finding.severity == *severity
                && finding.host.as_ref().map_or("", |name| name.as_str()) == *host
                && finding.observed.contains(observed)
        });
        assert!(found.is_some(), "{id} ({observed}): {findings:#?}");
        assert_eq!(refuses(&findings), findings.iter().any(|f| f.severity == Severity::Refuse));
    }
}

#[test]
fn a_check_leaves_alone_what_only_comes_close() {
    let known: BTreeSet<&str> = checks().map(|check| check.id).collect();
    for (id, change) in EDGES {
        let mut world = World::sound();
        change(&mut world);
        assert!(known.contains(id), "{id}");
        assert_eq!(look(&world), [], "{id}");
    }
}

/// What could not be seen may well work. Three facts are what a plan is made of: without them there is none.
#[test]
fn what_is_not_known_does_not_refuse() {
    const NEEDED: &[&str] = &["architecture", "systemd", "cluster-address"];
    let mut world = World::sound();
    *world.worker() = HostFacts::default();
    *world.control() = HostFacts::default();
    let refused = look(&world).into_iter().filter(|finding| finding.severity == Severity::Refuse);
    for finding in refused {
        assert!(NEEDED.contains(&finding.id.as_str()), "{finding:#?}");
    }
}

/// A check that passes because nothing is known proves nothing.
#[test]
fn the_sound_hosts_leave_no_fact_unknown() {
    fn unknown(path: &str, value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Null => found.push(path.to_owned()),
            serde_json::Value::Object(map) => {
                map.iter().for_each(|(key, value)| unknown(&format!("{path}.{key}"), value, found));
            }
            _ => {}
        }
    }
    let mut world = World::sound();
    let mut found = Vec::new();
    unknown("", &serde_json::to_value(world.control()).unwrap(), &mut found);
    // Nothing was recognised, and nothing was ordered: that is how a sound host has it.
    assert_eq!(found, [".virtualization", ".boot.shutdownOrdered"]);
}

/// A check that objects to a change made for another one would be noise for people.
#[test]
fn a_change_trips_its_own_check_and_its_known_companions_only() {
    // A kernel that is too old for Kubernetes is too old for nftables, and one that cannot be told is as well.
    // The second control plane of the trip has no disk measured.
    const COMPANIONS: &[(&str, &str)] = &[
        ("kernel", "kube-proxy-mode"),
        ("kube-proxy-mode", "kernel"),
        ("kernel", "kernel-updated"),
        ("kube-proxy-mode", "kernel-updated"),
        ("workers", "fsync"),
        ("same-machine", "machine-id-unique"),
        ("accelerator-driver", "accelerators"),
        ("link-one-way", "link-udp"),
    ];
    for (id, change, ..) in trips() {
        let mut world = World::sound();
        change(&mut world);
        for other in ids(&look(&world)) {
            assert!(other == *id || COMPANIONS.contains(&(id, other)), "{id} trips {other}");
        }
    }
}

#[test]
fn every_check_has_a_trip_an_id_of_its_own_and_words_in_both_languages() {
    let tripped: BTreeSet<&str> = trips().map(|(id, ..)| *id).collect();
    let ids: BTreeSet<&str> = checks().map(|check| check.id).collect();
    assert_eq!(ids, tripped);
    assert_eq!(ids.len(), checks().count(), "ids repeat");
    assert!(ids.len() >= 95);
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for check in checks() {
        assert!(chinese(check.why.zh) && !chinese(check.why.en), "{}", check.id);
        assert!(!check.title.zh.is_empty() && !chinese(check.title.en), "{}", check.id);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(check.id.chars().all(plain), "{}", check.id);
    }
}

/// What `check --fix` can mend, found by tripping each check.
#[test]
fn checks_name_what_mends_them() {
    let mut mended: BTreeSet<&str> = BTreeSet::new();
    for (id, change, ..) in trips() {
        let mut world = World::sound();
        change(&mut world);
        let findings = look(&world);
        if findings.iter().any(|finding| finding.id == *id && !finding.repairs.is_empty()) {
            mended.insert(id);
        }
        for finding in findings.iter().filter(|finding| !finding.repairs.is_empty()) {
            assert!(finding.host.is_some(), "{id}: a repair is done on a host");
        }
    }
    assert!(mended.len() >= 35, "{mended:?}");
}

#[test]
fn whatever_refuses_says_what_to_do() {
    // Nobody can do anything about these but look at the host, or log in as somebody else.
    const EXCEPT: &[&str] = &["host-surveyed", "root", "systemd", "kubernetes-version"];
    for (id, change, ..) in trips() {
        let mut world = World::sound();
        change(&mut world);
        let refusals = look(&world).into_iter().filter(|finding| finding.severity == Severity::Refuse);
        for finding in refusals.filter(|finding| !EXCEPT.contains(&finding.id.as_str())) {
            let fix = finding.fix.unwrap_or_else(|| panic!("{id} has no fix"));
            assert!(!fix.en.is_empty() && !fix.zh.is_empty());
        }
    }
}

#[test]
fn what_our_own_cluster_left_is_not_held_against_its_hosts() {
    let mut world = World::sound();
    for (name, port, command) in
        [("control", 6443, "kube-apiserver"), ("control", 2379, "etcd"), ("worker", 7443, "armilla")]
    {
        world.host(name).ours = true;
        let facts = &mut world.host(name).facts;
        facts.listeners.as_mut().unwrap().extend([
            listener(Protocol::Tcp, "::", port, &[(command, "")]),
            listener(Protocol::Tcp, "::", 10250, &[("kubelet", "kubelet.service")]),
            listener(Protocol::Udp, "0.0.0.0", 8472, &[]),
        ]);
        facts.leftovers.push(Leftover { kind: LeftoverKind::Path, name: "/etc/kubernetes".into() });
        facts.leftovers.push(Leftover { kind: LeftoverKind::Process, name: "containerd".into() });
        facts.data_dirs.iter_mut().for_each(|dir| dir.free_bytes = 20 << 30);
        facts.nics.push(Nic {
            name: "cni0".into(),
            mac: None,
            mtu: Some(1450),
            up: true,
            addresses: vec![NicAddress { address: "10.244.0.1".parse().unwrap(), prefix: 24 }],
        });
        facts.routes.push(Route {
            destination: "10.96.0.0/12".parse().unwrap(),
            gateway: None,
            interface: Some("eth0".into()),
            metric: 0,
        });
        facts.routes.push(Route {
            destination: "10.244.1.0/24".parse().unwrap(),
            gateway: Some("10.244.1.0".parse().unwrap()),
            interface: Some("flannel.1".into()),
            metric: 0,
        });
    }
    assert_eq!(look(&world), []);
    // Somebody else on our port is, ours or not.
    world.worker().listeners.as_mut().unwrap().push(listener(
        Protocol::Tcp,
        "0.0.0.0",
        10256,
        &[("nginx", "")],
    ));
    assert_eq!(ids(&look(&world)), ["ports"]);
    // And the same host without the membership is refused for all of it.
    world.host("worker").ours = false;
    let findings = look(&world);
    for id in ["leftovers", "container-runtime", "network-overlap", "ports"] {
        assert!(ids(&findings).contains(&id), "{id}: {findings:#?}");
    }
}

#[test]
fn numbers_are_judged_at_their_edges() {
    let mut world = World::sound();
    // Exactly what the release needs on the control plane: 440 + 100 + 1600 + 2 x 1024 MiB.
    world.control().data_dirs.iter_mut().for_each(|dir| {
        dir.free_bytes = 4188 << 20;
        dir.total_bytes = 4188 << 20;
    });
    assert_eq!(ids(&look(&world)), ["disk-headroom"]);
    let mut world = World::sound();
    world.control().fsync.as_mut().unwrap().p99_us = 10_000;
    world.host("worker").clock_skew_ms = Some(20 + 5_000);
    world.control().cpu.count = Some(2);
    world.worker().cpu.count = Some(1);
    world.control().memory.as_mut().unwrap().total = 3 << 30;
    assert_eq!(look(&world), []);
}

#[test]
fn a_clock_that_is_alone_is_held_against_the_machine_that_looks() {
    for off in [600_000, -600_000] {
        let mut world = World::sound();
        world.host("control").clock_skew_ms = None;
        world.host("worker").clock_skew_ms = Some(off);
        let findings = look(&world);
        assert_eq!(ids(&findings), ["clock-skew"], "{off}");
        assert_eq!(findings[0].observed, "600.0 s from the machine that runs Armilla");
    }
    // Both hosts agree: it is the machine that looks which is off, and that is no host's fault.
    let mut world = World::sound();
    world.host("control").clock_skew_ms = Some(600_000);
    world.host("worker").clock_skew_ms = Some(600_010);
    assert_eq!(ids(&look(&world)), ["clock-here"]);
}

#[test]
fn each_filesystem_is_judged_by_what_comes_onto_it() {
    let mut world = World::sound();
    let facts = world.worker();
    // containerd on a disk of its own needs 1600 MiB there; the root then needs 440 + 100 + 1024 MiB.
    for dir in &mut facts.data_dirs {
        let (filesystem, free) = if dir.path.ends_with("containerd") { (2, 1599) } else { (1, 1564) };
        (dir.filesystem, dir.free_bytes, dir.total_bytes) = (filesystem, free << 20, 1600 << 20);
        if filesystem == 2 {
            dir.mount_target = Some("/var/lib/containerd".into());
        }
    }
    let findings = look(&world);
    let space: Vec<&str> =
        findings.iter().filter(|f| f.id == "disk-space").map(|f| f.observed.as_str()).collect();
    assert_eq!(space, ["1.5 GiB free on /var/lib/containerd"]);
}

#[test]
fn a_host_of_ours_needs_room_for_what_an_import_brings_and_for_nothing_else() {
    let judged = |free: u64, coming: Option<&Release>| {
        let mut world = World::sound();
        world.host("control").ours = true;
        world.host("worker").ours = true;
        world.worker().data_dirs.iter_mut().for_each(|dir| dir.free_bytes = free << 20);
        let findings = preflight(&world.site, &world.release, coming, &world.survey);
        let space = findings.into_iter().filter(|finding| finding.id == "disk-space");
        space.map(|finding| (finding.host.map(|host| host.to_string()), finding.wanted)).collect::<Vec<_>>()
    };
    let mut addon = World::sound().release;
    addon.components.iter_mut().for_each(|component| component.files.clear());
    // 400 MiB staged; 400 packed, 1000 unpacked and a fifth of that more in containerd.
    let wanted = "1.9 GiB for /var/lib/armilla, /var/lib/containerd";
    assert_eq!(judged(1999, Some(&addon)), [(Some("worker".to_owned()), wanted.to_owned())]);
    assert_eq!(judged(2000, Some(&addon)), []);
    assert_eq!(judged(10, None), []);
}

#[test]
fn what_somebody_laid_over_a_unit_of_ours_does_not_stop_an_apply() {
    let mut world = World::sound();
    let path = "/etc/systemd/system/kubelet.service.d/50-site.conf".into();
    world.worker().services.drop_ins.push(DropIn { path, starts_another: true });
    assert!(refuses(&look(&world)));
    world.host("worker").ours = true;
    assert_eq!((ids(&look(&world)), refuses(&look(&world))), (vec!["unit-drop-ins"], false));
}

#[test]
fn the_folder_that_k3s_and_rke2_share_is_of_the_one_that_left_more() {
    let left = |world: &mut World, name: &str| {
        world.worker().leftovers.push(Leftover { kind: LeftoverKind::Path, name: name.into() });
    };
    let mut world = World::sound();
    left(&mut world, "/var/lib/rancher");
    assert_eq!(ids(&look(&world)), ["leftovers-k3s"]);
    left(&mut world, "/etc/rancher/rke2");
    assert_eq!(ids(&look(&world)), ["leftovers-rke2"]);
}

#[test]
fn a_listener_on_another_address_leaves_the_port_free() {
    let mut world = World::sound();
    let other = listener(Protocol::Tcp, "192.168.9.9", 10250, &[("nginx", "")]);
    let udp = listener(Protocol::Udp, "0.0.0.0", 6443, &[("x", "")]);
    let node_port_of_the_control_plane = listener(Protocol::Tcp, "0.0.0.0", 2379, &[("x", "")]);
    world.worker().listeners.as_mut().unwrap().extend([other, udp, node_port_of_the_control_plane]);
    assert_eq!(look(&world), []);
}

#[test]
fn displays_and_virtual_functions_are_no_accelerators() {
    let mut world = World::sound();
    let card = PciDevice {
        address: "0000:00:02.0".into(),
        vendor: 0x8086,
        device: 1,
        class: 0x0300,
        virtual_function: false,
        driver: None,
    };
    world.worker().accelerators =
        vec![card.clone(), PciDevice { vendor: 0x10de, class: 0x0302, virtual_function: true, ..card }];
    assert_eq!(look(&world), []);
}

#[test]
fn modprobe_is_needed_only_where_modules_wait_to_be_loaded() {
    let mut world = World::sound();
    world.worker().commands.insert("modprobe".into(), None);
    world.worker().features.values_mut().for_each(|presence| *presence = Presence::Usable);
    assert_eq!(look(&world), []);
}

#[test]
fn a_member_of_the_cluster_is_not_asked_to_exercise_its_disk_again() {
    let mut world = World::sound();
    assert_eq!(questions(&world.site, &world.site.hosts[0], true).fsync_dir, None);
    world.host("control").ours = true;
    world.control().fsync = None;
    assert_eq!(look(&world), []);
}

#[test]
fn containers_share_the_clock_of_their_machine() {
    let mut world = World::sound();
    world.worker().time_services.clear();
    world.worker().virtualization = Some("systemd-nspawn".into());
    assert_eq!(look(&world), []);
}

#[test]
fn the_hand_is_asked_about_every_directory_that_a_check_judges() {
    let world = World::sound();
    let control = questions(&world.site, &world.site.hosts[0], false);
    assert_eq!(control.fsync_dir.as_deref(), Some("/var/lib/etcd"));
    for dir in
        ["/var/lib/armilla", "/usr/local/bin", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd"]
    {
        assert!(control.data_dirs.iter().any(|asked| asked == dir), "{dir}");
    }
    let worker = questions(&world.site, &world.site.hosts[1], false);
    assert_eq!(worker.fsync_dir, None);
    assert!(!worker.data_dirs.iter().any(|dir| dir == "/var/lib/etcd"));
}
