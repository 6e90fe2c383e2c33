//! What the kubelets said about pulling images.

use super::{ProofError, Stage, text};
use serde_json::Value;

/// Reads every event that the cluster still holds (one hour's). Pods that were pulled must be among them, or nothing
/// would be proven.
pub(super) fn none_failed(stage: &Stage<'_>) -> Result<String, ProofError> {
    let events = stage.cluster.list(&["events", "--all-namespaces"])?;
    let failed: Vec<String> = events.iter().filter(|event| is_failed_pull(event)).map(describe).collect();
    let pulled = events.iter().filter(|event| event["reason"] == "Pulled").count();
    if !failed.is_empty() {
        return Err(ProofError::Wrong(format!("{} failed pulls: {}", failed.len(), failed.join("; "))));
    }
    if pulled == 0 {
        return Err(ProofError::Wrong(format!("{} events, none of them about a pull", events.len())));
    }
    Ok(format!("{pulled} pulls in {} events, none failed", events.len()))
}

/// kubelet/events/event.go: `Failed` covers pulls and containers alike, `BackOff` too; the message tells them apart.
fn is_failed_pull(event: &Value) -> bool {
    let (reason, message) = (text(&event["reason"]), text(&event["message"]));
    let about_a_pull = ["pull", "ErrImage", "ImagePullBackOff", "InvalidImageName"];
    match reason.as_str() {
        "ErrImageNeverPull" | "InspectFailed" | "ErrImagePull" | "ImagePullBackOff" => true,
        "Failed" | "BackOff" => about_a_pull.iter().any(|word| message.contains(word)),
        _ => false,
    }
}

fn describe(event: &Value) -> String {
    let object = &event["involvedObject"];
    format!("{}/{}: {}", text(&object["namespace"]), text(&object["name"]), text(&event["message"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failed_pull_is_told_from_a_failed_container() {
        let event =
            |reason: &str, message: &str| is_failed_pull(&json!({ "reason": reason, "message": message }));
        assert!(event("Failed", "Failed to pull image \"x\": not found"));
        assert!(event("Failed", "Error: ErrImagePull"));
        assert!(event("BackOff", "Back-off pulling image \"x\""));
        assert!(!event("BackOff", "Back-off restarting failed container"));
        assert!(!event("Failed", "Error: failed to create containerd task"));
        assert!(!event("Pulled", "Container image \"x\" already present on machine"));
    }
}
