//! The same script three ways on a cluster that stands: asked of the server through its socket, over TLS with a login, and done in a
//! process of its own once the server is gone. What is printed and the exit codes are the same.

use super::served::Served;
use crate::installation::Installation;
use std::path::Path;
use std::process::{Command, Stdio};

/// Verbs, and whether they take the site file.
const SCRIPT: &[(&str, bool)] = &[
    ("check", true),
    ("plan", true),
    ("run ls", false),
    ("run show", false),
    ("run show r-1 -o json", false),
    ("run show r-999", false),
    ("run follow r-1", false),
    ("user ls", false),
    ("settings get", false),
    ("audit verify", false),
    ("reset --host h1", true),
    ("reset --host h9", true),
    ("reset --dry-run", true),
];

/// Those that read a state folder on this machine.
const LOCAL: &[(&str, bool)] = &[("status", true), ("kubeconfig", true), ("image ls", true)];

pub(crate) fn say_the_same(site: &Installation, server: &mut Served<'_>) {
    let state = site.folder.state().display().to_string();
    let home = site.folder.path().join("home-tls");
    std::fs::create_dir_all(&home).unwrap();
    let (url, fingerprint) = server.place();
    let login = format!(
        "echo 'correct horse' | HOME={} armilla login {url} --user anna --ca-fingerprint {fingerprint} --password-stdin",
        home.display()
    );
    server.shell.tell(&login);

    let all: Vec<(&str, bool)> = [SCRIPT, LOCAL].concat();
    let socket = script(site, &all, &["--state", &state], &home.join("nobody"));
    let tls = script(site, SCRIPT, &[], &home);
    server.stop();
    let own = script(site, &all, &["--state", &state], &home.join("nobody"));
    server.start_again();
    assert_eq!(differs(&own, &socket), None, "through the socket");
    assert_eq!(differs(&own[..SCRIPT.len()], &tls), None, "over TLS");
    let well = own.iter().filter(|told| told.ends_with("exit code Some(0)\n")).count();
    assert_eq!(well, all.len() - 3, "{own:#?}");
    println!("{} lines said the same each way", all.len());
}

fn script(site: &Installation, lines: &[(&str, bool)], whom: &[&str], home: &Path) -> Vec<String> {
    let told = lines.iter().map(|(line, of_site)| {
        let mut command: Command = site.lab.command([site.folder.program()]);
        command.args(line.split(' ')).args(whom).env_remove("ARMILLA_STATE").env("HOME", home);
        if *of_site {
            command.arg("-s").arg(site.folder.site());
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        // How a host looks changes from one moment to the next: how fast its disk is beside what else the machine does.
        let is_of_the_moment = *line == "check";
        let said =
            if is_of_the_moment { String::new() } else { plain(&String::from_utf8_lossy(&output.stdout)) };
        format!("$ {line}\n{said}exit code {:?}\n", output.status.code())
    });
    told.collect()
}

/// Without what no two looks have in common: how old something is, how long it took, how many entries the audit has, how fast a disk
/// was just now.
fn plain(text: &str) -> String {
    let is_figure = |word: &str| {
        let word = word.trim_matches(|c: char| "()~,;".contains(c));
        word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().any(|c| "smhd".contains(c))
    };
    let line = |line: &str| match line.split_once(" entries, ") {
        Some((_, rest)) => format!("… entries, {rest}"),
        None => {
            let words = line.split_whitespace().map(|word| if is_figure(word) { "…" } else { word });
            words.collect::<Vec<_>>().join(" ")
        }
    };
    // Whether a host's disk is slow is another answer each time: the machine writes for all of them.
    let lasting = text.lines().filter(|line| !line.contains("fsync"));
    lasting.map(|text| line(text) + "\n").collect()
}

fn differs(one: &[String], other: &[String]) -> Option<String> {
    assert_eq!(one.len(), other.len());
    let pairs = one.iter().zip(other);
    pairs.filter(|(one, other)| one != other).map(|(one, other)| format!("{one}--- but\n{other}")).next()
}
