//! Everything that fuzzing found worth keeping, read again by the entries that it was found with.

use std::path::Path;

/// Broken laws in the corpus fail here with the file's name.
#[test]
fn the_corpus_breaks_no_law() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in fuzz::TARGETS {
        let mut read = 0;
        for file in std::fs::read_dir(corpus.join(name)).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "{} breaks a law", path.display());
            read += 1;
        }
        assert!(read >= 5, "the corpus of {name} has {read} inputs");
        println!("{name}: {read} inputs");
    }
}

/// Cut and bent forms of the corpus, so that the laws are tried beside what is committed.
#[test]
fn nothing_near_the_corpus_breaks_a_law() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in fuzz::TARGETS {
        for file in std::fs::read_dir(corpus.join(name)).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let stride = bytes.len() / 16 + 1;
            for at in (0..bytes.len()).step_by(stride) {
                target(&bytes[..at]);
                let mut bent = bytes.clone();
                bent[at] ^= 1 << (at % 8);
                target(&bent);
            }
        }
    }
}
