//! Whole hosts, from the files under `fixtures/`: text archives that `fixtures/capture.sh` writes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use installer_model::survey::{
    Capabilities, CgroupVersion, KernelFeature, LeftoverKind, Presence, Protocol, Selinux,
};

use super::*;

/// Unpacks `-- path --` (a file follows), `-- path/ --` (a folder) and `-- path -> target --` (a link), and reads the
/// facts of the tree.
fn host(archive: &str) -> HostFacts {
    let folder = tempfile::tempdir().unwrap();
    let mut calls = SystemCalls::default();
    let (_, entries) = archive.split_once("\n-- ").unwrap();
    for entry in entries.split("\n-- ") {
        let (head, text) = entry.split_once(" --").unwrap();
        let text = text.strip_prefix('\n').unwrap_or(text);
        if head == "calls.json" {
            calls = serde_json::from_str(text).unwrap();
            continue;
        }
        unpack(folder.path(), head, &format!("{}\n", text.trim_end_matches('\n')));
    }
    let dirs: Vec<String> = calls.data_dirs.iter().map(|dir| dir.path.clone()).collect();
    assemble(&Root::new(folder.path()), &dirs, calls)
}

fn unpack(folder: &Path, head: &str, text: &str) {
    let inside = |path: &str| folder.join(path.trim_start_matches('/'));
    if let Some((path, target)) = head.split_once(" -> ") {
        fs::create_dir_all(inside(path).parent().unwrap()).unwrap();
        symlink(target, inside(path)).unwrap();
    } else if head.ends_with('/') {
        fs::create_dir_all(inside(head)).unwrap();
    } else {
        fs::create_dir_all(inside(head).parent().unwrap()).unwrap();
        fs::write(inside(head), text).unwrap();
    }
}

#[test]
fn an_ubuntu_with_docker_and_a_proxy_on_the_api_port() {
    let facts = host(include_str!("../../fixtures/ubuntu-22.04.txt"));
    assert_eq!(facts.os.as_ref().unwrap().pretty_name, "Ubuntu 22.04.4 LTS");
    assert_eq!(facts.kernel_version(), Some((5, 15)));
    assert_eq!(facts.cgroup.as_ref().unwrap().version, CgroupVersion::V2);
    assert_eq!(facts.cpu.is_x86_64_v2(), Some(true));
    assert_eq!(facts.memory.unwrap().swap_total, 2097148 << 10);
    // Pods must not be given the stub on the host's loopback.
    assert_eq!(facts.resolv_conf.as_deref(), Some("/run/systemd/resolve/resolv.conf"));
    assert_eq!(facts.name_servers.as_ref().unwrap().len(), 2);
    assert_eq!(facts.firewalls, ["ufw"]);
    assert_eq!(facts.selinux, Some(Selinux::Disabled));
    assert_eq!(facts.time_services, ["systemd-timesyn"]);
    assert_eq!(facts.virtualization.as_deref(), Some("kvm"));
    assert_eq!((facts.init.systemd, facts.init.systemd_version), (true, Some(249)));
    assert_eq!(facts.nic_of("10.20.0.13".parse().unwrap()).unwrap().mtu, Some(1450));
    assert!(facts.has_default_route_v4());
    assert_eq!(facts.disks.len(), 1);
    assert_eq!(facts.disks[0].bytes, 40 << 30);
    assert_eq!(facts.data_dirs[0].mount_target.as_deref(), Some("/"));
    assert_eq!(facts.feature(KernelFeature::Vxlan), Presence::Loadable);
    assert_eq!(facts.feature(KernelFeature::NfTables), Presence::Usable);
    assert!(facts.commands.values().all(Option::is_some), "{:?}", facts.commands);

    let listeners = facts.listeners.as_ref().unwrap();
    let on = |protocol, port| listeners.iter().find(|l| l.protocol == protocol && l.port == port).unwrap();
    let api = on(Protocol::Tcp, 6443);
    assert_eq!((api.holders[0].pid, api.holders[0].command.as_str()), (811, "haproxy"));
    assert_eq!(api.holders[0].unit.as_deref(), Some("haproxy.service"));
    assert!(on(Protocol::Udp, 8472).holders.is_empty(), "the kernel's own vxlan socket");
    assert_eq!(listeners.iter().filter(|l| l.port == 22).count(), 1, "a connection is no listener");

    let left: Vec<_> = facts.leftovers.iter().map(|l| (l.kind, l.name.as_str())).collect();
    assert_eq!(
        left,
        [
            (LeftoverKind::Path, "/var/lib/containerd"),
            (LeftoverKind::Unit, "containerd.service"),
            (LeftoverKind::Unit, "docker.service"),
            (LeftoverKind::Process, "containerd"),
            (LeftoverKind::Process, "dockerd"),
        ]
    );
}

