//! containerd: configuration (version 3, containerd 2), mirrors, unit.

use crate::paths::{BIN, CONTAINERD_ETC, CONTAINERD_SOCKET, MIRROR};

#[derive(Debug, Clone)]
pub struct Containerd<'a> {
    pub root: &'a str,
    pub pause_image: &'a str,
    /// Every image that the kubelet must not collect, the pause image among them.
    pub pinned: &'a [String],
    /// `oom_score_adj` cannot be lowered on this host (no CAP_SYS_RESOURCE): sandboxes would not start otherwise.
    pub restrict_oom_score_adj: bool,
}

/// `/etc/containerd/config.toml`. Keys as in containerd's `docs/cri/config.md` for version 3.
pub fn config(c: &Containerd<'_>) -> String {
    let Containerd { root, pause_image, restrict_oom_score_adj, .. } = c;
    let pinned: String = c
        .pinned
        .iter()
        .filter(|image| image != pause_image)
        .enumerate()
        .map(|(at, image)| format!("    bundle{at} = '{image}'\n"))
        .collect();
    let socket = CONTAINERD_SOCKET;
    format!(
        "version = 3
root = '{root}'
state = '/run/containerd'

[grpc]
  address = '{socket}'

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'

  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{pause_image}'
{pinned}
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{CONTAINERD_ETC}/certs.d'

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = {restrict_oom_score_adj}

  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = 'runc'

    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'

      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = '{BIN}/runc'
        SystemdCgroup = true

  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/opt/cni/bin']
    conf_dir = '/etc/cni/net.d'
"
    )
}

/// `certs.d/_default/hosts.toml`: what the node holds is answered by its own node service, for every registry's name.
pub fn default_hosts() -> String {
    format!("[host.'http://{MIRROR}']\n  capabilities = ['pull', 'resolve']\n")
}

/// Path of the hosts file of one of the site's own registries; `_default` for all others.
pub fn hosts_path(registry: &str) -> String {
    format!("{CONTAINERD_ETC}/certs.d/{registry}/hosts.toml")
}

/// The hosts file of one of the site's own registries, or of a registry that it stands in for: the node's own mirror is
/// asked first, then the site's. `login` is the value of the header that logs in.
pub fn registry_hosts(host: &str, ca_path: Option<&str>, login: Option<&str>) -> String {
    let mut out = format!("server = 'https://{host}'\n\n{}", default_hosts());
    out.push_str(&format!("\n[host.'https://{host}']\n  capabilities = ['pull', 'resolve']\n"));
    if let Some(path) = ca_path {
        out.push_str(&format!("  ca = '{path}'\n"));
    }
    if let Some(login) = login {
        out.push_str(&format!("  [host.'https://{host}'.header]\n    authorization = '{login}'\n"));
    }
    out
}

/// Where the CA of one of the site's own registries lies.
pub fn registry_ca_path(host: &str) -> String {
    format!("{CONTAINERD_ETC}/certs.d/{host}/ca.crt")
}

/// `containerd.service`, after upstream's own unit: `Delegate` and `KillMode` keep pods alive across its restarts. Unlike there
/// (`LimitCORE=infinity`), pods inherit that no core is written: one that dies again and again would fill the host's disk
/// with what it had in memory.
pub fn unit(path_folder: &str) -> String {
    format!(
        "[Unit]
Description=containerd container runtime (Armilla)
After=network.target local-fs.target

[Service]
Environment=PATH={path_folder}:{BIN}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart={BIN}/containerd --config {CONTAINERD_ETC}/config.toml
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=2
LimitNPROC=infinity
LimitCORE=0
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"
    )
}

/// `/etc/crictl.yaml`.
pub fn crictl() -> String {
    format!("runtime-endpoint: unix://{CONTAINERD_SOCKET}\nimage-endpoint: unix://{CONTAINERD_SOCKET}\n")
}
