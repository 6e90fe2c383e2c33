//! A node's labels and taints, and its way out of the cluster. What Armilla set is written on the node, so that what
//! the site file no longer says can be taken back without touching what others set.

use std::collections::BTreeMap;

use installer_model::event::Failure;
use installer_model::plan::Taint;
use serde_json::Value;

use super::join;
use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

const OURS: &str = "armilla.dev/set";

pub(super) async fn probe(
    port: &HostPort<'_>,
    node: &str,
    labels: &BTreeMap<String, String>,
    taints: &[Taint],
) -> Result<Probe, Failure> {
    let Some(object) = get(port, node).await? else {
        return Ok(Probe::CannotTell(format!("{node} is not in the cluster, or nobody answers")));
    };
    let changes = changes(&object, labels, taints);
    Ok(if changes.is_empty() {
        Probe::Met
    } else {
        Probe::NotMet(format!("{node} wants {}", changes.join(" ")))
    })
}

pub(super) async fn act(
    port: &HostPort<'_>,
    node: &str,
    labels: &BTreeMap<String, String>,
    taints: &[Taint],
) -> Result<(), Failure> {
    let Some(object) = get(port, node).await? else {
        return Err(failure(format!("find node {node}"), "the API server does not have it"));
    };
    for change in changes(&object, labels, taints) {
        let (verb, words) = change.split_once(' ').expect("every change has a verb and an argument");
        let output = port.control_plane().kubectl(&[verb, "node", node, "--overwrite", words], b"").await?;
        // A taint or label to be removed that is gone already is what was wanted.
        if !output.ok() && !output.stderr_text().contains("not found") {
            return Err(failure(format!("{verb} node {node}"), &output.stderr_text()));
        }
    }
    Ok(())
}

/// What is to be done, as `label k=v`, `label k-`, `taint k=v:E`, `taint k:E-`, `annotate k=v`.
fn changes(object: &Value, labels: &BTreeMap<String, String>, taints: &[Taint]) -> Vec<String> {
    let mut changes = Vec::new();
    let have = &object["metadata"]["labels"];
    for (key, value) in labels {
        if have[key].as_str() != Some(value) {
            changes.push(format!("label {key}={value}"));
        }
    }
    let present = object["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let there = |taint: &Taint| {
        let same = |t: &Value, field: &str, value: &str| t[field].as_str().unwrap_or("") == value;
        present.iter().any(|t| {
            same(t, "key", &taint.key) && same(t, "value", &taint.value) && same(t, "effect", &taint.effect)
        })
    };
    changes.extend(taints.iter().filter(|taint| !there(taint)).map(|t| format!("taint {}", add(t))));

    let wanted: Vec<String> =
        labels.keys().map(|key| format!("label {key}-")).chain(taints.iter().map(removal)).collect();
    let before = object["metadata"]["annotations"][OURS].as_str().unwrap_or("");
    changes.extend(
        before
            .split(',')
            .filter(|old| !old.is_empty() && !wanted.iter().any(|w| w == old))
            .map(str::to_owned),
    );
    let ours = wanted.join(",");
    if before != ours {
        changes.push(format!("annotate {OURS}={ours}"));
    }
    changes
}

fn add(taint: &Taint) -> String {
    format!("{}={}:{}", taint.key, taint.value, taint.effect)
}

fn removal(taint: &Taint) -> String {
    format!("taint {}:{}-", taint.key, taint.effect)
}

async fn get(port: &HostPort<'_>, node: &str) -> Result<Option<Value>, Failure> {
    Ok(port.nodes().await?.and_then(|nodes| nodes.get(node).cloned()))
}

/// Drained is a node that takes no pods and carries none but those that belong to the node itself.
pub(super) async fn probe_drained(port: &HostPort<'_>, node: &str) -> Result<Probe, Failure> {
    match join::is_node(port, node).await? {
        Some(true) => {}
        Some(false) => return Ok(Probe::Met),
        None => return Ok(Probe::CannotTell("the API server does not answer".to_owned())),
    }
    if get(port, node).await?.is_none_or(|object| object["spec"]["unschedulable"] != true) {
        return Ok(Probe::NotMet(format!("{node} takes pods")));
    }
    let selector = format!("--field-selector=spec.nodeName={node}");
    let output = port.control_plane().kubectl(&["get", "pods", "-A", "-o", "json", &selector], b"").await?;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let Some(pods) = said["items"].as_array() else {
        return Ok(Probe::CannotTell(output.stderr_text().trim().to_owned()));
    };
    Ok(match pods.iter().filter(|pod| moves(pod)).count() {
        0 => Probe::Met,
        left => Probe::NotMet(format!("{left} pods are still on {node}")),
    })
}

/// Pods of a DaemonSet and static pods stay with their node; those that are over do not count.
fn moves(pod: &Value) -> bool {
    let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let owners = pod["metadata"]["ownerReferences"].as_array();
    let stays = owners.is_some_and(|all| all.iter().any(|o| o["kind"] == "DaemonSet" || o["kind"] == "Node"));
    !over && !stays
}

pub(super) async fn drain(
    port: &HostPort<'_>,
    ctx: &StepContext,
    node: &str,
    timeout_seconds: u32,
) -> Result<(), Failure> {
    let timeout = format!("--timeout={timeout_seconds}s");
    let words = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", timeout.as_str()];
    let output = port.control_plane().kubectl_within(u64::from(timeout_seconds) + 30, &words, b"").await?;
    ctx.output(&output.stdout);
    if output.ok() {
        return Ok(());
    }
    Err(failure(format!("drain {node}"), &output.stderr_text()))
}

pub(super) async fn probe_deleted(port: &HostPort<'_>, node: &str) -> Result<Probe, Failure> {
    Ok(match join::is_node(port, node).await? {
        Some(false) => Probe::Met,
        Some(true) => Probe::NotMet(format!("{node} is in the cluster")),
        None => Probe::CannotTell("the API server does not answer".to_owned()),
    })
}

pub(super) async fn delete(port: &HostPort<'_>, node: &str) -> Result<(), Failure> {
    let words = ["delete", "node", node, "--ignore-not-found", "--timeout=60s"];
    let output = port.control_plane().kubectl_within(90, &words, b"").await?;
    if output.ok() { Ok(()) } else { Err(failure(format!("remove node {node}"), &output.stderr_text())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_the_site_no_longer_says_is_taken_back_and_nothing_else() {
        let node = json!({ "metadata": {
            "labels": { "zone": "a", "others": "x" },
            "annotations": { "armilla.dev/set": "label zone-,taint gpu:NoSchedule-" } },
            "spec": { "taints": [{ "key": "gpu", "effect": "NoSchedule" }] } });
        assert_eq!(
            changes(&node, &labels(&[("rack", "1")]), &[]),
            ["label rack=1", "label zone-", "taint gpu:NoSchedule-", "annotate armilla.dev/set=label rack-"]
        );
    }

    #[test]
    fn a_node_as_planned_wants_nothing() {
        let taint = Taint { key: "gpu".into(), value: String::new(), effect: "NoSchedule".into() };
        let node = json!({ "metadata": {
            "labels": { "zone": "a" },
            "annotations": { "armilla.dev/set": "label zone-,taint gpu:NoSchedule-" } },
            "spec": { "taints": [{ "key": "gpu", "effect": "NoSchedule" }] } });
        assert!(changes(&node, &labels(&[("zone", "a")]), &[taint]).is_empty());
    }
}
