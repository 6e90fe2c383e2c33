//! Changes of what surrounds a host.

use installer_model::finding::Severity::{Info, Refuse, Warn};
use installer_model::survey::*;

use super::Trip;

fn runs(facts: &mut HostFacts, command: &str) {
    facts.services.processes.push(Holder { pid: 77, command: command.into(), unit: None });
}

fn starts(facts: &mut HostFacts, unit: &str) {
    facts.boot.enabled_units.insert(unit.into());
}

fn set(facts: &mut HostFacts, name: &str, value: &str) {
    facts.kernel.settings.insert(name.into(), value.into());
}

fn names(facts: &mut HostFacts, address: &str, name: &str) {
    let line = HostsLine { address: address.parse().unwrap(), names: vec![name.into()] };
    facts.network.hosts_file.get_or_insert_default().push(line);
}

fn drop_in(facts: &mut HostFacts, starts_another: bool) {
    let path = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf".into();
    facts.services.drop_ins.push(DropIn { path, starts_another });
}

fn line(facts: &mut HostFacts, file: &str, value: &str) {
    let name = "net.ipv4.ip_forward";
    let line = format!("{name} = {value}");
    facts.boot.sysctl_lines.push(SysctlLine {
        file: file.into(),
        line,
        name: name.into(),
        value: value.into(),
    });
}

fn fstab(facts: &mut HostFacts, source: &str, target: &str, fs_type: &str) {
    let line = FstabLine {
        source: source.into(),
        target: target.into(),
        fs_type: fs_type.into(),
        options: Vec::new(),
    };
    facts.boot.fstab.get_or_insert_default().push(line);
}

fn proxy(facts: &mut HostFacts, file: &str, no_proxy: Option<&str>) {
    let no_proxy = no_proxy.map(str::to_owned);
    facts.network.proxies.push(ProxySetting { file: file.into(), variable: "https_proxy".into(), no_proxy });
}

