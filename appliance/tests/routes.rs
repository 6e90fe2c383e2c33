//! What the API can change has a verb: the table says which, and each line of it is run against a server that writes down what
//! it is asked. A route that is new in openapi.json and has no line fails, and so does a verb that asks for something else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "routes/recorder.rs"]
mod recorder;
mod sealed;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use recorder::{Asked, Recorder};
use serde_json::Value;

/// Each route that changes something, and a line that asks for it. `login` and `logout` speak to servers elsewhere:
/// `both_ways` has them log in to a real one.
const TABLE: &[(&str, Verb)] = &[
    ("POST /api/v1/setup", Verb::Elsewhere("login")),
    ("POST /api/v1/sessions", Verb::Elsewhere("login")),
    ("POST /api/v1/logout", Verb::Elsewhere("login")),
    ("DELETE /api/v1/sessions/{id}", Verb::Line("user session end x", "")),
    ("PUT /api/v1/me/password", Verb::Line("passwd --password-stdin", PASSWORDS)),
    ("POST /api/v1/users", Verb::Line("user add x --password-stdin", PASSWORD)),
    ("PATCH /api/v1/users/{name}", Verb::Line("user set x --disable", "")),
    ("DELETE /api/v1/users/{name}", Verb::Line("user rm x", "")),
    ("PUT /api/v1/users/{name}/password", Verb::Line("passwd x --password-stdin", PASSWORD)),
    ("POST /api/v1/tokens", Verb::Line("token create x", "")),
    ("DELETE /api/v1/tokens/{id}", Verb::Line("token revoke x", "")),
    ("PUT /api/v1/settings", Verb::Line("settings set sessionHours=8", "")),
    ("PUT /api/v1/settings/oidc-secret", Verb::Line("settings oidc-secret --secret-stdin", PASSWORD)),
    ("POST /api/v1/instance/backup", Verb::Line("instance backup -o -", "")),
    ("POST /api/v1/sites", Verb::Line("site add site.yaml", "")),
    ("PUT /api/v1/sites/{name}", Verb::Line("site put site.yaml", "")),
    ("DELETE /api/v1/sites/{name}", Verb::Line("site rm x", "")),
    ("POST /api/v1/sites/validate", Verb::Line("site validate site.yaml", "")),
    ("POST /api/v1/sites/import", Verb::Line("site import site.yaml", "")),
    ("PUT /api/v1/sites/{name}/draft", Verb::Line("site draft put x site.yaml", "")),
    ("DELETE /api/v1/sites/{name}/draft", Verb::Line("site draft rm x", "")),
    ("POST /api/v1/sites/{name}/scan", Verb::Line("host scan -s x", "")),
    ("POST /api/v1/sites/{name}/checks", Verb::Line("check -s site.yaml", "")),
    ("POST /api/v1/sites/{name}/repairs", Verb::Line("check -s site.yaml --fix -y", "")),
    ("POST /api/v1/sites/{name}/waivers", Verb::Line("check -s site.yaml --waive memory --reason x", "")),
    ("DELETE /api/v1/sites/{name}/waivers/{target}", Verb::Line("check -s site.yaml --unwaive memory@a", "")),
    ("POST /api/v1/sites/{name}/plans", Verb::Line("plan -s site.yaml", "")),
    ("POST /api/v1/sites/{name}/support", Verb::Line("support collect -s x", "")),
    ("POST /api/v1/runs", Verb::Line("apply -s site.yaml -y", "")),
    ("POST /api/v1/runs/{id}/cancel", Verb::Line("run cancel r-1", "")),
    ("POST /api/v1/runs/{id}/hosts/{host}/retry", Verb::Line("run retry r-1 a", "")),
    ("DELETE /api/v1/requests/{id}", Verb::Line("run withdraw x", "")),
    (
        "PUT /api/v1/sites/{name}/credentials/{id}",
        Verb::Line("host credential give x -s x --secret-stdin", PASSWORD),
    ),
    ("DELETE /api/v1/sites/{name}/credentials/{id}", Verb::Line("host credential rm x -s x", "")),
    ("POST /api/v1/host-keys", Verb::Line("host key trust 10.0.0.1:22 SHA256:x", "")),
    ("DELETE /api/v1/host-keys/{place}", Verb::Line("host key rm 10.0.0.1:22", "")),
    ("POST /api/v1/bundle-keys", Verb::Line("bundle key trust key.pub", "")),
    ("DELETE /api/v1/bundle-keys/{fingerprint}", Verb::Line("bundle key rm x", "")),
    ("POST /api/v1/bundles", Verb::Line("bundle add good.bundle -y", "")),
    ("DELETE /api/v1/bundles/{id}", Verb::Line("bundle rm 0123", "")),
    ("POST /api/v1/bundles/{id}/verify", Verb::Line("bundle verify 0123", "")),
    // The server says that it does not see the file, and gets it.
    ("POST /api/v1/uploads", Verb::Line("bundle add good.bundle -y", "")),
    ("PUT /api/v1/uploads/{id}/content", Verb::Line("bundle add good.bundle -y", "")),
    ("POST /api/v1/uploads/{id}/complete", Verb::Line("bundle add good.bundle -y", "")),
    ("DELETE /api/v1/uploads/{id}", Verb::Line("bundle upload rm x", "")),
];

