//! A dry run decides and writes nothing: tried with every change that the API knows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use appliance_store::ledger::{Actor, Command, PlanCommand};
use common::{Direct, PASSWORD, ask};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId};
use serde_json::{Value, json};

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: lab}\nssh: {user: root, port: 1, password: {env: LOGIN}}\n\
    hosts:\n- {name: h1, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane]}\n";
const PRINT: &str = "SHA256:uNiVztksCsDhcc0u9e8BrrJXVUDF3S4wuaOyKrJKbFk";

/// An instance that has one of each thing, and what each change is tried with: method, path of the description, path, body,
/// and the status that a dry run of it is answered with.
async fn bench() -> (Direct, Vec<(&'static str, &'static str, String, Value, u16)>) {
    let direct = Direct::with_control();
    let post = async |path: &str, body: Value| {
        let said = direct.hear(ask("POST", path).json(&body)).await;
        assert!(said.status.is_success(), "{path}: {said:?}");
        said.json
    };
    direct.add_user("anna", "operator").await;
    direct.add_user("ben", "admin").await;
    let token = post("/api/v1/tokens", json!({"name": "t", "user": "anna", "role": "viewer"})).await["token"]
        ["id"]
        .clone();
    let session = direct.log_in("anna", PASSWORD, "192.0.2.1").await;
    assert_eq!(session.status, 201);
    let session = direct.hear(ask("GET", "/api/v1/sessions")).await.json["items"][0]["id"].clone();
    direct.seal("a.bundle", "1", "key");
    direct.seal("b.bundle", "2", "key");
    direct.seal("c.bundle", "1", "other");
    let pem = |name: &str| std::fs::read_to_string(direct.dir.path().join(name)).unwrap();
    let print = post("/api/v1/bundle-keys", json!({"pem": pem("key.pub")})).await["fingerprint"].clone();
    let file = |name: &str| direct.dir.path().join(name).display().to_string();
    let bundle = post("/api/v1/bundles", json!({"path": file("a.bundle")})).await["id"].clone();
    post("/api/v1/sites", json!({"text": SITE})).await;
    post("/api/v1/sites/lab/waivers", json!({"check": "swap", "reason": "lab"})).await;
    post("/api/v1/host-keys", json!({"items": [{"place": "10.0.0.1:22", "fingerprint": PRINT}]})).await;
    let draft = ask("PUT", "/api/v1/sites/lab/draft").json(&json!({"content": {}}));
    assert_eq!(direct.hear(draft).await.status, 200);
    let upload = post("/api/v1/uploads", json!({"name": "x", "size": 3})).await["id"].clone();
    let credential =
        direct.hear(ask("GET", "/api/v1/sites/lab/credentials")).await.json["items"][0]["id"].clone();
    let (id, site, release) = (PlanId("1".repeat(64)), "lab".to_owned(), "1".to_owned());
    let (intent, steps, report) = (Intent::Reset, Vec::new(), Vec::new());
    let plan = Plan { format: PLAN_FORMAT, id, parent: None, site, intent, release, steps, report };
    let keep = PlanCommand::Keep { plan: Box::new(plan.clone()) };
    direct.app.store().submit(&Actor::Instance, &Command::Plans(keep)).unwrap();
    let at = |place: &str, id: &Value| format!("{place}/{}", id.as_str().unwrap());
    let login = json!({"user": "anna", "password": PASSWORD});
    let settings = json!({"sessionHours": 3, "idleMinutes": 5, "runsAtOnce": 2});
    let user = json!({"name": "carl", "role": "viewer", "password": PASSWORD});
    let keys = json!({"items": [{"place": "10.0.0.2:22", "fingerprint": PRINT}]});
    let waiver = json!({"check": "swap", "reason": "another"});
    let text = format!("{SITE}# more\n");
    let other = SITE.replace("name: lab", "name: other");
    let all = vec![
        ("POST", "/api/v1/bundle-keys", "/api/v1/bundle-keys".into(), json!({"pem": pem("other.pub")}), 200),
        ("DELETE", "/api/v1/bundle-keys/{fingerprint}", at("/api/v1/bundle-keys", &print), Value::Null, 204),
        ("POST", "/api/v1/bundles", "/api/v1/bundles".into(), json!({"path": file("b.bundle")}), 200),
        ("DELETE", "/api/v1/bundles/{id}", at("/api/v1/bundles", &bundle), Value::Null, 204),
        ("POST", "/api/v1/bundles/{id}/verify", at("/api/v1/bundles", &bundle) + "/verify", Value::Null, 200),
        ("POST", "/api/v1/host-keys", "/api/v1/host-keys".into(), keys, 204),
        ("DELETE", "/api/v1/host-keys/{place}", "/api/v1/host-keys/10.0.0.1:22".into(), Value::Null, 204),
        ("POST", "/api/v1/instance/backup", "/api/v1/instance/backup".into(), Value::Null, 204),
        // Nobody has a session on the machine itself.
        ("POST", "/api/v1/logout", "/api/v1/logout".into(), Value::Null, 409),
        (
            "PUT",
            "/api/v1/me/password",
            "/api/v1/me/password".into(),
            json!({"current": "x", "password": PASSWORD}),
            409,
        ),
        // There is no request and no run.
        ("DELETE", "/api/v1/requests/{id}", "/api/v1/requests/x".into(), Value::Null, 404),
        ("POST", "/api/v1/runs", "/api/v1/runs".into(), json!({"plan": plan.id.0}), 200),
        ("POST", "/api/v1/runs/{id}/cancel", "/api/v1/runs/r-1/cancel".into(), Value::Null, 404),
        (
            "POST",
            "/api/v1/runs/{id}/hosts/{host}/retry",
            "/api/v1/runs/r-1/hosts/h1/retry".into(),
            Value::Null,
            404,
        ),
        ("POST", "/api/v1/sessions", "/api/v1/sessions".into(), login, 200),
        ("DELETE", "/api/v1/sessions/{id}", at("/api/v1/sessions", &session), Value::Null, 204),
        ("PUT", "/api/v1/settings", "/api/v1/settings".into(), settings, 200),
        (
            "PUT",
            "/api/v1/settings/oidc-secret",
            "/api/v1/settings/oidc-secret".into(),
            json!({"secret": "x"}),
            204,
        ),
        // There is somebody already.
        (
            "POST",
            "/api/v1/setup",
            "/api/v1/setup".into(),
            json!({"code": "x", "user": "x", "password": PASSWORD}),
            409,
        ),
        ("POST", "/api/v1/sites", "/api/v1/sites".into(), json!({"text": other}), 200),
        ("POST", "/api/v1/sites/import", "/api/v1/sites/import".into(), json!({"files": []}), 422),
        ("POST", "/api/v1/sites/validate", "/api/v1/sites/validate".into(), json!({"text": SITE}), 200),
        ("PUT", "/api/v1/sites/{name}", "/api/v1/sites/lab".into(), json!({"text": text}), 200),
        ("DELETE", "/api/v1/sites/{name}", "/api/v1/sites/lab".into(), Value::Null, 204),
        // Neither a bundle nor a host that answers, here and below; `tests/given.rs` of the appliance has both.
        ("POST", "/api/v1/sites/{name}/checks", "/api/v1/sites/lab/checks".into(), Value::Null, 422),
        (
            "PUT",
            "/api/v1/sites/{name}/credentials/{id}",
            at("/api/v1/sites/lab/credentials", &credential),
            json!({"secret": "x"}),
            204,
        ),
        (
            "DELETE",
            "/api/v1/sites/{name}/credentials/{id}",
            at("/api/v1/sites/lab/credentials", &credential),
            Value::Null,
            404,
        ),
        (
            "PUT",
            "/api/v1/sites/{name}/draft",
            "/api/v1/sites/lab/draft".into(),
            json!({"content": {"a": 1}}),
            204,
        ),
        ("DELETE", "/api/v1/sites/{name}/draft", "/api/v1/sites/lab/draft".into(), Value::Null, 204),
        ("POST", "/api/v1/sites/{name}/plans", "/api/v1/sites/lab/plans".into(), json!({}), 422),
        ("POST", "/api/v1/sites/{name}/repairs", "/api/v1/sites/lab/repairs".into(), json!({}), 422),
        ("POST", "/api/v1/sites/{name}/support", "/api/v1/sites/lab/support".into(), json!({}), 204),
        ("POST", "/api/v1/sites/{name}/scan", "/api/v1/sites/lab/scan".into(), Value::Null, 200),
        ("POST", "/api/v1/sites/{name}/waivers", "/api/v1/sites/lab/waivers".into(), waiver, 201),
        (
            "DELETE",
            "/api/v1/sites/{name}/waivers/{target}",
            "/api/v1/sites/lab/waivers/swap".into(),
            Value::Null,
            204,
        ),
        (
            "POST",
            "/api/v1/tokens",
            "/api/v1/tokens".into(),
            json!({"name": "u", "user": "anna", "role": "viewer"}),
            200,
        ),
        ("DELETE", "/api/v1/tokens/{id}", at("/api/v1/tokens", &token), Value::Null, 204),
        ("POST", "/api/v1/uploads", "/api/v1/uploads".into(), json!({"name": "y", "size": 3}), 200),
        ("DELETE", "/api/v1/uploads/{id}", at("/api/v1/uploads", &upload), Value::Null, 204),
        (
            "POST",
            "/api/v1/uploads/{id}/complete",
            at("/api/v1/uploads", &upload) + "/complete",
            Value::Null,
            409,
        ),
        (
            "PUT",
            "/api/v1/uploads/{id}/content",
            at("/api/v1/uploads", &upload) + "/content?offset=0",
            Value::Null,
            200,
        ),
        ("POST", "/api/v1/users", "/api/v1/users".into(), user, 200),
        ("PATCH", "/api/v1/users/{name}", "/api/v1/users/anna".into(), json!({"disabled": true}), 200),
        ("DELETE", "/api/v1/users/{name}", "/api/v1/users/anna".into(), Value::Null, 204),
        (
            "PUT",
            "/api/v1/users/{name}/password",
            "/api/v1/users/anna/password".into(),
            json!({"password": PASSWORD}),
            204,
        ),
    ];
    (direct, all)
}

