//! What goes wrong around a server that works: hosts that vanished, a bundle that is replaced under a run, more sites than may
//! run at once. Each is said plainly, nothing is lost, and the work ends well.

use super::served::Served;
use crate::installation::{Installation, SHARED_DISK, done};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A run that is held, or may go on, is so within this.
const HEEDED: Duration = Duration::from_secs(120);

/// Takes a copy of the folder's bundle in by its path on the server's machine; where it lies, and its id.
pub(crate) fn take_in_a_bundle(site: &Installation, server: &mut Served<'_>) -> (PathBuf, String) {
    let path = site.folder.path().join("taken-in.bundle");
    std::fs::copy(site.folder.bundle(), &path).unwrap();
    let wish = json!({ "path": path });
    let unknown = server.post("bundles", &wish);
    assert_eq!(unknown.status, 409, "nobody vouched for its key: {}", unknown.text);
    assert!(unknown.text.contains("nobody vouched for"), "{}", unknown.text);
    let trusted = server.ask("$U/bundle-keys --json \"$(jq -Rs '{pem: .}' bundle.key.pub)\"");
    assert_eq!(trusted.status, 201, "{}", trusted.text);
    let none = server.post("bundles", &json!({"path": "/nowhere.bundle"}));
    assert_eq!(none.status, 404, "{}", none.text);
    let taken = server.post("bundles", &wish);
    assert_eq!(taken.status, 201, "{}", taken.text);
    let id = taken.body["id"].as_str().unwrap().to_owned();
    let verified = server.post(&format!("bundles/{id}/verify"), &json!({}));
    assert_eq!(verified.status, 200, "{}", verified.text);
    (path, id)
}

/// A site of one host, with its key; `bundle` is the id of the one it is installed from.
pub(crate) fn add_site(site: &Installation, server: &mut Served<'_>, name: &str, host: &str, bundle: &str) {
    let (key, address) = (site.lab.record().key.display().to_string(), site.host(host).address());
    let text = format!(
        "apiVersion: armilla/v1\nkind: Site\nmetadata:\n  name: {name}\nssh:\n  user: root\n  keyFile: {key}\nhosts:\n  \
         - name: {host}\n    address: {address}\n    roles: [control-plane, worker]\n{SHARED_DISK}"
    );
    let added = server.post("sites", &json!({ "text": text, "bundle": bundle }));
    assert_eq!(added.status, 201, "{}", added.text);
    let id = server.get(&format!("sites/{name}/credentials"))["items"][0]["id"].as_str().unwrap().to_owned();
    let secret = std::fs::read_to_string(key).unwrap();
    let given = server
        .ask(&format!("-X PUT $U/sites/{name}/credentials/{id} --json '{}'", json!({ "secret": secret })));
    assert_eq!(given.status, 204, "{}", given.text);
}

/// A draft is written for a host; the host goes. Each question says so of that host, and the draft stays.
pub(crate) fn a_host_that_vanished(site: &Installation, server: &mut Served<'_>, name: &str, host: &str) {
    let draft = json!({"content": {"page": 3, "hosts": [site.host(host).address().to_string()]}});
    let kept = server.ask(&format!("-X PUT $U/sites/{name}/draft --json '{draft}'"));
    assert_eq!(kept.status, 200, "{}", kept.text);
    site.lab.power_off(&[host]).unwrap();
    let scan = server.post(&format!("sites/{name}/scan"), &json!({}));
    assert_eq!((scan.status, &scan.body["reached"]), (200, &json!(false)), "{}", scan.text);
    assert_eq!(scan.body["problems"][0]["pointer"], format!("/hosts/{host}"), "{}", scan.text);
    for path in [format!("sites/{name}/checks"), format!("sites/{name}/plans")] {
        let asked = server.post(&path, &json!({}));
        assert_eq!(asked.status, 502, "{path}: {}", asked.text);
        assert_eq!(asked.body["errors"][0]["pointer"], format!("/hosts/{host}"), "{}", asked.text);
        assert!(asked.body["hint"].is_string(), "{}", asked.text);
    }
    assert_eq!(server.get(&format!("sites/{name}/draft"))["content"], draft["content"]);
    site.lab.power_on(&[host]).unwrap();
}

