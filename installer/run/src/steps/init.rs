//! `kubeadm init`, one phase a step. The host keeps for each phase which configuration it was done with and what it
//! wrote, so that a changed file or a changed wish is seen.

use std::collections::BTreeMap;
use std::time::Duration;

use bundles_format::Digest;
use futures_util::future::{try_join, try_join_all};
use installer_model::event::Failure;
use installer_model::plan::InitPhase;
use serde::{Deserialize, Serialize};

use crate::host_port::HostPort;
use crate::world::{Probe, StepContext};

const STAMPS: &str = "/var/lib/armilla/kubeadm";
pub(super) const KUBEADM: &str = "/usr/local/bin/kubeadm";
const PKI: &str = "/etc/kubernetes/pki";

/// What a phase of kubeadm was last done with on this host.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    config: Digest,
    /// Path → digest of what the phase wrote.
    outputs: BTreeMap<String, Digest>,
}

/// Files that the phase writes and that nothing else changes.
fn outputs(phase: InitPhase) -> &'static [&'static str] {
    match phase {
        InitPhase::Etcd => &["/etc/kubernetes/manifests/etcd.yaml"],
        InitPhase::ControlPlane => &[
            "/etc/kubernetes/manifests/kube-apiserver.yaml",
            "/etc/kubernetes/manifests/kube-controller-manager.yaml",
            "/etc/kubernetes/manifests/kube-scheduler.yaml",
        ],
        InitPhase::KubeletStart => &KUBELET_OUTPUTS,
        InitPhase::Certs
        | InitPhase::Kubeconfig
        | InitPhase::UploadConfig
        | InitPhase::MarkControlPlane
        | InitPhase::BootstrapToken
        | InitPhase::KubeletFinalize
        | InitPhase::KubeProxy => &[],
    }
}

pub(super) const KUBELET_OUTPUTS: [&str; 2] =
    ["/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"];

/// Files that must be there but may change, by renewal or rotation.
fn keeps(phase: InitPhase) -> &'static [&'static str] {
    match phase {
        InitPhase::Certs => &[
            "/etc/kubernetes/pki/apiserver-etcd-client.crt",
            "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
            "/etc/kubernetes/pki/apiserver.crt",
            "/etc/kubernetes/pki/apiserver.key",
            "/etc/kubernetes/pki/ca.crt",
            "/etc/kubernetes/pki/etcd/ca.crt",
            "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
            "/etc/kubernetes/pki/etcd/peer.crt",
            "/etc/kubernetes/pki/etcd/server.crt",
            "/etc/kubernetes/pki/front-proxy-ca.crt",
            "/etc/kubernetes/pki/front-proxy-client.crt",
            "/etc/kubernetes/pki/sa.key",
            "/etc/kubernetes/pki/sa.pub",
        ],
        InitPhase::Kubeconfig => &[
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/controller-manager.conf",
            "/etc/kubernetes/kubelet.conf",
            "/etc/kubernetes/scheduler.conf",
        ],
        InitPhase::Etcd
        | InitPhase::ControlPlane
        | InitPhase::KubeletStart
        | InitPhase::UploadConfig
        | InitPhase::MarkControlPlane
        | InitPhase::BootstrapToken
        | InitPhase::KubeletFinalize
        | InitPhase::KubeProxy => &[],
    }
}

/// What the phase leaves in the cluster: words for `kubectl get`.
fn objects(phase: InitPhase) -> Option<&'static [&'static str]> {
    match phase {
        InitPhase::UploadConfig => Some(&["-n", "kube-system", "configmap", "kubeadm-config"]),
        InitPhase::BootstrapToken => Some(&["-n", "kube-public", "configmap", "cluster-info"]),
        InitPhase::KubeProxy => Some(&["-n", "kube-system", "daemonset", "kube-proxy"]),
        InitPhase::Certs
        | InitPhase::Kubeconfig
        | InitPhase::Etcd
        | InitPhase::ControlPlane
        | InitPhase::KubeletStart
        | InitPhase::MarkControlPlane
        | InitPhase::KubeletFinalize => None,
    }
}

