//! A server whose state folder lies on a disk that is really full: what is wished is refused and nothing of it is kept, what is
//! there is read, whoever comes to make room is let in, and with room all goes on without a restart.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(dead_code, reason = "the callers of a server are shared with tests that use more of them")]

mod serving;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use appliance_client::{Answer, Client, ClientError, Transport};
use appliance_store::ledger::{Actor, Expected, SiteCommand};
use appliance_store::{Holder, Store};
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use installer_model::plan::{Intent, PLAN_FORMAT, Plan, PlanId};
use serde_json::{Value, json};
use serving::{Caller, PASSWORD, Server};

/// The disk on which the child of this test works.
const FOLDER: &str = "ARMILLA_TEST_FOLDER";
/// Bytes that are left where there is hardly any room: the store would write, the server keeps them for runs.
const HARDLY: u64 = 16 << 20;
/// Every list and most single things that can be read.
const READS: &[&str] = &[
    "sites",
    "sites/left",
    "sites/left/hosts",
    "sites/left/draft",
    "sites/left/waivers",
    "sites/left/plans",
    "plans/one",
    "runs",
    "requests",
    "bundles",
    "uploads",
    "users",
    "tokens",
    "sessions",
    "host-keys",
    "audit?limit=10",
    "audit/verify",
    "settings",
    "me",
];
const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: left}\nssh: {user: root, password: {env: NOBODY}}\nhosts:\n\
    - {name: a, address: 127.0.0.1, port: 1, clusterAddress: 10.0.0.1, roles: [control-plane]}\n";

/// Mounts a disk of 320 MB in a namespace of its own: an upload begins only with 256 MB to spare.
#[test]
#[ignore = "needs root"]
fn a_server_on_a_full_disk_refuses_writes_serves_reads_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=320m,mode=0700 tmpfs "$ARMILLA_TEST_FOLDER" && exec "$0" "$@""#;
    let status = Command::new("unshare")
        .args(["--mount", "--", "sh", "-c", mount])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "on_a_small_disk", "--nocapture"])
        .env(FOLDER, folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "it was the small disk that was written to"
    );
}

/// Not a test of its own: what the child of the one above does.
#[tokio::test]
async fn on_a_small_disk() {
    let Some(disk) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut bench = Bench::new(&disk).await;
    let given_up = bench.begin_upload().await;
    let upload = bench.begin_upload().await;
    bench.send(&upload, 0, 1 << 20).await.unwrap();
    let mut watch = bench.client.watch("/api/v1/watch?topics=users,drafts", None);
    watch.next().await.unwrap();

    bench.fill(HARDLY);
    bench.refuses_to_write(&upload).await;
    bench.reads().await;
    let login = json!({"user": "admin", "password": PASSWORD.trim_end()});
    bench.client.post::<Value>("/api/v1/sessions", &login).await.unwrap();
    bench.client.delete(&format!("/api/v1/uploads/{given_up}")).await.unwrap();

    bench.fill(0);
    bench.refuses_to_write(&upload).await;
    bench.reads().await;
    assert_full("a login", bench.client.post::<Value>("/api/v1/sessions", &login).await);
    // One that is killed has nothing to write before it listens again.
    bench.start_again();
    bench.refuses_to_write(&upload).await;
    bench.reads().await;

    std::fs::remove_file(disk.join("filler")).unwrap();
    bench.has_healed(&upload).await;
    // Who followed all the while learns of what came to be, and of nothing else.
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let message = watch.next().await.unwrap();
        if message.event != "bookmark" {
            let data: Value = serde_json::from_str(&message.data).unwrap();
            seen.push(format!("{} {}", message.event, data["id"].as_str().unwrap()));
        }
    }
    assert_eq!(seen, ["users late", "drafts left"]);
}

struct Bench {
    disk: PathBuf,
    address: String,
    server: Option<Server>,
    /// Through the socket.
    client: Client,
    /// Over TLS, as the administrator.
    caller: Caller,
}

impl Bench {
    async fn new(disk: &Path) -> Bench {
        let state = disk.join("state");
        let store = Store::open(&state, &Holder::this_process("test", 1)).unwrap();
        let (name, text, expected) = ("left".to_owned(), SITE.to_owned(), Expected::Any);
        let put = SiteCommand::Put { name, text, bundle: None, expected };
        store.submit(&Actor::Instance, &appliance_store::ledger::Command::Sites(put)).unwrap();
        let (id, intent) = (PlanId("one".into()), Intent::Install);
        let (site, release, steps, report) = ("left".to_owned(), "1".to_owned(), Vec::new(), Vec::new());
        let plan = Plan { format: PLAN_FORMAT, id, parent: None, site, intent, release, steps, report };
        store.adopt(&plan).unwrap();
        drop(store);
        let server = Server::start(&state, "127.0.0.1:0");
        let caller = Caller::new(&[]);
        let [url, fingerprint, code] =
            ["listens on ", "SHA-256 ", "setup code: "].map(|mark| server.told(mark));
        let login =
            format!("login {url} --ca-fingerprint {fingerprint} --setup-code {code} --password-stdin");
        caller.well(&login, PASSWORD);
        let client = Client::new(Transport::Socket(state.join("armilla.sock")));
        let draft = json!({"content": {"page": 1}});
        client.change::<Value>(Method::PUT, "/api/v1/sites/left/draft", &draft, None).await.unwrap();
        let address = server.told("listens on https://");
        Bench { disk: disk.to_owned(), address, server: Some(server), client, caller }
    }

    fn start_again(&mut self) {
        self.server.take().unwrap().kill();
        self.server = Some(Server::start(&self.disk.join("state"), &self.address));
    }

