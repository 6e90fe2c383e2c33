//! `armilla check` finds what is wrong with real hosts: they are spoiled in many ways at once, every one of them is named
//! on its host, and none of them any more once they are mended. What people read is what programs read.
//!
//! Needs root and what `make binary` leaves: `cargo test -p lab --test checks -- --ignored --nocapture`.

#![expect(clippy::unwrap_used, reason = "a scenario ends at the first thing that is not so")]
#![expect(clippy::print_stdout, reason = "how long things took is a part of what a scenario finds")]

#[path = "checks/mending.rs"]
mod mending;
#[path = "checks/spoils.rs"]
mod spoils;

use lab::demo::{Folder, Product};
use lab::{Lab, LabSpec};
use serde_json::Value;
use spoils::{SPOILS, Spoil};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What is measured differs from one look to the next, as the machine is busy.
const MEASURED: &[&str] =
    &["clock-skew", "fsync", "link-latency", "link-loss", "memory-available", "ssh-latency"];

/// Id and host of a finding; no host: the site.
type Found = BTreeSet<(String, String)>;

struct Site {
    lab: Lab,
    folder: Folder,
}

impl Site {
    fn begin(scenario: &str) -> Site {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(scenario);
        let _ = std::fs::remove_dir_all(&path);
        let folder = Folder::make(&path).unwrap();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let product = Product::of_checkout(&checkout).unwrap();
        product.put_into(&folder).unwrap();
        product.build_bundle(&folder).unwrap();
        let spec = LabSpec::new(&format!("{scenario}-{}", std::process::id()), 3).unwrap();
        let lab = Lab::up(&spec).unwrap().down_on_drop();
        folder.write_site_once(&lab, scenario).unwrap();
        Site { lab, folder }
    }

    fn check(&self, words: &[&str]) -> String {
        let mut command: Command = self.folder.armilla_on_site(&self.lab, "check");
        let output = command.arg("-y").args(words).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 5 | 6)), "{:?}: {said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What programs read, and how long it took.
    fn findings(&self, what: &str) -> Vec<Value> {
        let begun = Instant::now();
        let text = self.check(&["-o", "json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        let findings = report["findings"].as_array().unwrap().clone();
        println!(
            "check of 3 hosts, {what}: {:.1} s, {} findings",
            begun.elapsed().as_secs_f64(),
            findings.len()
        );
        findings
    }

    /// All lines that fail are named at once.
    fn run<'s>(&self, lines: impl Iterator<Item = (&'s str, &'s str)>) {
        let failed = lines.filter_map(|(host, line)| {
            let error = self.lab.host(host).unwrap().shell(line).err()?;
            Some(format!("{host}: {line}: {error:?}"))
        });
        let failed: Vec<String> = failed.collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
}

fn word<'v>(finding: &'v Value, key: &str) -> &'v str {
    finding[key].as_str().unwrap_or_default()
}

fn found(findings: &[Value]) -> Found {
    findings
        .iter()
        .map(|finding| (word(finding, "id").to_owned(), word(finding, "host").to_owned()))
        .collect()
}

fn pair(spoil: &Spoil) -> (String, String) {
    (spoil.id.to_owned(), spoil.found_on.to_owned())
}

#[test]
#[ignore = "needs root"]
fn every_fault_of_a_spoiled_host_is_named_and_gone_once_it_is_mended() {
    let site = Site::begin("checks");
    let before = found(&site.findings("bare"));
    println!("of the lab itself: {before:?}");

    site.run(SPOILS.iter().map(|spoil| (spoil.host, spoil.spoil)));
    let spoiled = site.findings("spoiled");
    let seen = found(&spoiled);
    let missed: Vec<_> = SPOILS.iter().map(pair).filter(|pair| !seen.contains(pair)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}\nfound: {seen:?}");
    let new: BTreeSet<&str> =
        SPOILS.iter().filter(|spoil| !before.contains(&pair(spoil))).map(|spoil| spoil.id).collect();
    println!("{} checks tripped on live hosts: {new:?}", new.len());
    assert!(new.len() >= 30, "{new:?}");
    for spoil in SPOILS {
        let of_it = spoiled.iter().filter(|finding| word(finding, "id") == spoil.id);
        let shown = of_it.map(|finding| word(finding, "observed")).collect::<Vec<_>>();
        assert!(shown.iter().any(|observed| observed.contains(spoil.observed)), "{}: {shown:?}", spoil.id);
    }
    let text = site.check(&[]);
    people_read_what_programs_read(&spoiled, &text);
    let told = text + &serde_json::to_string(&spoiled).unwrap();
    assert!(!told.contains("canary-word"), "the password of a proxy was told");

    site.run(SPOILS.iter().rev().map(|spoil| (spoil.host, spoil.mend)));
    let after = found(&site.findings("mended"));
    let left: Vec<_> = after.difference(&before).filter(|(id, _)| !MEASURED.contains(&id.as_str())).collect();
    assert!(left.is_empty(), "still found after everything was mended: {left:?}");
}

/// Each block begins with the severity, the host, the title and the id.
fn people_read_what_programs_read(findings: &[Value], text: &str) {
    let line = |finding: &Value| {
        let host = finding["host"].as_str().unwrap_or("site");
        let title = finding["title"]["en"].as_str().unwrap_or_default();
        format!("{:<6} {host}: {title} ({})", word(finding, "severity"), word(finding, "id"))
    };
    let steady = |line: &String| !MEASURED.iter().any(|id| line.ends_with(&format!("({id})")));
    let programs: BTreeSet<String> = findings.iter().map(line).filter(steady).collect();
    let heads = text.lines().filter(|line| !line.starts_with(' ') && line.ends_with(')'));
    let people: BTreeSet<String> = heads.map(str::to_owned).filter(steady).collect();
    let differ: Vec<&String> = people.symmetric_difference(&programs).collect();
    assert!(differ.is_empty(), "{differ:#?}");
}
