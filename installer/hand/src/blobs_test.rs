use super::*;

/// No waiting for other connections.
const NONE: Duration = Duration::ZERO;

fn digest(bytes: &[u8]) -> Digest {
    files::digest_of(bytes).unwrap()
}

fn store() -> (tempfile::TempDir, Blobs) {
    let root = tempfile::tempdir().unwrap();
    let blobs = Blobs::at(root.path());
    (root, blobs)
}

#[test]
fn a_blob_that_was_cut_goes_on_where_it_ended() {
    let (_root, blobs) = store();
    let content = b"0123456789".repeat(1000);
    let name = digest(&content);
    let mut first = blobs.receive(&name, 10_000, NONE).unwrap().unwrap();
    first.take(&content[..6000]).unwrap();
    drop(first);
    assert_eq!(blobs.state(&name), BlobState { digest: name.clone(), complete: false, bytes: 6000 });

    let mut second = blobs.receive(&name, 10_000, NONE).unwrap().unwrap();
    assert_eq!((second.offset(), second.wanted()), (6000, 4000));
    second.take(&content[6000..]).unwrap();
    assert!(!blobs.path(&name).exists(), "not under its name before it is checked");
    second.finish().unwrap();
    assert_eq!(fs::read(blobs.path(&name)).unwrap(), content);
    assert!(blobs.receive(&name, 10_000, NONE).unwrap().is_none());
}

#[test]
fn a_copy_of_the_descriptor_does_not_keep_a_blob_that_was_given_up() {
    let (_root, blobs) = store();
    let first = blobs.receive(&digest(b"wanted"), 6, NONE).unwrap().unwrap();
    // What a child of another thread has between fork and exec.
    let _copy = first.file.0.try_clone().unwrap();
    drop(first);
    assert!(blobs.receive(&digest(b"wanted"), 6, NONE).unwrap().is_some());
}

#[test]
fn wrong_bytes_are_named_and_deleted() {
    let (_root, blobs) = store();
    let name = digest(b"wanted");
    let mut receiving = blobs.receive(&name, 6, NONE).unwrap().unwrap();
    receiving.take(b"forged").unwrap();
    assert_eq!(receiving.finish().unwrap_err().kind, FailureKind::DigestMismatch);
    assert_eq!(blobs.state(&name), BlobState { digest: name, complete: false, bytes: 0 });
}

#[test]
fn more_bytes_than_announced_are_refused() {
    let (_root, blobs) = store();
    let mut receiving = blobs.receive(&digest(b"wanted"), 6, NONE).unwrap().unwrap();
    assert_eq!(receiving.take(b"wanted and more").unwrap_err().kind, FailureKind::Invalid);
}

#[test]
fn two_connections_do_not_mix_one_blob() {
    let (_root, blobs) = store();
    let _first = blobs.receive(&digest(b"wanted"), 6, NONE).unwrap().unwrap();
    let second = blobs.receive(&digest(b"wanted"), 6, NONE);
    assert_eq!(second.err().map(|failure| failure.kind), Some(FailureKind::Busy));
}

#[test]
fn pieces_in_order_make_a_blob_and_others_are_told_where_to_go_on() {
    let (_root, blobs) = store();
    let name = digest(b"abcdef");
    assert_eq!(blobs.put_piece(&name, 6, 0, b"abc").unwrap().bytes, 3);
    assert_eq!(blobs.put_piece(&name, 6, 0, b"abc").unwrap_err().kind, FailureKind::Invalid);
    assert!(blobs.put_piece(&name, 6, 3, b"def").unwrap().complete);
    assert!(blobs.put_piece(&name, 6, 0, b"abc").unwrap().complete);
}

