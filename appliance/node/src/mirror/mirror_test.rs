//! The mirror over real sockets, over a content store laid out as containerd lays it out.

use std::path::PathBuf;

use bundles_format::Digest;
use installer_model::node::{ImageEntry, ImageMap};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A host that holds `r.example/app:v1`, of two layers, and one blob that belongs to no listed image.
struct Host {
    directory: TempDir,
    address: SocketAddr,
    manifest: Vec<u8>,
    layer: Vec<u8>,
    stray: Digest,
}

impl Host {
    async fn start() -> Host {
        let directory = tempfile::tempdir().unwrap();
        let blobs = directory.path().join("root/io.containerd.content.v1.content/blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let config = MirrorConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            containerd_root: directory.path().join("root"),
            images: directory.path().join("images.json"),
        };
        let mirror = Mirror::bind(&config).await.unwrap();
        let address = mirror.address().unwrap();
        tokio::spawn(mirror.run(std::future::pending()));
        let layer: Vec<u8> = (0..300_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut host =
            Host { directory, address, manifest: Vec::new(), layer, stray: Digest::from_sha256([0; 32]) };
        host.stray = host.put(b"pulled with a password");
        let (config, layer, second) = (host.put(b"{}"), host.put(&host.layer), host.put(b"second"));
        host.manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{{"mediaType":"c","digest":"{config}","size":2}},"layers":[{{"mediaType":"l","digest":"{layer}","size":{}}},{{"mediaType":"l","digest":"{second}","size":6}}]}}"#,
            host.layer.len()
        )
        .into_bytes();
        let entry = host.entry(&host.manifest, IMAGE);
        host.put(&host.manifest);
        host.list([("r.example/app:v1", entry)]);
        host
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let blobs = self.directory.path().join("root/io.containerd.content.v1.content/blobs/sha256");
        blobs.join(digest.hex())
    }

    fn put(&self, bytes: &[u8]) -> Digest {
        let digest = digest_of(bytes);
        std::fs::write(self.blob_path(&digest), bytes).unwrap();
        digest
    }

    fn entry(&self, manifest: &[u8], media_type: &str) -> ImageEntry {
        ImageEntry {
            digest: digest_of(manifest),
            media_type: media_type.to_owned(),
            size: manifest.len() as u64,
        }
    }

    fn list<const N: usize>(&self, images: [(&str, ImageEntry); N]) {
        let images = images.into_iter().map(|(name, entry)| (name.to_owned(), entry)).collect();
        let path = self.directory.path().join("images.json");
        let next = self.directory.path().join("images.json.next");
        std::fs::write(&next, serde_json::to_string(&ImageMap::new(images)).unwrap()).unwrap();
        std::fs::rename(next, path).unwrap();
    }

    async fn ask(&self, method: &str, target: &str, headers: &[&str]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for header in headers {
            request += &format!("{header}\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        Answer::parse(&bytes)
    }

    async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[]).await
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        body["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_head_of_a_manifest_has_what_containerd_resolves_a_name_with() {
    let host = Host::start().await;
    for target in [
        "/v2/app/manifests/v1?ns=r.example".to_owned(),
        format!("/v2/app/manifests/{}?ns=r.example", digest_of(&host.manifest)),
        "/v2/r.example/app/manifests/v1".to_owned(),
    ] {
        let answer = host.ask("HEAD", &target, &[&format!("Accept: {IMAGE}, */*")]).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(
            answer.header("docker-content-digest"),
            Some(digest_of(&host.manifest).to_string().as_str())
        );
        assert_eq!(answer.header("content-type"), Some(IMAGE));
        assert_eq!(answer.header("content-length"), Some(host.manifest.len().to_string().as_str()));
        assert!(answer.body.is_empty());
    }
    let answer = host.get("/v2/app/manifests/v1?ns=r.example").await;
    assert_eq!((answer.status, &answer.body), (200, &host.manifest));
}

#[tokio::test]
async fn a_blob_comes_whole_or_from_any_offset() {
    let host = Host::start().await;
    let target = format!("/v2/app/blobs/{}?ns=r.example", digest_of(&host.layer));
    let head = host.ask("HEAD", &target, &[]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("300000"), 0));
    let whole = host.get(&target).await;
    assert_eq!(whole.status, 200);
    assert!(whole.body == host.layer);

    let rest = host.ask("GET", &target, &["Range: bytes=123456-"]).await;
    assert_eq!((rest.status, rest.header("content-range")), (206, Some("bytes 123456-299999/300000")));
    assert!(rest.body == host.layer[123_456..]);
    let part = host.ask("GET", &target, &["Range: bytes=10-19"]).await;
    assert_eq!((part.status, part.header("content-length")), (206, Some("10")));
    assert!(part.body == host.layer[10..20]);
    let past = host.ask("GET", &target, &["Range: bytes=300000-"]).await;
    assert_eq!((past.status, past.header("content-range")), (416, Some("bytes */300000")));
    let conditional = host.ask("GET", &target, &["Range: bytes=10-19", "If-Range: \"x\""]).await;
    assert_eq!((conditional.status, conditional.body.len()), (200, 300_000));
}

