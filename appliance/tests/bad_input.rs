//! What the command line says to files that are wrong, and with which exit code; no host is connected to before all of
//! them are right.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod sealed;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use appliance_store::{Holder, Store};
use sealed::CONTENT;

/// A folder with a good site file, a good bundle and its key, and a port in place of the hosts that sees who connects.
struct Bench {
    folder: tempfile::TempDir,
    hosts: TcpListener,
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Bench {
    fn new() -> Bench {
        let hosts = TcpListener::bind("127.0.0.1:0").unwrap();
        hosts.set_nonblocking(true).unwrap();
        let bench = Bench { folder: tempfile::tempdir().unwrap(), hosts };
        bench.write("site.yaml", bench.site().as_bytes());
        bench.seal("good.bundle", "key");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn site(&self) -> String {
        let port = self.hosts.local_addr().unwrap().port();
        format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: bad}}\nssh: {{user: root, keyFile: key}}\nhosts:\n\
             - {{name: a, address: 127.0.0.1, port: {port}, clusterAddress: 10.0.0.1, roles: [control-plane]}}\n\
             - {{name: b, address: 127.0.0.2, port: {port}, clusterAddress: 10.0.0.2, roles: [worker]}}\n"
        )
    }

    /// A bundle sealed by a key of this name, which is made when it is not there.
    fn seal(&self, name: &str, key: &str) {
        sealed::seal(self.folder.path(), name, key);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_armilla"));
        command.args(words).current_dir(&self.folder).stdin(Stdio::null());
        command.env_remove("ARMILLA_STATE").env("LC_ALL", "C");
        command
    }

    fn run(&self, words: &[&str]) -> Said {
        self.command(words).output().unwrap().into()
    }

    /// `apply` with these two files; the key is trusted.
    fn apply(&self, site: &str, bundle: &str) -> Said {
        self.run(&["apply", "-s", site, "-b", bundle, "--trust", "key.pub", "--state", "state", "-y"])
    }

    fn nobody_connected(&self) -> bool {
        self.hosts.accept().is_err()
    }
}

/// One error with a hint, this code, these words, and no host was bothered.
#[track_caller]
fn refused(bench: &Bench, said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, Some(code), "{}", said.err);
    assert!(said.err.starts_with("error: "), "{}", said.err);
    for word in words {
        assert!(said.err.contains(word), "{word:?} is not in {}", said.err);
    }
    assert!(said.out.is_empty(), "{}", said.out);
    assert!(bench.nobody_connected());
}

#[test]
fn a_site_file_that_is_none_is_refused() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("folder.yaml")).unwrap();
    bench.write("bytes.yaml", &[0xff, 0xfe, 0, 1]);
    bench.write("empty.yaml", b"");
    bench.write("long.yaml", format!("{}{}", bench.site(), "# more\n".repeat(1 << 20)).as_bytes());
    for (file, code, words) in [
        ("missing.yaml", 3, ["read missing.yaml", "hint: `armilla init"]),
        ("folder.yaml", 5, ["read folder.yaml", "hint: "]),
        ("bytes.yaml", 5, ["bytes.yaml: it is not text", "hint: "]),
        ("long.yaml", 5, ["long.yaml: it is longer than 4 MiB", "hint: "]),
        ("empty.yaml", 5, ["empty.yaml", "`armilla init` writes one"]),
    ] {
        refused(&bench, &bench.apply(file, "good.bundle"), code, &words);
    }
}

#[test]
fn every_mistake_in_a_site_file_is_named_by_its_path_at_once() {
    let bench = Bench::new();
    let text =
        bench.site().replace("keyFile", "keyfile").replace("[worker]", "[workr]").replace("10.0.0.2", "x");
    bench.write("wrong.yaml", text.as_bytes());
    let paths = ["ssh.keyfile: line 4", "hosts[1].roles[0]: line 7", "hosts[1].clusterAddress: line 7"];
    refused(&bench, &bench.apply("wrong.yaml", "good.bundle"), 5, &paths);
}

#[test]
fn a_bundle_that_is_not_whole_or_not_trusted_is_refused_before_anything_connects() {
    let bench = Bench::new();
    let good = std::fs::read(bench.path("good.bundle")).unwrap();
    bench.write("cut.bundle", &good[..good.len() - 1024]);
    let mut flipped = good.clone();
    let at = flipped.windows(CONTENT.len()).position(|window| window == CONTENT).unwrap();
    flipped[at] ^= 1;
    bench.write("flipped.bundle", &flipped);
    bench.write("noise.bundle", &[7; 4096]);
    bench.seal("foreign.bundle", "other");
    for (file, code, word) in [
        ("missing.bundle", 3, "open missing.bundle"),
        ("cut.bundle", 5, "the file is truncated there"),
        ("flipped.bundle", 5, "of file kubelet (amd64): its content is"),
        ("noise.bundle", 5, "the file begins otherwise"),
        ("foreign.bundle", 5, "accept the seal: signed by"),
    ] {
        refused(&bench, &bench.apply("site.yaml", file), code, &[word, "hint: "]);
    }
}

