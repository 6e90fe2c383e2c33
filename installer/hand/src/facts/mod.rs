//! What the host is: files of `/proc`, `/sys` and `/etc`, and a few system calls, as [`HostFacts`].
//!
//! ```text
//!  files under a root ──parsers (pure)──┐
//!                                       ├──▶ HostFacts
//!  system calls ──SystemCalls───────────┘
//! ```
//!
//! Nothing here fails: a fact that cannot be read is unknown, and the preflight says what follows from that. Nothing
//! here changes the host, but for the probe file of the fsync test, which has no name while it exists.

mod boot;
mod calls;
mod cgroup;
mod clock;
mod cpu;
mod disk;
mod features;
mod fsync;
mod identity;
mod kernel;
mod leftovers;
mod modprobe;
mod net;
mod os;
mod pci;
mod process;
mod programs;
mod resolver;
mod root;
mod services;
mod sockets;
mod software;
mod storage;
mod surroundings;

use std::path::Path;

use installer_model::survey::{COMMANDS, FACTS_FORMAT, HostFacts, Questions, SYSCTLS, Sysctl};

pub use calls::SystemCalls;
pub use root::Root;

/// Reads everything. Takes as long as the fsync test, at most two seconds, and well under one without it.
pub fn gather(questions: &Questions) -> HostFacts {
    let root = Root::new(Path::new("/"));
    let mut facts = assemble(&root, &questions.data_dirs, SystemCalls::make(&questions.data_dirs));
    let measured = calls::each(questions.fsync_dir.as_slice(), fsync::measure, |_| None);
    facts.fsync = measured.into_iter().flatten().next();
    // Last, so that the engine's arithmetic has nothing but the way back to take out.
    facts.clock_unix_ns = calls::clock_unix_ns();
    facts
}

/// The facts of a tree of files and the answers of the system calls that belong to it.
pub fn assemble(root: &Root, data_dirs: &[String], calls: SystemCalls) -> HostFacts {
    let processes = process::list(root);
    let (resolv_conf, name_servers) = resolver::effective(root).unzip();
    let release = calls.kernel_release.clone();
    let mountinfo = root.text("/proc/self/mountinfo").unwrap_or_default();
    let mounts = disk::mounts(&mountinfo);
    let storage = storage::read(root, &mountinfo, &calls);
    let mut dirs = calls.data_dirs;
    for dir in &mut dirs {
        disk::name_the_mount(dir, &mounts);
    }
    HostFacts {
        format: FACTS_FORMAT,
        hostname: calls.hostname,
        machine_id: root.line("/etc/machine-id"),
        boot_id: root.line("/proc/sys/kernel/random/boot_id"),
        clock_unix_ns: calls.clock_unix_ns,
        os: os::read(root),
        machine: calls.machine,
        page_size: calls.page_size,
        cpu: cpu::cpu(&root.text("/proc/cpuinfo").unwrap_or_default(), calls.online_cpus),
        memory: root.text("/proc/meminfo").and_then(|text| cpu::memory(&text)),
        disks: disk::disks(root),
        data_dirs: dirs,
        fsync: None,
        nics: net::nics(root, &calls.addresses),
        routes: net::routes(root),
        name_servers,
        cgroup: cgroup::read(root),
        capabilities: root.text("/proc/self/status").and_then(|text| cgroup::capabilities(&text)),
        oom_score_adj_lowers: calls.oom_score_adj_lowers,
        features: features::read(root, release.as_deref()),
        modules: features::loaded(root),
        sysctls: sysctls(root, &calls.unsettable_sysctls),
        selinux: software::selinux(root),
        firewalls: software::firewalls(root, &processes),
        firewall_trusts: software::firewall_trusts(root),
        listeners: sockets::listeners(root, &processes),
        leftovers: leftovers::read(root, &processes, data_dirs),
        init: software::init(root, &calls.said),
        accelerators: pci::accelerators(root),
        time_services: software::time_services(&processes),
        virtualization: software::virtualization(root),
        commands: COMMANDS
            .iter()
            .map(|name| ((*name).to_owned(), software::find_command(root, name)))
            .collect(),
        user_id: calls.user_id,
        identity: identity::read(root),
        kernel: kernel::read(root, release.as_deref()),
        boot: boot::read(root),
        clock: clock::read(root, calls.clock_unix_ns),
        storage,
        network: surroundings::read(root, resolv_conf.as_deref(), &calls.said),
        services: services::read(root, &processes, &calls.said),
        resolv_conf,
        kernel_release: release,
        mounts,
    }
}

fn sysctls(root: &Root, unsettable: &[String]) -> std::collections::BTreeMap<String, Sysctl> {
    let mut found = std::collections::BTreeMap::new();
    for (name, _) in SYSCTLS {
        if let Some(value) = root.line(&sysctl_path(name)) {
            let settable = !unsettable.iter().any(|other| other == name);
            found.insert((*name).to_owned(), Sysctl { value, settable });
        }
    }
    found
}

fn sysctl_path(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

#[cfg(test)]
mod tests;
