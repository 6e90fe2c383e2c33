//! `installer/CHECKS.md` lists every check; a test writes it from the registry and from the changes that trip it.
//! `UPDATE_GOLDEN=1 cargo test -p installer-plan page` writes it anew; otherwise a difference fails.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use installer_model::finding::Severity;

use super::trips::trips;
use super::{AREAS, Check, checks};

const HEAD: &str = "# Checks

Written by `UPDATE_GOLDEN=1 cargo test -p installer-plan page` from the registry. `armilla check` makes every one of them on every
host, all at once, before anything is changed; each finding has an id, a severity, what was observed, what is wanted and what to do.
*refuse*: the installation would fail or data would be lost. *warn*: it goes on, and somebody should look. *info*: Armilla copes. A
fact that could not be read never refuses.
";

#[test]
fn the_page_of_checks_lists_every_check() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../CHECKS.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        super::hosts::write(&path, &page);
    }
    assert_eq!(super::hosts::read(&path), page, "UPDATE_GOLDEN=1 writes CHECKS.md anew");
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    writeln!(page, "\n{} checks in {} areas.", checks().count(), AREAS.len()).unwrap();
    for area in AREAS {
        let (en, zh) = (area.title.en, area.title.zh);
        write!(page, "\n## {en} · {zh}\n\n| id | | check | 检查 | why |\n|---|---|---|---|---|\n").unwrap();
        for check in area.checks {
            let Check { id, title, why, .. } = check;
            writeln!(page, "| `{id}` | {} | {} | {} | {} |", severities(id), title.en, title.zh, why.en)
                .unwrap();
        }
    }
    page
}

/// Those that the changes of the table bring about, the heaviest first.
fn severities(id: &str) -> String {
    let seen: BTreeSet<Severity> =
        trips().filter(|trip| trip.0 == id).map(|(_, _, severity, ..)| *severity).collect();
    seen.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