#[test]
fn an_openeuler_on_arm_with_large_pages_in_a_closed_room() {
    let facts = host(include_str!("../../fixtures/openeuler-22.03-arm64.txt"));
    assert_eq!(facts.os.as_ref().unwrap().id, "openEuler");
    assert_eq!(facts.arch(), Some(bundles_format::Arch::Arm64));
    assert_eq!(facts.page_size, Some(65536));
    assert_eq!(facts.kernel_version(), Some((5, 10)));
    let cgroup = facts.cgroup.as_ref().unwrap();
    assert_eq!((cgroup.version, cgroup.controllers.contains("memory")), (CgroupVersion::V1, true));
    assert_eq!(facts.cpu.model.as_deref(), Some("Kunpeng 920"));
    assert_eq!(facts.selinux, Some(Selinux::Enforcing));
    assert_eq!(facts.firewalls, ["firewalld"]);
    assert_eq!(facts.time_services, ["chronyd"]);
    assert!(!facts.has_default_route_v4());
    assert_eq!(facts.name_servers.as_deref(), Some([].as_slice()));
    assert_eq!(facts.routes.len(), 1);
    assert_eq!(facts.routes[0].destination.to_string(), "172.16.8.0/23");
    assert_eq!(facts.nic_of("172.16.8.200".parse().unwrap()).unwrap().name, "bond0");
    assert_eq!(facts.nics.len(), 2, "bonding_masters is no interface");
    assert_eq!(facts.data_dir("/data/containerd").unwrap().mount_target.as_deref(), Some("/data"));
    assert!(facts.data_dir("/var/lib/armilla").unwrap().no_exec);
    assert_eq!(facts.feature(KernelFeature::Overlay), Presence::Loadable);
    assert_eq!(facts.feature(KernelFeature::NfConntrack), Presence::Usable);
    // The vendor sells network cards too: only the processing accelerator counts.
    assert_eq!(facts.accelerators.len(), 1);
    let card = &facts.accelerators[0];
    assert_eq!((card.device, card.class), (0xd802, 0x1200));
    assert_eq!(card.driver.as_deref(), Some("devdrv_device_driver"));
    assert_eq!(facts.leftovers, [], "an empty skeleton of folders is no cluster");
}

#[test]
fn a_host_that_tells_nothing_is_unknown_and_not_an_error() {
    let facts = host("nothing\n-- calls.json --\n{}");
    assert_eq!(facts.os, None);
    assert_eq!(facts.listeners, None);
    assert_eq!(facts.cgroup, None);
    assert_eq!(facts.feature(KernelFeature::Overlay), Presence::Unknown);
    assert_eq!(facts.capabilities, None::<Capabilities>);
}

#[test]
fn this_machine_tells_what_every_linux_tells() {
    let dir = "/var/lib/etcd".to_owned();
    let facts = gather(&Questions { data_dirs: vec![dir.clone()], fsync_dir: None });
    assert!(facts.kernel_version().is_some() && facts.machine.is_some() && facts.memory.is_some());
    assert!(facts.page_size.is_some_and(|size| size.is_power_of_two()));
    assert!(facts.nics.iter().any(|nic| nic.name == "lo"));
    assert!(facts.data_dir(&dir).unwrap().total_bytes > 0);
    let stored = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<HostFacts>(&stored).unwrap(), facts);
}

#[test]
fn a_port_that_is_held_here_is_seen_with_its_holder() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let facts = gather(&Questions::default());
    let listeners = facts.listeners.unwrap();
    let own = listeners.iter().find(|l| l.protocol == Protocol::Tcp && l.port == port).unwrap();
    assert!(own.holders.iter().any(|holder| holder.pid == std::process::id()), "{own:?}");
}

#[test]
fn a_host_of_the_lab_without_a_way_out() {
    let facts = host(include_str!("../../fixtures/lab.txt"));
    assert_eq!(facts.virtualization.as_deref(), Some("systemd-nspawn"));
    assert_eq!(facts.cgroup.as_ref().unwrap().version, CgroupVersion::Hybrid);
    assert!(!facts.capabilities.unwrap().has(Capabilities::SYS_RESOURCE));
    assert_eq!(facts.oom_score_adj_lowers, Some(false));
    assert!(!facts.sysctls["net.netfilter.nf_conntrack_max"].settable);
    assert!(facts.sysctls["net.ipv4.ip_forward"].settable);
    // Neither a module tree nor /proc/modules, and yet everything is there.
    assert!(facts.modules.is_empty());
    assert!(facts.features.values().all(|presence| *presence == Presence::Usable), "{:?}", facts.features);
    assert!(!facts.has_default_route_v4());
    assert_eq!(facts.name_servers.as_deref(), Some([].as_slice()));
    let etcd = facts.data_dir("/var/lib/etcd").unwrap();
    assert_eq!(
        (etcd.mount_target.as_deref(), etcd.fs_type.as_deref()),
        (Some("/var/lib/etcd"), Some("ext4"))
    );
    assert_eq!(facts.data_dir("/var/lib/armilla").unwrap().fs_type.as_deref(), Some("overlay"));
    let ssh = facts.listeners.as_ref().unwrap().iter().find(|listener| listener.port == 22).unwrap();
    assert_eq!(ssh.holders[0].unit.as_deref(), Some("ssh.service"));
    assert_eq!(facts.leftovers, []);
}

/// The plan's tests judge these hosts by the JSON beside the fixtures; it is what the hand would send. To write it
/// anew after a change: `UPDATE_GOLDEN=1 cargo test -p installer-hand golden`.
#[test]
fn the_golden_facts_are_those_of_the_fixtures() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for name in ["lab", "ubuntu-22.04", "openeuler-22.03-arm64"] {
        let read = |file: String| fs::read_to_string(fixtures.join(file));
        let text = serde_json::to_string_pretty(&host(&read(format!("{name}.txt")).unwrap())).unwrap() + "\n";
        let golden = format!("{name}.facts.json");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(fixtures.join(&golden), &text).unwrap();
        }
        assert_eq!(text, read(golden).unwrap(), "{name}");
    }
}
