//! `armilla init --from`: the draft on standard output or in a file, the report on standard error, and the exit codes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../installer/import/tests/files");

fn armilla(folder: &Path, words: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_armilla"));
    command.arg("init").args(words).current_dir(folder).env_remove("ARMILLA_STATE").env("LC_ALL", "C");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may refuse before it has read everything.
    drop(child.stdin.take().unwrap().write_all(stdin));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn file(name: &str) -> String {
    format!("{FILES}/{name}")
}

#[test]
fn a_draft_goes_to_standard_output_and_its_report_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let sample = file("kubekey-v3-sample.yaml");
    let (code, draft, report) = armilla(folder.path(), &["--from", &sample], b"");
    assert_eq!(code, 6, "{report}");
    assert_eq!(draft, std::fs::read_to_string(file("kubekey-v3-sample.site")).unwrap());
    assert!(report.contains("spec.hosts[0].password: line 8: "), "{report}");
    let read = std::fs::read(&sample).unwrap();
    assert_eq!(armilla(folder.path(), &["--from", "-"], &read), (code, draft.clone(), report));
    let (code, json, _) = armilla(folder.path(), &["--from", &sample, "-o", "json"], b"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json["siteYaml"].as_str()), (6, Some(draft.as_str())));
    assert_eq!(json["report"][0]["path"], "spec.hosts[0].password");
    assert_eq!(json["report"][0]["why"], "secret");
}

#[test]
fn files_of_one_installation_are_read_together_and_a_file_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (inventory, config) = (file("kubekey-v4-1.yaml"), file("kubekey-v4-2.yaml"));
    let words = ["--from", &inventory, "--from", &config, "-f", "site.yaml"];
    let (code, out, report) = armilla(folder.path(), &words, b"");
    assert_eq!((code, out.as_str()), (6, ""), "{report}");
    let written = std::fs::read_to_string(folder.path().join("site.yaml")).unwrap();
    assert_eq!(written, std::fs::read_to_string(file("kubekey-v4.site")).unwrap());
    let (code, _, report) = armilla(folder.path(), &words, b"");
    assert_eq!(code, 4, "{report}");
}

#[test]
fn the_schema_for_editors_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (code, schema, _) = armilla(folder.path(), &["--schema"], b"");
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../installer/model/site.schema.json");
    assert_eq!((code, schema), (0, std::fs::read_to_string(kept).unwrap()));
}

#[test]
fn nothing_to_list_is_success() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, report) = armilla(folder.path(), &["--from", &file("k0sctl-init.yaml")], b"");
    assert_eq!((code, report.as_str()), (0, "Read as a file of k0sctl (v1beta1).\n"));
}

#[test]
fn what_cannot_be_imported_ends_with_one_error_and_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let k0sctl = file("k0sctl-init.yaml");
    let long = [b"apiVersion: kubeadm.k8s.io/v1beta4\n".as_slice(), &vec![b'#'; 50 << 20]].concat();
    // The limit cuts this one in the middle of a letter.
    let letters = [b"a".as_slice(), "\u{e4}".repeat(3 << 20).as_bytes()].concat();
    for (words, stdin, code, wanted) in [
        (&["--from", "-"][..], b"kind: Deployment".as_slice(), 5, "is of no format that is known here"),
        (&["--from", "-"], b"a: [", 5, "is not valid YAML"),
        (&["--from", "-"], &long, 5, "is longer than 4 MiB"),
        (&["--from", "-"], &letters, 5, "is longer than 4 MiB"),
        (&["--from", "-"], &[0xff, 0xfe, 0], 5, "it is not text in UTF-8"),
        (&["--from", "missing.yaml"], b"", 3, "read missing.yaml"),
        (&["--from", "."], b"", 5, "read ."),
        (&["--from", &k0sctl, "--from-format", "kubeadm"], b"", 5, "this is k0sctl (v1beta1), not kubeadm"),
        (&["--from", &k0sctl, "root@10.0.0.1"], b"", 2, "cannot be used with"),
        (&[], b"", 2, "required"),
    ] {
        let (found, out, err) = armilla(folder.path(), words, stdin);
        assert_eq!((found, out.as_str()), (code, ""), "{words:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(wanted), "{words:?}: {err}");
    }
}
