//! Whose bundles a server takes: those that a key of its administrators sealed, from where they say, and no others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Direct, Said, ask};
use serde_json::{Value, json};

/// A server with a user of each role, and two bundles: the administrators trust the key of the first alone.
struct Bench {
    direct: Direct,
    tokens: [(&'static str, String); 3],
}

impl Bench {
    async fn new() -> Bench {
        let direct = Direct::with_control();
        let mut tokens = Vec::new();
        for role in ["viewer", "operator", "admin"] {
            direct.add_user(role, role).await;
            tokens.push((role, direct.token(role, role).await));
        }
        let bench = Bench { direct, tokens: tokens.try_into().unwrap() };
        bench.direct.seal("ours.bundle", "1", "settled");
        bench.direct.seal("theirs.bundle", "1", "brought");
        let key = json!({"pem": bench.pem("settled")});
        assert_eq!(bench.say("admin", "POST", "/api/v1/bundle-keys", &key).await.status, 201);
        bench
    }

    fn path(&self, name: &str) -> String {
        self.direct.dir.path().join(name).display().to_string()
    }

    fn pem(&self, key: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap()
    }

    async fn say(&self, role: &str, method: &str, path: &str, body: &Value) -> Said {
        let token = &self.tokens.iter().find(|(name, _)| *name == role).unwrap().1;
        self.direct.hear(ask(method, path).bearer(token).json(body)).await
    }

    /// Writes the site as an operator, with what it says of its bundle, and looks at its hosts.
    async fn check_with(&self, bundle: &Value) -> Said {
        self.check_written(&bundle.to_string()).await
    }

    async fn check_written(&self, bundle: &str) -> Said {
        let site = format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: plant}}\nssh: {{user: root, port: 1, keyFile: /k}}\n\
             bundle: {bundle}\nhosts:\n- {{name: h1, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane]}}\n"
        );
        let wrote = self.say("operator", "PUT", "/api/v1/sites/plant", &json!({"text": site})).await;
        assert_eq!(wrote.status, 200, "{wrote:?}");
        let said = self.say("operator", "POST", "/api/v1/sites/plant/checks", &json!({})).await;
        assert!(!said.status.is_success(), "there is no host to look at: {said:?}");
        said
    }

    async fn add(&self, role: &str, name: &str) -> Said {
        self.say(role, "POST", "/api/v1/bundles", &json!({"path": self.path(name)})).await
    }
}

/// The bundle was taken: what stands in the way comes after it.
fn is_taken(said: &Said) -> bool {
    said.json["errors"].to_string().contains("private key /k")
}

#[tokio::test]
async fn paths_on_the_server_and_keys_are_for_administrators_to_name() {
    let bench = Bench::new().await;
    for role in ["viewer", "operator"] {
        assert_eq!(bench.add(role, "ours.bundle").await.problem(), "forbidden", "{role}");
        // Whether a file is there is not told either.
        assert_eq!(bench.add(role, "nowhere").await.problem(), "forbidden", "{role}");
        let key = json!({"pem": bench.pem("brought")});
        assert_eq!(
            bench.say(role, "POST", "/api/v1/bundle-keys", &key).await.problem(),
            "forbidden",
            "{role}"
        );
    }
    let said = bench.add("admin", "theirs.bundle").await;
    assert_eq!((said.status.as_u16(), said.text.contains("nobody vouched for")), (409, true), "{said:?}");
    assert_eq!(bench.add("admin", "ours.bundle").await.status, 201);
}

#[tokio::test]
async fn a_key_that_nobody_vouched_for_is_shown_and_trusted_as_it_was_shown() {
    let bench = Bench::new().await;
    let said = bench.add("admin", "theirs.bundle").await;
    let key = &said.json["bundleKey"];
    assert_eq!(key["pem"].as_str(), Some(bench.pem("brought").as_str()), "{said:?}");
    let fingerprint = key["fingerprint"].as_str().unwrap();
    assert!(said.json["detail"].as_str().unwrap().contains(fingerprint), "{said:?}");
    let trusted = bench.say("admin", "POST", "/api/v1/bundle-keys", &json!({"pem": key["pem"]})).await;
    assert_eq!((trusted.status.as_u16(), trusted.json["fingerprint"].as_str()), (201, Some(fingerprint)));
    let said = bench.add("admin", "theirs.bundle").await;
    assert_eq!((said.status.as_u16(), said.json.get("bundleKey")), (201, None), "{said:?}");
}

