//! Where things lie.

use crate::spec::LabName;
use std::path::{Path, PathBuf};

/// The base image and the hosts' disks: outside the checkout, on a disk rather than in memory.
pub(crate) fn cache() -> PathBuf {
    let from = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = from("ARMILLA_CACHE")
        .or_else(|| Some(from("XDG_CACHE_HOME")?.join("armilla")))
        .or_else(|| Some(from("HOME")?.join(".cache/armilla")))
        .unwrap_or_else(|| PathBuf::from("/var/cache/armilla"));
    cache.join("lab")
}

/// All labs of this machine. Gone after a reboot, as are the namespaces and mounts that are recorded there.
pub(crate) fn labs() -> &'static Path {
    Path::new("/run/armilla-lab")
}

/// One lab's directory of state, and what lies in it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    name: LabName,
}

impl Place {
    pub(crate) fn of(name: &LabName) -> Place {
        Place { name: name.clone() }
    }
    pub(crate) fn directory(&self) -> PathBuf {
        labs().join(self.name.as_str())
    }
    /// Beside the directory rather than in it: it outlives the lab.
    pub(crate) fn lock(&self) -> PathBuf {
        labs().join(format!(".{}.lock", self.name))
    }
    pub(crate) fn record(&self) -> PathBuf {
        self.directory().join("lab.json")
    }
    pub(crate) fn key(&self) -> PathBuf {
        self.directory().join("key")
    }
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.directory().join("known_hosts")
    }
    pub(crate) fn forwards(&self) -> PathBuf {
        self.directory().join("forwards")
    }
    pub(crate) fn hosts(&self) -> PathBuf {
        self.directory().join("hosts")
    }
    pub(crate) fn host(&self, host: &str) -> HostPlace {
        HostPlace {
            directory: self.hosts().join(host),
            namespace: self.namespace(host),
            cgroup: format!("{}/{host}", self.cgroup()),
        }
    }
    /// Sparse image files, one per host.
    pub(crate) fn disks(&self) -> PathBuf {
        cache().join("disks").join(self.name.as_str())
    }
    /// The network namespace of the lab itself, with the bridges, and the one of the gateway.
    pub(crate) fn own_namespace(&self) -> String {
        format!("armilla.{}", self.name)
    }
    pub(crate) fn gateway_namespace(&self) -> String {
        self.namespace("gateway")
    }
    fn namespace(&self, part: &str) -> String {
        format!("armilla.{}.{part}", self.name)
    }
    /// Below the root of every cgroup hierarchy.
    pub(crate) fn cgroup(&self) -> String {
        format!("armilla-lab/{}", self.name)
    }
}

/// One host's part of the state.
#[derive(Debug, Clone)]
pub(crate) struct HostPlace {
    pub(crate) directory: PathBuf,
    pub(crate) namespace: String,
    pub(crate) cgroup: String,
}

impl HostPlace {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
    /// Where the host's disk is mounted on the machine.
    pub(crate) fn disk(&self) -> PathBuf {
        self.file("disk")
    }
    /// Where the host's root is mounted on the machine.
    pub(crate) fn root(&self) -> PathBuf {
        self.file("root")
    }
    pub(crate) fn console(&self) -> PathBuf {
        self.file("console.log")
    }
    pub(crate) fn start_script(&self) -> PathBuf {
        self.file("start.sh")
    }
    pub(crate) fn cables_script(&self) -> PathBuf {
        self.file("cables.sh")
    }
    pub(crate) fn condition(&self) -> PathBuf {
        self.file("condition.json")
    }
    pub(crate) fn condition_script(&self) -> PathBuf {
        self.file("condition.sh")
    }
    pub(crate) fn supervisor(&self) -> PathBuf {
        self.file("supervisor.pid")
    }
    pub(crate) fn nspawn(&self) -> PathBuf {
        self.file("nspawn.pid")
    }
}

/// The file through which a network namespace is entered.
pub(crate) fn namespace_file(namespace: &str) -> PathBuf {
    Path::new("/run/netns").join(namespace)
}
