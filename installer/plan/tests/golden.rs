//! This wish on these hosts gives this plan, as text that a person reviews: `plans/*.yaml` and `plans/*.plan`.
//! `UPDATE_GOLDEN=1 cargo test -p installer-plan --test golden` writes them anew.

#![expect(clippy::disallowed_methods, reason = "a test of a pure crate reads its golden files")]

mod fixture;

use installer_plan::diff::{diff, render_plan};
use installer_plan::lint::lint;

#[test]
fn every_wish_gives_the_plan_beside_it() {
    for (name, wish) in fixture::wishes() {
        let (text, golden) = (render_plan(&fixture::plan(&wish)), wish.with_extension("plan"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, text).unwrap();
        } else {
            let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(wanted, text, "{name}: UPDATE_GOLDEN=1 writes what was planned");
        }
    }
}

#[test]
fn every_plan_passes_lint() {
    for (name, wish) in fixture::wishes() {
        let plan = fixture::plan(&wish);
        let hosts = plan.hosts();
        let faults: Vec<String> = lint(&plan, &hosts).iter().map(ToString::to_string).collect();
        assert_eq!(faults, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_same_wish_gives_the_same_plan() {
    for (name, wish) in fixture::wishes() {
        let (one, two) = (fixture::plan(&wish), fixture::plan(&wish));
        assert_eq!(one.id, two.id, "{name}");
        assert!(diff(&one, &two).is_empty(), "{name}");
    }
}
