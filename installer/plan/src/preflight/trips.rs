//! A site, a release and hosts that pass every check, and for each check the changes that trip it.

use std::collections::{BTreeMap, BTreeSet};

use bundles_format::{Arch, Blob, Component, Digest, FileArtifact, ImageArtifact, Release};
use installer_model::finding::Severity;
use installer_model::finding::Severity::{Info, Refuse, Warn};
use installer_model::link::{Echo, Link, PathMtu, PortSeen, Reach};
use installer_model::site::{Host, Roles, Site};
use installer_model::survey::*;

use crate::matrix;

mod around;
mod below;
mod edges;

pub(super) use around::AROUND;
pub(super) use below::BELOW;
pub(super) use edges::EDGES;

pub(super) struct World {
    pub(super) site: Site,
    pub(super) release: Release,
    pub(super) survey: Survey,
}

const SITE: &str = "
apiVersion: armilla/v1
kind: Site
metadata: {name: demo}
hosts:
  - {name: control, address: 10.0.0.1, roles: [control-plane]}
  - {name: worker, address: 10.0.0.2}
";

/// The digest of a blob that is told from others by one byte.
fn blob(byte: u8, size: u64) -> Blob {
    Blob { digest: Digest::from_sha256([byte; 32]), size, media_type: "x".into() }
}

/// Per architecture: one file of 100 MiB (40 packed), one image of 1000 MiB (400 packed).
pub(super) fn release() -> Release {
    let component = |name: &str, version: &str| Component {
        name: name.into(),
        version: version.into(),
        license: "Apache-2.0".into(),
        source: "test".into(),
        files: Vec::new(),
        images: Vec::new(),
    };
    let mut kubernetes = component("kubernetes", "1.37.1");
    for (byte, arch) in [(1, Arch::Amd64), (2, Arch::Arm64)] {
        kubernetes.files.push(FileArtifact {
            name: "kubelet".into(),
            arch,
            blob: blob(byte, 40 << 20),
            content: Digest::from_sha256([byte + 10; 32]),
            content_size: 100 << 20,
            mode: 0o755,
        });
        kubernetes.images.push(ImageArtifact {
            reference: "registry.k8s.io/kube-apiserver:v1.37.1".into(),
            arch,
            index: None,
            manifest: blob(byte + 20, 0),
            config: blob(byte + 30, 0),
            layers: vec![blob(byte + 40, 400 << 20)],
            unpacked_size: 1000 << 20,
        });
    }
    let others = [component("metrics-server", "0.8.0"), component("local-path-provisioner", "0.0.34")];
    Release {
        format: 1,
        name: "test".into(),
        version: "0.1.0".into(),
        architectures: vec![Arch::Amd64, Arch::Arm64],
        components: [kubernetes].into_iter().chain(others).collect(),
    }
}

