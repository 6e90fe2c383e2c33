//! Uploads in chunks, cut and gone on with.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use appliance_api::Peer;
use axum::body::Body;
use axum::extract::Request;
use common::{Direct, ask};
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn an_upload_goes_on_where_it_was_cut_and_takes_no_more_than_was_announced() {
    let direct = Direct::new();
    let wish = json!({"name": "x.bundle", "size": 10});
    let begun = direct.hear(ask("POST", "/api/v1/uploads").json(&wish)).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let path = format!("/api/v1/uploads/{}", begun.json["id"].as_str().unwrap());
    let send = |offset: u64, bytes: &str| {
        ask("PUT", &format!("{path}/content?offset={offset}")).raw("application/octet-stream", bytes)
    };
    assert_eq!(direct.hear(send(0, "0123")).await.json["received"], 4);
    assert_eq!(direct.hear(send(0, "0123")).await.problem(), "conflict", "the next chunk begins at 4");
    let early = direct.hear(ask("POST", &format!("{path}/complete"))).await;
    assert_eq!(early.problem(), "conflict");
    assert_eq!(direct.hear(send(4, "456789AB")).await.problem(), "too-large");
    assert_eq!(direct.hear(ask("GET", &path)).await.json["received"], 4);
    assert_eq!(direct.hear(send(4, "456789")).await.json["received"], 10);
    let file = direct.dir.path().join("uploads").join(begun.json["id"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "0123456789");
    let said = direct.hear(ask("POST", &format!("{path}/complete"))).await;
    assert_eq!(said.problem(), "invalid", "it is no bundle: {said:?}");
    assert_eq!(direct.hear(ask("DELETE", &path)).await.status, 204);
    assert!(!file.exists());
}

#[tokio::test]
async fn a_bundle_that_is_not_there_or_sealed_by_nobody_known_is_refused() {
    let direct = Direct::new();
    let add = |path: &str| ask("POST", "/api/v1/bundles").json(&json!({"path": path}));
    assert_eq!(direct.hear(add("/nowhere/x.bundle")).await.problem(), "not-found");
    assert_eq!(direct.hear(add("x.bundle")).await.json["errors"][0]["pointer"], "/path");
    let key = ask("POST", "/api/v1/bundle-keys").json(&json!({"pem": "no key"}));
    assert_eq!(direct.hear(key).await.json["errors"][0]["pointer"], "/pem");
    let huge = json!({"name": "x", "size": u64::MAX / 2});
    assert_eq!(direct.hear(ask("POST", "/api/v1/uploads").json(&huge)).await.problem(), "too-large");
}

#[tokio::test]
async fn who_comes_back_takes_the_place_of_a_connection_that_hangs() {
    let direct = Direct::new();
    let begun = direct.hear(ask("POST", "/api/v1/uploads").json(&json!({"name": "x", "size": 10}))).await;
    let path = format!("/api/v1/uploads/{}", begun.json["id"].as_str().unwrap());
    let send = |offset: u64, bytes: &str| {
        ask("PUT", &format!("{path}/content?offset={offset}")).raw("application/octet-stream", bytes)
    };
    // Half of it comes, and then nothing: neither more nor an end.
    let (sender, hanging) = tokio::sync::mpsc::channel(1);
    let body = futures_util::stream::unfold(hanging, |mut hanging| async {
        let bytes: bytes::Bytes = hanging.recv().await?;
        Some((Ok::<_, std::io::Error>(bytes), hanging))
    });
    let mut first = Request::put(format!("{path}/content?offset=0")).body(Body::from_stream(body)).unwrap();
    first.extensions_mut().insert(Peer::Local { name: "root".to_owned() });
    let first = tokio::spawn(direct.router.clone().oneshot(first));
    sender.send("01234".into()).await.unwrap();
    drop(sender.reserve().await.unwrap());
    let wrong = direct.hear(send(5, "56789")).await;
    assert_eq!(wrong.problem(), "conflict", "nothing is on disk for sure yet");
    assert!(!first.is_finished(), "who errs displaces nobody");
    assert_eq!(direct.hear(send(0, "abcdefghij")).await.json["received"], 10);
    assert_eq!(first.await.unwrap().unwrap().status(), 409);
    let file = direct.dir.path().join("uploads").join(begun.json["id"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "abcdefghij");
}
