//! The same script three ways: in the own process, through a server's socket, and over TLS with a login. What is printed and
//! the exit codes are the same; only times, ids and what the caller came in with may differ.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod serving;

use std::path::{Path, PathBuf};

use appliance_store::ledger::{Actor, Asked, Command, RequestCommand};
use appliance_store::{Holder, Store};
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId};
use serving::{Caller, PASSWORD, Said, Server};

/// A site whose only host answers nobody: nothing listens on that port of loopback.
const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: demo}\n\
    ssh: {user: root, password: {env: NOBODY_SETS_THIS}}\n\
    hosts:\n- {name: h1, address: 127.0.0.1, port: 1, clusterAddress: 192.0.2.10, roles: [control-plane, worker]}\n";

/// A line of the script, and what goes to its standard input.
const SCRIPT: &[(&str, &str)] = &[
    ("user add ben --role operator --password-stdin", PASSWORD),
    ("user add ben --password-stdin", PASSWORD),
    ("user add short --password-stdin", "x\n"),
    ("user add ../x --password-stdin", PASSWORD),
    ("user set ben --role viewer", ""),
    ("user set ben --disable", ""),
    ("user set nobody --disable", ""),
    ("user set ben", ""),
    ("user ls", ""),
    ("user ls -o json", ""),
    ("passwd ben --password-stdin", PASSWORD),
    ("passwd nobody --password-stdin", PASSWORD),
    ("token create nightly --user ben --role viewer --expires-in-days 9 -o json", ""),
    ("token create nightly --user nobody", ""),
    ("token ls", ""),
    ("token ls -o json", ""),
    ("token revoke 0123", ""),
    ("settings get", ""),
    ("settings set sessionHours=8 idleMinutes=30", ""),
    ("settings set sessionHours=never", ""),
    ("settings get sessionHours", ""),
    ("settings get nonsense", ""),
    ("user rm admin", ""),
    ("user rm ben", ""),
    ("user rm ben", ""),
    ("user ls -o json", ""),
    ("audit ls -o json --filter id=ben,action~user", ""),
    ("audit ls --filter nonsense=1", ""),
    ("audit verify", ""),
    ("run ls", ""),
    ("run show r-9", ""),
    ("run log r-9", ""),
    ("run cancel r-9", ""),
    ("run retry r-9 h1", ""),
    ("run requests", ""),
    ("run withdraw nothing", ""),
    ("run withdraw asked-before", ""),
    ("run withdraw asked-before", ""),
    ("run requests -o json", ""),
    ("site validate -", SITE),
    ("site validate -", "apiVersion: armilla/v1\nkind: Site\nhosts: 7\n"),
    ("site add -", SITE),
    ("site add -", SITE),
    ("site add - --bundle sha256:00", SITE),
    ("site ls -o json", ""),
    ("site show -s demo", ""),
    ("site show -s nowhere", ""),
    ("site put -", SITE),
    ("site put - --dry-run", SITE),
    ("site waivers -s demo", ""),
    ("site draft show demo", ""),
    ("site draft put demo -", "half of a site"),
    ("site draft show demo", ""),
    ("site draft rm demo", ""),
    ("site draft rm demo", ""),
    ("host ls -s demo", ""),
    ("host ls -s demo -o json", ""),
    ("host facts h1 -s demo", ""),
    ("host facts h9 -s demo", ""),
    ("host key ls", ""),
    ("host key trust 127.0.0.1:1 SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
    ("host key trust 127.0.0.1:1 SHA256:short", ""),
    ("host key ls -o json", ""),
    ("host key rm 127.0.0.1:1", ""),
    ("host key rm 127.0.0.1:1", ""),
    ("host credential ls -s demo", ""),
    ("host credential rm nothing -s demo", ""),
    ("cluster nodes -s nowhere", ""),
    ("cluster addons -s nowhere -o json", ""),
    ("bundle ls", ""),
    ("bundle rm sha256:00", ""),
    ("bundle add /nowhere.bundle", ""),
    ("bundle key ls", ""),
    ("bundle key rm nothing", ""),
    ("bundle upload ls", ""),
    ("bundle upload rm nothing", ""),
    ("user session end nothing", ""),
    ("site rm demo -y", ""),
    ("site rm demo -y", ""),
    ("site ls", ""),
];

/// Everything that the script printed, with what must differ taken out.
fn script(caller: &Caller) -> Vec<String> {
    let told = SCRIPT.iter().map(|(line, input)| {
        let Said { code, out, err } = caller.run(line, input);
        format!("$ {line}\n{}{}exit code {code:?}\n", plain(&out), plain(&err))
    });
    told.collect()
}

/// Times, random ids and secrets, revisions, and who asked by what: a run of the script cannot have them again.
fn plain(text: &str) -> String {
    let differing = [
        "At\"",
        "\"at\"",
        "\"id\"",
        "\"secret\"",
        "\"revision\"",
        "\"hash\"",
        "\"previous\"",
        "\"actor\"",
        "\"by\"",
        // It says who took a request back.
        "\"why\"",
        "\"via\"",
        "\"index\"",
        "\"number\"",
    ];
    let lines = text.lines().map(|line| {
        // A server has entries of its own: its certificate authority, the offer of the setup code.
        if let Some((_, unbroken)) = line.split_once(" entries, ") {
            return format!("… entries, {unbroken}");
        }
        if let Some(field) =
            differing.iter().find(|field| line.split(':').next().is_some_and(|name| name.ends_with(**field)))
        {
            return format!("  {field}: …");
        }
        let words = line.split_whitespace().map(|word| {
            let is_random = word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_time =
                word.len() >= 8 && word.bytes().filter(|byte| matches!(byte, b':' | b'-')).count() >= 2;
            if is_random || is_time { "…" } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.map(|line| line + "\n").collect()
}

/// A state folder with a start that waits: a server of another version wrote it down, and no engine of now understands it.
fn with_request(state: &Path) {
    let store = Store::open(state, &Holder::this_process("test", 1)).unwrap();
    let (id, intent) = (PlanId("one".into()), Intent::Install);
    let (site, release, steps, report) = ("past".to_owned(), "1".to_owned(), Vec::new(), Vec::new());
    let plan = Plan { format: PLAN_FORMAT, id, parent: None, site, intent, release, steps, report };
    store.adopt(&plan).unwrap();
    let asked = Asked::Start { plan: plan.id, options: "in other words".into() };
    let (id, site, live) = ("asked-before".to_owned(), plan.site, Default::default());
    let ask = RequestCommand::Ask { id, site, asked, live };
    store.submit(&Actor::Instance, &Command::Requests(ask)).unwrap();
}

/// The folder's first administrator is `admin`.
fn with_admin(caller: &Caller) {
    caller.well("user add admin --role admin --password-stdin", PASSWORD);
}

/// The words of a login, but for the setup code.
fn login(server: &Server) -> String {
    let (url, fingerprint) = (server.told("listens on "), server.told("SHA-256 "));
    format!("login {url} --ca-fingerprint {fingerprint} --password-stdin")
}

fn differs(one: &[String], other: &[String]) -> Option<String> {
    let pairs = one.iter().zip(other);
    pairs.filter(|(one, other)| one != other).map(|(one, other)| format!("{one}--- but\n{other}")).next()
}

#[test]
fn every_verb_says_the_same_each_way() {
    let folder = || -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        with_request(&path);
        (folder, path)
    };
    let (_kept, state) = folder();
    let here = Caller::new(&["--state", state.to_str().unwrap()]);
    with_admin(&here);
    let said_here = script(&here);

    let (_kept, state) = folder();
    let server = Server::start(&state, "127.0.0.1:0");
    let socket = Caller::new(&["--state", state.to_str().unwrap()]);
    with_admin(&socket);
    let said_socket = script(&socket);
    server.kill();

    let (_kept, state) = folder();
    let server = Server::start(&state, "127.0.0.1:0");
    let tls = Caller::new(&[]);
    tls.well(&format!("{} --setup-code {}", login(&server), server.told("setup code: ")), PASSWORD);
    let said_tls = script(&tls);

    assert_eq!(differs(&said_here, &said_socket), None, "by socket");
    // The login has a token of its own in the list.
    let shared = |said: &[String]| -> Vec<String> {
        said.iter().filter(|told| !told.starts_with("$ token")).cloned().collect()
    };
    assert_eq!(differs(&shared(&said_here), &shared(&said_tls)), None, "over TLS");
    // The script reached what it was written for: neither all is refused nor all goes well.
    let well = said_here.iter().filter(|told| told.contains("exit code Some(0)")).count();
    assert!((35..SCRIPT.len() - 25).contains(&well), "{said_here:#?}");
    let withdrawn = said_here.iter().filter(|told| told.starts_with("$ run withdraw asked-before"));
    let codes: Vec<bool> = withdrawn.map(|told| told.ends_with("exit code Some(0)\n")).collect();
    assert_eq!(codes, [true, false], "it is taken back once: {said_here:#?}");
}

#[test]
fn a_server_is_trusted_by_its_fingerprint_and_a_logout_ends_the_login() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "127.0.0.1:0");
    let caller = Caller::new(&[]);
    let (url, code) = (server.told("listens on "), server.told("setup code: "));
    let bare = format!("login {url} --password-stdin");
    let unasked = caller.run(&format!("{bare} --setup-code {code}"), PASSWORD);
    assert_eq!(unasked.code, Some(7), "{}", unasked.err);
    assert!(unasked.err.contains(&server.told("SHA-256 ")), "{}", unasked.err);
    let other = "00".repeat(32);
    let wrong = caller.run(&format!("{bare} --setup-code {code} --ca-fingerprint {other}"), PASSWORD);
    assert_eq!(wrong.code, Some(7), "{}", wrong.err);
    let guessed = caller.run(&format!("{} --setup-code 0000-0000-0000", login(&server)), PASSWORD);
    assert_eq!(guessed.code, Some(7), "{}", guessed.err);
    caller.well(&format!("{} --setup-code {code}", login(&server)), PASSWORD);
    let file = caller.home().join(".config/armilla/contexts.json");
    let token = std::fs::read_to_string(&file).unwrap();
    assert!(token.contains("armilla_"), "{token}");
    assert_eq!(caller.well("whoami", "").out, format!("admin, admin of {url}\n"));
    // Another program with the same token is shut out, too, once it is revoked.
    let kept = Caller::new(&[]);
    std::fs::create_dir_all(kept.home().join(".config/armilla")).unwrap();
    std::fs::copy(&file, kept.home().join(".config/armilla/contexts.json")).unwrap();
    kept.well("whoami", "");
    caller.well("logout", "");
    assert!(!std::fs::read_to_string(&file).unwrap().contains("armilla_"));
    assert_eq!(kept.run("whoami", "").code, Some(7));
}