#[test]
fn placing_checks_what_came_out_and_writes_only_what_differs() {
    let (root, blobs) = store();
    let content = b"#!/bin/sh\n".repeat(5000);
    let compressed = zstd::encode_all(&content[..], 3).unwrap();
    let name = digest(&compressed);
    let mut receiving = blobs.receive(&name, compressed.len() as u64, NONE).unwrap().unwrap();
    receiving.take(&compressed).unwrap();
    receiving.finish().unwrap();

    let path = root.path().join("bin/tool");
    let path = path.to_str().unwrap();
    let wrong = blobs.place(&name, path, 0o755, &digest(b"other"), 50_000).unwrap_err();
    assert_eq!(wrong.kind, FailureKind::DigestMismatch);
    assert_eq!(files::stat(path, false), Ok(None));
    assert_eq!(blobs.place(&name, path, 0o755, &digest(&content), 50_000), Ok(true));
    assert_eq!(blobs.place(&name, path, 0o755, &digest(&content), 50_000), Ok(false));
    assert_eq!(blobs.place(&name, path, 0o700, &digest(&content), 50_000), Ok(true));
    assert_eq!(fs::read(path).unwrap(), content);
}

#[test]
fn a_blob_that_unpacks_to_more_than_was_announced_leaves_nothing_behind() {
    let (root, blobs) = store();
    let content = vec![0; 64 << 20];
    let mut wide = zstd::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    wide.write_all(&content).unwrap();
    let bomb = zstd::encode_all(&content[..], 1).unwrap();
    for (blob, wanted) in [
        (bomb, "holds more than the 1000 bytes announced for"),
        (wide.finish().unwrap(), "requires too much memory"),
    ] {
        let name = digest(&blob);
        blobs.put_piece(&name, blob.len() as u64, 0, &blob).unwrap();
        let path = root.path().join("bin/tool");
        let refused = blobs.place(&name, path.to_str().unwrap(), 0o755, &digest(&content), 1000).unwrap_err();
        assert!(refused.detail.contains(wanted), "{refused:?}");
        assert_eq!(fs::read_dir(root.path().join("bin")).unwrap().count(), 0);
    }
}

#[test]
fn a_running_program_is_replaced() {
    let (root, blobs) = store();
    let sleep = fs::read("/bin/sleep").unwrap();
    let path = root.path().join("sleep");
    fs::write(&path, &sleep).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut running = std::process::Command::new(&path).arg("60").spawn().unwrap();

    let compressed = zstd::encode_all(&b"new"[..], 3).unwrap();
    let name = digest(&compressed);
    blobs.put_piece(&name, compressed.len() as u64, 0, &compressed).unwrap();
    let placed = blobs.place(&name, path.to_str().unwrap(), 0o755, &digest(b"new"), 3);
    let alive = running.try_wait().unwrap().is_none();
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(placed, Ok(true));
    assert!(alive);
}

#[test]
fn who_waits_for_a_blob_gets_its_place_and_what_is_there() {
    let (_root, blobs) = store();
    let name = digest(b"wanted");
    let mut first = blobs.receive(&name, 6, NONE).unwrap().unwrap();
    first.take(b"wan").unwrap();
    assert!(!first.is_wanted_by_another());
    thread::scope(|scope| {
        let second = scope.spawn(|| {
            let mut second = blobs.receive(&name, 6, Duration::from_secs(20)).unwrap().unwrap();
            assert_eq!(second.offset(), 3);
            assert!(!second.is_wanted_by_another());
            second.take(b"ted").unwrap();
            second.finish().unwrap();
        });
        while !first.is_wanted_by_another() {
            thread::sleep(Duration::from_millis(5));
        }
        drop(first);
        second.join().unwrap();
    });
    assert!(blobs.state(&name).complete);
}

#[test]
fn who_waits_for_a_blob_that_arrives_has_nothing_to_do() {
    let (_root, blobs) = store();
    let name = digest(b"wanted");
    let mut first = blobs.receive(&name, 6, NONE).unwrap().unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| blobs.receive(&name, 6, Duration::from_secs(20)).unwrap().is_none());
        while !first.is_wanted_by_another() {
            thread::sleep(Duration::from_millis(5));
        }
        first.take(b"wanted").unwrap();
        first.finish().unwrap();
        assert!(second.join().unwrap());
    });
}
