//! Credentials that were given through the API alone open a host: for a scan, a check and a shell. The host is this machine
//! behind a real sshd; what a hand keeps on it lies on a disk that only that sshd sees.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use appliance_client::{Client, ClientError, Transport};
use bundles_format::{Arch, Blob, FORMAT, Release};
use bundles_store::{keygen, write};
use serde_json::{Value, json};

/// A process that ends with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match found() {
            Some(found) => return found,
            None => assert!(Instant::now() < until, "waited in vain: {what}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An sshd whose only key to come in by is `user` in this folder. Where hands keep their things is a disk of its own.
fn sshd(folder: &Path) -> (Ended, u16) {
    let at = |name: &str| folder.join(name);
    for name in ["host", "user"] {
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(name)).status();
        assert!(made.unwrap().success());
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n",
        at("host").display(),
        at("user.pub").display(),
    );
    fs::write(at("sshd_config"), config).unwrap();
    // sshd wants this folder and does not make it; on a host its unit does.
    let _ = fs::create_dir_all("/run/sshd");
    let alone = r#"mkdir -p /var/lib/armilla && mount -t tmpfs -o mode=0700 tmpfs /var/lib/armilla && exec /usr/sbin/sshd -D -e -f "$0""#;
    let child = Command::new("unshare")
        .args(["--mount", "--", "sh", "-c", alone])
        .arg(at("sshd_config"))
        .stdin(Stdio::null())
        .stderr(fs::File::create(at("sshd.log")).unwrap())
        .spawn()
        .expect("start unshare (package util-linux)");
    let child = Ended(child);
    wait_for("sshd answers", || TcpStream::connect(("127.0.0.1", port)).ok());
    (child, port)
}

/// `armilla serve` with an empty environment: nothing of this machine's user lets it in anywhere.
fn serve(state: &Path) -> (Ended, Client) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_armilla"))
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(state)
        .env_clear()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let client = wait_for("the server's socket", || Transport::of_folder(&state.join("armilla.sock")));
    (Ended(child), Client::new(client))
}

struct Bench {
    folder: tempfile::TempDir,
    client: Client,
    _server: Ended,
    _sshd: Ended,
}

impl Bench {
    /// The text names a key file that is nowhere, and no file of this machine would serve.
    async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let (sshd, port) = sshd(folder.path());
        let (server, client) = serve(&folder.path().join("state"));
        let text = format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: plant}}\n\
             ssh: {{user: root, port: {port}, keyFile: /nowhere/id_ed25519}}\nhosts:\n\
             - {{name: h1, address: 127.0.0.1, clusterAddress: 10.0.0.1, roles: [control-plane, worker]}}\n"
        );
        let bench = Bench { folder, client, _server: server, _sshd: sshd };
        bench.post("/api/v1/sites", &json!({"text": text})).await.unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(path).await.unwrap().value
    }

    async fn post(&self, path: &str, wish: &Value) -> Result<Value, ClientError> {
        self.client.post(path, wish).await.map(|answer| answer.value)
    }

    /// What the handshake of a host's shell is answered with, and the connection.
    fn shell(&self) -> (String, UnixStream) {
        let mut stream = UnixStream::connect(self.path("state/armilla.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = "GET /api/v1/sites/plant/hosts/h1/shell HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        (String::from_utf8(answer).unwrap(), stream)
    }

    /// Gives the key that lies in the folder, and trusts the key that the host shows.
    async fn let_in(&self) {
        let wanted = self.get("/api/v1/sites/plant/credentials").await;
        assert_eq!(wanted["items"].as_array().unwrap().len(), 1, "{wanted}");
        let place = format!("/api/v1/sites/plant/credentials/{}", wanted["items"][0]["id"].as_str().unwrap());
        let key = json!({"secret": fs::read_to_string(self.path("user")).unwrap()});
        self.client.change::<()>(hyper::Method::PUT, &place, &key, None).await.unwrap();
        let seen = self.post("/api/v1/sites/plant/scan", &json!({})).await.unwrap();
        assert_eq!(seen["unknownKeys"].as_array().unwrap().len(), 1, "{seen}");
        let keys = json!({"items": seen["unknownKeys"]});
        self.client.post::<()>("/api/v1/host-keys", &keys).await.unwrap();
        let seen = self.post("/api/v1/sites/plant/scan", &json!({})).await.unwrap();
        assert_eq!(seen["reached"], true, "{seen}");
    }

    /// A bundle without content, which is enough to be judged by.
    async fn choose_bundle(&self) {
        let (key, public) = keygen(&self.path("bundle.key")).unwrap();
        let release = Release {
            format: FORMAT,
            name: "test".to_owned(),
            version: "1".to_owned(),
            architectures: Arch::ALL.to_vec(),
            components: Vec::new(),
        };
        let none = |_: &Blob| -> std::io::Result<std::io::Empty> { unreachable!("it has no blob") };
        write(&self.path("empty.bundle"), &release, &key, none, |_, _| {}).unwrap();
        let pem = json!({"pem": fs::read_to_string(public).unwrap()});
        self.post("/api/v1/bundle-keys", &pem).await.unwrap();
        let added = self.post("/api/v1/bundles", &json!({"path": self.path("empty.bundle")})).await.unwrap();
        let site = self.get("/api/v1/sites/plant").await;
        let wish = json!({"text": site["text"], "bundle": added["id"]});
        self.client.change::<Value>(hyper::Method::PUT, "/api/v1/sites/plant", &wish, None).await.unwrap();
    }

    /// The last ledger index, with which a stream begins.
    async fn index(&self) -> String {
        self.client.watch("/api/v1/watch", None).next().await.unwrap().last_id
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_key_that_was_given_through_the_api_opens_a_host() {
    let bench = Bench::new().await;
    let (refused, _) = bench.shell();
    assert!(refused.starts_with("HTTP/1.1 502"), "nobody gave the key yet: {refused}");
    bench.let_in().await;

    let (opened, mut stream) = bench.shell();
    assert!(opened.starts_with("HTTP/1.1 101"), "{opened}");
    // A binary frame under a mask of zeros (RFC 6455, section 5.2): what is typed.
    let keys = b"echo uid=$(id -u).; exit 7\n";
    stream.write_all(&[&[0x82, 0x80 | keys.len() as u8, 0, 0, 0, 0][..], keys].concat()).unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(r#""code":7"#) {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "it ended with {}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&piece[..read]);
    }
    assert!(String::from_utf8_lossy(&shown).contains("uid=0."), "{}", String::from_utf8_lossy(&shown));

    bench.choose_bundle().await;
    let before = bench.index().await;
    let place = "/api/v1/sites/plant/checks";
    let dry = bench.post(&format!("{place}?dryRun=All"), &json!({})).await.unwrap();
    assert!(!dry["findings"].as_array().unwrap().is_empty(), "{dry}");
    assert_eq!(bench.index().await, before, "a dry run writes nothing");
    assert_eq!(bench.client.get::<Value>(place).await.unwrap_err().problem().unwrap().status, 404);
    let checked = bench.post(place, &json!({})).await.unwrap();
    assert_eq!(bench.get(place).await["findings"], checked["findings"]);
    // A connection that is kept for the next question must not hide that the key is gone.
    let dry = bench.post("/api/v1/sites/plant/plans?dryRun=All", &json!({})).await;
    let plans = bench.get("/api/v1/sites/plant/plans").await;
    assert_eq!(plans["total"], 0, "{dry:?}");
}
