//! Changes of the machine below the host's services: hardware, kernel, filesystems, interfaces, clones.

use bundles_format::Arch;
use installer_model::finding::Severity::{Info, Refuse, Warn};
use installer_model::survey::*;

use super::{Trip, card, mounted};

fn option(facts: &mut HostFacts, name: &str) {
    facts.kernel.options.insert(name.into(), "n".into());
}

fn dir<'f>(facts: &'f mut HostFacts, path: &str) -> &'f mut DataDir {
    facts.data_dirs.iter_mut().find(|dir| dir.path == path).unwrap()
}

fn lies_on(facts: &mut HostFacts, path: &str, fs_type: &str) {
    dir(facts, path).fs_type = Some(fs_type.into());
}

fn link(facts: &mut HostFacts) -> &mut LinkState {
    facts.network.links.get_mut("eth0").unwrap()
}

fn second_nic(facts: &mut HostFacts, address: &str) {
    let address = NicAddress { address: address.parse().unwrap(), prefix: 24 };
    let eth1 = Nic { name: "eth1".into(), addresses: vec![address], ..facts.nics[1].clone() };
    facts.nics.push(eth1);
}

fn cgroup_mount(facts: &mut HostFacts, target: &str, fs_type: &str, option: &str) {
    mounted(facts, target);
    let mount = facts.mounts.last_mut().unwrap();
    (mount.fs_type, mount.options) = (fs_type.into(), vec![option.into()]);
}

