//! Changes that come close to tripping a check, and do not: nothing at all is found after any of them.

use installer_model::survey::*;

use super::World;

/// The check that it comes close to, and the change.
pub(crate) type Edge = (&'static str, fn(&mut World));

fn set(world: &mut World, name: &str, value: &str) {
    world.worker().kernel.settings.insert(name.into(), value.into());
}

#[rustfmt::skip]
pub(crate) const EDGES: &[Edge] = &[
    ("systemd-state", |w| w.worker().services.system = Some("unheard-of".into())),
    ("config-management", |w| w.worker().services.processes.push(Holder { pid: 7, command: "puppeteer".into(), unit: None })),
    ("kernel-updated", |w| { w.worker().kernel.module_trees.insert("6.6.9".into()); }),
    ("swap-at-boot", |w| w.worker().boot.fstab = Some(vec![FstabLine { fs_type: "swap".into(), options: vec!["noauto".into()], ..FstabLine::default() }])),
    ("selinux-at-boot", |w| w.worker().boot.selinux = Some("enforcing".into())),
    ("sysctl-files", |w| w.worker().boot.sysctl_lines = vec![
        // Read before Armilla's own file; corrected by a later one; a larger number of what is counted.
        SysctlLine { file: "/usr/lib/sysctl.d/50-default.conf".into(), line: String::new(), name: "net.ipv4.ip_forward".into(), value: "0".into() },
        SysctlLine { file: "/etc/sysctl.d/95-a.conf".into(), line: String::new(), name: "net.ipv4.ip_forward".into(), value: "0".into() },
        SysctlLine { file: "/etc/sysctl.d/96-b.conf".into(), line: String::new(), name: "net.ipv4.ip_forward".into(), value: "1".into() },
        SysctlLine { file: "/etc/sysctl.conf".into(), line: String::new(), name: "fs.inotify.max_user_watches".into(), value: "1048576".into() },
    ]),
    ("mount-at-boot", |w| {
        w.worker().data_dirs[2].mount_target = Some("/var/lib/my-data".into());
        w.worker().boot.mount_units.insert("var-lib-my\\x2ddata.mount".into());
    }),
    ("time-services-agree", |w| w.worker().time_services = vec!["chronyd".into(), "phc2sys".into()]),
    ("clock-synchronized", |w| { w.worker().clock.synchronized = Some(false); w.worker().virtualization = Some("lxc".into()); }),
    ("rtc", |w| w.worker().clock.rtc_ahead_s = Some(120)),
    ("nftables-service", |w| { w.worker().boot.enabled_units.insert("nftables.service".into()); }),
    ("open-files", |w| set(w, "fs.nr_open", "65536")),
    ("process-ids", |w| set(w, "kernel.pid_max", "32768")),
    ("neighbours", |w| set(w, "net.ipv4.neigh.default.gc_thresh3", "260")),
    ("local-ports", |w| { set(w, "net.ipv4.ip_local_port_range", "20000 60999"); set(w, "net.ipv4.ip_local_reserved_ports", "30000-32767"); }),
    ("entropy", |w| set(w, "kernel.random.entropy_avail", "128")),
    ("modules-disabled", |w| { set(w, "kernel.modules_disabled", "1"); w.worker().features.values_mut().for_each(|p| *p = Presence::Usable); }),
    ("hostname-valid", |w| w.worker().hostname = Some("web-3.example.com".into())),
    ("hosts-file", |w| w.worker().network.hosts_file.as_mut().unwrap().push(HostsLine { address: "192.0.2.7".parse().unwrap(), names: vec!["control.example".into()] })),
    ("name-servers-many", |w| w.worker().name_servers = Some(vec!["10.0.0.254".parse().unwrap(); 3])),
    ("search-domains", |w| w.worker().network.search_domains = vec!["a.example".into(); 29]),
    ("dns-loop", |w| { w.wish("dns: {upstreams: [10.0.0.254]}\n"); w.worker().name_servers = Some(vec!["10.96.0.10".parse().unwrap()]); }),
    ("proxy", |w| w.worker().network.proxies.push(ProxySetting { file: "/etc/environment".into(), variable: "http_proxy".into(), no_proxy: Some("localhost, 10.244.0.0/16,10.96.0.0/12".into()) })),
    ("packet-rules", |w| { w.host("worker").ours = true; w.worker().network.packet_rules.as_mut().unwrap().chains.insert("KUBE-SERVICES".into()); }),
    ("leftovers-mounts", |w| w.worker().mounts.push(Mount { target: "/var/lib/kubelet".into(), source: "/dev/vdb".into(), fs_type: "ext4".into(), options: Vec::new() })),
];