#[tokio::test]
async fn a_key_in_the_text_of_a_site_narrows_and_never_widens() {
    let bench = Bench::new().await;
    let (ours, theirs) = (bench.path("ours.bundle"), bench.path("theirs.bundle"));
    let said = bench.check_with(&json!({"path": theirs, "trust": bench.pem("brought")})).await;
    assert!(said.text.contains("this instance has none of that path"), "{said:?}");
    assert_eq!(bench.add("admin", "ours.bundle").await.status, 201);
    let said = bench.check_with(&json!({"path": ours, "trust": bench.pem("brought")})).await;
    assert!(said.text.contains("the site takes another key alone"), "{said:?}");
    for bundle in [json!({"path": ours}), json!({"path": ours, "trust": bench.pem("settled")})] {
        let said = bench.check_with(&bundle).await;
        assert!(is_taken(&said), "{bundle}: {said:?}");
    }
    // What was taken in under a key is not taken any more when the key is forgotten, whatever the site says.
    let keys = bench.say("viewer", "GET", "/api/v1/bundle-keys", &json!({})).await;
    let key = format!("/api/v1/bundle-keys/{}", keys.json["items"][0]["fingerprint"].as_str().unwrap());
    assert_eq!(bench.say("operator", "DELETE", &key, &json!({})).await.problem(), "forbidden");
    assert_eq!(bench.say("admin", "DELETE", &key, &json!({})).await.status, 204);
    let said = bench.check_with(&json!({"path": ours, "trust": bench.pem("settled")})).await;
    assert!(said.text.contains("nobody vouched for"), "{said:?}");
    let audit = bench.say("admin", "GET", "/api/v1/audit?filter=actor=admin", &json!({})).await;
    let said = |action: &str| audit.json["items"].to_string().contains(action);
    assert!(said("bundleKey.pin") && said("bundleKey.forget") && said("bundle.put"), "{audit:?}");
}

#[tokio::test]
async fn what_a_look_writes_down_is_written_in_the_name_of_who_asked_for_it() {
    let bench = Bench::new().await;
    assert_eq!(bench.add("admin", "ours.bundle").await.status, 201);
    let bundle = json!({"path": bench.path("ours.bundle")});
    // The site's waivers are taken over from its text before hosts are looked at.
    let waived = format!("{bundle}\nwaivers: [{{check: swap, reason: it is a lab}}]");
    let said = bench.check_written(&waived).await;
    assert!(is_taken(&said), "{said:?}");
    let audit = bench.say("admin", "GET", "/api/v1/audit?filter=action=waivers.put", &json!({})).await;
    let entry = &audit.json["items"][0];
    assert_eq!(
        (entry["actor"].as_str(), entry["id"].as_str()),
        (Some("operator"), Some("plant")),
        "{audit:?}"
    );
    assert!(entry["via"].as_str().unwrap().starts_with("token "), "{audit:?}");
}

#[tokio::test]
async fn what_an_operator_uploads_is_held_against_the_same_keys() {
    let bench = Bench::new().await;
    let token = &bench.tokens[1].1;
    for (name, status) in [("theirs.bundle", 409), ("ours.bundle", 201)] {
        let bytes = std::fs::read(bench.path(name)).unwrap();
        let wish = json!({"name": name, "size": bytes.len()});
        let begun = bench.say("operator", "POST", "/api/v1/uploads", &wish).await;
        let place = format!("/api/v1/uploads/{}", begun.json["id"].as_str().unwrap());
        let content = ask("PUT", &format!("{place}/content?offset=0")).bearer(token);
        let sent = bench.direct.hear(content.bytes("application/octet-stream", bytes)).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let said = bench.say("operator", "POST", &format!("{place}/complete"), &json!({})).await;
        assert_eq!(said.status, status, "{name}: {said:?}");
    }
}

#[tokio::test]
async fn another_bundle_in_the_place_of_the_chosen_one_is_noticed() {
    let bench = Bench::new().await;
    assert_eq!(bench.add("admin", "ours.bundle").await.status, 201);
    bench.direct.seal("ours.bundle", "2", "settled");
    let said = bench.check_with(&json!({"path": bench.path("ours.bundle")})).await;
    assert_eq!(said.problem(), "conflict", "{said:?}");
    assert!(said.text.contains("another one lies there than was chosen"), "{said:?}");
}

#[tokio::test]
async fn what_is_no_file_is_refused_at_once() {
    let bench = Bench::new().await;
    let pipe = bench.direct.dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for name in ["pipe", "/dev/zero", "."] {
        let said = tokio::time::timeout(std::time::Duration::from_secs(20), bench.add("admin", name)).await;
        let said = said.expect("it waits for who will never write");
        assert_eq!(said.problem(), "invalid", "{name}: {said:?}");
    }
}