    /// Something else fills the disk until so many bytes are left.
    fn fill(&self, left: u64) {
        let mut filler = File::options().create(true).append(true).open(self.disk.join("filler")).unwrap();
        let room = || {
            let found = rustix::fs::statvfs(&self.disk).unwrap();
            found.f_bavail * found.f_frsize
        };
        while room() > left {
            // The last piece may not fit.
            let _ = filler.write_all(&vec![0; usize::try_from((room() - left).min(1 << 20)).unwrap()]);
        }
    }

    async fn begin_upload(&self) -> String {
        let wish = json!({"name": "x.bundle", "size": 4 << 20});
        let begun: Value = self.client.post("/api/v1/uploads", &wish).await.unwrap().value;
        begun["id"].as_str().unwrap().to_owned()
    }

    /// A chunk of an upload.
    async fn send(&self, upload: &str, offset: u64, length: usize) -> Result<Answer<Value>, ClientError> {
        let path = format!("/api/v1/uploads/{upload}/content?offset={offset}");
        self.client.put_bytes(&path, vec![7; length].into()).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(&format!("/api/v1/{path}")).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error:?}")).value
    }

    /// Each with one problem document, and nothing of it is kept.
    async fn refuses_to_write(&self, upload: &str) {
        let before = self.everything().await;
        for (method, path, body) in [
            (
                Method::POST,
                "users",
                json!({"name": "early", "role": "viewer", "password": PASSWORD.trim_end()}),
            ),
            (Method::PUT, "users/admin/password", json!({"password": PASSWORD})),
            (Method::POST, "tokens", json!({"name": "nightly", "user": "admin"})),
            (Method::POST, "sites", json!({"text": SITE.replace("left", "right")})),
            (Method::PUT, "sites/left", json!({"text": SITE.replace("root", "ops")})),
            (Method::PUT, "sites/left/draft", json!({"content": {"page": 2}})),
            (Method::POST, "sites/left/waivers", json!({"check": "fsync", "reason": "a test"})),
            (Method::PUT, "settings", json!({"sessionHours": 5, "idleMinutes": 5, "runsAtOnce": 5})),
            (Method::POST, "runs", json!({"plan": "one"})),
            (Method::POST, "uploads", json!({"name": "y.bundle", "size": 4 << 20})),
            (Method::POST, "instance/backup", json!({})),
        ] {
            let path = format!("/api/v1/{path}");
            let body = Some(body.to_string().into());
            let headers = [(CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
            assert_full(&path, self.client.ask(method, &path, headers, body).await);
        }
        assert_full("a chunk", self.send(upload, 1 << 20, 1 << 20).await);
        let said = self.caller.run("token create nightly", "");
        assert!(
            said.code == Some(1) && said.err.contains("is full") && said.err.contains("make room"),
            "{}",
            said.err
        );
        assert_eq!(self.everything().await, before);
    }

    /// What there is, without when somebody was last seen.
    async fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in
            ["users", "tokens", "sites", "sites/left/draft", "settings", "requests", "uploads", "audit"]
        {
            all.push(self.get(path).await);
        }
        all.iter_mut().for_each(without_seen);
        all
    }

    /// By socket and over TLS; whoever watches over it is told.
    async fn reads(&self) {
        for path in READS {
            self.get(path).await;
        }
        for line in ["whoami", "site ls", "run ls", "audit verify"] {
            self.caller.well(line, "");
        }
        assert_eq!(self.text("/livez").await, "ok\n");
        assert!(self.text("/readyz").await.starts_with("ok, but the disk of the state folder is full"));
        assert!(self.text("/metrics").await.contains("\narmilla_writable 0\n"));
        assert_eq!(self.get("version").await["writable"], false);
    }

    async fn text(&self, path: &str) -> String {
        String::from_utf8(self.client.get_bytes(path).await.unwrap().value.to_vec()).unwrap()
    }

    /// At once, and the upload goes on where it was.
    async fn has_healed(&self, upload: &str) {
        assert_eq!(self.text("/readyz").await, "ok\n");
        assert_eq!(self.get("version").await["writable"], true);
        let late = json!({"name": "late", "role": "viewer", "password": PASSWORD.trim_end()});
        self.client.post::<Value>("/api/v1/users", &late).await.unwrap();
        let draft = json!({"content": {"page": 3}});
        self.client.change::<Value>(Method::PUT, "/api/v1/sites/left/draft", &draft, None).await.unwrap();
        assert_eq!(self.get(&format!("uploads/{upload}")).await["received"], 1 << 20);
        let sent = self.send(upload, 1 << 20, 3 << 20).await.unwrap();
        assert_eq!(sent.value["received"], 4 << 20);
        let content = std::fs::read(self.disk.join("state/uploads").join(upload)).unwrap();
        assert!(content.len() == 4 << 20 && content.iter().all(|byte| *byte == 7));
        self.client.post_for_bytes("/api/v1/instance/backup", &json!({})).await.unwrap();
        assert_eq!(self.get("audit/verify").await["intact"], true);
    }
}

fn without_seen(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "lastSeenAt" && name != "lastUsedAt" && name != "revision");
            fields.values_mut().for_each(without_seen);
        }
        Value::Array(items) => items.iter_mut().for_each(without_seen),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn assert_full<T: std::fmt::Debug>(what: &str, answer: Result<T, ClientError>) {
    let error = answer.expect_err(what);
    let problem = error.problem().unwrap_or_else(|| panic!("{what}: {error:?}"));
    assert_eq!((problem.status, problem.slug()), (507, "storage-full"), "{what}: {problem:?}");
    assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains("room")), "{what}: {problem:?}");
}
