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
    ("swap-at-boot", |w| { w.worker().boot.fstab = Some(vec![FstabLine { fs_type: "swap".into(), options: vec!["noauto".into()], ..FstabLine::default() }]); w.worker().boot.mount_units.insert("swap.img.swap".into()); }),
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
    ("open-files", |w| set(w, "fs.nr_open", "16384")),
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
    ("proxy", |w| w.worker().network.proxies.push(ProxySetting { file: "/etc/environment".into(), variable: "http_proxy".into(), no_proxy: Some("localhost, 10.0.0.0/8".into()) })),
    ("packet-rules", |w| { w.host("worker").ours = true; w.worker().network.packet_rules.as_mut().unwrap().chains.insert("KUBE-SERVICES".into()); }),
    ("noexec", |w| w.worker().data_dirs[2].no_exec = true),
    ("same-machine", |w| { let boot = w.control().boot_id.clone(); w.worker().boot_id = boot; }),
    ("product-uuid-unique", |w| { w.worker().identity.product_uuid = Some("uuid1".into()); w.worker().virtualization = Some("systemd-nspawn".into()); }),
    ("clock-here", |w| for name in ["control", "worker"] { w.host(name).clock_skew_ms = Some(60_000); }),
    ("os", |w| w.worker().os = Some(OsRelease { id: "openEuler".into(), ..OsRelease::default() })),
    ("cgroup-writable", |w| for (target, option) in [("/sys/fs/cgroup/memory", "ro"), ("/sys/fs/cgroup/memory", "rw"), ("/sys/fs/cgroup/blkio", "ro"), ("/sys/fs/cgroup", "ro")] {
        let (fs_type, options) = (if target == "/sys/fs/cgroup" { "tmpfs" } else { "cgroup" }, vec![option.to_owned()]);
        w.worker().mounts.push(Mount { target: target.into(), source: "x".into(), fs_type: fs_type.into(), options });
    }),
    ("kernel-config", |w| { w.worker().kernel.options.insert("CONFIG_CGROUP_DEVICE".into(), "n".into()); }),
    ("kernel-options", |w| w.worker().kernel.options.clear()),
    ("memory-available", |w| w.worker().memory.as_mut().unwrap().available = Some(512 << 20)),
    ("huge-pages", |w| w.worker().kernel.huge_pages_bytes = 7 << 30),
    ("etcd-filesystem", |w| w.worker().data_dirs[4].fs_type = Some("tmpfs".into())),
    ("entry-types", |w| w.worker().storage.without_entry_types.push("/var/lib/kubelet".into())),
    ("log-space", |w| w.worker().data_dirs[5].free_bytes = 1 << 30),
    ("link-speed", |w| w.worker().network.links.get_mut("eth0").unwrap().speed_mbps = Some(1000)),
    ("mtu-small", |w| for name in ["control", "worker"] { w.host(name).facts.nics[1].mtu = Some(1330); }),
    ("default-route-many", |w| { let mut other = w.worker().routes[0].clone(); other.metric = 100; w.worker().routes.push(other); }),
    ("rp-filter", |w| set(w, "net.ipv4.conf.all.rp_filter", "1")),
    ("ssh-latency", |w| w.host("worker").ssh_rtt_us = Some(200_000)),
    ("leftovers-mounts", |w| w.worker().mounts.push(Mount { target: "/var/lib/kubelet".into(), source: "/dev/vdb".into(), fs_type: "ext4".into(), options: Vec::new() })),
];
