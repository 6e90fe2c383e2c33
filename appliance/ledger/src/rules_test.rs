use installer_model::event::Outcome;
use installer_model::plan::{Intent, PLAN_FORMAT};

use super::*;

fn id(name: &str) -> PlanId {
    PlanId(name.to_owned())
}

fn plan(name: &str, parent: Option<&str>) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        id: id(name),
        parent: parent.map(id),
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps: Vec::new(),
        report: Vec::new(),
    }
}

fn row(run: &str, plan: &str, outcome: Option<Outcome>) -> RunRow {
    RunRow {
        run: RunId(run.into()),
        site: "demo".into(),
        plan: id(plan),
        started_at: 0,
        ended_at: None,
        outcome,
        revision: 0,
    }
}

#[test]
fn a_plan_made_from_the_current_target_replaces_it() {
    assert_eq!(adopt(None, &plan("one", None)), Ok(Adopt::Replace));
    assert_eq!(adopt(Some(&id("one")), &plan("two", Some("one"))), Ok(Adopt::Replace));
    assert_eq!(adopt(Some(&id("two")), &plan("two", Some("one"))), Ok(Adopt::Keep));
}

#[test]
fn a_plan_made_from_an_older_target_is_refused_and_both_are_named() {
    let refused = adopt(Some(&id("two")), &plan("other", Some("one"))).unwrap_err();
    let text = "adopt plan other: it was made when the site's target was one, which is now two";
    assert_eq!(refused.to_string(), text);
    assert!(adopt(Some(&id("one")), &plan("first", None)).is_err());
    assert!(adopt(None, &plan("two", Some("one"))).is_err());
}

#[test]
fn a_run_left_open_is_resumed_by_its_own_plan_and_abandoned_by_another() {
    let none = BTreeSet::new();
    let open = [row("r-1", "one", None), row("r-2", "two", None), row("r-3", "two", Some(Outcome::Failed))];
    let resume = Begin::Resume { run: RunId("r-2".into()), abandon: vec![RunId("r-1".into())] };
    assert_eq!(begin(Some(&id("two")), &open, &none, "demo", &id("two")), Ok(resume));
    let new = Begin::New { abandon: vec![RunId("r-1".into()), RunId("r-2".into())] };
    assert_eq!(begin(Some(&id("new")), &open, &none, "demo", &id("new")), Ok(new));
}

#[test]
fn an_ended_run_is_not_resumed() {
    let ended = [row("r-1", "one", Some(Outcome::Degraded))];
    let begun = begin(Some(&id("one")), &ended, &BTreeSet::new(), "demo", &id("one"));
    assert_eq!(begun, Ok(Begin::New { abandon: Vec::new() }));
}

#[test]
fn a_run_that_is_being_performed_holds_the_site() {
    let live = BTreeSet::from([RunId("r-1".into())]);
    let refused = begin(Some(&id("two")), &[row("r-1", "one", None)], &live, "demo", &id("two"));
    assert!(matches!(refused, Err(BeginRefused::Running { .. })));
    let other = RunRow { site: "other".into(), ..row("r-1", "one", None) };
    assert!(begin(Some(&id("two")), &[other], &live, "demo", &id("two")).is_ok());
}

#[test]
fn only_the_target_is_run() {
    let refused = begin(Some(&id("two")), &[], &BTreeSet::new(), "demo", &id("one")).unwrap_err();
    assert_eq!(refused.to_string(), "begin a run of plan one: the target of demo is two");
}
