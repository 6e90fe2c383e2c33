//! Guards the floors: lower never imports upper, and what must not be touched on a floor is not linked into it.
//!
//! `breaches` is pure and works on a small graph; the graph of this workspace comes from `cargo metadata`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Edges between crates of one floor, one by one, each with its reason.
const SIDEWAYS: [(&str, &str, &str); 6] = [
    ("installer-model", "bundles-format", "a plan names content by the bundle's digests and architectures"),
    ("installer-wire", "bundles-format", "a hand is told which blob to hold by its digest"),
    ("installer-wire", "installer-model", "a hand answers with facts, which are nouns of the model"),
    ("installer-plan", "installer-render", "a plan carries the finished text of each file"),
    ("appliance-control", "installer-run", "it prepares runs and has them performed"),
    ("installer-ssh", "installer-hand", "its tests talk to a real hand; no such edge in the product"),
];

/// What floors 0 and 1 may not reach, however far down: an executor, a server, a database, a wire.
const TOUCHING: [&str; 6] = ["tokio", "axum", "redb", "ssh2", "kube", "openraft"];

/// Heavy libraries, each with the one crate that may depend on it.
const QUARANTINE: [(&str, &str); 6] = [
    ("redb", "appliance-store"),
    ("ssh2", "installer-ssh"),
    ("reqwest", "bundles-fetch"),
    ("oci-client", "bundles-fetch"),
    ("kube", "installer-cluster"),
    ("openraft", "appliance-raft"),
];

#[derive(Debug, Default)]
struct Crate {
    /// None for what is not of this workspace, and for a member that forgot to say.
    floor: Option<u64>,
    member: bool,
    /// Direct dependencies of the library or binary, build scripts included.
    needs: BTreeSet<String>,
    /// Direct dependencies of the tests alone.
    tests_need: BTreeSet<String>,
}

type Graph = BTreeMap<String, Crate>;

/// Every broken rule, in words.
fn breaches(graph: &Graph, sideways: &[(&str, &str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, krate) in graph.iter().filter(|(_, krate)| krate.member) {
        let Some(floor) = krate.floor else {
            found.push(format!("{name} does not say its floor"));
            continue;
        };
        for need in krate.needs.union(&krate.tests_need) {
            let other = graph[need].floor;
            if other > Some(floor) {
                found.push(format!("{name} (floor {floor}) imports {need} from above"));
            }
            let listed = sideways.iter().any(|(from, to, _)| from == name && to == need);
            if other == Some(floor) && !listed {
                found.push(format!("{name} imports {need} sideways, which is not listed"));
            }
        }
        if floor <= 1 {
            let reached = reach(graph, name);
            let touching = TOUCHING.iter().filter(|library| reached.contains(**library));
            found.extend(touching.map(|library| format!("{name} (floor {floor}) reaches {library}")));
        }
        for (library, keeper) in QUARANTINE {
            if name != keeper && krate.needs.union(&krate.tests_need).any(|need| need == library) {
                found.push(format!("{name} depends on {library}, which belongs to {keeper}"));
            }
        }
    }
    for (from, to, _) in sideways {
        let there =
            graph.get(*from).is_some_and(|krate| krate.needs.contains(*to) || krate.tests_need.contains(*to));
        if !there {
            found.push(format!("the list has {from} -> {to}, which is no longer there"));
        }
    }
    found
}

/// Everything that is linked into a crate.
fn reach<'a>(graph: &'a Graph, name: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        for need in graph.get(name).into_iter().flat_map(|krate| &krate.needs) {
            if reached.insert(need.as_str()) {
                open.push(need);
            }
        }
    }
    reached
}

fn metadata() -> Metadata {
    // One platform, so that nothing is downloaded that no build needs.
    let options = ["--locked", "--filter-platform", "x86_64-unknown-linux-musl"].map(str::to_owned);
    MetadataCommand::new().other_options(options).exec().unwrap()
}

fn graph(metadata: &Metadata) -> Graph {
    let members: BTreeSet<_> = metadata.workspace_members.iter().collect();
    let mut graph = Graph::new();
    for node in &metadata.resolve.as_ref().unwrap().nodes {
        let package = &metadata[&node.id];
        let krate = graph.entry(package.name.to_string()).or_default();
        krate.member |= members.contains(&node.id);
        if krate.member {
            krate.floor = package.metadata["floor"].as_u64();
        }
        for need in &node.deps {
            let tests_alone = need.dep_kinds.iter().all(|kind| kind.kind == DependencyKind::Development);
            let needs = if tests_alone { &mut krate.tests_need } else { &mut krate.needs };
            needs.insert(metadata[&need.pkg].name.to_string());
        }
    }
    graph
}

#[test]
fn the_workspace_keeps_to_its_floors() {
    let found = breaches(&graph(&metadata()), &SIDEWAYS);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_manifest_lists_each_crate_under_its_floor() {
    let metadata = metadata();
    let manifest = std::fs::read_to_string(metadata.workspace_root.join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let mut group = None;
    let mut listed = BTreeMap::new();
    for line in members.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            group = comment.trim().chars().next().and_then(|first| first.to_digit(10)).map(u64::from);
        } else if let Some((path, _)) = line.strip_prefix('"').and_then(|line| line.split_once('"')) {
            listed.insert(metadata.workspace_root.join(path), group);
        }
    }
    for package in metadata.workspace_packages() {
        let folder = package.manifest_path.parent().unwrap();
        assert_eq!(listed.get(folder), Some(&package.metadata["floor"].as_u64()), "{}", package.name);
    }
}

/// A graph from lines `name floor: needs … | needs of its tests …`; the floor is `-` for what is outside, and `?`
/// for a member that does not say.
fn drawn(text: &str) -> Graph {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    text.lines()
        .map(|line| {
            let (head, needs) = line.split_once(':').unwrap();
            let (name, floor) = head.trim().split_once(' ').unwrap();
            let (needs, tests_need) = needs.split_once('|').unwrap_or((needs, ""));
            let krate = Crate {
                floor: floor.parse().ok(),
                member: floor != "-",
                needs: words(needs),
                tests_need: words(tests_need),
            };
            (name.to_owned(), krate)
        })
        .collect()
}

#[test]
fn a_good_graph_passes() {
    let good = "model 0: serde
        plan 1: model
        appliance-store 2: model redb
        binary 5: plan appliance-store tokio
        serde -:
        redb -:
        tokio -:";
    assert_eq!(breaches(&drawn(good), &[]), [""; 0]);
}

#[test]
fn every_kind_of_breach_is_seen() {
    let bad = "model 0: helper | run
        plan 1: other
        other 1:
        run 3: redb
        lost ?:
        helper -: tokio
        tokio -:
        redb -:";
    let sideways = [("plan", "gone", "was needed once")];
    assert_eq!(
        breaches(&drawn(bad), &sideways),
        [
            "lost does not say its floor",
            "model (floor 0) imports run from above",
            "model (floor 0) reaches tokio",
            "plan imports other sideways, which is not listed",
            "run depends on redb, which belongs to appliance-store",
            "the list has plan -> gone, which is no longer there",
        ]
    );
}
