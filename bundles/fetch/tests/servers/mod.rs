//! Servers for tests, on loopback, with a CA of their own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslConnector, SslFiletype, SslMethod};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

/// The files of a CA and of a server at 127.0.0.1 that it vouches for.
pub struct Tls {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Tls {
    pub fn new(directory: &Path) -> Tls {
        let tls = Tls {
            ca: directory.join("ca.pem"),
            certificate: directory.join("server.pem"),
            key: directory.join("server.key"),
        };
        let (ca_key, server_key) = (key(), key());
        let ca = certificate("a CA of tests", &ca_key, None);
        let server = certificate("127.0.0.1", &server_key, Some((&ca, &ca_key)));
        std::fs::write(&tls.ca, ca.to_pem().unwrap()).unwrap();
        std::fs::write(&tls.certificate, server.to_pem().unwrap()).unwrap();
        std::fs::write(&tls.key, server_key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        tls
    }
}

fn key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// Of the CA itself when nobody issues it.
fn certificate(name: &str, key: &PKey<Private>, issuer: Option<(&X509, &PKey<Private>)>) -> X509 {
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut made = X509::builder().unwrap();
    made.set_version(2).unwrap();
    let serial = BigNum::from_u32(if issuer.is_some() { 2 } else { 1 }).unwrap();
    made.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    made.set_subject_name(&subject).unwrap();
    made.set_issuer_name(issuer.map_or(&subject, |(ca, _)| ca.subject_name())).unwrap();
    made.set_pubkey(key).unwrap();
    made.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    made.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    match issuer {
        None => made.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap(),
        Some((ca, _)) => {
            let names =
                SubjectAlternativeName::new().ip("127.0.0.1").build(&made.x509v3_context(Some(ca), None));
            made.append_extension(names.unwrap()).unwrap();
        }
    }
    made.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256()).unwrap();
    made.build()
}

/// A file server: HTTPS, ranges unless told otherwise, and a cable that can be cut.
#[derive(Default)]
pub struct Files {
    pub files: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The connection ends after this many bytes of a body.
    pub cut: Mutex<Option<usize>>,
    pub no_ranges: Mutex<bool>,
    /// Each request: path and the range that was asked for.
    pub asked: Mutex<Vec<(String, Option<usize>)>>,
    /// Bytes of bodies that went out.
    pub sent: Mutex<usize>,
}

impl Files {
    /// Serves until the test ends; gives the address.
    pub fn start(self: &Arc<Files>, tls: &Tls) -> String {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate_file(&tls.certificate, SslFiletype::PEM).unwrap();
        acceptor.set_private_key_file(&tls.key, SslFiletype::PEM).unwrap();
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let files = Arc::clone(self);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Who does not trust us hangs up.
                if let Ok(stream) = acceptor.accept(stream.unwrap()) {
                    let _ = files.answer(stream);
                }
            }
        });
        address
    }

    fn answer(&self, mut stream: impl Read + Write) -> std::io::Result<()> {
        let mut head = BufReader::new(&mut stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if head.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_ascii_lowercase());
        }
        let path = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let range =
            lines.iter().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok());
        self.asked.lock().unwrap().push((path.clone(), range));
        let Some(content) = self.files.lock().unwrap().get(&path).cloned() else {
            return stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        };
        let total = content.len();
        let range = range.filter(|_| !*self.no_ranges.lock().unwrap());
        let (head, body) = match range {
            None => ("200 OK\r\n".to_owned(), &content[..]),
            Some(from) if from >= total => ("416 Range Not Satisfiable\r\n".to_owned(), &[][..]),
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1);
                (format!("206 Partial Content\r\n{range}"), &content[from..])
            }
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 {head}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
        let body = &body[..self.cut.lock().unwrap().unwrap_or(length).min(length)];
        stream.write_all(body)?;
        *self.sent.lock().unwrap() += body.len();
        stream.flush()
    }
}

/// Debian's docker-registry; ends with the test.
pub struct Registry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub host: String,
    tls: Option<PathBuf>,
}

impl Registry {
    /// Without `tls` it speaks plain HTTP.
    pub fn start(directory: &Path, tls: Option<&Tls>) -> Registry {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let certificates = tls.map(|tls| {
            let (certificate, key) = (tls.certificate.display(), tls.key.display());
            format!("  tls:\n    certificate: {certificate}\n    key: {key}\n")
        });
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n{}",
            directory.join("registry").display(),
            certificates.unwrap_or_default(),
        );
        let path = directory.join("registry.yml");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("start docker-registry: apt-get install docker-registry");
        let registry = Registry { child, host, tls: tls.map(|tls| tls.ca.clone()) };
        let begun = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        registry
    }

    pub fn push_blob(&self, image: &str, bytes: &[u8]) {
        let (status, headers) = self.ask("POST", &format!("/v2/{image}/blobs/uploads/"), "text/plain", b"");
        assert_eq!(status, 202);
        let location = headers.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        let path = &location[location.find("/v2/").unwrap()..];
        let path = format!("{path}&digest={}", sum(bytes));
        assert_eq!(self.ask("PUT", &path, "application/octet-stream", bytes).0, 201);
    }

    /// Gives its digest.
    pub fn push_manifest(&self, image: &str, tag: &str, media_type: &str, bytes: &[u8]) -> String {
        let (status, _) = self.ask("PUT", &format!("/v2/{image}/manifests/{tag}"), media_type, bytes);
        assert_eq!(status, 201);
        sum(bytes)
    }

    /// One request on a connection of its own: the status, and the head of the answer.
    fn ask(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> (u16, String) {
        let stream = TcpStream::connect(&self.host).unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend(body);
        let mut answer = Vec::new();
        match &self.tls {
            None => exchange(stream, &request, &mut answer),
            Some(ca) => {
                let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
                connector.set_ca_file(ca).unwrap();
                exchange(connector.build().connect("127.0.0.1", stream).unwrap(), &request, &mut answer)
            }
        }
        let answer = String::from_utf8_lossy(&answer).replace("\r\n", "\n");
        let head = answer.split("\n\n").next().unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned())
    }
}

fn exchange(mut stream: impl Read + Write, request: &[u8], answer: &mut Vec<u8>) {
    stream.write_all(request).unwrap();
    stream.read_to_end(answer).unwrap();
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn sum(bytes: &[u8]) -> String {
    let hex: String = openssl::sha::sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
