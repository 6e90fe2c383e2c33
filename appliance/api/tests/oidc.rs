//! Logging in by a real identity provider. `.ci/oidc` installs it and runs this.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{Direct, Said, ask};
use serde_json::json;

/// `node` with the provider, for as long as the test runs.
struct Provider {
    process: Child,
    address: String,
    /// It ends when it has nowhere to write.
    _says: BufReader<ChildStdout>,
}

impl Provider {
    fn start() -> Provider {
        let modules = std::env::var("ARMILLA_OIDC_MODULES").expect("`.ci/oidc` sets it");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/provider.mjs");
        let mut process = Command::new("node")
            .args([script, &modules, "https://box:9443/api/v1/oidc/callback"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut says = BufReader::new(process.stdout.take().unwrap());
        says.read_line(&mut address).unwrap();
        Provider { process, address: address.trim().to_owned(), _says: says }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser at the provider: follows redirects with its cookies until one leads away, which it gives.
fn browse(provider: &Provider, start: &str, name: &str) -> String {
    let mut cookies: Vec<(String, String)> = Vec::new();
    let mut place = start.to_owned();
    for _ in 0..10 {
        let Some(path) = place
            .strip_prefix(&provider.address)
            .map(str::to_owned)
            .or_else(|| place.starts_with('/').then(|| place.clone()))
        else {
            return place;
        };
        let path = if path.starts_with("/interaction/") { format!("{path}?as={name}") } else { path };
        let host = provider.address.strip_prefix("http://").unwrap();
        let jar =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {jar}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let header = |line: &str, name: &str| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        };
        for cookie in answer.lines().filter_map(|line| header(line, "set-cookie")) {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let next = answer.lines().find_map(|line| header(line, "location"));
        place = next.unwrap_or_else(|| panic!("no way on from {path}:\n{answer}"));
    }
    panic!("the provider leads in circles");
}

async fn begin(direct: &Direct) -> (String, String) {
    let said = direct.hear(ask("GET", "/api/v1/oidc/login").remote().header("host", "box:9443")).await;
    assert_eq!(said.status, 303, "{said:?}");
    let cookie = said.header("set-cookie").split(';').next().unwrap().to_owned();
    (said.header("location").to_owned(), cookie)
}

async fn log_in(direct: &Direct, provider: &Provider, name: &str) -> Said {
    let (location, cookie) = begin(direct).await;
    let back = browse(provider, &location, name);
    let path = back.strip_prefix("https://box:9443").unwrap();
    direct.hear(ask("GET", path).cookie(&cookie)).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "wants a provider: .ci/oidc"]
async fn a_provider_vouches_and_its_groups_say_what_somebody_may() {
    let (direct, provider) = (Direct::new(), Provider::start());
    let missing = direct.hear(ask("GET", "/api/v1/oidc/login").remote().header("host", "box:9443")).await;
    assert_eq!(missing.problem(), "not-found");
    let oidc = json!({"issuer": provider.address, "clientId": "armilla", "roles": {"ops": "operator", "bosses": "admin"}});
    let settings = json!({"sessionHours": 12, "idleMinutes": 60, "runsAtOnce": 4, "oidc": oidc});
    assert_eq!(direct.hear(ask("PUT", "/api/v1/settings").json(&settings)).await.status, 200);
    let secret = |secret: &str| ask("PUT", "/api/v1/settings/oidc-secret").json(&json!({"secret": secret}));
    assert_eq!(direct.hear(secret("wrong")).await.status, 204);
    assert_eq!(log_in(&direct, &provider, "anna").await.problem(), "upstream", "with the wrong secret");
    assert_eq!(direct.hear(secret("provider secret")).await.status, 204);

    let said = log_in(&direct, &provider, "anna").await;
    assert_eq!((said.status.as_u16(), said.header("location")), (303, "/"), "{said:?}");
    let cookie = said.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = { cookie }.find(|cookie| cookie.starts_with("__Host-armilla=")).unwrap();
    let me = direct.hear(ask("GET", "/api/v1/me").cookie(cookie.split(';').next().unwrap())).await;
    assert_eq!((me.json["name"].as_str(), me.json["role"].as_str()), (Some("anna"), Some("operator")));
    assert_eq!(log_in(&direct, &provider, "guest").await.problem(), "forbidden");
    assert_eq!(direct.log_in("anna", "any password", "192.0.2.1").await.problem(), "login-refused");

    // A name that is taken here stays whose it is.
    direct.add_user("boss", "viewer").await;
    assert_eq!(log_in(&direct, &provider, "boss").await.problem(), "conflict");

    // The callback belongs to the browser that began, and serves once.
    let (location, cookie) = begin(&direct).await;
    let back = browse(&provider, &location, "anna");
    let path = back.strip_prefix("https://box:9443").unwrap();
    assert_eq!(direct.hear(ask("GET", path).remote()).await.problem(), "login-refused");
    assert_eq!(direct.hear(ask("GET", path).cookie(&cookie)).await.status, 303);
    assert_eq!(direct.hear(ask("GET", path).cookie(&cookie)).await.problem(), "login-refused");
    let denied =
        ask("GET", "/api/v1/oidc/callback?state=x&error=access_denied").cookie("__Host-armilla-login=x");
    assert_eq!(direct.hear(denied).await.problem(), "login-refused");
}