/// Every change that the description knows.
fn changes(direct: &Direct) -> Vec<(String, String)> {
    let api = serde_json::to_value(appliance_api::router(&direct.app).1).unwrap();
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().filter(|method| *method != "get");
        all.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    all
}

#[tokio::test]
async fn a_dry_run_of_any_change_leaves_every_byte_as_it_was() {
    let (direct, tried) = bench().await;
    for (method, path) in changes(&direct) {
        let is_tried = tried.iter().any(|(known, of, ..)| (*known, *of) == (method.as_str(), path.as_str()));
        assert!(is_tried, "{method} {path} is not tried here");
    }
    let database = appliance_store::Store::database_path(direct.dir.path());
    let state = || (direct.app.store().last_index().unwrap(), std::fs::read(&database).unwrap());
    let before = state();
    for (method, _, path, body, status) in tried {
        let joint = if path.contains('?') { '&' } else { '?' };
        // A dry run takes no idempotency key: it is carried out as often as it comes.
        let request =
            ask(method, &format!("{path}{joint}dryRun=All")).header("idempotency-key", "k").json(&body);
        let said = direct.hear(request).await;
        assert_eq!(said.status.as_u16(), status, "{method} {path}: {said:?}");
        assert!(state() == before, "a dry run of {method} {path} wrote something");
    }
}
