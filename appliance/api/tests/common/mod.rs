//! A server on loopback for one test.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use appliance_api::{App, Authority, DoorLimits, Options, Serving};
use appliance_client::{Client, Pin, Transport};
use appliance_store::{Holder, Store};
use tempfile::TempDir;

pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) serving: Serving,
    pub(crate) dir: TempDir,
    pub(crate) authority: Vec<u8>,
}

impl Server {
    pub(crate) async fn start(limits: DoorLimits) -> Server {
        let dir = tempfile::tempdir().unwrap();
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
    App::new(Arc::new(Store::open(dir, &holder).unwrap()), "test", String::new())
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("armilla.sock")
}
