//! Where things lie on a host. `reset` takes away what is listed here.

/// Root of Armilla's own state on a host: the hand, blobs, runs, records.
pub const ARMILLA_ROOT: &str = "/var/lib/armilla";
/// What the host keeps of its site, so that another machine can take the site over.
pub const SITE_COPY: &str = "/var/lib/armilla/site.copy";
/// Configuration of what Armilla runs.
pub const ARMILLA_ETC: &str = "/etc/armilla";
/// Helpers that belong to no upstream folder.
pub const ARMILLA_LIB: &str = "/usr/local/lib/armilla";
pub const BIN: &str = "/usr/local/bin";
pub const CNI_BIN: &str = "/opt/cni/bin";
pub const CNI_ETC: &str = "/etc/cni/net.d";
pub const CONTAINERD_ETC: &str = "/etc/containerd";
pub const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
pub const KUBERNETES_ETC: &str = "/etc/kubernetes";
/// kubeadm writes the kubelet's configuration here wherever its data lies.
pub const KUBELET_ETC: &str = "/var/lib/kubelet";
/// containerd makes it at its start, for programs that are never installed there.
pub const CONTAINERD_OPT: &str = "/opt/containerd";
/// The controller manager's folder for volume plugins.
pub const VOLUME_PLUGINS: &str = "/usr/libexec/kubernetes";
/// Folders that pods of the system mount from their host, and that come into being with them.
pub const MOUNTED_FROM_HOST: [&str; 5] = [
    "/etc/ssl/certs",
    "/lib/modules",
    "/run/netns",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
];
pub const UNITS: &str = "/etc/systemd/system";
pub const SYSCTLS: &str = "/etc/sysctl.d/90-armilla.conf";
pub const TIMESYNCD: &str = "/etc/systemd/timesyncd.conf.d/armilla.conf";
pub const MODULES: &str = "/etc/modules-load.d/armilla.conf";

/// The API servers' balancer of the node service, on every host: kubeadm's endpoint.
pub const BALANCER: &str = "127.0.0.1:7443";
/// The image mirror of the node service.
pub const MIRROR: &str = "127.0.0.1:7444";

/// Where the runtime, the kubelet and etcd keep their data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolders {
    pub containerd: String,
    pub kubelet: String,
    pub etcd: String,
    pub volumes: String,
}

impl DataFolders {
    /// `root` is the site's `dataRoot`, `/var/lib` by default.
    pub fn below(root: &str) -> DataFolders {
        let root = root.trim_end_matches('/');
        DataFolders {
            containerd: format!("{root}/containerd"),
            kubelet: format!("{root}/kubelet"),
            etcd: format!("{root}/etcd"),
            volumes: format!("{root}/armilla-volumes"),
        }
    }
}
