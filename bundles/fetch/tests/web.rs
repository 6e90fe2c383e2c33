//! Downloads over real TLS from a server that is cut off, shrinks, changes and lies.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod servers;

use std::path::PathBuf;
use std::sync::Arc;

use bundles_fetch::{Access, FetchError, Fetcher};
use bundles_format::Digest;
use servers::{Files, Tls, sum};
use tempfile::TempDir;

struct World {
    dir: TempDir,
    files: Arc<Files>,
    address: String,
    fetcher: Fetcher,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let tls = Tls::new(dir.path());
        let files = Arc::new(Files::default());
        let address = files.start(&tls);
        let access = Access { cas: vec![tls.ca], ..Access::default() };
        World { dir, files, address: address + "/file", fetcher: Fetcher::new(&access).unwrap() }
    }

    fn serve(&self, content: &[u8]) {
        self.files.files.lock().unwrap().insert("/file".to_owned(), content.to_vec());
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("to")
    }

    fn download(&self, wanted: &[u8]) -> Result<(), FetchError> {
        let digest: Digest = sum(wanted).parse().unwrap();
        let size = wanted.len() as u64;
        self.fetcher.download(&self.address, (&digest, size), &self.to(), &|_| true)
    }
}

fn content() -> Vec<u8> {
    (0..400_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn a_download_that_is_cut_again_and_again_goes_on_where_it_was() {
    let (world, content) = (World::new(), content());
    world.serve(&content);
    *world.files.cut.lock().unwrap() = Some(500_000);
    world.download(&content).unwrap();
    assert_eq!(std::fs::read(world.to()).unwrap(), content);
    let ranges: Vec<_> = world.files.asked.lock().unwrap().iter().map(|(_, range)| *range).collect();
    assert_eq!(ranges.len(), 4, "{ranges:?}");
    assert_eq!((ranges[0], *world.files.sent.lock().unwrap()), (None, content.len()), "no byte twice");
}

#[test]
fn what_an_earlier_run_received_is_there_for_the_next_one() {
    let (world, content) = (World::new(), content());
    world.serve(&content);
    let digest: Digest = sum(&content).parse().unwrap();
    let wanted = (&digest, content.len() as u64);
    let stopped = world.fetcher.download(&world.address, wanted, &world.to(), &|there| there < 200_000);
    assert!(matches!(stopped, Err(FetchError::Stopped { .. })), "{stopped:?}");
    assert!(!world.to().exists());
    world.download(&content).unwrap();
    let from = world.files.asked.lock().unwrap().last().unwrap().1;
    assert!(from.is_some_and(|from| from >= 200_000), "{from:?}");
    assert_eq!(std::fs::read(world.to()).unwrap(), content);
    let asked = world.files.asked.lock().unwrap().len();
    world.download(&content).unwrap();
    assert_eq!(world.files.asked.lock().unwrap().len(), asked, "what is there is not asked for");
}

#[test]
fn a_server_without_ranges_is_begun_anew() {
    let (world, content) = (World::new(), content());
    world.serve(&content);
    *world.files.no_ranges.lock().unwrap() = true;
    std::fs::write(world.dir.path().join("to.part"), &content[..100]).unwrap();
    world.download(&content).unwrap();
    assert_eq!(std::fs::read(world.to()).unwrap(), content);
}

#[test]
fn other_content_shorter_and_longer_content_are_refused_and_not_kept() {
    let (world, wanted) = (World::new(), content());
    let mut other = wanted.clone();
    other[7] ^= 1;
    world.serve(&other);
    let refused = world.download(&wanted);
    assert!(matches!(refused, Err(FetchError::Content { .. })), "{refused:?}");
    assert!(!world.to().exists() && !world.dir.path().join("to.part").exists());
    world.serve(&wanted[..1000]);
    let refused = world.download(&wanted);
    assert!(matches!(refused, Err(FetchError::Size { found: 1000, .. })), "{refused:?}");
    world.serve(&[wanted.as_slice(), b"more"].concat());
    let refused = world.download(&wanted);
    assert!(matches!(refused, Err(FetchError::TooLarge { .. })), "{refused:?}");
    assert!(!world.to().exists());
}

#[test]
fn a_file_that_is_gone_and_a_server_that_nobody_vouches_for_are_named() {
    let world = World::new();
    let gone = world.download(b"x");
    assert!(matches!(gone, Err(FetchError::Status { status: 404, .. })), "{gone:?}");
    assert_eq!(world.files.asked.lock().unwrap().len(), 1, "what is refused for good is asked for once");
    world.serve(b"x");
    let stranger = Fetcher::new(&Access::default()).unwrap();
    let digest: Digest = sum(b"x").parse().unwrap();
    let refused = stranger.download(&world.address, (&digest, 1), &world.to(), &|_| true);
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("certificate"), "{text}");
    assert_eq!(world.files.asked.lock().unwrap().len(), 1, "nothing was said to it");
}

#[test]
fn a_file_that_is_no_certificate_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, "nothing").unwrap();
    let access = Access { cas: vec![path], ..Access::default() };
    let Err(error) = Fetcher::new(&access) else { panic!("it was taken") };
    assert!(error.to_string().contains("ca.pem"), "{error}");
}
