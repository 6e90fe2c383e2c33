//! A server on loopback for one test, and the same routes without one.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use appliance_api::{App, Authority, DoorLimits, Options, Peer, Serving};
use appliance_client::{Client, Pin, Transport};
use appliance_control::{Clusters, Control, Instance, SshHosts};
use appliance_store::ledger::{Actor, Command, CredentialCommand};
use appliance_store::{Holder, Store};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bundles_format::{Arch, Blob, FORMAT, Release};
use bundles_store::{KeyPair, keygen, write};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) serving: Serving,
    pub(crate) dir: TempDir,
    pub(crate) authority: Vec<u8>,
}

impl Server {
    pub(crate) async fn start(limits: DoorLimits) -> Server {
        Server::start_in(tempfile::tempdir().unwrap(), limits).await
    }

    /// Two megabytes of changes to secrets: more than the buffers on the way to a reader hold.
    pub(crate) fn happen(&self) {
        let store = self.app.store();
        for number in 0..100 {
            let name = format!("{number}{}", "x".repeat(20_000));
            let sealed = store.seal(&name, b"secret").unwrap();
            let command = Command::Credentials(CredentialCommand::PutSecret { name, sealed });
            store.submit(&Actor::Instance, &command).unwrap();
        }
    }

    pub(crate) async fn start_in(dir: TempDir, limits: DoorLimits) -> Server {
        let app = app(dir.path());
        let authority = Authority::make().unwrap();
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            socket: socket(dir.path()),
            names: Vec::new(),
            limits,
        };
        let der = authority.certificate();
        let serving = Serving::start(app.clone(), authority, options).await.unwrap();
        Server { app, serving, dir, authority: der }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket(self.dir.path())
    }

    /// Over TLS, as nobody.
    pub(crate) fn public(&self) -> Client {
        let address = self.serving.address.to_string().parse().unwrap();
        Client::new(Transport::pinned(&address, &Pin::new(self.authority.clone())).unwrap())
    }

    /// Through the unix socket.
    pub(crate) fn local(&self) -> Client {
        Client::new(Transport::of_folder(&self.socket()).unwrap())
    }
}

pub(crate) fn app(dir: &Path) -> App {
    let holder = Holder::this_process("test", 0);
    let store = Arc::new(Store::open(dir, &holder).unwrap());
    let instance = Instance { store: store.clone(), state: dir.to_owned(), holder };
    App::new(store, "test", String::new()).with_clusters(Clusters::given(instance))
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("armilla.sock")
}

/// The routes, asked without a connection.
pub(crate) struct Direct {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) dir: TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `null` when it is no JSON.
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Said {
    /// The last part of a problem's type.
    pub(crate) fn problem(&self) -> &str {
        let kind = self.json["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:armilla:problem:").unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One request in the making: a local administrator's, unless it says otherwise.
pub(crate) struct Ask {
    peer: Peer,
    request: axum::http::request::Builder,
    body: Vec<u8>,
}

pub(crate) fn ask(method: &str, path: &str) -> Ask {
    let request = Request::builder().method(method).uri(path);
    Ask { peer: Peer::Local { name: "root".to_owned() }, request, body: Vec::new() }
}

impl Ask {
    /// From elsewhere, as nobody.
    pub(crate) fn from(mut self, address: &str) -> Ask {
        self.peer = Peer::Tcp(format!("{address}:4711").parse().unwrap());
        self
    }

    pub(crate) fn remote(self) -> Ask {
        self.from("192.0.2.1")
    }

    pub(crate) fn bearer(self, token: &str) -> Ask {
        self.remote().header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Ask {
        self.remote().header("cookie", cookie)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Ask {
        self.raw("application/json", &body.to_string())
    }

    pub(crate) fn raw(self, kind: &str, body: &str) -> Ask {
        self.bytes(kind, body.as_bytes().to_vec())
    }

    pub(crate) fn bytes(mut self, kind: &str, body: Vec<u8>) -> Ask {
        self.body = body;
        self.header("content-type", kind)
    }
}

impl Direct {
    pub(crate) fn new() -> Direct {
        let dir = tempfile::tempdir().unwrap();
        let app = app(dir.path());
        let (router, _) = appliance_api::router(&app);
        Direct { app, router, dir }
    }

    /// With a control over what the routes serve.
    pub(crate) fn with_control() -> Direct {
        let direct = Direct::new();
        let store = direct.app.store().clone();
        let (state, holder) = (direct.dir.path().to_owned(), Holder::this_process("test", 0));
        let instance = Instance { store: store.clone(), state, holder };
        let control = Control::begin(store, Arc::new(SshHosts::new(instance))).unwrap();
        let app = direct.app.with_control(control);
        let (router, _) = appliance_api::router(&app);
        Direct { app, router, dir: direct.dir }
    }

    /// Writes an empty bundle of this version, sealed by a key of this name, which is made when it is not there.
    pub(crate) fn seal(&self, name: &str, version: &str, key: &str) {
        let place = self.dir.path().join(key);
        let key = if place.exists() { KeyPair::read(&place).unwrap() } else { keygen(&place).unwrap().0 };
        let (version, architectures) = (version.to_owned(), vec![Arch::Amd64]);
        let (name_of, components) = ("test".to_owned(), Vec::new());
        let release = Release { format: FORMAT, name: name_of, version, architectures, components };
        let none = |_: &Blob| -> std::io::Result<std::io::Empty> { unreachable!("it has no blob") };
        write(&self.dir.path().join(name), &release, &key, none, |_, _| {}).unwrap();
    }

    /// The answer, whose body may come for as long as somebody reads it.
    pub(crate) async fn begin(&self, ask: Ask) -> Response {
        let mut request = ask.request.body(Body::from(ask.body)).unwrap();
        request.extensions_mut().insert(ask.peer);
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn hear(&self, ask: Ask) -> Said {
        let (parts, body) = self.begin(ask).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Said { status: parts.status, headers: parts.headers, json, text }
    }

    /// A user with a password, by the local administrator.
    pub(crate) async fn add_user(&self, name: &str, role: &str) {
        let body = serde_json::json!({"name": name, "role": role, "password": PASSWORD});
        let said = self.hear(ask("POST", "/api/v1/users").json(&body)).await;
        assert_eq!(said.status, 201, "{said:?}");
    }

    /// A token's secret.
    pub(crate) async fn token(&self, user: &str, role: &str) -> String {
        let body = serde_json::json!({"name": "test", "user": user, "role": role});
        let said = self.hear(ask("POST", "/api/v1/tokens").json(&body)).await;
        assert_eq!(said.status, 201, "{said:?}");
        said.json["secret"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str, address: &str) -> Said {
        let body = serde_json::json!({"user": user, "password": password});
        self.hear(ask("POST", "/api/v1/sessions").from(address).json(&body)).await
    }
}

pub(crate) const PASSWORD: &str = "correct horse";
