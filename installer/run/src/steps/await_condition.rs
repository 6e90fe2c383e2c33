//! Waiting until the cluster says so.

use std::time::Duration;

use installer_model::event::Failure;
use installer_model::plan::Condition;
use serde_json::Value;

use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn probe(port: &HostPort<'_>, condition: &Condition) -> Result<Probe, Failure> {
    let words: Vec<&str> = match condition {
        Condition::ApiReady => vec!["get", "--raw", "/readyz"],
        Condition::NodeReady(node) => return probe_node(port, condition, node).await,
        Condition::RolledOut { kind, namespace, name } => {
            vec!["get", kind, name, "-n", namespace, "-o", "json"]
        }
        Condition::ApiServiceAvailable(name) => vec!["get", "apiservice", name, "-o", "json"],
    };
    let output = port.control_plane().kubectl(&words, b"").await?;
    if !output.ok() {
        return Ok(Probe::NotMet(last_line(&output.stderr_text())));
    }
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    Ok(judged(condition, &said))
}

async fn probe_node(port: &HostPort<'_>, condition: &Condition, node: &str) -> Result<Probe, Failure> {
    let nodes = port.nodes().await?;
    Ok(match nodes.as_ref().map(|nodes| nodes.get(node)) {
        None => Probe::NotMet("the API server does not answer".to_owned()),
        Some(None) => Probe::NotMet(format!("{node} is not in the cluster")),
        Some(Some(object)) => judged(condition, object),
    })
}

fn judged(condition: &Condition, object: &Value) -> Probe {
    match judge(condition, object) {
        Ok(()) => Probe::Met,
        Err(why) => Probe::NotMet(why),
    }
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    condition: &Condition,
    timeout_seconds: u32,
) -> Result<(), Failure> {
    let wait = async {
        loop {
            match probe(port, condition).await? {
                Probe::Met => return Ok(()),
                Probe::NotMet(why) | Probe::CannotTell(why) => ctx.note(&why),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(timeout_seconds.into()), wait).await {
        Ok(ended) => ended,
        Err(_) => {
            let why = match probe(port, condition).await? {
                Probe::Met => return Ok(()),
                Probe::NotMet(why) | Probe::CannotTell(why) => why,
            };
            Err(failure(format!("see within {timeout_seconds} s that {condition}"), &why))
        }
    }
}

/// What the object says, against what is waited for.
fn judge(condition: &Condition, object: &Value) -> Result<(), String> {
    match condition {
        // `/readyz` answered with success, which is all it says.
        Condition::ApiReady => Ok(()),
        Condition::NodeReady(_) => condition_true(object, "Ready"),
        Condition::ApiServiceAvailable(_) => condition_true(object, "Available"),
        Condition::RolledOut { kind, .. } => rolled_out(kind, object),
    }
}

fn condition_true(object: &Value, name: &str) -> Result<(), String> {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|c| c["type"] == name));
    match found {
        Some(condition) if condition["status"] == "True" => Ok(()),
        Some(condition) => Err(condition["message"].as_str().unwrap_or("not yet").to_owned()),
        None => Err(format!("condition {name} is not reported yet")),
    }
}

/// Source: `kubectl rollout status`.
fn rolled_out(kind: &str, object: &Value) -> Result<(), String> {
    let number = |part: &str, field: &str| object[part][field].as_u64();
    let observed = number("status", "observedGeneration");
    if observed < object["metadata"]["generation"].as_u64() {
        return Err("the controller has not seen the change yet".to_owned());
    }
    let (wanted, updated, available) = if kind == "daemonset" {
        (
            number("status", "desiredNumberScheduled"),
            number("status", "updatedNumberScheduled"),
            number("status", "numberAvailable"),
        )
    } else {
        (
            number("spec", "replicas"),
            number("status", "updatedReplicas"),
            number("status", "availableReplicas"),
        )
    };
    let wanted = wanted.unwrap_or(1);
    let (updated, available) = (updated.unwrap_or(0), available.unwrap_or(0));
    if updated >= wanted && available >= wanted && wanted > 0 {
        return Ok(());
    }
    Err(format!("{available} of {wanted} pods are available, {updated} are updated"))
}

fn last_line(text: &str) -> String {
    text.trim().lines().last().unwrap_or("no answer").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_daemonset_without_nodes_is_not_rolled_out() {
        let object = json!({ "metadata": { "generation": 1 },
            "status": { "observedGeneration": 1, "desiredNumberScheduled": 0 } });
        assert!(rolled_out("daemonset", &object).is_err());
    }

    #[test]
    fn an_old_generation_does_not_count() {
        let object = json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 1 },
            "status": { "observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1 } });
        assert!(rolled_out("deployment", &object).is_err());
        let object = json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 1 },
            "status": { "observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1 } });
        assert_eq!(rolled_out("deployment", &object), Ok(()));
    }

    #[test]
    fn a_node_that_is_not_ready_says_why() {
        let object = json!({ "status": { "conditions": [
            { "type": "Ready", "status": "False", "message": "cni plugin not initialized" } ] } });
        let said = judge(&Condition::NodeReady("h1".into()), &object).unwrap_err();
        assert_eq!(said, "cni plugin not initialized");
    }
}
