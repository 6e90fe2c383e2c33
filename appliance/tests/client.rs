//! The verbs as clients of a real server that dies at the worst moment.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod serving;

use std::io::{BufRead, BufReader, Cursor};
use std::path::Path;

use appliance_client::{Client, Transport};
use appliance_store::{Holder, Store};
use bundles_format::{Blob, Digest, FORMAT, Release};
use bundles_store::{keygen, write};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId};
use serde_json::{Value, json};
use serving::{Caller, PASSWORD, Server};
use sha2::{Digest as _, Sha256};

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: left}\nssh: {user: root, password: {env: NOBODY}}\nhosts:\n\
    - {name: a, address: 127.0.0.1, port: 1, clusterAddress: 10.0.0.1, roles: [control-plane]}\n";

/// A bundle without content: what is sent is its head.
fn seal(folder: &Path) {
    let (key, _) = keygen(&folder.join("key")).unwrap();
    let (name, version) = ("shop".to_owned(), "1".to_owned());
    let release =
        Release { format: FORMAT, name, version, architectures: Vec::new(), components: Vec::new() };
    let nothing = |_: &Blob| Ok(Cursor::new(Vec::new()));
    write(&folder.join("shop.bundle"), &release, &key, nothing, |_, _| {}).unwrap();
}

/// A login of the first administrator.
fn logged_in(server: &Server) -> Caller {
    let caller = Caller::new(&[]);
    let (url, fingerprint, code) =
        (server.told("listens on "), server.told("SHA-256 "), server.told("setup code: "));
    let line = format!("login {url} --ca-fingerprint {fingerprint} --setup-code {code} --password-stdin");
    caller.well(&line, PASSWORD);
    caller
}

#[test]
fn a_bundle_that_was_cut_off_goes_on_and_is_not_sent_twice() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(state.path(), "127.0.0.1:0");
    let caller = logged_in(&server);
    seal(caller.home());
    let bytes = std::fs::read(caller.home().join("shop.bundle")).unwrap();
    let begun = 1000;
    // What a client leaves that was cut off: an upload with its beginning.
    let digest = Digest::from_sha256(Sha256::digest(&bytes).into()).to_string();
    let digest = digest.trim_start_matches("sha256:").to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Client::new(Transport::Socket(state.path().join("armilla.sock")));
        let wish = json!({"name": "shop.bundle", "size": bytes.len(), "digest": digest});
        let upload: Value = client.post("/api/v1/uploads", &wish).await.unwrap().value;
        let path = format!("/api/v1/uploads/{}/content?offset=0", upload["id"].as_str().unwrap());
        client.put_bytes::<Value>(&path, bytes[..begun].to_vec().into()).await.unwrap();
    });
    let address = server.told("listens on https://");
    server.kill();
    let _server = Server::start(state.path(), &address);

    assert!(caller.well("bundle upload ls", "").out.contains("1000"));
    let unasked = caller.run("bundle add shop.bundle", "");
    assert_eq!(unasked.code, Some(5), "nobody vouched for the key: {}", unasked.err);
    let added = caller.well("bundle add shop.bundle --trust key.pub", "");
    assert!(added.err.contains("are there already"), "{}", added.err);
    assert!(added.out.starts_with("sha256:"), "{}", added.out);
    let again = caller.well("bundle add shop.bundle", "");
    assert!(!again.err.contains("sending") && again.out == added.out, "{}", again.err);
    let id = added.out.trim_start_matches("sha256:").get(..12).unwrap();
    assert!(caller.well("bundle ls", "").out.contains(id));
    caller.well(&format!("bundle verify {id}"), "");
    caller.well(&format!("bundle rm {id}"), "");
    assert!(!caller.well("bundle ls", "").out.contains(id));
}

#[test]
fn a_viewer_looks_and_changes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let server = Server::start(state.path(), "127.0.0.1:0");
    let admin = logged_in(&server);
    std::fs::write(admin.home().join("site.yaml"), SITE).unwrap();
    admin.well("site add", "");
    admin.well("user add vera --role viewer --password-stdin", PASSWORD);
    let token = admin.well("token create vera --user vera --role viewer", "").out;
    let viewer = Caller::new(&[]);
    let (url, fingerprint) = (server.told("listens on "), server.told("SHA-256 "));
    viewer.well(&format!("login {url} --ca-fingerprint {fingerprint} --token-stdin"), &token);
    std::fs::write(viewer.home().join("site.yaml"), SITE).unwrap();
    for line in
        ["site ls", "site show", "host ls -s left", "host credential ls", "bundle ls", "run ls", "status"]
    {
        viewer.well(line, "");
    }
    for line in [
        "kubeconfig -s left",
        "site put",
        "site rm left",
        "host scan -s left",
        "host shell a -s left",
        "support collect -s left",
        "check",
        "reset -y",
    ] {
        let said = viewer.run(line, "");
        assert_eq!(said.code, Some(7), "armilla {line}: {}", said.err);
    }
}

/// A folder in which `armilla apply` left a run open.
fn with_open_run(state: &Path) {
    let store = Store::open(state, &Holder::this_process("apply", 1)).unwrap();
    let (id, intent) = (PlanId("one".into()), Intent::Install);
    let (site, release, steps, report) = ("left".to_owned(), "1".to_owned(), Vec::new(), Vec::new());
    let plan = Plan { format: PLAN_FORMAT, id, parent: None, site, intent, release, steps, report };
    let adopted = store.adopt(&plan).unwrap();
    store.begin(&adopted, 10).unwrap();
}

#[test]
fn a_run_that_apply_left_open_is_named_or_goes_on_and_is_followed_over_a_restart() {
    let state = tempfile::tempdir().unwrap();
    with_open_run(state.path());
    let server = Server::start(state.path(), "127.0.0.1:0");
    let named = server.greeting.iter().any(|line| line.contains("r-1 of site left was left open"));
    assert!(named, "{:?}", server.greeting);

    // Once the site is written down the next server goes on by itself, and says what it lacks.
    let caller = Caller::new(&["--state", state.path().to_str().unwrap()]);
    std::fs::write(caller.home().join("site.yaml"), SITE).unwrap();
    caller.well("site add", "");
    server.kill();
    let server = Server::start(state.path(), "127.0.0.1:0");
    assert!(!server.greeting.iter().any(|line| line.contains("left open")), "{:?}", server.greeting);
    let mut following = caller.command("run follow r-1 -o json").spawn().unwrap();
    let mut told = BufReader::new(following.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(told.next().unwrap(), "r-1 does not go on yet:");
    server.kill();
    let _server = Server::start(state.path(), "127.0.0.1:0");
    caller.well("run cancel r-1", "");
    let output = following.wait_with_output().unwrap();
    let events = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["event"]["type"].as_str(), output.status.code()),
        (Some("runEnded"), Some(130)),
        "{events}"
    );
    let indices: Vec<u64> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["index"].as_u64().unwrap())
        .collect();
    assert!(
        indices.is_sorted_by(|one, other| one < other),
        "an event came twice or out of turn: {indices:?}"
    );
    assert_eq!(caller.run("run follow r-1", "").code, Some(130));
}
