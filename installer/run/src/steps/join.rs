//! A host joins the cluster. The token is made for the join, travels inside the hands' connections and lies on the
//! host in a file of root's own for as long as the join takes.

use std::time::Duration;

use bundles_format::Digest;
use futures_util::future::try_join;
use installer_model::event::Failure;

use super::init::{self, KUBEADM, KUBELET_OUTPUTS};
use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

const STAMP: &str = "join";
const DISCOVERY: &str = "/etc/armilla/kubeadm/discovery.conf";
const BOOTSTRAP_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
const BOOTSTRAP_PATIENCE: Duration = Duration::from_secs(300);
const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";

pub(super) async fn probe(port: &HostPort<'_>, node: &str, config: &Digest) -> Result<Probe, Failure> {
    let (joined, stale) = try_join(port.stat(KUBELET_CONF, false), init::stale(port, STAMP, config)).await?;
    if joined.is_none() {
        return Ok(Probe::NotMet("the host has not joined".to_owned()));
    }
    if let Some(why) = stale {
        return Ok(Probe::NotMet(why));
    }
    Ok(match is_node(port, node).await? {
        Some(true) => Probe::Met,
        Some(false) => Probe::NotMet(format!("{node} is not in the cluster")),
        None => Probe::CannotTell("the API server does not answer".to_owned()),
    })
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    limit: Duration,
    node: &str,
    config: &str,
    digest: &Digest,
) -> Result<(), Failure> {
    let joined = port.stat(KUBELET_CONF, false).await?.is_some() && is_node(port, node).await? == Some(true);
    if joined {
        renew_kubelet(port, ctx, limit).await?;
    } else {
        let result = join(port, ctx, limit, node, config).await;
        port.remove(&[DISCOVERY.to_owned()]).await?;
        result?;
    }
    init::stamp(port, STAMP, digest, &KUBELET_OUTPUTS).await
}

/// A host that has joined gets the kubelet's configuration from the cluster; `join` would refuse.
async fn renew_kubelet(port: &HostPort<'_>, ctx: &StepContext, limit: Duration) -> Result<(), Failure> {
    let argv = [KUBEADM, "upgrade", "node", "phase", "kubelet-config"];
    port.unit(ctx, &argv, limit).await?.success("renew the kubelet's configuration")?;
    let output = port.command_within(60, &["systemctl", "restart", "kubelet.service"], b"").await?;
    if output.ok() { Ok(()) } else { Err(failure("restart the kubelet", &output.stderr_text())) }
}

async fn join(
    port: &HostPort<'_>,
    ctx: &StepContext,
    limit: Duration,
    node: &str,
    config: &str,
) -> Result<(), Failure> {
    let founder = port.control_plane();
    let token = founder.command_within(60, &[KUBEADM, "token", "create", "--ttl", "30m"], b"").await?;
    if !token.ok() {
        return Err(failure("make a join token", &token.stderr_text()));
    }
    let ca = founder.read("/etc/kubernetes/pki/ca.crt", 65_536).await?;
    let ca = ca.ok_or_else(|| failure("read the cluster's CA", "/etc/kubernetes/pki/ca.crt is not there"))?;
    let text = installer_render::kubeadm::discovery(&base64(&ca), token.stdout_text().trim());
    port.write(DISCOVERY, 0o600, text.as_bytes()).await?;
    let argv = [KUBEADM, "join", "phase", "kubelet-start", "--config", config];
    port.unit(ctx, &argv, limit).await?.success("run kubeadm join phase kubelet-start")?;
    await_bootstrap(port, ctx, node).await
}

/// The kubelet trades the token for a certificate of its own and registers its node; then the token's file goes, as
/// kubeadm itself has it (its phase for that asks for an `admin.conf`, which a worker has not).
async fn await_bootstrap(port: &HostPort<'_>, ctx: &StepContext, node: &str) -> Result<(), Failure> {
    let registered = async {
        loop {
            let certified = port.stat(KUBELET_CONF, false).await?.is_some();
            if certified && is_node(port, node).await? == Some(true) {
                return port.remove(&[BOOTSTRAP_CONF.to_owned()]).await;
            }
            ctx.note(if certified {
                "the kubelet registers its node"
            } else {
                "the kubelet asks for its certificate"
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let patience = port.patience(BOOTSTRAP_PATIENCE);
    if let Ok(ended) = tokio::time::timeout(patience, registered).await {
        return ended;
    }
    let journal = ["journalctl", "-u", "kubelet.service", "-n", "20", "--no-pager", "-o", "cat"];
    let said = port.command(&journal).await?.stdout_text();
    Err(failure(format!("see {node} register within {} s", patience.as_secs()), &said))
}

/// Whether the cluster has the node; `None` when nobody answers.
pub(super) async fn is_node(port: &HostPort<'_>, node: &str) -> Result<Option<bool>, Failure> {
    Ok(port.nodes().await?.map(|nodes| nodes.contains_key(node)))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
