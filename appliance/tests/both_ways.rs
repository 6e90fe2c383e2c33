//! The same script three ways: in the own process, through a server's socket, and over TLS with a login. What is printed and
//! the exit codes are the same; only times, ids and what the caller came in with may differ.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PASSWORD: &str = "a password of some length\n";

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

/// One caller of the program: where it looks for state and for logins.
struct Way {
    home: tempfile::TempDir,
    args: Vec<String>,
}

impl Way {
    fn new(args: &[&str]) -> Way {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Way { home: tempfile::tempdir().unwrap(), args }
    }

    fn run(&self, words: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_armilla"))
            .args(words)
            .args(&self.args)
            .env_clear()
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not want it has closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Everything that the script printed, with what must differ taken out.
    fn script(&self) -> Vec<String> {
        let told = SCRIPT.iter().map(|(line, input)| {
            let words: Vec<&str> = line.split(' ').collect();
            let output = self.run(&words, input);
            let code = output.status.code();
            let (out, err) = (plain(&output.stdout), plain(&output.stderr));
            format!("$ {line}\n{out}{err}exit code {code:?}\n")
        });
        told.collect()
    }
}

/// Times, random ids and secrets, revisions, and who asked by what: a run of the script cannot have them again.
fn plain(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
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

/// `armilla serve`, ended with this value.
struct Server {
    child: Child,
    url: String,
    fingerprint: String,
    code: Option<String>,
}

impl Server {
    fn start(state: &Path) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_armilla"))
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(state)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        // The greeting of a server that nobody can log in to ends with how the first administrator comes in.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            said.push(line.unwrap());
            if said.last().unwrap().contains("--setup-code") {
                break;
            }
        }
        let after = |mark: &str| {
            said.iter().find_map(|line| line.split_once(mark)).map(|(_, rest)| rest.trim().to_owned())
        };
        let until = Instant::now() + Duration::from_secs(30);
        while std::os::unix::net::UnixStream::connect(state.join("armilla.sock")).is_err() {
            assert!(Instant::now() < until, "{said:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Server {
            child,
            url: after("listens on ").unwrap(),
            fingerprint: after("SHA-256 ").unwrap(),
            code: after("setup code: "),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A state folder whose first administrator is `admin`.
fn with_admin(way: &Way) {
    let added = way.run(&["user", "add", "admin", "--role", "admin", "--password-stdin"], PASSWORD);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
}

fn differs(one: &[String], other: &[String]) -> Option<String> {
    let pairs = one.iter().zip(other);
    pairs.filter(|(one, other)| one != other).map(|(one, other)| format!("{one}--- but\n{other}")).next()
}

#[test]
fn every_verb_says_the_same_each_way() {
    let folder = |name: &str| -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        (folder, path)
    };
    let (_kept, state) = folder("state");
    let here = Way::new(&["--state", state.to_str().unwrap()]);
    with_admin(&here);
    let said_here = here.script();

    let (_kept, state) = folder("state");
    let server = Server::start(&state);
    let socket = Way::new(&["--state", state.to_str().unwrap()]);
    with_admin(&socket);
    let said_socket = socket.script();
    drop(server);

    let (_kept, state) = folder("state");
    let server = Server::start(&state);
    let tls = Way::new(&[]);
    let login = ["login", &server.url, "--ca-fingerprint", &server.fingerprint, "--password-stdin"];
    let first = tls.run(&[&login[..], &["--setup-code", server.code.as_ref().unwrap()]].concat(), PASSWORD);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let said_tls = tls.script();

    assert_eq!(differs(&said_here, &said_socket), None, "by socket");
    // The login has a token of its own in the list.
    let shared = |said: &[String]| -> Vec<String> {
        said.iter().filter(|told| !told.starts_with("$ token")).cloned().collect()
    };
    assert_eq!(differs(&shared(&said_here), &shared(&said_tls)), None, "over TLS");
    // The script reached what it was written for: neither all is refused nor all goes well.
    let well = said_here.iter().filter(|told| told.contains("exit code Some(0)")).count();
    assert!((35..SCRIPT.len() - 25).contains(&well), "{said_here:#?}");
}

#[test]
fn a_server_is_trusted_by_its_fingerprint_and_a_logout_ends_the_login() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let way = Way::new(&[]);
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let login = |fingerprint: &[&str], code: &str| {
        let words = ["login", &server.url, "--password-stdin", "--setup-code", code];
        way.run(&[&words[..], fingerprint].concat(), PASSWORD)
    };
    let code = server.code.as_ref().unwrap();
    let unasked = login(&[], code);
    assert_eq!(unasked.status.code(), Some(7), "{}", said(&unasked));
    assert!(said(&unasked).contains(&server.fingerprint), "{}", said(&unasked));
    let other = "00".repeat(32);
    let wrong = login(&["--ca-fingerprint", &other], code);
    assert_eq!(wrong.status.code(), Some(7), "{}", said(&wrong));
    let guessed = login(&["--ca-fingerprint", &server.fingerprint], "0000-0000-0000");
    assert_eq!(guessed.status.code(), Some(7), "{}", said(&guessed));
    let good = login(&["--ca-fingerprint", &server.fingerprint], code);
    assert_eq!(good.status.code(), Some(0), "{}", said(&good));
    let file = way.home.path().join(".config/armilla/contexts.json");
    let token = std::fs::read_to_string(&file).unwrap();
    assert!(token.contains("armilla_"), "{token}");
    let me = way.run(&["whoami"], "");
    assert_eq!(String::from_utf8_lossy(&me.stdout), format!("admin, admin of {}\n", server.url));
    // Another program with the same token is shut out, too, once it is revoked.
    let kept = Way::new(&[]);
    std::fs::create_dir_all(kept.home.path().join(".config/armilla")).unwrap();
    std::fs::copy(&file, kept.home.path().join(".config/armilla/contexts.json")).unwrap();
    assert_eq!(kept.run(&["whoami"], "").status.code(), Some(0));
    let out = way.run(&["logout"], "");
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("armilla_"));
    assert_eq!(kept.run(&["whoami"], "").status.code(), Some(7));
}