#[tokio::test]
async fn what_the_host_does_not_hold_is_not_found() {
    let host = Host::start().await;
    let absent = Digest::from_sha256([7; 32]);
    for (target, code) in [
        ("/v2/app/manifests/v2?ns=r.example".to_owned(), "MANIFEST_UNKNOWN"),
        ("/v2/other/manifests/v1?ns=r.example".to_owned(), "MANIFEST_UNKNOWN"),
        ("/v2/app/manifests/v1?ns=docker.io".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("/v2/app/manifests/{absent}?ns=r.example"), "MANIFEST_UNKNOWN"),
        (format!("/v2/app/blobs/{absent}?ns=r.example"), "BLOB_UNKNOWN"),
        ("/v2/app/tags/list?ns=r.example".to_owned(), "UNSUPPORTED"),
    ] {
        let answer = host.get(&target).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, code), "{target}");
        assert_eq!(host.ask("HEAD", &target, &[]).await.status, 404);
    }
}

#[tokio::test]
async fn content_of_images_that_are_not_listed_stays_private() {
    let host = Host::start().await;
    for kind in ["blobs", "manifests"] {
        let answer = host.get(&format!("/v2/app/{kind}/{}?ns=r.example", host.stray)).await;
        assert_eq!(answer.status, 404);
    }
    let other = host.get(&format!("/v2/other/blobs/{}?ns=r.example", digest_of(&host.layer))).await;
    assert_eq!(other.status, 404, "a blob is given out under the names of its own images");
    let layer = host.get(&format!("/v2/app/manifests/{}?ns=r.example", digest_of(&host.layer))).await;
    assert_eq!(layer.status, 404, "a layer is no manifest");
}

#[tokio::test]
async fn damaged_content_is_not_given_out() {
    let host = Host::start().await;
    let layer = digest_of(&host.layer);
    std::fs::write(host.blob_path(&layer), &host.layer[..1000]).unwrap();
    assert_eq!(host.get(&format!("/v2/app/blobs/{layer}?ns=r.example")).await.status, 404);
    let mut flipped = host.manifest.clone();
    flipped[20] ^= 1;
    std::fs::write(host.blob_path(&digest_of(&host.manifest)), flipped).unwrap();
    assert_eq!(host.get("/v2/app/manifests/v1?ns=r.example").await.status, 404);
}

#[tokio::test]
async fn an_index_gives_the_images_of_the_architectures_that_are_here() {
    let host = Host::start().await;
    let absent = Digest::from_sha256([9; 32]);
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{IMAGE}","digest":"{absent}","size":9}},{{"mediaType":"{IMAGE}","digest":"{}","size":{}}}]}}"#,
        digest_of(&host.manifest),
        host.manifest.len()
    );
    host.put(index.as_bytes());
    host.list([("r.example/multi:v1", host.entry(index.as_bytes(), INDEX))]);
    let answer = host.get("/v2/multi/manifests/v1?ns=r.example").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(INDEX)));
    let image = host.get(&format!("/v2/multi/manifests/{}?ns=r.example", digest_of(&host.manifest))).await;
    assert_eq!((image.status, image.header("content-type")), (200, Some(IMAGE)));
    let layer = host.get(&format!("/v2/multi/blobs/{}?ns=r.example", digest_of(&host.layer))).await;
    assert_eq!(layer.body.len(), host.layer.len());
}

#[tokio::test]
async fn a_new_list_counts_at_once_and_a_broken_one_never() {
    let host = Host::start().await;
    let entry = host.entry(&host.manifest, IMAGE);
    host.list([("docker.io/busybox:1", entry)]);
    assert_eq!(host.get("/v2/library/busybox/manifests/1?ns=docker.io").await.status, 200);
    assert_eq!(host.get("/v2/app/manifests/v1?ns=r.example").await.status, 404);
    std::fs::write(host.directory.path().join("images.json"), "{").unwrap();
    assert_eq!(host.get("/v2/library/busybox/manifests/1?ns=docker.io").await.status, 200);
    std::fs::remove_file(host.directory.path().join("images.json")).unwrap();
    assert_eq!(host.get("/v2/library/busybox/manifests/1?ns=docker.io").await.status, 404);
}

#[tokio::test]
async fn it_is_a_registry_and_takes_nothing_in() {
    let host = Host::start().await;
    let base = host.get("/v2/").await;
    assert_eq!((base.status, base.header("docker-distribution-api-version")), (200, Some("registry/2.0")));
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        let answer = host.ask(method, "/v2/app/manifests/v1", &["Content-Length: 0"]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")), "{method}");
    }
    for bad in
        ["/v2/app/blobs/sha256:..%2f..%2f..%2fimages.json?ns=r.example", "/v2/app/blobs/../../images.json"]
    {
        assert!(matches!(host.get(bad).await.status, 400 | 404), "{bad}");
    }
}