/// A host that nothing is wrong with; `number` makes what must differ.
fn facts(number: u8) -> HostFacts {
    let address = |text: String, prefix| NicAddress { address: text.parse().unwrap(), prefix };
    let nic = |name: &str, mac: String, addresses| Nic {
        name: name.into(),
        mac: Some(mac),
        mtu: Some(1500),
        up: true,
        addresses,
    };
    let route = |destination: &str| Route {
        destination: destination.parse().unwrap(),
        gateway: None,
        interface: Some("eth0".into()),
        metric: 0,
    };
    let dir = |path: &str| DataDir {
        path: path.into(),
        exists: true,
        filesystem: 1,
        mount_target: Some("/".into()),
        fs_type: Some("ext4".into()),
        total_bytes: 100 << 30,
        free_bytes: 80 << 30,
        total_inodes: 5_000_000,
        free_inodes: 4_000_000,
        read_only: false,
        no_exec: false,
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    let sysctls = SYSCTLS
        .iter()
        .map(|(name, wanted)| ((*name).to_owned(), Sysctl { value: (*wanted).to_owned(), settable: true }));
    HostFacts {
        format: FACTS_FORMAT,
        os: Some(OsRelease {
            id: "debian".into(),
            version_id: "13".into(),
            pretty_name: "Debian GNU/Linux 13".into(),
            ..OsRelease::default()
        }),
        hostname: Some(format!("host{number}")),
        machine_id: Some(format!("id{number}")),
        kernel_release: Some("6.6.0-1-amd64".into()),
        machine: Some("x86_64".into()),
        page_size: Some(4096),
        cpu: Cpu {
            count: Some(4),
            model: Some("EPYC".into()),
            flags: words("aes atomics cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"),
        },
        memory: Some(Memory { total: 8 << 30, available: Some(6 << 30), swap_total: 0 }),
        data_dirs: [
            "/var/lib/armilla",
            "/usr/local/bin",
            "/var/lib/containerd",
            "/var/lib/kubelet",
            "/var/lib/etcd",
            "/var/log",
            "/run",
        ]
        .map(dir)
        .to_vec(),
        fsync: Some(FsyncLatency {
            directory: "/var/lib/etcd".into(),
            writes: 500,
            p50_us: 900,
            p99_us: 10_000,
            max_us: 20_000,
        }),
        nics: vec![
            nic("lo", "00:00:00:00:00:00".into(), vec![address("127.0.0.1".into(), 8)]),
            nic("eth0", format!("02:00:00:00:00:0{number}"), vec![address(format!("10.0.0.{number}"), 24)]),
        ],
        routes: vec![route("0.0.0.0/0"), route("10.0.0.0/24"), route("0.0.0.0/1")],
        resolv_conf: Some("/etc/resolv.conf".into()),
        name_servers: Some(vec!["10.0.0.254".parse().unwrap()]),
        cgroup: Some(Cgroup { version: CgroupVersion::V2, controllers: words("cpu cpuset io memory pids") }),
        capabilities: Some(Capabilities(u64::MAX)),
        oom_score_adj_lowers: Some(true),
        features: KernelFeature::ALL.into_iter().map(|feature| (feature, Presence::Loadable)).collect(),
        sysctls: sysctls.collect(),
        selinux: Some(Selinux::Disabled),
        listeners: Some(vec![listener(Protocol::Tcp, "0.0.0.0", 22, &[("sshd", "ssh.service")])]),
        init: Init { process: Some("systemd".into()), systemd: true, systemd_version: Some(252) },
        time_services: vec!["chronyd".into()],
        commands: COMMANDS
            .iter()
            .map(|name| ((*name).to_owned(), Some(format!("/usr/bin/{name}"))))
            .collect(),
        user_id: Some(0),
        ..surrounded(number)
    }
}

/// What surrounds a host that nothing is wrong with: everything is known.
fn surrounded(number: u8) -> HostFacts {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let names = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
    let process = |pid, command: &str| Holder { pid, command: command.into(), unit: None };
    let hosts_line = |address: &str, name: &str| HostsLine {
        address: address.parse().unwrap(),
        names: vec![name.to_owned()],
    };
    HostFacts {
        boot_id: Some(format!("boot{number}")),
        clock_unix_ns: Some(1_790_000_000_000_000_000),
        identity: Identity {
            product_uuid: Some(format!("uuid{number}")),
            ssh_host_keys: names(&format!("ssh-ed25519-{number}")),
        },
        kernel: KernelState {
            options: KERNEL_OPTIONS.iter().map(|name| ((*name).to_owned(), "y".to_owned())).collect(),
            settings: map(&[
                ("crypto.fips_enabled", "0"),
                ("fs.file-max", "9223372036854775807"),
                ("fs.nr_open", "1048576"),
                ("kernel.modules_disabled", "0"),
                ("kernel.pid_max", "4194304"),
                ("kernel.random.entropy_avail", "256"),
                ("kernel.threads-max", "63000"),
                ("net.ipv4.conf.all.rp_filter", "0"),
                ("net.ipv4.ip_local_port_range", "32768\t60999"),
                ("net.ipv4.neigh.default.gc_thresh3", "1024"),
                ("net.ipv6.conf.all.disable_ipv6", "0"),
                ("vm.max_map_count", "65530"),
            ]),
            module_trees: names("6.6.0-1-amd64"),
            security_modules: names("lockdown capability apparmor"),
            lockdown: Some("none".into()),
            clock_source: Some("tsc".into()),
            memory_errors: Some(0),
            user_namespace: Some(false),
            huge_pages_bytes: 0,
        },
        boot: BootState {
            fstab: Some(Vec::new()),
            selinux: Some("disabled".into()),
            enabled_units: names("ssh.service"),
            nftables_flushes: Some(false),
            ..BootState::default()
        },
        clock: ClockState {
            rtc_ahead_s: Some(1),
            rtc_local: Some(false),
            time_zone: Some("Etc/UTC".into()),
            synchronized: Some(true),
        },
        storage: StorageState { root_shared: Some(true), ..StorageState::default() },
        network: NetworkState {
            links: BTreeMap::from([(
                "eth0".to_owned(),
                LinkState { carrier: Some(true), speed_mbps: Some(10_000), duplex: Some("full".into()) },
            )]),
            hosts_file: Some(vec![
                hosts_line("127.0.0.1", "localhost"),
                hosts_line("10.0.0.1", "control"),
                hosts_line("10.0.0.2", "worker"),
            ]),
            packet_rules: Some(PacketRules {
                forward_policy: Some("ACCEPT".into()),
                ..PacketRules::default()
            }),
            ..NetworkState::default()
        },
        services: ServiceState {
            system: Some("running".into()),
            processes: vec![process(1, "systemd"), process(42, "sshd")],
            journal_volatile: Some(false),
            sshd_asks_dns: Some(false),
            open_files: Some(524_288),
            ..ServiceState::default()
        },
        ..HostFacts::default()
    }
}

pub(super) fn listener(protocol: Protocol, address: &str, port: u16, holders: &[(&str, &str)]) -> Listener {
    let holder = |(command, unit): &(&str, &str)| Holder {
        pid: 42,
        command: (*command).to_owned(),
        unit: (!unit.is_empty()).then(|| (*unit).to_owned()),
    };
    Listener {
        protocol,
        address: address.parse().unwrap(),
        port,
        holders: holders.iter().map(holder).collect(),
    }
}

impl World {
    pub(super) fn sound() -> World {
        let host = |number| SurveyedHost {
            facts: facts(number),
            surveyed_unix_ns: 1,
            ssh_rtt_us: Some(300),
            clock_skew_ms: Some(20),
            ours: false,
        };
        let hosts =
            BTreeMap::from([("control".parse().unwrap(), host(1)), ("worker".parse().unwrap(), host(2))]);
        World {
            site: Site::parse(SITE).unwrap(),
            release: release(),
            survey: Survey { hosts, links: Vec::new() },
        }
        .measured()
    }

    /// Both ways between the two hosts were found good.
    fn measured(mut self) -> World {
        let [control, worker] = [&self.site.hosts[0], &self.site.hosts[1]];
        let link = |from: &Host, to: &Host| Link {
            from: from.name.clone(),
            to: to.name.clone(),
            ports: matrix::ports(&self.site, from, to)
                .into_iter()
                .map(|(protocol, port)| PortSeen { protocol, port, reach: Reach::Open })
                .collect(),
            mtu: Some(PathMtu { wanted: 1500, passes: 1500 }),
            echo: Some(Echo { sent: 100, answered: 100, median_us: 200 }),
            heard: Some(105),
        };
        self.survey.links = vec![link(control, worker), link(worker, control)];
        self
    }

    pub(super) fn host(&mut self, name: &str) -> &mut SurveyedHost {
        self.survey.hosts.get_mut(&name.parse().unwrap()).unwrap()
    }

    pub(super) fn control(&mut self) -> &mut HostFacts {
        &mut self.host("control").facts
    }

    pub(super) fn worker(&mut self) -> &mut HostFacts {
        &mut self.host("worker").facts
    }

    /// The site file with one more piece of text at its end.
    pub(super) fn wish(&mut self, more: &str) {
        self.site = Site::parse(&format!("{SITE}{more}")).unwrap();
    }
}

/// A check, a change that trips it, and what is then found: severity, host (empty: the site), a word of what was seen.
pub(super) type Trip = (&'static str, fn(&mut World), Severity, &'static str, &'static str);

fn listens(facts: &mut HostFacts, listener: Listener) {
    facts.listeners.get_or_insert_default().push(listener);
}

fn left(facts: &mut HostFacts, kind: LeftoverKind, name: &str) {
    facts.leftovers.push(Leftover { kind, name: name.into() });
}

pub(super) fn mounted(facts: &mut HostFacts, target: &str) {
    facts.mounts.push(Mount {
        target: target.into(),
        source: "overlay".into(),
        fs_type: "overlay".into(),
        options: vec!["rw".into()],
    });
}

fn dirs(facts: &mut HostFacts, change: impl Fn(&mut DataDir)) {
    facts.data_dirs.iter_mut().for_each(change);
}

fn stuck(facts: &mut HostFacts, name: &str, value: &str) {
    facts.sysctls.insert(name.into(), Sysctl { value: value.into(), settable: false });
}

fn blocks(link: &mut Link, protocol: Protocol, reach: &Reach) {
    let of_protocol = link.ports.iter_mut().filter(|seen| seen.protocol == protocol);
    of_protocol.for_each(|seen| seen.reach = reach.clone());
    if protocol == Protocol::Udp {
        (link.heard, link.mtu, link.echo) = (Some(0), None, None);
    }
}

fn rejected() -> Reach {
    Reach::Rejected { error: "no route to host".into() }
}

fn echoes(world: &mut World, answered: u32, median_us: u64) {
    let echo = Some(Echo { sent: 100, answered, median_us });
    world.survey.links.iter_mut().for_each(|link| link.echo = echo);
}

/// Two control planes, and a disk for the second one's etcd.
fn two_control_planes(world: &mut World) {
    world.site.hosts[1].roles = Roles { control_plane: true, worker: true };
    let fsync = world.control().fsync.clone();
    world.worker().fsync = fsync;
}

pub(super) fn card(class: u16, vendor: u16) -> PciDevice {
    PciDevice {
        address: "0000:17:00.0".into(),
        vendor,
        device: 0x2330,
        class,
        virtual_function: false,
        driver: Some("nvidia".into()),
    }
}

/// Every trip of every table.
pub(super) fn trips() -> impl Iterator<Item = &'static Trip> {
    TRIPS.iter().chain(AROUND).chain(BELOW)
}

#[rustfmt::skip]
pub(super) const TRIPS: &[Trip] = &[
    ("host-surveyed", |w| { w.survey.hosts.remove(&"worker".parse().unwrap()); }, Refuse, "worker", "no facts"),
    ("kubernetes-version", |w| w.wish("kubernetes: {version: 1.36.0}\n"), Refuse, "", "1.37.1"),
    ("kubernetes-version", |w| w.release.components.retain(|c| c.name != "kubernetes"), Refuse, "", "no component"),
    ("addons-in-bundle", |w| w.release.components.retain(|c| c.name != "metrics-server"), Refuse, "", "metrics-server"),
    ("workers", |w| w.site.hosts[1].roles = Roles { control_plane: true, worker: false }, Warn, "", "none"),
    ("architecture", |w| w.worker().machine = Some("loongarch64".into()), Refuse, "worker", "loongarch64"),
    ("architecture", |w| { w.release.architectures = vec![Arch::Arm64]; w.control().machine = Some("aarch64".into()); }, Refuse, "worker", "x86_64"),
    ("clock-skew", |w| w.host("worker").clock_skew_ms = Some(31_000), Refuse, "worker", "30.9 s"),
    ("clock-skew", |w| w.host("worker").clock_skew_ms = Some(-6_000), Warn, "worker", "6.0 s"),
    ("hostname-unique", |w| w.worker().hostname = Some("host1".into()), Warn, "worker", "host1, as on control"),
    ("machine-id-unique", |w| w.worker().machine_id = Some("id1".into()), Warn, "worker", "id1"),
    ("mac-unique", |w| w.worker().nics[1].mac = Some("02:00:00:00:00:01".into()), Refuse, "worker", "02:00:00:00:00:01"),
    ("address-unique", |w| { let taken = w.control().nics[1].addresses[0]; w.worker().nics[1].addresses.push(taken); }, Refuse, "worker", "10.0.0.1"),
    ("mtu", |w| w.worker().nics[1].mtu = Some(9000), Warn, "", "worker 9000"),
    ("root", |w| w.worker().user_id = Some(1000), Refuse, "worker", "1000"),
    ("systemd", |w| w.worker().init = Init { process: Some("openrc".into()), ..Init::default() }, Refuse, "worker", "openrc"),
    ("systemd", |w| w.worker().init.systemd_version = Some(208), Refuse, "worker", "208"),
    ("capabilities", |w| w.worker().capabilities = Some(Capabilities(!(1 << 21))), Refuse, "worker", "CAP_SYS_ADMIN"),
    ("commands", |w| { w.worker().commands.insert("losetup".into(), None); }, Refuse, "worker", "losetup"),
    ("commands", |w| { w.worker().commands.insert("modprobe".into(), None); }, Refuse, "worker", "modprobe"),
    ("cpus", |w| w.control().cpu.count = Some(1), Refuse, "control", "1"),
    ("memory", |w| w.control().memory.as_mut().unwrap().total = 1 << 30, Refuse, "control", "1.0 GiB"),
    ("memory", |w| w.worker().memory.as_mut().unwrap().total = 1 << 30, Warn, "worker", "1.0 GiB"),
    ("swap", |w| w.worker().memory.as_mut().unwrap().swap_total = 2 << 30, Refuse, "worker", "2.0 GiB"),
    ("x86-64-v2", |w| { w.worker().cpu.flags.remove("sse4_2"); }, Warn, "worker", "EPYC"),
    ("page-size", |w| w.worker().page_size = Some(65536), Info, "worker", "64 KiB"),
    ("selinux", |w| w.worker().selinux = Some(Selinux::Enforcing), Warn, "worker", "enforcing"),
    ("firewall", |w| w.worker().firewalls = vec!["firewalld".into()], Refuse, "worker", "firewalld"),
    ("firewall", |w| { w.worker().firewalls = vec!["ufw".into()]; w.worker().firewall_trusts = vec!["10.0.0.0/8".parse().unwrap()]; }, Info, "worker", "ufw, which lets the cluster in"),
    ("time-service", |w| w.worker().time_services.clear(), Warn, "worker", "none"),
    ("time-servers", |w| { w.wish("time: {servers: [10.0.0.123]}\n"); w.worker().time_services = vec!["chronyd".into()]; }, Warn, "worker", "chronyd"),
    ("accelerators", |w| w.worker().accelerators = vec![card(0x0302, 0x10de)], Info, "worker", "10de:2330"),
    ("kernel", |w| w.worker().kernel_release = Some("3.10.0-1160.el7.x86_64".into()), Refuse, "worker", "3.10.0"),
    ("kernel", |w| w.worker().kernel_release = Some("4.18.0-553.el8_10.x86_64".into()), Info, "worker", "4.18.0"),
    ("kernel", |w| w.worker().kernel_release = None, Warn, "worker", "unknown"),
    ("kernel-features", |w| { w.worker().features.insert(KernelFeature::Vxlan, Presence::Missing); }, Refuse, "worker", "vxlan"),
    ("kernel-features", |w| { w.worker().features.insert(KernelFeature::Overlay, Presence::Unknown); }, Warn, "worker", "overlay"),
    ("kube-proxy-mode", |w| w.worker().kernel_release = Some("5.10.0-60.oe2203".into()), Info, "worker", "5.10.0"),
    ("kube-proxy-mode", |w| { w.wish("kubeProxy: {mode: nftables}\n"); w.worker().kernel_release = Some("4.19.90".into()); }, Refuse, "worker", "4.19.90"),
    ("cgroup-version", |w| w.worker().cgroup.as_mut().unwrap().version = CgroupVersion::Hybrid, Info, "worker", "v1"),
    ("cgroup-controllers", |w| { w.worker().cgroup.as_mut().unwrap().controllers.remove("memory"); }, Refuse, "worker", "memory"),
    ("cgroup-controllers", |w| w.worker().cgroup = None, Warn, "worker", "cannot tell"),
    ("oom-score", |w| w.worker().oom_score_adj_lowers = Some(false), Info, "worker", "cannot be lowered"),
    ("conntrack", |w| stuck(w.worker(), "net.netfilter.nf_conntrack_max", "65536"), Info, "worker", "65536"),
    ("sysctls", |w| stuck(w.worker(), "net.ipv4.ip_forward", "0"), Refuse, "worker", "ip_forward stays 0"),
    // Needed on the control plane: 440 staged + 100 files + 1600 images + 2 x 1024, together 4188 MiB.
    ("disk-space", |w| dirs(w.control(), |dir| dir.free_bytes = 4187 << 20), Refuse, "control", "4.0 GiB free on /"),
    // An overlay on the disk of the others counts with them.
    ("disk-space", |w| dirs(w.control(), |dir| { dir.free_bytes = 4187 << 20; if dir.path == "/usr/local/bin" { dir.filesystem = 9; dir.fs_type = Some("overlay".into()); } }), Refuse, "control", "4.0 GiB free on /"),
    ("disk-headroom", |w| dirs(w.worker(), |dir| dir.free_bytes = 16 << 30), Warn, "worker", "12 %"),
    ("inodes", |w| dirs(w.worker(), |dir| dir.free_inodes = 19_999), Refuse, "worker", "19999"),
    ("inodes", |w| dirs(w.worker(), |dir| dir.free_inodes = 99_999), Warn, "worker", "99999"),
    ("read-only", |w| w.worker().data_dirs[2].read_only = true, Refuse, "worker", "/var/lib/containerd"),
    ("noexec", |w| w.worker().data_dirs[0].no_exec = true, Refuse, "worker", "/var/lib/armilla"),
    ("runtime-filesystem", |w| w.worker().data_dirs[2].fs_type = Some("overlay".into()), Refuse, "worker", "overlay"),
    ("runtime-filesystem", |w| w.worker().data_dirs[2].fs_type = Some("tmpfs".into()), Warn, "worker", "tmpfs"),
    ("fsync", |w| w.control().fsync.as_mut().unwrap().p99_us = 10_001, Warn, "control", "p99 10.0 ms"),
    ("fsync", |w| { let fsync = w.control().fsync.as_mut().unwrap(); (fsync.p50_us, fsync.p99_us) = (50_001, 500_001); }, Refuse, "control", "p99 500.0 ms"),
    ("fsync", |w| w.control().fsync.as_mut().unwrap().p99_us = 500_001, Warn, "control", "p99 500.0 ms, median 0.9 ms"),
    ("fsync", |w| w.control().fsync = None, Warn, "control", "not measured"),
    ("cluster-address", |w| w.worker().nics[1].addresses.clear(), Refuse, "worker", "10.0.0.2 on no interface"),
    ("cluster-address", |w| w.worker().nics[1].up = false, Refuse, "worker", "eth0 is down"),
    ("network-overlap", |w| w.worker().routes[1].destination = "10.100.0.0/16".parse().unwrap(), Refuse, "worker", "route 10.100.0.0/16 (eth0) overlaps serviceCIDR 10.96.0.0/12"),
    ("network-overlap", |w| w.worker().nics[0] = Nic { name: "docker0".into(), addresses: vec![NicAddress { address: "10.244.7.1".parse().unwrap(), prefix: 24 }], ..w.worker().nics[0].clone() }, Refuse, "worker", "interface 10.244.7.0/24 (docker0) overlaps podCIDR"),
    ("default-route", |w| w.worker().routes.clear(), Info, "worker", "none"),
    ("name-servers", |w| w.worker().name_servers = Some(vec!["127.0.0.53".parse().unwrap()]), Info, "worker", "none"),
    ("ports", |w| listens(w.control(), listener(Protocol::Tcp, "::", 6443, &[("haproxy", "haproxy.service")])), Refuse, "control", "6443/tcp is held by haproxy (pid 42, haproxy.service)"),
    ("ports", |w| listens(w.worker(), listener(Protocol::Tcp, "127.0.0.1", 7443, &[("nginx", "")])), Refuse, "worker", "7443/tcp is held by nginx (pid 42)"),
    ("ports", |w| listens(w.worker(), listener(Protocol::Udp, "0.0.0.0", 8472, &[])), Refuse, "worker", "8472/udp is held by the kernel"),
    ("ports", |w| w.worker().listeners = None, Warn, "worker", "cannot tell"),
    ("link-tcp", |w| w.survey.links.iter_mut().for_each(|link| blocks(link, Protocol::Tcp, &Reach::Silent)), Refuse, "control", "worker → control: 6443/tcp no answer, 10250/tcp no answer"),
    ("link-tcp", |w| w.survey.links.iter_mut().for_each(|link| blocks(link, Protocol::Tcp, &rejected())), Refuse, "worker", "control → worker: 10250/tcp no route to host"),
    ("link-udp", |w| w.survey.links.iter_mut().for_each(|link| blocks(link, Protocol::Udp, &Reach::Silent)), Refuse, "worker", "control → worker: 8472/udp no answer"),
    ("link-one-way", |w| blocks(&mut w.survey.links[0], Protocol::Udp, &Reach::Silent), Warn, "worker", "worker → control works, control → worker does not"),
    ("link-mtu", |w| w.survey.links[1].mtu = Some(PathMtu { wanted: 1500, passes: 1400 }), Refuse, "worker", "worker → control: 1400 bytes pass"),
    ("link-loss", |w| echoes(w, 80, 200), Refuse, "worker", "20.0 % of 100 lost"),
    ("link-loss", |w| echoes(w, 95, 200), Warn, "control", "control → worker: 5.0 % of 100 lost"),
    ("link-loss", |w| { two_control_planes(w); echoes(w, 99, 200); }, Warn, "worker", "1.0 % of 100 lost"),
    ("link-latency", |w| { two_control_planes(w); echoes(w, 100, 150_000); }, Refuse, "worker", "round trip 150 ms"),
    ("link-latency", |w| echoes(w, 100, 1_200_000), Refuse, "control", "round trip 1200 ms"),
    ("leftovers", |w| { left(w.worker(), LeftoverKind::Path, "/etc/kubernetes"); left(w.worker(), LeftoverKind::Process, "kubelet"); }, Refuse, "worker", "/etc/kubernetes, process kubelet"),
    ("leftovers-k3s", |w| left(w.worker(), LeftoverKind::Unit, "k3s.service"), Refuse, "worker", "unit k3s.service"),
    ("leftovers-rke2", |w| left(w.worker(), LeftoverKind::Path, "/etc/rancher/rke2"), Refuse, "worker", "/etc/rancher/rke2"),
    ("leftovers-k0s", |w| left(w.worker(), LeftoverKind::Path, "/var/lib/k0s"), Refuse, "worker", "/var/lib/k0s"),
    ("leftovers-microk8s", |w| left(w.worker(), LeftoverKind::Process, "kubelite"), Refuse, "worker", "process kubelite"),
    ("leftovers-etcd", |w| left(w.control(), LeftoverKind::Path, "/var/lib/etcd"), Refuse, "control", "/var/lib/etcd"),
    ("leftovers-network", |w| { left(w.worker(), LeftoverKind::Path, "/etc/cni/net.d"); left(w.worker(), LeftoverKind::Link, "vxlan.calico"); }, Refuse, "worker", "/etc/cni/net.d, link vxlan.calico"),
    ("leftovers-mounts", |w| mounted(w.worker(), "/var/lib/docker/overlay2/x/merged"), Warn, "worker", "/var/lib/docker/overlay2/x/merged"),
    ("container-runtime", |w| left(w.worker(), LeftoverKind::Process, "dockerd"), Refuse, "worker", "dockerd"),
    ("container-runtime", |w| left(w.worker(), LeftoverKind::Unit, "docker.service"), Warn, "worker", "installed, not running"),
];
