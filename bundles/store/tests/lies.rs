//! What a trusted key sealed is believed about whose it is, not about what it unpacks to.

mod yard;

use std::io::Write;
use std::time::{Duration, Instant};

use bundles_format::{Arch, Blob, ImageArtifact, oci};
use bundles_store::{KeyPair, Trust};
use yard::{file, packed, release, sum};

#[test]
fn a_trusted_key_that_lies_about_what_a_file_unpacks_to_is_caught_by_the_files_name() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let path = dir.path().join("lie");
    let [bomb, program, stump] =
        [packed(&vec![0; 256 << 20]), packed(b"program"), packed(&vec![7; 9000])[..12].to_vec()];
    let mut longer = file("x", &program, b"program");
    longer.content_size += 1;
    let cases = [
        (file("x", &bomb, b"content"), &bomb, "it unpacks to more bytes than the index says"),
        (file("x", &program, b"another"), &program, "it unpacks to sha256:"),
        (longer, &program, "it unpacks to 7 bytes, the index says 8"),
        (file("x", b"no frame", b"no frame"), &b"no frame".to_vec(), "Unknown frame descriptor"),
        (file("x", &stump, &[7; 9000]), &stump, "incomplete frame"),
    ];
    for (said, blob, wanted) in cases {
        let good = file("y", &program, b"program");
        yard::write(&path, &release("1", vec![said, good]), &key, &[blob.clone(), program.clone()]);
        let begun = Instant::now();
        let text = yard::refusal(&path, &Trust::key(key.public())).expect("a lie is refused");
        assert!(text.contains(wanted) && text.contains("file x (amd64)"), "wanted {wanted}: {text}");
        assert!(!text.contains("file y"), "{text}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{wanted} took {:?}", begun.elapsed());
    }
}

#[test]
fn a_trusted_key_that_lies_about_what_an_image_takes_is_caught_by_the_images_name() {
    let dir = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let path = dir.path().join("lie");
    let zeros = vec![0; 64 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let gzip = gzip.finish().unwrap();
    let layers = [
        ("application/vnd.oci.image.layer.v1.tar", vec![1; 5000], 5000),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip, zeros.len() as u64),
        (oci::LAYER_ZSTD, packed(&zeros), zeros.len() as u64),
    ];
    for (media_type, layer, size) in layers {
        let blob = |bytes: &[u8], media_type: &str| Blob {
            digest: sum(bytes),
            size: bytes.len() as u64,
            media_type: media_type.into(),
        };
        for (said, wanted) in [
            (size - 1, Some("more bytes than the index says")),
            (size, None),
            (size + 1, Some("bytes, the index says")),
        ] {
            let mut release = release("1", vec![]);
            release.components[0].images.push(ImageArtifact {
                reference: "a.b/c:1".into(),
                arch: Arch::Amd64,
                index: None,
                manifest: blob(b"{}", oci::MANIFEST),
                config: blob(b"{ }", oci::CONFIG),
                layers: vec![blob(&layer, media_type)],
                unpacked_size: said,
            });
            yard::write(&path, &release, &key, &[b"{}".to_vec(), b"{ }".to_vec(), layer.clone()]);
            let found = yard::refusal(&path, &Trust::key(key.public()));
            match (&found, wanted) {
                (None, None) => {}
                (Some(text), Some(wanted))
                    if text.contains(wanted) && text.contains("image a.b/c:1 (amd64)") => {}
                _ => panic!("{media_type} {said}: wanted {wanted:?}, found {found:?}"),
            }
        }
    }
}
