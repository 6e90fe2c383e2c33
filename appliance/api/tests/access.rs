//! Who may what: every route by every role, and the ways in.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use appliance_api::{Needs, router};
use axum::http::StatusCode;
use common::{Ask, Direct, PASSWORD, ask};
use serde_json::{Value, json};

/// What a caller has, in the order of [`Needs`].
const CALLERS: [&str; 6] = ["nobody", "viewer", "operator", "admin", "ended session", "revoked token"];

/// Every operation of the OpenAPI file: path, method, what it needs.
fn operations(api: &Value) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needs = operation["x-armilla-needs"].as_str().unwrap_or("missing").to_owned();
            all.push((path.clone(), method.to_uppercase(), needs));
        }
    }
    all
}

fn may(caller: &str, needs: &str) -> bool {
    let rank = |word: &str| ["nobody", "viewer", "operator", "admin"].iter().position(|one| *one == word);
    rank(needs).unwrap() <= rank(caller).unwrap_or(0)
}

#[tokio::test]
async fn every_route_lets_in_whom_the_description_says_and_nobody_else() {
    let direct = Direct::new();
    let api = serde_json::to_value(router(&direct.app).1).unwrap();
    let operations = operations(&api);
    assert!(operations.len() > 20, "{}", operations.len());
    for role in ["viewer", "operator", "admin"] {
        direct.add_user(role, role).await;
    }
    // An administrator who stays: the others may be changed on the way.
    direct.add_user("stays", "admin").await;
    let revoked = direct.token("admin", "admin").await;
    let tokens = direct.hear(ask("GET", "/api/v1/tokens")).await;
    let id = tokens.json["items"][0]["id"].as_str().unwrap();
    assert_eq!(direct.hear(ask("DELETE", &format!("/api/v1/tokens/{id}"))).await.status, 204);
    let login = direct.log_in("admin", PASSWORD, "192.0.2.9").await;
    let ended = login.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(direct.hear(ask("POST", "/api/v1/logout").cookie(&ended)).await.status, 204);
    for (path, method, needs) in &operations {
        for caller in CALLERS {
            let token = match caller {
                "viewer" | "operator" | "admin" => direct.token(caller, caller).await,
                _ => revoked.clone(),
            };
            // Nothing is really changed: what is asked for is checked before what is wanted of it.
            let path = path.replace("{", "").replace("}", "");
            let request = ask(method, &format!("{path}?dryRun=All"));
            let request = match caller {
                "nobody" => request.remote(),
                "ended session" => request.cookie(&ended),
                _ => request.bearer(&token),
            };
            let said = first_words(&direct, request.raw("text/plain", "")).await;
            let let_in = !matches!(said.0, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            assert_eq!(let_in, may(caller, needs), "{method} {path} as {caller}: {said:?}");
            if !let_in {
                let known = matches!(caller, "viewer" | "operator" | "admin");
                let wanted = if known { "forbidden" } else { "login-needed" };
                assert_eq!(said.1, wanted, "{method} {path} as {caller}");
            }
        }
    }
}

/// The status and kind of problem. A stream has no end that could be waited for.
async fn first_words(direct: &Direct, ask: Ask) -> (StatusCode, String) {
    let heard = tokio::time::timeout(std::time::Duration::from_secs(2), direct.hear(ask)).await;
    heard.map_or((StatusCode::OK, String::new()), |said| (said.status, said.problem().to_owned()))
}

#[tokio::test]
async fn what_somebody_may_not_is_in_the_audit_once_however_often_they_ask() {
    let direct = Direct::new();
    direct.add_user("vera", "viewer").await;
    let token = direct.token("vera", "viewer").await;
    for _ in 0..50 {
        let said = direct.hear(ask("DELETE", "/api/v1/users/anna").bearer(&token)).await;
        assert_eq!(said.problem(), "forbidden");
        // Who reads what is not theirs is told so, and that is all.
        assert_eq!(direct.hear(ask("GET", "/api/v1/users").bearer(&token)).await.problem(), "forbidden");
    }
    let audit = || ask("GET", "/api/v1/audit?filter=action=access.denied");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let entries = loop {
        let said = direct.hear(audit()).await;
        if said.json["total"] != 0 {
            break said.json;
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing is noted");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(entries["total"], 1, "{entries}");
    let entry = &entries["items"][0];
    assert_eq!((entry["actor"].as_str(), entry["id"].as_str()), (Some("vera"), Some("/api/v1/users/anna")));
    assert_eq!(entry["detail"], json!({"method": "DELETE", "times": "1"}));
    assert!(entry["via"].as_str().unwrap().starts_with("token "), "{entry}");
}

#[test]
fn needs_are_named_as_in_the_description() {
    let names = [Needs::Nobody, Needs::Viewer, Needs::Operator, Needs::Admin].map(Needs::as_str);
    assert_eq!(names, ["nobody", "viewer", "operator", "admin"]);
}

#[tokio::test]
async fn a_session_begins_with_a_password_and_ends_when_told() {
    let direct = Direct::new();
    direct.add_user("anna", "operator").await;
    let said = direct.log_in("anna", PASSWORD, "192.0.2.1").await;
    assert_eq!(said.status, 201, "{said:?}");
    let cookie = said.header("set-cookie");
    for rule in ["__Host-armilla=", "; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(rule), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let me = direct.hear(ask("GET", "/api/v1/me").cookie(&cookie)).await;
    assert_eq!((me.json["name"].as_str(), me.json["role"].as_str()), (Some("anna"), Some("operator")));
    let crossed = ask("POST", "/api/v1/logout").cookie(&cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(direct.hear(crossed).await.problem(), "cross-origin");
    assert_eq!(direct.hear(ask("POST", "/api/v1/logout").cookie(&cookie)).await.status, 204);
    assert_eq!(direct.hear(ask("GET", "/api/v1/me").cookie(&cookie)).await.problem(), "login-needed");
}

#[tokio::test]
async fn guessing_has_to_wait_and_the_wait_is_said() {
    let direct = Direct::new();
    direct.add_user("anna", "viewer").await;
    let mut waited = None;
    for _ in 0..12 {
        let said = direct.log_in("anna", "wrong password", "192.0.2.1").await;
        if said.status == 429 {
            waited = Some(said);
            break;
        }
        assert_eq!(said.problem(), "login-refused");
    }
    let said = waited.expect("twelve guesses in a row were heard");
    assert!(said.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(direct.log_in("anna", PASSWORD, "192.0.2.1").await.status, 429, "right, and still waiting");
    assert_eq!(
        direct.log_in("anna", PASSWORD, "192.0.2.7").await.status,
        201,
        "somebody else is not locked out"
    );
}

#[tokio::test]
async fn an_unknown_name_is_answered_as_a_wrong_password() {
    let direct = Direct::new();
    direct.add_user("anna", "viewer").await;
    let wrong = direct.log_in("anna", "wrong password", "192.0.2.1").await;
    let unknown = direct.log_in("nobody", "wrong password", "192.0.2.2").await;
    assert_eq!((wrong.status, wrong.json), (unknown.status, unknown.json));
}

#[tokio::test]
async fn a_token_never_does_more_than_its_user_and_its_maker() {
    let direct = Direct::new();
    direct.add_user("anna", "operator").await;
    let token = direct.token("anna", "viewer").await;
    let more = ask("POST", "/api/v1/tokens").bearer(&token).json(&json!({"name": "x", "role": "operator"}));
    assert_eq!(direct.hear(more).await.problem(), "invalid");
    let others = ask("POST", "/api/v1/tokens").bearer(&token).json(&json!({"name": "x", "user": "ben"}));
    assert_eq!(direct.hear(others).await.problem(), "forbidden");
    let mighty = direct.token("anna", "operator").await;
    let demote = ask("PATCH", "/api/v1/users/anna").json(&json!({"role": "viewer"}));
    assert_eq!(direct.hear(demote).await.status, 200);
    let me = direct.hear(ask("GET", "/api/v1/me").bearer(&mighty)).await;
    assert_eq!(me.json["role"], "viewer");
    let disable = ask("PATCH", "/api/v1/users/anna").json(&json!({"disabled": true}));
    assert_eq!(direct.hear(disable).await.status, 200);
    assert_eq!(direct.hear(ask("GET", "/api/v1/me").bearer(&mighty)).await.problem(), "login-needed");
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    let direct = Direct::new();
    direct.add_user("anna", "operator").await;
    direct.add_user("ben", "operator").await;
    let anna = direct.token("anna", "operator").await;
    direct.token("ben", "operator").await;
    let own = direct.hear(ask("GET", "/api/v1/tokens").bearer(&anna)).await;
    assert_eq!(own.json["total"], 1);
    let all = direct.hear(ask("GET", "/api/v1/tokens?filter=user=ben")).await;
    let id = all.json["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/tokens/{id}");
    assert_eq!(direct.hear(ask("DELETE", &path).bearer(&anna)).await.problem(), "not-found");
    assert_eq!(direct.hear(ask("DELETE", &path)).await.status, 204);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let direct = Direct::new();
    direct.add_user("anna", "admin").await;
    for request in [
        ask("DELETE", "/api/v1/users/anna"),
        ask("PATCH", "/api/v1/users/anna").json(&json!({"role": "viewer"})),
        ask("PATCH", "/api/v1/users/anna").json(&json!({"disabled": true})),
    ] {
        assert_eq!(direct.hear(request).await.problem(), "conflict");
    }
}

#[tokio::test]
async fn ones_own_password_is_changed_with_the_one_before() {
    let direct = Direct::new();
    direct.add_user("anna", "viewer").await;
    let token = direct.token("anna", "viewer").await;
    let change = |current: &str| {
        let body = json!({"current": current, "password": "another horse"});
        ask("PUT", "/api/v1/me/password").bearer(&token).json(&body)
    };
    assert_eq!(direct.hear(change("wrong horse")).await.problem(), "login-refused");
    assert_eq!(direct.hear(change(PASSWORD)).await.status, 204);
    assert_eq!(direct.log_in("anna", PASSWORD, "192.0.2.5").await.status, 401);
    assert_eq!(direct.log_in("anna", "another horse", "192.0.2.6").await.status, 201);
}
