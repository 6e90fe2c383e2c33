//! etcd with TLS and authentication, asked over gRPC by the same client. The messages are short enough to be written by hand.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;

use crate::load::{Sent, Target};

pub(crate) struct Etcd {
    process: Child,
    pub(crate) target: Target,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Etcd {
    pub(crate) async fn start(server: &str, ctl: &str, dir: &Path) -> Etcd {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (cert_file, key_file) = (dir.join("etcd.crt"), dir.join("etcd.key"));
        std::fs::write(&cert_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (address, peer) = (free(), free());
        let url = format!("https://{address}");
        let process = Command::new(server)
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url, "--log-level", "error"])
            .args(["--listen-peer-urls", &format!("http://{peer}")])
            .args(["--initial-advertise-peer-urls", &format!("http://{peer}")])
            .args(["--initial-cluster", &format!("default=http://{peer}")])
            .arg("--data-dir")
            .arg(dir.join("etcd"))
            .arg("--cert-file")
            .arg(&cert_file)
            .arg("--key-file")
            .arg(&key_file)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = |words: &[&str]| {
            let told = Command::new(ctl)
                .args(["--endpoints", &url, "--cacert"])
                .arg(&cert_file)
                .args(words)
                .output();
            told.unwrap().status.success()
        };
        while !told(&["endpoint", "health"]) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert!(told(&["put", "key", &"x".repeat(200)]));
        assert!(told(&["user", "add", "root:secret"]) && told(&["user", "grant-role", "root", "root"]));
        assert!(told(&["auth", "enable"]));
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let mut target = Target { address, roots, authorization: String::new() };
        target.authorization = authenticate(&target).await;
        Etcd { process, target }
    }

    /// `RangeRequest { key: "key", serializable: true }`: it need not ask a quorum.
    pub(crate) fn read(&self) -> Sent {
        call("/etcdserverpb.KV/Range", b"\x0a\x03key\x38\x01")
    }
}

/// `AuthenticateRequest { name: "root", password: "secret" }`; the token is field 2 of the answer.
async fn authenticate(target: &Target) -> String {
    let sent = call("/etcdserverpb.Auth/Authenticate", b"\x0a\x04root\x12\x06secret");
    let answer = target.http2().await.send_request(target.request(&sent)).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let header = usize::from(body[6]);
    let token = &body[7 + header..];
    assert_eq!(token[0], 0x12, "{body:?}");
    String::from_utf8(token[2..2 + usize::from(token[1])].to_vec()).unwrap()
}

fn call(path: &'static str, message: &[u8]) -> Sent {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = Bytes::from([&[0], &length[..], message].concat());
    Sent { method: Method::POST, path, kind: "application/grpc", body }
}