#[test]
fn a_bundle_that_was_right_once_is_read_again_after_it_changed() {
    let bench = Bench::new();
    // Nobody listens at the hosts: the bundle was accepted before that is found out.
    let closed =
        bench.site().replace(&format!("port: {}", bench.hosts.local_addr().unwrap().port()), "port: 1");
    bench.write("closed.yaml", closed.as_bytes());
    assert_eq!(bench.apply("closed.yaml", "good.bundle").code, Some(8));
    let mut bytes = std::fs::read(bench.path("good.bundle")).unwrap();
    let at = bytes.windows(CONTENT.len()).position(|window| window == CONTENT).unwrap();
    bytes[at] ^= 1;
    bench.write("good.bundle", &bytes);
    refused(&bench, &bench.apply("closed.yaml", "good.bundle"), 5, &["of file kubelet (amd64)"]);
}

#[test]
fn a_key_that_was_pinned_at_first_use_refuses_the_next_one() {
    let bench = Bench::new();
    let closed =
        bench.site().replace(&format!("port: {}", bench.hosts.local_addr().unwrap().port()), "port: 1");
    bench.write("closed.yaml", closed.as_bytes());
    bench.seal("foreign.bundle", "other");
    let apply = |bundle: &str, yes: &[&str]| {
        bench.run(&[&["apply", "-s", "closed.yaml", "-b", bundle, "--state", "state"], yes].concat())
    };
    refused(&bench, &apply("good.bundle", &[]), 5, &["nobody vouched for sha256:", "hint: "]);
    assert_eq!(apply("good.bundle", &["-y"]).code, Some(8));
    refused(&bench, &apply("foreign.bundle", &["-y"]), 5, &["it is sealed by sha256:", "known is sha256:"]);
}

#[test]
fn every_host_that_cannot_be_reached_is_named_at_once() {
    let bench = Bench::new();
    let closed =
        bench.site().replace(&format!("port: {}", bench.hosts.local_addr().unwrap().port()), "port: 1");
    bench.write("closed.yaml", closed.as_bytes());
    let said = bench.apply("closed.yaml", "good.bundle");
    assert_eq!(said.code, Some(8), "{}", said.err);
    for words in
        ["error: 2 problems", "a: failed to reach 127.0.0.1:1", "b: failed to reach 127.0.0.2:1", "hint: "]
    {
        assert!(said.err.contains(words), "{}", said.err);
    }
}

#[test]
fn whoever_has_the_state_folder_open_is_named() {
    let bench = Bench::new();
    let holder = Holder { user: "anna".into(), pid: 4711, ..Holder::this_process("apply", 3_723_000) };
    let holder = Holder { host: "console".into(), ..holder };
    let _held = Store::open(&bench.path("state"), &holder).unwrap();
    let who = "`armilla apply` of anna on console (process 4711, since 1970-01-01 01:02:03 UTC)";
    refused(&bench, &bench.apply("site.yaml", "good.bundle"), 4, &[who, "hint: "]);
}

#[test]
fn names_that_the_site_does_not_have_are_refused_before_anything_connects() {
    let bench = Bench::new();
    let with = ["-s", "site.yaml", "-b", "good.bundle", "--trust", "key.pub", "--state", "state", "-y"];
    for words in
        [&["reset", "--host", "c"][..], &["apply", "--take-over", "c"], &["check", "--take-over", "c"]]
    {
        refused(&bench, &bench.run(&[words, &with].concat()), 3, &["find host c: the site has a, b"]);
    }
}

#[test]
fn wrong_usage_has_a_code_of_its_own() {
    let bench = Bench::new();
    for words in [
        &["apply", "--no-such-option"][..],
        &["--log-level", "nonsense", "run", "ls"],
        &["apply", "-s", "site.yaml", "--state", "state"],
        &["kubeconfig", "--switch"],
        &["no-such-verb"],
    ] {
        refused(&bench, &bench.run(words), 2, &[]);
    }
    for words in [&["run", "show", "--state", "none"][..], &["run", "follow", "r-7", "--state", "none"]] {
        refused(&bench, &bench.run(words), 3, &[]);
    }
    assert!(!Path::new(&bench.path("none")).exists(), "reading makes no state folder");
}

#[test]
fn output_ends_quietly_when_its_reader_does() {
    let bench = Bench::new();
    let mut child = bench
        .command(&["bundle", "ls", "good.bundle", "--trust", "key.pub"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let said = Said::from(child.wait_with_output().unwrap());
    assert!(!said.err.contains("panicked"), "{}", said.err);
}
