//! Files of other installers, sent as a browser would.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Direct, ask};
use serde_json::{Value, json};

fn file(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../installer/import/tests/files");
    json!({"name": name, "text": std::fs::read_to_string(format!("{folder}/{name}")).unwrap()})
}

#[tokio::test]
async fn files_of_other_installers_become_a_draft_and_a_report() {
    let direct = Direct::new();
    let send = |body: Value| direct.hear(ask("POST", "/api/v1/sites/import").json(&body));
    let said = send(json!({"files": [file("kubekey-v4-1.yaml"), file("kubekey-v4-2.yaml")]})).await;
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(said.json["format"], "kubekey-v1");
    assert!(said.json["siteYaml"].as_str().unwrap().contains("name: plant"));
    assert_eq!(said.json["report"][0]["file"], "kubekey-v4-1.yaml");
    assert!(!said.json.to_string().contains("canary"), "a secret comes back");
    let said = send(json!({"files": [file("k0sctl-init.yaml")], "format": "k0sctl"})).await;
    assert_eq!(
        (said.json["lacks"].as_array().unwrap().len(), said.json["report"].as_array().unwrap().len()),
        (0, 0)
    );
}

#[tokio::test]
async fn files_that_cannot_be_imported_are_problems() {
    let direct = Direct::new();
    for (body, problem) in [
        (json!({"files": []}), "invalid"),
        (json!({"files": [{"name": "x", "text": "a: ["}]}), "invalid"),
        (json!({"files": [{"name": "x", "text": "kind: Deployment"}]}), "invalid"),
        (json!({"files": [file("k0sctl-init.yaml")], "format": "kubeadm"}), "invalid"),
        (json!({"files": [file("k0sctl-init.yaml")], "format": "helm"}), "invalid"),
        (json!({"files": [{"name": "x", "text": "#".repeat(5 << 20)}]}), "too-large"),
        (json!({"files": [{"name": "x", "text": "#".repeat(9 << 20)}]}), "too-large"),
    ] {
        let said = direct.hear(ask("POST", "/api/v1/sites/import").json(&body)).await;
        assert_eq!(said.problem(), problem, "{said:?}");
    }
}
