//! What surrounds the cluster on a host: nothing here changes a plan, all of it is for checks. Each part came after the
//! first format, so a hand that does not know it leaves it out, and what is left out is unknown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Holder;

/// Options of the kernel's configuration that a check asks about, in the groups of kubeadm's own system verification
/// (`k8s.io/system-validators`, `KernelSpec`): without the first ones no container starts.
pub const KERNEL_OPTIONS: &[&str] = &[
    "CONFIG_NAMESPACES",
    "CONFIG_NET_NS",
    "CONFIG_PID_NS",
    "CONFIG_IPC_NS",
    "CONFIG_UTS_NS",
    "CONFIG_CGROUPS",
    "CONFIG_CGROUP_PIDS",
    "CONFIG_CGROUP_SCHED",
    "CONFIG_CPUSETS",
    "CONFIG_MEMCG",
    "CONFIG_INET",
    "CONFIG_NETFILTER",
    "CONFIG_POSIX_MQUEUE",
    "CONFIG_CGROUP_BPF",
    "CONFIG_CGROUP_DEVICE",
    "CONFIG_CGROUP_FREEZER",
    "CONFIG_FAIR_GROUP_SCHED",
    "CONFIG_CFS_BANDWIDTH",
    "CONFIG_BLK_CGROUP",
    "CONFIG_CGROUP_HUGETLB",
    "CONFIG_SECCOMP",
    "CONFIG_SECCOMP_FILTER",
    "CONFIG_KEYS",
];

/// Kernel settings that a check judges and nobody sets.
pub const WATCHED_SYSCTLS: &[&str] = &[
    "crypto.fips_enabled",
    "fs.file-max",
    "fs.nr_open",
    "kernel.modules_disabled",
    "kernel.pid_max",
    "kernel.random.entropy_avail",
    "kernel.threads-max",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.ipv6.conf.all.disable_ipv6",
    "vm.max_map_count",
];

/// What tells this machine from its clones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// Of the firmware; in a container, that of the machine below.
    pub product_uuid: Option<String>,
    /// The public halves, without the comment: `ssh-ed25519 AAAA…`.
    pub ssh_host_keys: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KernelState {
    /// Of [`KERNEL_OPTIONS`]: `y`, `m` or `n`. Empty: the configuration is not to be read.
    pub options: BTreeMap<String, String>,
    /// Of [`WATCHED_SYSCTLS`], those that exist.
    pub settings: BTreeMap<String, String>,
    /// Releases of kernels that have modules on the disk.
    pub module_trees: BTreeSet<String>,
    /// Active ones, such as `apparmor`, `kysec`; empty when unknown.
    pub security_modules: BTreeSet<String>,
    /// `none`, `integrity`, `confidentiality`.
    pub lockdown: Option<String>,
    /// Such as `tsc`, `kvm-clock`, `hpet`.
    pub clock_source: Option<String>,
    /// Of the memory controllers, since boot: errors that could not be corrected.
    pub memory_errors: Option<u64>,
    /// Whether the host's root is another user outside (an unprivileged container).
    pub user_namespace: Option<bool>,
    /// Bytes in huge pages, which nobody else may use.
    pub huge_pages_bytes: u64,
}

/// What the next boot brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BootState {
    /// The distribution asks for a restart, as it does after an update of the kernel or the C library.
    pub restart_wanted: bool,
    /// A shutdown has been ordered: `poweroff`, `reboot`.
    pub shutdown_ordered: Option<String>,
    /// `None` when there is no such file.
    pub fstab: Option<Vec<FstabLine>>,
    /// Units of kind mount and swap that an administrator wrote.
    pub mount_units: BTreeSet<String>,
    /// `SELINUX=` of its configuration.
    pub selinux: Option<String>,
    /// Those that name a setting which a node needs, in the order in which they win: the last one does.
    pub sysctl_lines: Vec<SysctlLine>,
    /// Units that start with the host, by the links of the administrator's folder.
    pub enabled_units: BTreeSet<String>,
    /// Whether the file that nftables.service loads begins by flushing everything.
    pub nftables_flushes: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FstabLine {
    pub source: String,
    pub target: String,
    pub fs_type: String,
    pub options: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SysctlLine {
    pub file: String,
    /// As it stands there.
    pub line: String,
    /// With dots, as [`super::SYSCTLS`] writes it.
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClockState {
    /// The hardware clock minus the system's, seconds.
    pub rtc_ahead_s: Option<i64>,
    /// Whether the hardware clock holds local time.
    pub rtc_local: Option<bool>,
    /// Such as `Asia/Shanghai`.
    pub time_zone: Option<String>,
    /// What the kernel was told by a time service.
    pub synchronized: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageState {
    /// Whether mounts below `/` are seen in other namespaces.
    pub root_shared: Option<bool>,
    /// Of the data directories, those whose filesystem does not tell the type of a directory's entries.
    pub without_entry_types: Vec<String>,
    /// Errors that an ext4 filesystem has written down, by device; those without are left out.
    pub filesystem_errors: BTreeMap<String, u64>,
    /// Software arrays that miss a disk.
    pub degraded_arrays: Vec<String>,
    /// Device nodes that the kubelet opens and that are not there.
    pub missing_devices: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkState {
    /// By the name of the interface.
    pub links: BTreeMap<String, LinkState>,
    /// `/etc/hosts`; `None` when there is no such file.
    pub hosts_file: Option<Vec<HostsLine>>,
    /// Of the file that pods are given.
    pub search_domains: Vec<String>,
    /// Addresses that a DHCP client holds for a time.
    pub leases: BTreeSet<IpAddr>,
    /// `None`: no tool of the host lists them.
    pub packet_rules: Option<PacketRules>,
    /// Tables of the legacy iptables that are in use.
    pub legacy_tables: BTreeSet<String>,
    /// Virtual servers of IPVS, such as `10.96.0.1:443`.
    pub virtual_servers: Vec<String>,
    /// Where a proxy is set for services or logins. Never its address: that may hold a password.
    pub proxies: Vec<ProxySetting>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkState {
    /// Something is at the other end.
    pub carrier: Option<bool>,
    pub speed_mbps: Option<u32>,
    /// `full`, `half`.
    pub duplex: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostsLine {
    pub address: IpAddr,
    pub names: Vec<String>,
}

/// As `iptables-save` and `nft` tell them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PacketRules {
    pub chains: BTreeSet<String>,
    /// `ACCEPT`, `DROP`.
    pub forward_policy: Option<String>,
    /// Of nftables: family and name.
    pub tables: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxySetting {
    pub file: String,
    /// Such as `HTTP_PROXY`.
    pub variable: String,
    /// What is reached without it, as far as the same file says.
    pub no_proxy: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceState {
    /// What systemd says of the whole host: `running`, `degraded`, `starting`, `stopping`, …
    pub system: Option<String>,
    pub failed_units: BTreeSet<String>,
    /// Changes to units that Armilla places.
    pub drop_ins: Vec<DropIn>,
    /// Of every program that runs, one process; kernel threads are left out.
    pub processes: Vec<Holder>,
    /// Whether the journal is lost at a restart.
    pub journal_volatile: Option<bool>,
    /// Programs of Kubernetes that somebody else installed.
    pub programs: Vec<String>,
    /// Whether sshd looks up the names of those who connect.
    pub sshd_asks_dns: Option<bool>,
    /// Hard limit of process 1, which its children inherit. `None`: no limit, or not known.
    pub open_files: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DropIn {
    pub path: String,
    /// Whether it names another program to start.
    pub starts_another: bool,
}
