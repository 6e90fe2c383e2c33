//! What `--help` says of every verb, as one text that a person reviews: it is where newcomers learn the program.
//! `UPDATE_GOLDEN=1 cargo test -p appliance --test help` writes it anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;
use std::process::Command;

/// Of a verb or of one of its own verbs, wrapped as in a pipe: not by the terminal that the test runs in.
fn help(words: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_armilla"));
    let output = command.args(words).arg("--help").env_remove("ARMILLA_STATE").output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that a help text lists, but for `help` itself.
fn verbs(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let words = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    words
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}

fn tell(words: &[String], text: &mut String) {
    let said = help(words);
    let line: Vec<&str> = ["armilla"].into_iter().chain(words.iter().map(String::as_str)).collect();
    text.push_str(&format!("$ {} --help\n{said}\n", line.join(" ")));
    for verb in verbs(&said) {
        tell(&[words, &[verb]].concat(), text);
    }
}

#[test]
fn every_verb_teaches_itself() {
    let mut told = String::new();
    tell(&[], &mut told);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = told.lines().zip(kept.lines()).position(|(told, kept)| told != kept);
    assert!(
        told == kept,
        "differs from {} at line {:?}; UPDATE_GOLDEN=1 writes it anew",
        path.display(),
        differs.map(|at| at + 1)
    );
}

/// Whoever reads the help of a verb that touches hosts or bundles finds a line to type.
#[test]
fn every_verb_that_does_something_has_an_example() {
    let top = help(&[]);
    for verb in verbs(&top) {
        let said = help(std::slice::from_ref(&verb));
        assert!(said.contains("Example"), "armilla {verb} --help shows no example");
    }
    for part in ["Exit codes:", "Environment:", "ARMILLA_STATE"] {
        assert!(top.contains(part), "armilla --help does not tell of {part}");
    }
}