enum Verb {
    /// Words after `armilla`, and what goes to standard input.
    Line(&'static str, &'static str),
    /// Speaks to a server elsewhere.
    Elsewhere(&'static str),
}

const PASSWORD: &str = "a password of some length\n";
const PASSWORDS: &str = "the password of now\na password of some length\n";

const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: x}\nssh: {user: root, agent: true}\nhosts:\n\
    - {name: a, address: 10.0.0.1, roles: [control-plane]}\n- {name: b, address: 10.0.0.2, roles: [worker]}\n";

fn changing_routes() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/api/openapi.json");
    let api: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let methods = ["post", "put", "patch", "delete"];
    let routes = api["paths"].as_object().unwrap().iter().flat_map(|(path, of)| {
        let there = methods.iter().filter(|method| of.get(**method).is_some());
        there.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    routes.collect()
}

/// What the line asks of the server whose socket lies in `state`.
fn asked(folder: &Path, recorder: &Recorder, line: &str, input: &str) -> (Vec<Asked>, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_armilla"))
        .args(&words)
        .args(["--state", "state"])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not want it has closed its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (recorder.take(), told)
}

#[test]
fn every_route_that_changes_something_has_a_verb_that_asks_for_it() {
    let routes = changing_routes();
    let without: Vec<&String> =
        routes.iter().filter(|route| !TABLE.iter().any(|(known, _)| known == route)).collect();
    assert!(without.is_empty(), "these routes have no line in the table: {without:?}");
    let gone: Vec<&str> = TABLE
        .iter()
        .map(|(route, _)| *route)
        .filter(|known| !routes.iter().any(|route| route == known))
        .collect();
    assert!(gone.is_empty(), "these lines have no route: {gone:?}");

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    std::fs::write(folder.path().join("site.yaml"), SITE).unwrap();
    sealed::seal(folder.path(), "good.bundle", "key");
    let recorder = Recorder::start(&folder.path().join("state/armilla.sock"));
    let mut wrong = Vec::new();
    for (route, verb) in TABLE {
        match verb {
            Verb::Line(line, input) => {
                let (asked, told) = asked(folder.path(), &recorder, line, input);
                if !asked.iter().any(|asked| asked.is_of(route)) {
                    wrong.push(format!("armilla {line}: never asked for {route}, but for {asked:?}\n{told}"));
                }
            }
            Verb::Elsewhere(verb) => {
                let said =
                    Command::new(env!("CARGO_BIN_EXE_armilla")).args([verb, "--help"]).output().unwrap();
                assert!(said.status.success(), "there is no verb {verb}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
