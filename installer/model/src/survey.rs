//! What the hosts are, at a moment. Always maybe stale; `None` where a fact could not be read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bundles_format::Arch;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::names::{Cidr, HostName};

mod surroundings;

pub use surroundings::*;

/// Of the shape of [`HostFacts`]; raised when a field changes its meaning or goes.
pub const FACTS_FORMAT: u32 = 1;

/// The facts of every host that was reached, with what only the engine can measure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    pub hosts: BTreeMap<HostName, SurveyedHost>,
    /// Between every two hosts that were measured, each way; empty when nothing was.
    #[serde(default)]
    pub links: Vec<Link>,
}

impl Survey {
    pub fn facts(&self, name: &HostName) -> Option<&HostFacts> {
        self.hosts.get(name).map(|host| &host.facts)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SurveyedHost {
    pub facts: HostFacts,
    /// When the engine had the facts, by its own clock: nanoseconds since 1970.
    pub surveyed_unix_ns: u64,
    /// One round trip over the SSH connection, microseconds.
    pub ssh_rtt_us: Option<u64>,
    /// The host's clock minus the engine's, milliseconds: [`clock_skew_ms`].
    pub clock_skew_ms: Option<i64>,
    /// The host is a member of this site's cluster: the fence on it names this site's ledger. What Kubernetes
    /// leaves there is then expected.
    pub ours: bool,
}

/// How far a host's clock is ahead of the engine's. `host_unix_ns` was read on the host right before it answered, the
/// answer was there at `received_unix_ns`, and a round trip takes `rtt_us`: half of it is the way back.
pub fn clock_skew_ms(host_unix_ns: u64, received_unix_ns: u64, rtt_us: u64) -> i64 {
    let answered = i128::from(received_unix_ns) - i128::from(rtt_us) * 500;
    let ahead = (i128::from(host_unix_ns) - answered) / 1_000_000;
    i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX })
}

/// What the engine wants to know of a host beyond what every host is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Questions {
    /// Absolute paths whose filesystems are to be measured; they need not exist yet.
    pub data_dirs: Vec<String>,
    /// Where to measure the latency of fsync; `None`: do not.
    pub fsync_dir: Option<String>,
}

/// What a hand reads on its host. Reading changes nothing, but for the probe file of the fsync test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// [`FACTS_FORMAT`] of the hand that read them.
    pub format: u32,
    /// Of the running kernel: the node's name is the site file's, this is for telling cloned hosts apart.
    pub hostname: Option<String>,
    pub machine_id: Option<String>,
    /// Changes with every boot.
    pub boot_id: Option<String>,
    /// The host's wall clock when the reading ended, nanoseconds since 1970.
    pub clock_unix_ns: Option<u64>,
    pub os: Option<OsRelease>,
    /// `uname -r`, such as `5.10.0-60.18.0.50.oe2203.aarch64`.
    pub kernel_release: Option<String>,
    /// `uname -m`, such as `x86_64`.
    pub machine: Option<String>,
    /// Bytes.
    pub page_size: Option<u64>,
    pub cpu: Cpu,
    pub memory: Option<Memory>,
    pub disks: Vec<Disk>,
    pub mounts: Vec<Mount>,
    /// Of the directories that the hand was asked about, in that order.
    pub data_dirs: Vec<DataDir>,
    pub fsync: Option<FsyncLatency>,
    pub nics: Vec<Nic>,
    pub routes: Vec<Route>,
    /// The resolver's file that pods should be given: `/etc/resolv.conf`, or the one behind it when that names only
    /// the host's own stub (systemd-resolved).
    pub resolv_conf: Option<String>,
    /// Of `resolv_conf`; `None` when there is no such file.
    pub name_servers: Option<Vec<IpAddr>>,
    pub cgroup: Option<Cgroup>,
    /// Of the hand itself: root's, less what the host's own surroundings keep from it.
    pub capabilities: Option<Capabilities>,
    /// Whether a process may lower its `oom_score_adj`, found by trying.
    pub oom_score_adj_lowers: Option<bool>,
    pub features: BTreeMap<KernelFeature, Presence>,
    /// Loaded modules.
    pub modules: BTreeSet<String>,
    /// Those that [`SYSCTLS`] names, where they exist.
    pub sysctls: BTreeMap<String, Sysctl>,
    pub selinux: Option<Selinux>,
    /// Active ones: `firewalld`, `ufw`.
    pub firewalls: Vec<String>,
    /// Networks from which the active firewalls let everything in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firewall_trusts: Vec<Cidr>,
    /// `None` when the tables of sockets could not be read.
    pub listeners: Option<Vec<Listener>>,
    pub leftovers: Vec<Leftover>,
    pub init: Init,
    pub accelerators: Vec<PciDevice>,
    /// Active ones, such as `chronyd`; empty: nothing keeps the time.
    pub time_services: Vec<String>,
    /// Such as `kvm`, `vmware`, `systemd-nspawn`, `docker`; `None`: none was recognised.
    pub virtualization: Option<String>,
    /// Where each command of [`COMMANDS`] was found.
    pub commands: BTreeMap<String, Option<String>>,
    /// The user id of the hand.
    pub user_id: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub identity: Identity,
    #[serde(default, skip_serializing_if = "is_default")]
    pub kernel: KernelState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub boot: BootState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub clock: ClockState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub storage: StorageState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub network: NetworkState,
    #[serde(default, skip_serializing_if = "is_default")]
    pub services: ServiceState,
}

