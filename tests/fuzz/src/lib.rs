//! What fuzzing calls: the readers of bytes that somebody else wrote, each with the laws that it keeps whatever it is
//! given. A broken law is a panic.
//!
//! ```text
//!  libfuzzer/targets/NAME.rs ──▶ fuzz::NAME(bytes) ◀── tests/corpus.rs (in `make test`)
//!          makes inputs               the reader            the inputs of corpus/NAME
//! ```

mod bundle;
mod event;
mod hand_frames;
mod import;
mod site_file;

pub use bundle::bundle;
pub use event::event;
pub use hand_frames::hand_frames;
pub use import::import_files;
pub use site_file::site_file;

/// An entry: takes any bytes, panics when a law is broken.
pub type Target = fn(&[u8]);

/// Every entry with its name, which is that of its target and of its folder in the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("bundle", bundle),
    ("event", event),
    ("hand_frames", hand_frames),
    ("import_files", import_files),
    ("site_file", site_file),
];

/// What is read and written again reads as the same: nothing is lost between two versions of one ledger.
fn keeps_through_json<T>(value: &T)
where
    T: serde::Serialize + for<'a> serde::Deserialize<'a> + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_vec(value).expect("what was read from JSON can be written as JSON");
    let again: T = serde_json::from_slice(&text).expect("what was written can be read");
    assert_eq!(&again, value);
}
