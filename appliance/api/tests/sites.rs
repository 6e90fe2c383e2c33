//! Sites, their hosts, plans and runs over HTTP. The hosts are places on loopback where nobody listens.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::time::Duration;

use appliance_store::ledger::{Actor, Command, PlanCommand};
use axum::body::Body;
use common::{Direct, Said, ask};
use http_body_util::BodyExt;
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId};
use serde_json::{Value, json};

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: lab}\nssh: {user: root, port: 1, password: {env: LOGIN}}\n\
    hosts:\n- {name: h1, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane]}\n\
    - {name: h2, address: 127.0.0.2, clusterAddress: 10.0.0.2}\n";

async fn post(direct: &Direct, path: &str, body: &Value) -> Said {
    direct.hear(ask("POST", path).json(body)).await
}

async fn get(direct: &Direct, path: &str) -> Said {
    direct.hear(ask("GET", path)).await
}

async fn with_site() -> Direct {
    let direct = Direct::with_control();
    let said = post(&direct, "/api/v1/sites", &json!({"text": SITE})).await;
    assert_eq!((said.status.as_u16(), said.header("location")), (201, "/api/v1/sites/lab"), "{said:?}");
    direct
}

fn pointers(said: &Said) -> Vec<&str> {
    let errors = said.json["errors"].as_array().unwrap();
    errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_mistake_of_a_site_has_a_pointer() {
    let direct = Direct::with_control();
    let text = SITE.replace("127.0.0.2", "10.0.0.300").replace("port: 1", "prot: 1");
    for path in ["/api/v1/sites", "/api/v1/sites/validate"] {
        let said = post(&direct, path, &json!({"text": text})).await;
        assert_eq!(said.problem(), "invalid", "{said:?}");
        assert_eq!(pointers(&said), ["/ssh/prot", "/hosts/1/address"]);
    }
    let said = post(&direct, "/api/v1/sites/validate", &json!({"text": SITE})).await;
    assert_eq!(said.json["hosts"], json!(["h1", "h2"]));
    assert_eq!(get(&direct, "/api/v1/sites").await.json["total"], 0);
}

#[tokio::test]
async fn a_site_is_changed_only_by_who_has_seen_it_as_it_is() {
    let direct = with_site().await;
    let seen = get(&direct, "/api/v1/sites/lab").await;
    let change = |tag: &str, path: &str| {
        let body = json!({"text": format!("{SITE}# changed\n")});
        ask("PUT", path).header("if-match", tag).json(&body)
    };
    let dry = direct.hear(change(seen.header("etag"), "/api/v1/sites/lab?dryRun=All")).await;
    assert_eq!(dry.status, 200);
    assert_eq!(get(&direct, "/api/v1/sites/lab").await.json["text"], SITE);
    let said = direct.hear(change(seen.header("etag"), "/api/v1/sites/lab")).await;
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(direct.hear(change(seen.header("etag"), "/api/v1/sites/lab")).await.problem(), "stale");
    let said = post(&direct, "/api/v1/sites", &json!({"text": SITE})).await;
    assert_eq!(said.problem(), "conflict", "it is there already");
    assert_eq!(direct.hear(ask("DELETE", "/api/v1/sites/lab")).await.status, 204);
    assert_eq!(get(&direct, "/api/v1/sites/lab").await.problem(), "not-found");
}

#[tokio::test]
async fn a_draft_need_not_be_right() {
    let direct = Direct::with_control();
    let put = ask("PUT", "/api/v1/sites/new/draft").json(&json!({"content": {"text": "hosts: ["}}));
    assert_eq!(direct.hear(put).await.status, 200);
    assert_eq!(get(&direct, "/api/v1/sites/new/draft").await.json["content"]["text"], "hosts: [");
    let drafts = get(&direct, "/api/v1/drafts").await.json;
    assert_eq!((&drafts["total"], &drafts["items"][0]["site"]), (&json!(1), &json!("new")));
    assert!(drafts["items"][0].get("content").is_none(), "a list of drafts has no texts: {drafts}");
    assert_eq!(direct.hear(ask("DELETE", "/api/v1/sites/new/draft")).await.status, 204);
}

#[tokio::test]
async fn what_is_missing_is_said_of_all_hosts_and_secrets_are_sealed() {
    let direct = with_site().await;
    let said = post(&direct, "/api/v1/sites/lab/scan", &json!({})).await;
    assert_eq!(said.json["secrets"], json!(["password of root@127.0.0.1", "password of root@127.0.0.2"]));
    let wanted = get(&direct, "/api/v1/sites/lab/credentials").await;
    let items = wanted.json["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["given"]),
        (1, &json!(false)),
        "one variable is one secret: {items:?}"
    );
    let path = format!("/api/v1/sites/lab/credentials/{}", items[0]["id"].as_str().unwrap());
    let give = ask("PUT", &path).json(&json!({"secret": "canary-5b1c"}));
    assert_eq!(direct.hear(give).await.status, 204);
    assert_eq!(get(&direct, "/api/v1/sites/lab/credentials").await.json["items"][0]["given"], true);
    let said = post(&direct, "/api/v1/sites/lab/scan", &json!({})).await;
    assert_eq!((&said.json["reached"], &said.json["secrets"]), (&json!(false), &json!([])));
    let places: Vec<&str> = said.json["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["/hosts/h1", "/hosts/h2"]);
    assert_eq!(said.json["problems"][0]["kind"], "unreachable", "{said:?}");
    let said = post(&direct, "/api/v1/sites/lab/checks", &json!({})).await;
    assert!(!said.status.is_success(), "without a bundle and hosts there is nothing to judge: {said:?}");
    let bytes = std::fs::read(appliance_store::Store::database_path(direct.dir.path())).unwrap();
    assert!(!bytes.windows(11).any(|part| part == b"canary-5b1c"));
}

#[tokio::test]
async fn every_check_that_is_made_is_told_of_by_its_area() {
    let direct = Direct::with_control();
    let areas = get(&direct, "/api/v1/checks").await.json["items"].as_array().unwrap().clone();
    let ids: Vec<String> = areas
        .iter()
        .flat_map(|area| area["checks"].as_array().unwrap())
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect();
    let made: Vec<&str> = installer_plan::preflight::checks().map(|check| check.id).collect();
    assert_eq!(ids, made);
    let first = &areas[0]["checks"][0];
    assert_eq!(first["wholeSite"], true, "the site as a whole comes first: {first:?}");
    assert!(areas.iter().all(|area| area["title"]["zh"].as_str().is_some_and(|title| !title.is_empty())));
}

#[tokio::test]
async fn keys_of_hosts_are_trusted_many_at_once() {
    let direct = Direct::with_control();
    let key = |place: &str, print: &str| json!({"place": place, "fingerprint": print});
    let good = "SHA256:uNiVztksCsDhcc0u9e8BrrJXVUDF3S4wuaOyKrJKbFk";
    let wrong = json!({"items": [key("10.0.0.1:22", good), key("10.0.0.2:22", "MD5:00")]});
    let said = post(&direct, "/api/v1/host-keys", &wrong).await;
    assert_eq!(pointers(&said), ["/items/1/fingerprint"]);
    let right = json!({"items": [key("10.0.0.1:22", good), key("10.0.0.2:22", good)]});
    assert_eq!(post(&direct, "/api/v1/host-keys", &right).await.status, 204);
    assert_eq!(get(&direct, "/api/v1/host-keys").await.json["items"].as_array().unwrap().len(), 2);
    assert_eq!(direct.hear(ask("DELETE", "/api/v1/host-keys/10.0.0.1:22")).await.status, 204);
}

#[tokio::test]
async fn waivers_say_why_and_of_which_check() {
    let direct = with_site().await;
    let waive = |body: Value| ask("POST", "/api/v1/sites/lab/waivers").json(&body);
    let said = direct.hear(waive(json!({"check": "swap", "host": "h9", "reason": "lab"}))).await;
    assert_eq!(pointers(&said), ["/host"]);
    let said = direct.hear(waive(json!({"check": "no-such-check", "reason": "lab"}))).await;
    assert_eq!(pointers(&said), ["/check"]);
    assert_eq!(direct.hear(waive(json!({"check": "swap", "host": "h1", "reason": "lab"}))).await.status, 201);
    let waivers = get(&direct, "/api/v1/sites/lab/waivers").await;
    assert_eq!(waivers.json["items"][0]["by"], "local root");
    assert_eq!(direct.hear(ask("DELETE", "/api/v1/sites/lab/waivers/swap@h1")).await.status, 204);
    assert_eq!(direct.hear(ask("DELETE", "/api/v1/sites/lab/waivers/swap@h1")).await.status, 404);
}

/// A stream of what is asked of the engines.
async fn follow(direct: &Direct) -> Body {
    direct.begin(ask("GET", "/api/v1/watch?topics=requests")).await.into_body()
}

/// The next of it that says what keeps a run from going on.
async fn held(stream: &mut Body) -> Value {
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(30), stream.frame()).await;
        let frame = frame.expect("a message comes").expect("the stream goes on").unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        if let Some(data) = text.split_once("event: held\ndata: ").map(|(_, data)| data) {
            return serde_json::from_str(data.lines().next().unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn a_run_that_lacks_something_says_so_and_can_be_taken_back() {
    let direct = with_site().await;
    let plan = Plan {
        format: PLAN_FORMAT,
        id: PlanId("1".repeat(64)),
        parent: None,
        site: "lab".into(),
        intent: Intent::Reset,
        release: "1".into(),
        steps: Vec::new(),
        report: Vec::new(),
    };
    let keep = PlanCommand::Keep { plan: Box::new(plan.clone()) };
    direct.app.store().submit(&Actor::Instance, &Command::Plans(keep)).unwrap();
    assert_eq!(get(&direct, "/api/v1/sites/lab/plans").await.json["items"][0]["intent"], "reset");
    let start = json!({"plan": plan.id.0});
    let mut stream = follow(&direct).await;
    assert_eq!(post(&direct, "/api/v1/runs?dryRun=All", &start).await.status, 200);
    assert_eq!(get(&direct, "/api/v1/requests").await.json["total"], 0, "a dry run asks for nothing");
    let said = post(&direct, "/api/v1/runs", &start).await;
    assert_eq!((said.status.as_u16(), &said.json["state"]), (202, &json!("waiting")), "{said:?}");
    let secrets = &said.json["held"]["secrets"];
    assert_eq!(*secrets, json!(["password of root@127.0.0.1", "password of root@127.0.0.2"]));
    assert_eq!(post(&direct, "/api/v1/runs", &start).await.problem(), "conflict", "one run of a site");
    let id = &said.json["id"];
    let told = held(&mut stream).await;
    assert_eq!((&told["request"], &told["held"]["secrets"]), (id, secrets), "who follows is told");
    let mut late = follow(&direct).await;
    assert_eq!(held(&mut late).await, told, "who comes later as well");
    let request = format!("/api/v1/requests/{}", id.as_str().unwrap());
    assert_eq!(direct.hear(ask("DELETE", &request)).await.status, 204);
    assert_eq!(held(&mut stream).await, json!({"request": id, "held": null}));
    assert_eq!(get(&direct, &request).await.json["state"], "failed");
    assert_eq!(post(&direct, "/api/v1/runs", &json!({"plan": "2"})).await.problem(), "not-found");
    assert_eq!(get(&direct, "/api/v1/runs/r-1").await.problem(), "not-found");
}