pub(super) async fn probe(port: &HostPort<'_>, phase: InitPhase, config: &Digest) -> Result<Probe, Failure> {
    let kept = try_join_all(keeps(phase).iter().map(|path| port.stat(path, false)));
    let (kept, stale) = try_join(kept, stale(port, phase.as_str(), config)).await?;
    if let Some((path, _)) = keeps(phase).iter().zip(&kept).find(|(_, found)| found.is_none()) {
        return Ok(Probe::NotMet(format!("{path} is not there")));
    }
    if let Some(why) = stale {
        return Ok(Probe::NotMet(why));
    }
    let Some(words) = objects(phase) else { return Ok(Probe::Met) };
    let output = port.kubectl(&[&["get"], words].concat(), b"").await?;
    if output.ok() {
        return Ok(Probe::Met);
    }
    let said = output.stderr_text();
    if said.contains("NotFound") {
        return Ok(Probe::NotMet(format!("{} is not in the cluster", words[3])));
    }
    Ok(Probe::CannotTell(said.trim().to_owned()))
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    limit: Duration,
    phase: InitPhase,
    config: &str,
    digest: &Digest,
) -> Result<(), Failure> {
    if phase == InitPhase::Certs {
        forget_server_certificate(port, digest).await?;
    }
    let argv: Vec<&str> = [KUBEADM, "init", "phase"]
        .into_iter()
        .chain(phase.words().iter().copied())
        .chain(["--config", config])
        .collect();
    port.unit(ctx, &argv, limit).await?.success(&format!("run kubeadm init phase {}", phase.as_str()))?;
    stamp(port, phase.as_str(), digest, outputs(phase)).await
}

/// kubeadm keeps a certificate that is there. One made for other names must go first; the API server reads the new
/// one without a restart.
async fn forget_server_certificate(port: &HostPort<'_>, config: &Digest) -> Result<(), Failure> {
    match read_stamp(port, InitPhase::Certs.as_str()).await? {
        Some(stamp) if &stamp.config != config => {
            port.remove(&[format!("{PKI}/apiserver.crt"), format!("{PKI}/apiserver.key")]).await
        }
        Some(_) | None => Ok(()),
    }
}

/// Why the stamp of this name does not vouch for the configuration and its files, if it does not.
pub(super) async fn stale(
    port: &HostPort<'_>,
    name: &str,
    config: &Digest,
) -> Result<Option<String>, Failure> {
    let Some(stamp) = read_stamp(port, name).await? else { return Ok(Some("not done yet".to_owned())) };
    if &stamp.config != config {
        return Ok(Some("done with another configuration".to_owned()));
    }
    let all = try_join_all(stamp.outputs.keys().map(|path| port.stat(path, true))).await?;
    for ((path, digest), found) in stamp.outputs.iter().zip(all) {
        if found.and_then(|stat| stat.digest).as_ref() != Some(digest) {
            return Ok(Some(format!("{path} is not as kubeadm wrote it")));
        }
    }
    Ok(None)
}

pub(super) async fn stamp(
    port: &HostPort<'_>,
    name: &str,
    config: &Digest,
    outputs: &[&str],
) -> Result<(), Failure> {
    let mut stamp = Stamp { config: config.clone(), outputs: BTreeMap::new() };
    for &path in outputs {
        if let Some(digest) = port.stat(path, true).await?.and_then(|stat| stat.digest) {
            stamp.outputs.insert(path.to_owned(), digest);
        }
    }
    let text = serde_json::to_vec_pretty(&stamp).expect("plain data");
    port.write(&format!("{STAMPS}/{name}.json"), 0o600, &text).await
}

async fn read_stamp(port: &HostPort<'_>, name: &str) -> Result<Option<Stamp>, Failure> {
    let text = port.read(&format!("{STAMPS}/{name}.json"), 65_536).await?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}
