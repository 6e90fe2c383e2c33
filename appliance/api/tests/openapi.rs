//! The committed description is what the routes say of themselves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

/// `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_committed_openapi_file_is_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let (_, api) = appliance_api::router(&common::app(dir.path()));
    let mut text = serde_json::to_string_pretty(&api).unwrap();
    text.push('\n');
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "openapi.json is behind the routes: UPDATE_GOLDEN=1 cargo test -p appliance-api writes it"
    );
}