#[rustfmt::skip]
pub(crate) const AROUND: &[Trip] = &[
    // systemd and services
    ("systemd-state", |w| { let s = &mut w.worker().services; s.system = Some("degraded".into()); s.failed_units.insert("x.service".into()); }, Info, "worker", "degraded: x.service"),
    ("systemd-state", |w| w.worker().services.system = Some("starting".into()), Warn, "worker", "starting"),
    ("systemd-state", |w| w.worker().services.system = Some("stopping".into()), Refuse, "worker", "stopping"),
    ("unit-drop-ins", |w| drop_in(w.worker(), true), Refuse, "worker", "10-kubeadm.conf"),
    ("unit-drop-ins", |w| drop_in(w.worker(), false), Warn, "worker", "10-kubeadm.conf"),
    ("other-programs", |w| w.worker().services.programs.push("/usr/bin/kubelet".into()), Info, "worker", "/usr/bin/kubelet"),
    ("config-management", |w| runs(w.worker(), "puppet"), Info, "worker", "puppet (pid 77)"),
    ("automatic-updates", |w| starts(w.worker(), "unattended-upgrades.service"), Info, "worker", "unattended-upgrades.service"),
    ("nm-cloud-setup", |w| starts(w.worker(), "nm-cloud-setup.timer"), Warn, "worker", "nm-cloud-setup.timer"),
    ("sshd-dns", |w| w.worker().services.sshd_asks_dns = Some(true), Info, "worker", "UseDNS yes"),
    ("journal", |w| w.worker().services.journal_volatile = Some(true), Info, "worker", "/run/log/journal"),
    // After the next boot
    ("restart-wanted", |w| w.worker().boot.restart_wanted = true, Warn, "worker", "reboot-required"),
    ("shutdown-ordered", |w| w.worker().boot.shutdown_ordered = Some("poweroff".into()), Warn, "worker", "poweroff"),
    ("kernel-updated", |w| w.worker().kernel.module_trees = ["6.6.9".to_owned()].into(), Warn, "worker", "running 6.6.0-1-amd64, modules of 6.6.9"),
    ("swap-at-boot", |w| fstab(w.worker(), "/swap.img", "none", "swap"), Warn, "worker", "/swap.img"),
    ("swap-at-boot", |w| { w.worker().boot.mount_units.insert("dev-zram0.swap".into()); }, Warn, "worker", "dev-zram0.swap"),
    ("selinux-at-boot", |w| { w.worker().selinux = Some(Selinux::Permissive); w.worker().boot.selinux = Some("enforcing".into()); }, Warn, "worker", "SELINUX=enforcing"),
    ("sysctl-files", |w| line(w.worker(), "/etc/sysctl.d/99-hardening.conf", "0"), Warn, "worker", "net.ipv4.ip_forward=0 in /etc/sysctl.d/99-hardening.conf"),
    ("sysctl-files", |w| line(w.worker(), "/etc/sysctl.conf", "0"), Warn, "worker", "/etc/sysctl.conf"),
    ("mount-at-boot", |w| w.worker().data_dirs[2].mount_target = Some("/data".into()), Warn, "worker", "/data"),
    // Time
    ("clock-sane", |w| w.worker().clock_unix_ns = Some(4_000_000_000_000_000), Refuse, "worker", "the year 1970"),
    ("time-services-agree", |w| w.worker().time_services = vec!["chronyd".into(), "ntpd".into()], Warn, "worker", "chronyd, ntpd"),
    ("clock-synchronized", |w| w.worker().clock.synchronized = Some(false), Warn, "worker", "not synchronized"),
    ("rtc", |w| w.worker().clock.rtc_ahead_s = Some(-121), Warn, "worker", "121 s behind"),
    ("rtc-local-time", |w| w.worker().clock.rtc_local = Some(true), Warn, "worker", "LOCAL"),
    ("clock-source", |w| w.worker().kernel.clock_source = Some("hpet".into()), Info, "worker", "hpet"),
    // Security software
    ("packet-filter-agents", |w| runs(w.worker(), "lfd"), Warn, "worker", "lfd (pid 77)"),
    ("packet-filter-agents", |w| starts(w.worker(), "netfilter-persistent.service"), Warn, "worker", "netfilter-persistent.service"),
    ("nftables-service", |w| { starts(w.worker(), "nftables.service"); w.worker().boot.nftables_flushes = Some(true); }, Warn, "worker", "flush ruleset"),
    ("endpoint-security", |w| runs(w.worker(), "falcon-sensor"), Warn, "worker", "falcon-sensor (pid 77)"),
    ("exec-control", |w| runs(w.worker(), "fapolicyd"), Warn, "worker", "fapolicyd (pid 77)"),
    ("kysec", |w| { w.worker().kernel.security_modules.insert("kysec".into()); }, Warn, "worker", "kysec"),
    ("lockdown", |w| w.worker().kernel.lockdown = Some("integrity".into()), Info, "worker", "integrity"),
    ("fips", |w| set(w.worker(), "crypto.fips_enabled", "1"), Info, "worker", "on"),
    // Limits of the kernel
    ("open-files", |w| set(w.worker(), "fs.nr_open", "8191"), Refuse, "worker", "fs.nr_open 8191"),
    ("open-files", |w| w.worker().services.open_files = Some(4096), Warn, "worker", "hard limit of process 1 4096"),
    ("process-ids", |w| set(w.worker(), "kernel.pid_max", "32767"), Warn, "worker", "kernel.pid_max 32767"),
    ("map-count", |w| set(w.worker(), "vm.max_map_count", "65529"), Warn, "worker", "65529"),
    ("neighbours", |w| set(w.worker(), "net.ipv4.neigh.default.gc_thresh3", "259"), Warn, "worker", "259"),
    ("local-ports", |w| set(w.worker(), "net.ipv4.ip_local_port_range", "32767 60999"), Warn, "worker", "takes in 30000-32767"),
    ("local-ports", |w| set(w.worker(), "net.ipv4.ip_local_port_range", "1024\t65535"), Warn, "worker", "takes in 6443, 2379-2381"),
    ("entropy", |w| set(w.worker(), "kernel.random.entropy_avail", "127"), Warn, "worker", "127 bits"),
    ("kernel-features", |w| { w.worker().features.insert(KernelFeature::Veth, Presence::Blocked); }, Refuse, "worker", "blocked by modprobe.d: veth"),
    ("modules-disabled", |w| set(w.worker(), "kernel.modules_disabled", "1"), Refuse, "worker", "br_netfilter"),
    // Names and proxies
    ("hostname-valid", |w| w.worker().hostname = Some("Web_3".into()), Warn, "worker", "Web_3"),
    ("hostname-valid", |w| w.worker().hostname = Some("localhost".into()), Warn, "worker", "localhost"),
    ("hostname-loopback", |w| names(w.worker(), "127.0.1.1", "host2"), Info, "worker", "127.0.1.1 host2"),
    ("localhost", |w| w.worker().network.hosts_file = Some(Vec::new()), Warn, "worker", "not in /etc/hosts"),
    ("localhost", |w| { w.worker().network.hosts_file = None; names(w.worker(), "10.0.0.9", "localhost"); }, Warn, "worker", "10.0.0.9"),
    ("hosts-file", |w| names(w.worker(), "192.0.2.7", "control"), Warn, "worker", "192.0.2.7 control"),
    ("resolv-conf", |w| w.worker().resolv_conf = None, Warn, "worker", "cannot be read"),
    ("name-servers-many", |w| w.worker().name_servers = Some(vec!["10.0.0.254".parse().unwrap(); 4]), Warn, "worker", "4 in /etc/resolv.conf"),
    ("search-domains", |w| w.worker().network.search_domains = vec!["a.example".into(); 30], Warn, "worker", "30 of 300 bytes"),
    ("dns-loop", |w| w.worker().name_servers = Some(vec!["10.96.0.10".parse().unwrap()]), Warn, "worker", "10.96.0.10"),
    ("proxy", |w| proxy(w.worker(), "/etc/systemd/system.conf.d/proxy.conf", Some("localhost")), Warn, "worker", "https_proxy in /etc/systemd/system.conf.d/proxy.conf"),
    ("proxy", |w| proxy(w.worker(), "/etc/environment", None), Info, "worker", "https_proxy in /etc/environment"),
    ("leftovers-etcd", |w| w.worker().leftovers.push(Leftover { kind: LeftoverKind::Path, name: "/var/lib/etcd".into() }), Warn, "worker", "/var/lib/etcd"),
    // Packet rules
    ("packet-rules", |w| { w.worker().network.packet_rules.as_mut().unwrap().chains.insert("KUBE-SERVICES".into()); }, Warn, "worker", "KUBE-SERVICES"),
    ("packet-rules", |w| { w.worker().network.packet_rules.as_mut().unwrap().tables.insert("ip kube-proxy".into()); }, Warn, "worker", "ip kube-proxy"),
    ("forward-policy", |w| w.worker().network.packet_rules.as_mut().unwrap().forward_policy = Some("DROP".into()), Warn, "worker", "FORWARD DROP"),
    ("legacy-iptables", |w| w.worker().network.legacy_tables = ["filter".to_owned(), "nat".to_owned()].into(), Info, "worker", "filter nat"),
    ("virtual-servers", |w| w.worker().network.virtual_servers.push("10.96.0.1:443".into()), Warn, "worker", "10.96.0.1:443"),
];