pub(crate) fn trust_host(server: &mut Served<'_>, name: &str) {
    let scan = server.post(&format!("sites/{name}/scan"), &json!({}));
    let trusted = server.post("host-keys", &json!({ "items": scan.body["unknownKeys"] }));
    assert_eq!(trusted.status, 204, "{}; {}", trusted.text, scan.text);
}

fn runs_at_once(server: &mut Served<'_>, count: u64) {
    let mut settings = server.get("settings");
    settings["runsAtOnce"] = count.into();
    let set = server.ask(&format!("-X PUT $U/settings --json '{settings}'"));
    assert_eq!(set.status, 200, "{}", set.text);
}

/// Plans and asks for a run; the request.
fn ask_for_a_run(server: &mut Served<'_>, name: &str) -> String {
    let plan = server.post(&format!("sites/{name}/plans"), &json!({}));
    assert_eq!((plan.status, &plan.body["stopping"]), (201, &json!(0)), "{}", plan.text);
    let asked = server.post("runs", &json!({"plan": plan.body["id"]}));
    assert_eq!(asked.status, 202, "{}", asked.text);
    asked.body["id"].as_str().unwrap().to_owned()
}

/// Two sites where one may run: the other waits, is not lost, and begins as soon as two may. Their runs.
pub(crate) fn two_sites_where_one_may_run(server: &mut Served<'_>, names: [&str; 2]) -> [String; 2] {
    runs_at_once(server, 1);
    let requests = names.map(|name| ask_for_a_run(server, name));
    let first = server.run_of(&requests[0]);
    let waits = server.get(&format!("requests/{}", requests[1]));
    assert_eq!(waits["state"], "waiting", "{waits}");
    let plan = server.plan_of(names[1]);
    let again = server.post("runs", &json!({ "plan": plan }));
    assert_eq!(again.status, 409, "one start of a site waits: {}", again.text);
    runs_at_once(server, 2);
    let second = server.run_of(&requests[1]);
    let runs = server.get("runs?filter=state%3Dopen");
    assert_eq!(runs["total"], 2, "both go on: {runs}");
    [first, second]
}

/// The bundle may not be forgotten while sites use it. Its file is replaced by a damaged one and the server killed: the
/// runs are held, and say why; with the file back they go on without being asked.
pub(crate) fn a_bundle_that_is_replaced(
    server: &mut Served<'_>,
    (path, id): (PathBuf, String),
    runs: &[String; 2],
) {
    let begun = Instant::now();
    let removed = server.ask(&format!("-X DELETE $U/bundles/{id}"));
    assert_eq!(removed.status, 409, "a run reads it: {}", removed.text);
    let (damaged, aside) = (path.with_extension("damaged"), path.with_extension("aside"));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    server.kill_after("/import/", || {
        std::fs::rename(&path, &aside).unwrap();
        std::fs::rename(&damaged, &path).unwrap();
    });
    for run in runs {
        let held = wait_until(server, &format!("runs/{run}"), |run| run["held"].is_object());
        let problems = held["held"]["problems"].to_string();
        assert!(problems.contains("taken-in.bundle"), "{problems}");
        assert_eq!(held["state"], "open", "{held}");
    }
    let again = server.post(&format!("bundles/{id}/verify"), &json!({}));
    assert_eq!(again.status, 422, "{}", again.text);
    std::fs::rename(&aside, &path).unwrap();
    let again = server.post(&format!("bundles/{id}/verify"), &json!({}));
    assert_eq!(again.status, 200, "{}", again.text);
    for run in runs {
        assert_eq!(server.outcome(run), "healthy");
    }
    done("two runs through a bundle that was replaced", begun);
}

pub(super) fn wait_until(server: &mut Served<'_>, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let seen = server.get(path);
        if fits(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < HEEDED, "{path}: {seen}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
