//! etcd with TLS, asked over gRPC by the same client. The messages are short enough to be written by hand: `rpc.proto` of etcd's API.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Method;
use hyper::client::conn::http2::SendRequest;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;

use crate::load::{Sent, Target};
use crate::server::{Process, free_address};

/// Changes in one transaction: etcd's own limit, `--max-txn-ops`.
const TRANSACTION: usize = 128;

/// A folder with its state, and what it listens with.
pub(crate) struct Etcd {
    server: PathBuf,
    dir: PathBuf,
    pub(crate) target: Target,
    peer: String,
}

impl Etcd {
    pub(crate) fn new(server: &str, dir: &Path) -> Etcd {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("etcd.crt"), certificate.pem()).unwrap();
        std::fs::write(dir.join("etcd.key"), key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let target = Target { address: free_address(), roots, authorization: String::new() };
        Etcd { server: server.into(), dir: dir.to_owned(), target, peer: free_address() }
    }

    /// Bytes of its database.
    pub(crate) fn size(&self) -> u64 {
        std::fs::metadata(self.dir.join("data/member/snap/db")).unwrap().len()
    }

    /// `options` beside those that it needs.
    pub(crate) fn start(&self, options: &[&str]) -> Process {
        let url = format!("https://{}", self.target.address);
        let peer = format!("http://{}", self.peer);
        let mut command = Process::held(&self.server);
        command
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url, "--log-level", "error"])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .arg("--data-dir")
            .arg(self.dir.join("data"))
            .arg("--cert-file")
            .arg(self.dir.join("etcd.crt"))
            .arg("--key-file")
            .arg(self.dir.join("etcd.key"))
            .args(options)
            .stderr(Stdio::null());
        Process::start(command)
    }

    /// As many rows of this size as make `bytes`. What was written before the last few transactions is in its database, not in
    /// its log, so that a start has little to replay.
    pub(crate) async fn seed(&self, bytes: u64, row: usize) -> usize {
        let process = self.start(&["--unsafe-no-fsync", "--snapshot-count=50"]);
        self.target.answers(&self.read()).await;
        let mut sender = self.target.http2().await;
        let rows = usize::try_from(bytes).unwrap() / row;
        for first in (0..rows).step_by(TRANSACTION) {
            let puts = (first..rows.min(first + TRANSACTION)).flat_map(|number| {
                let key = format!("/armilla/row/{number:08}");
                // Field 2 of TxnRequest, `success`; field 2 of RequestOp, `request_put`.
                let value = vec![b'a' + (number % 26) as u8; row];
                field(2, &field(2, &[field(1, key.as_bytes()), field(2, &value)].concat()))
            });
            let sent = call("/etcdserverpb.KV/Txn", &puts.collect::<Vec<u8>>());
            assert!(self.asked(&mut sender, &sent).await.is_some());
        }
        assert!(self.asked(&mut sender, &call("/etcdserverpb.KV/Put", &put(b"key", 200))).await.is_some());
        process.end();
        rows
    }

    /// Makes a user, lets nobody else in, and gives what to send as that user.
    pub(crate) async fn log_in(&mut self) {
        let mut sender = self.target.http2().await;
        let root = field(1, b"root");
        let named = [field(1, b"root"), field(2, b"secret")].concat();
        for (path, message) in [
            ("/etcdserverpb.Auth/UserAdd", named.clone()),
            ("/etcdserverpb.Auth/RoleAdd", root.clone()),
            ("/etcdserverpb.Auth/UserGrantRole", [root, field(2, b"root")].concat()),
            ("/etcdserverpb.Auth/AuthEnable", Vec::new()),
        ] {
            assert!(self.asked(&mut sender, &call(path, &message)).await.is_some(), "{path}");
        }
        let answer = self.asked(&mut sender, &call("/etcdserverpb.Auth/Authenticate", &named)).await.unwrap();
        // Five bytes of gRPC; field 1, the header; field 2, the token.
        let token = &answer[7 + usize::from(answer[6])..];
        assert_eq!(token[0], 0x12, "{answer:?}");
        self.target.authorization = String::from_utf8(token[2..2 + usize::from(token[1])].to_vec()).unwrap();
    }

    /// `RangeRequest { key: "key", serializable: true }`: it need not ask a quorum.
    pub(crate) fn read(&self) -> Sent {
        call("/etcdserverpb.KV/Range", b"\x0a\x03key\x38\x01")
    }

    async fn asked(&self, sender: &mut SendRequest<Full<Bytes>>, sent: &Sent) -> Option<Bytes> {
        sender.ready().await.unwrap();
        let answer = sender.send_request(self.target.request(sent)).await.unwrap();
        if answer.headers().get("grpc-status").is_some_and(|status| status != "0") {
            return None;
        }
        let body = answer.into_body().collect().await.unwrap();
        let refused = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
        refused.is_none_or(|status| status == "0").then(|| body.to_bytes())
    }
}

/// `PutRequest`.
fn put(key: &[u8], size: usize) -> Vec<u8> {
    [field(1, key), field(2, &vec![b'x'; size])].concat()
}

/// A field of bytes: its number and kind, its length as a varint, itself.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(content);
    bytes
}

fn call(path: &'static str, message: &[u8]) -> Sent {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = Bytes::from([&[0], &length[..], message].concat());
    Sent { method: Method::POST, path, kind: "application/grpc", body }
}