#[rustfmt::skip]
pub(crate) const BELOW: &[Trip] = &[
    // Machines and clones
    ("same-machine", |w| { let (id, boot) = (w.control().machine_id.clone(), w.control().boot_id.clone()); w.worker().machine_id = id; w.worker().boot_id = boot; }, Refuse, "worker", "the machine of control"),
    ("product-uuid-unique", |w| w.worker().identity.product_uuid = Some("uuid1".into()), Warn, "worker", "uuid1, as on control"),
    ("ssh-host-key-unique", |w| w.worker().identity.ssh_host_keys = ["ssh-ed25519-1".to_owned()].into(), Warn, "worker", "as on control"),
    ("clock-here", |w| for name in ["control", "worker"] { w.host(name).clock_skew_ms = Some(60_001); }, Warn, "", "60 s ahead of this machine"),
    ("clock-here", |w| for name in ["control", "worker"] { w.host(name).clock_skew_ms = Some(-3_600_000); }, Warn, "", "3600 s behind this machine"),
    ("time-zone", |w| w.worker().clock.time_zone = Some("Asia/Shanghai".into()), Info, "", "control Etc/UTC, worker Asia/Shanghai"),
    ("machine-id", |w| w.worker().machine_id = None, Warn, "worker", "none"),
    ("machine-id", |w| w.worker().machine_id = Some("uninitialized".into()), Warn, "worker", "uninitialized"),
    // The machine
    ("os", |w| w.worker().os = Some(OsRelease { id: "arch".into(), pretty_name: "Arch Linux".into(), ..OsRelease::default() }), Info, "worker", "Arch Linux"),
    ("virtualization", |w| w.worker().virtualization = Some("wsl".into()), Warn, "worker", "wsl"),
    ("user-namespace", |w| w.worker().kernel.user_namespace = Some(true), Warn, "worker", "another user"),
    ("devices", |w| w.worker().storage.missing_devices.push("/dev/kmsg".into()), Refuse, "worker", "/dev/kmsg"),
    ("cgroup-writable", |w| cgroup_mount(w.worker(), "/sys/fs/cgroup", "cgroup2", "ro"), Refuse, "worker", "/sys/fs/cgroup"),
    ("cgroup-writable", |w| cgroup_mount(w.worker(), "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "ro"), Refuse, "worker", "cpu,cpuacct"),
    ("kernel-config", |w| option(w.worker(), "CONFIG_POSIX_MQUEUE"), Refuse, "worker", "CONFIG_POSIX_MQUEUE"),
    ("kernel-config", |w| option(w.worker(), "CONFIG_CGROUP_BPF"), Refuse, "worker", "CONFIG_CGROUP_BPF"),
    ("kernel-options", |w| option(w.worker(), "CONFIG_CFS_BANDWIDTH"), Warn, "worker", "CONFIG_CFS_BANDWIDTH"),
    // Hardware
    ("memory-available", |w| w.control().memory.as_mut().unwrap().available = Some((1 << 30) - 1), Warn, "control", "1023.9 MiB"),
    ("huge-pages", |w| w.worker().kernel.huge_pages_bytes = 7 * (1 << 30) + 1, Warn, "worker", "7.0 GiB of 8.0 GiB"),
    ("memory-errors", |w| w.worker().kernel.memory_errors = Some(3), Warn, "worker", "3"),
    ("arm-atomics", |w| { w.release.architectures = vec![Arch::Amd64, Arch::Arm64]; w.worker().machine = Some("aarch64".into()); w.worker().cpu.flags.remove("atomics"); }, Warn, "worker", "EPYC"),
    ("aes", |w| { w.worker().cpu.flags.remove("aes"); }, Info, "worker", "EPYC"),
    ("accelerator-driver", |w| { let mut card = card(0x0302, 0x10de); card.driver = None; w.worker().accelerators = vec![card]; }, Warn, "worker", "0000:17:00.0 none"),
    ("accelerator-driver", |w| { let mut card = card(0x0302, 0x10de); card.driver = Some("nouveau".into()); w.worker().accelerators = vec![card]; }, Warn, "worker", "nouveau"),
    ("degraded-array", |w| w.worker().storage.degraded_arrays.push("md0".into()), Warn, "worker", "md0"),
    ("filesystem-errors", |w| { w.worker().storage.filesystem_errors.insert("sda2".into(), 4); }, Warn, "worker", "sda2 4"),
    // Folders of the cluster
    ("etcd-filesystem", |w| lies_on(w.control(), "/var/lib/etcd", "tmpfs"), Refuse, "control", "tmpfs under /var/lib/etcd"),
    ("etcd-filesystem", |w| lies_on(w.control(), "/var/lib/etcd", "nfs4"), Warn, "control", "nfs4 under /var/lib/etcd"),
    ("kubelet-filesystem", |w| lies_on(w.worker(), "/var/lib/kubelet", "nfs"), Warn, "worker", "nfs under /var/lib/kubelet"),
    ("volume-options", |w| { mounted(w.worker(), "/"); w.worker().mounts[0].options = vec!["rw".into(), "nosuid".into(), "noexec".into()]; }, Warn, "worker", "noexec,nosuid on /"),
    ("entry-types", |w| { lies_on(w.worker(), "/var/lib/containerd", "xfs"); w.worker().storage.without_entry_types.push("/var/lib/containerd".into()); }, Refuse, "worker", "ftype=0"),
    ("mount-propagation", |w| w.worker().storage.root_shared = Some(false), Warn, "worker", "private"),
    ("log-space", |w| dir(w.worker(), "/var/log").free_bytes = (1 << 30) - 1, Warn, "worker", "1023.9 MiB free on /"),
    ("run-space", |w| dir(w.worker(), "/run").free_bytes = 1 << 20, Warn, "worker", "1.0 MiB free"),
    // Interfaces and routes
    ("carrier", |w| link(w.worker()).carrier = Some(false), Refuse, "worker", "eth0 has no carrier"),
    ("link-speed", |w| link(w.worker()).speed_mbps = Some(100), Warn, "worker", "eth0 runs at 100 Mb/s"),
    ("link-duplex", |w| link(w.worker()).duplex = Some("half".into()), Warn, "worker", "eth0"),
    ("mtu-small", |w| for name in ["control", "worker"] { w.host(name).facts.nics[1].mtu = Some(1329); }, Warn, "worker", "1329 of eth0"),
    ("dhcp-address", |w| { w.worker().network.leases.insert("10.0.0.2".parse().unwrap()); }, Warn, "worker", "10.0.0.2 from DHCP"),
    ("same-subnet", |w| second_nic(w.worker(), "10.0.0.99"), Warn, "worker", "10.0.0.0/24 on eth0 and eth1"),
    ("default-route-many", |w| { let mut other = w.worker().routes[0].clone(); other.interface = Some("eth1".into()); w.worker().routes.push(other); }, Warn, "worker", "eth0, eth1"),
    ("rp-filter", |w| { second_nic(w.worker(), "192.168.7.2"); w.worker().kernel.settings.insert("net.ipv4.conf.all.rp_filter".into(), "1".into()); }, Warn, "worker", "1 with several interfaces"),
    ("ipv6-disabled", |w| { w.worker().kernel.settings.insert("net.ipv6.conf.all.disable_ipv6".into(), "1".into()); }, Info, "worker", "disabled"),
    ("ssh-latency", |w| w.host("worker").ssh_rtt_us = Some(250_000), Info, "worker", "250 ms"),
];