/// What nobody could read need not be written either.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Kernel settings that a node needs, with the value it needs; empty: any. The first ones are what the plan sets, the
/// others the kubelet's own (`setupKernelTunables`): it ends when it may not set them.
pub const SYSCTLS: &[(&str, &str)] = &[
    ("net.ipv4.ip_forward", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    ("net.netfilter.nf_conntrack_max", ""),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
];

/// Commands that kubeadm, the kubelet and Armilla call on a host. Each distribution has them; a stripped one may not.
/// `modprobe` is needed only where there are modules to load.
pub const COMMANDS: &[&str] = &["cp", "losetup", "modprobe", "mount", "sh", "systemctl", "umount"];

impl HostFacts {
    pub fn arch(&self) -> Option<Arch> {
        self.machine.as_deref().and_then(Arch::from_machine)
    }

    /// Major and minor number of the kernel.
    pub fn kernel_version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.kernel_release.as_deref()?.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// The interface that carries an address.
    pub fn nic_of(&self, address: IpAddr) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.addresses.iter().any(|own| own.address == address))
    }

    pub fn has_default_route_v4(&self) -> bool {
        self.routes.iter().any(|route| route.destination.is_default() && route.destination.is_ipv4())
    }

    pub fn data_dir(&self, path: &str) -> Option<&DataDir> {
        self.data_dirs.iter().find(|dir| dir.path == path)
    }

    pub fn feature(&self, feature: KernelFeature) -> Presence {
        self.features.get(&feature).copied().unwrap_or(Presence::Unknown)
    }
}

/// `/etc/os-release`; fields as written there, empty when absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OsRelease {
    /// `ID`: mind `openEuler` with a capital E.
    pub id: String,
    pub id_like: Vec<String>,
    pub name: String,
    pub version: String,
    pub version_id: String,
    pub pretty_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpu {
    /// Online processors.
    pub count: Option<u32>,
    pub model: Option<String>,
    /// `flags` (x86) or `Features` (arm) of `/proc/cpuinfo`; empty when unknown.
    pub flags: BTreeSet<String>,
}

impl Cpu {
    /// The x86-64-v2 level of the psABI, as `/proc/cpuinfo` spells its flags. `None` when the flags are unknown.
    pub fn is_x86_64_v2(&self) -> Option<bool> {
        const NEEDED: [&str; 7] = ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"];
        (!self.flags.is_empty()).then(|| NEEDED.iter().all(|flag| self.flags.contains(*flag)))
    }
}

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    pub total: u64,
    pub available: Option<u64>,
    pub swap_total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// Of the kernel: `sda`, `nvme0n1`.
    pub name: String,
    pub bytes: u64,
    pub rotational: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    pub target: String,
    pub source: String,
    pub fs_type: String,
    pub options: Vec<String>,
}

/// A directory and the filesystem that it lies on, or will lie on when it does not exist yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataDir {
    pub path: String,
    pub exists: bool,
    /// Directories with the same number share one filesystem, and so its free space.
    pub filesystem: u64,
    pub mount_target: Option<String>,
    pub fs_type: Option<String>,
    pub total_bytes: u64,
    /// What root may still write.
    pub free_bytes: u64,
    /// 0 on filesystems that do not count them.
    pub total_inodes: u64,
    pub free_inodes: u64,
    pub read_only: bool,
    pub no_exec: bool,
}

/// Small writes, each followed by `fdatasync`, as etcd does to its log. Microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FsyncLatency {
    pub directory: String,
    pub writes: u32,
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nic {
    pub name: String,
    pub mac: Option<String>,
    pub mtu: Option<u32>,
    pub up: bool,
    pub addresses: Vec<NicAddress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NicAddress {
    pub address: IpAddr,
    pub prefix: u8,
}

impl NicAddress {
    /// The network that the address lies in.
    pub fn network(&self) -> Option<Cidr> {
        Cidr::containing(self.address, self.prefix)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    pub destination: Cidr,
    pub gateway: Option<IpAddr>,
    pub interface: Option<String>,
    pub metric: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cgroup {
    pub version: CgroupVersion,
    /// Available at the root.
    pub controllers: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CgroupVersion {
    V1,
    /// Controllers on v1, with a v2 tree for systemd alone. To the kubelet this is v1.
    Hybrid,
    V2,
}

/// A set of Linux capabilities, bit by number (`linux/capability.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(pub u64);

impl Capabilities {
    pub const NET_ADMIN: u32 = 12;
    pub const SYS_MODULE: u32 = 16;
    pub const SYS_ADMIN: u32 = 21;
    pub const SYS_RESOURCE: u32 = 24;

    pub fn has(self, number: u32) -> bool {
        self.0.checked_shr(number).is_some_and(|bits| bits & 1 == 1)
    }
}

/// What a node needs of its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelFeature {
    Overlay,
    BrNetfilter,
    NfConntrack,
    NfTables,
    IpTables,
    Vxlan,
    Bridge,
    Veth,
}

impl KernelFeature {
    pub const ALL: [KernelFeature; 8] = [
        KernelFeature::Overlay,
        KernelFeature::BrNetfilter,
        KernelFeature::NfConntrack,
        KernelFeature::NfTables,
        KernelFeature::IpTables,
        KernelFeature::Vxlan,
        KernelFeature::Bridge,
        KernelFeature::Veth,
    ];

    /// The name of the module that carries it, as `modprobe` takes it.
    pub fn module(self) -> &'static str {
        match self {
            KernelFeature::Overlay => "overlay",
            KernelFeature::BrNetfilter => "br_netfilter",
            KernelFeature::NfConntrack => "nf_conntrack",
            KernelFeature::NfTables => "nf_tables",
            KernelFeature::IpTables => "ip_tables",
            KernelFeature::Vxlan => "vxlan",
            KernelFeature::Bridge => "bridge",
            KernelFeature::Veth => "veth",
        }
    }
}

/// How a kernel has a feature. `Missing` only when the module tree was read and does not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Built in, loaded, or seen at work.
    Usable,
    /// A module that is not loaded yet.
    Loadable,
    /// A module that modprobe.d forbids to load, now or at the next boot.
    Blocked,
    Missing,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sysctl {
    pub value: String,
    /// Whether writing the value that it has already is allowed.
    pub settable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selinux {
    /// Absent from the kernel, or switched off.
    Disabled,
    Permissive,
    Enforcing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    pub protocol: Protocol,
    pub address: IpAddr,
    pub port: u16,
    /// Empty: the kernel itself (as for vxlan), or a process that cannot be seen.
    pub holders: Vec<Holder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    pub pid: u32,
    /// `comm`: at most 15 bytes.
    pub command: String,
    /// The systemd unit that it runs in, where its cgroup tells.
    pub unit: Option<String>,
}

/// Something that an earlier cluster or another container runtime left or still runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    pub kind: LeftoverKind,
    /// A path, the name of a unit, a link or a process.
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeftoverKind {
    /// A file or a directory that is not empty.
    Path,
    Unit,
    Link,
    Process,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Init {
    /// `comm` of process 1.
    pub process: Option<String>,
    /// Whether systemd runs the host (`/run/systemd/system` is there).
    pub systemd: bool,
    pub systemd_version: Option<u32>,
}

/// An accelerator on the PCI bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PciDevice {
    /// Such as `0000:17:00.0`.
    pub address: String,
    pub vendor: u16,
    pub device: u16,
    /// Base class and sub-class, such as `0x0302`.
    pub class: u16,
    /// A virtual function of another device.
    pub virtual_function: bool,
    /// The kernel driver that is bound to it.
    pub driver: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_no_skew() {
        const SECOND: u64 = 1_000_000_000;
        assert_eq!(clock_skew_ms(100 * SECOND, 100 * SECOND + 20_000_000, 40_000), 0);
        assert_eq!(clock_skew_ms(131 * SECOND, 100 * SECOND, 0), 31_000);
        assert_eq!(clock_skew_ms(0, 7 * SECOND, 0), -7_000);
    }

    #[test]
    fn kernel_versions_are_read_from_any_distribution() {
        let version = |release: &str| {
            let facts = HostFacts { kernel_release: Some(release.into()), ..HostFacts::default() };
            facts.kernel_version()
        };
        assert_eq!(version("4.19.90-52.22.v2207.ky10.aarch64"), Some((4, 19)));
        assert_eq!(version("6.8-rc1"), Some((6, 8)));
        assert_eq!(version("unknown"), None);
    }

    #[test]
    fn facts_of_a_newer_hand_are_still_read() {
        let read: HostFacts = serde_json::from_str(r#"{"format":1,"cpu":{"count":2,"flags":[]},"disks":[],"mounts":[],"dataDirs":[],"nics":[],"routes":[],"features":{},"modules":[],"sysctls":{},"firewalls":[],"leftovers":[],"init":{"systemd":true},"accelerators":[],"timeServices":[],"commands":{},"somethingNew":1}"#).unwrap();
        assert_eq!((read.cpu.count, read.init.systemd), (Some(2), true));
    }
}
