use installer_model::event::{Event, Failure, Record, RunId};
use installer_model::plan::{Action, Intent, PLAN_FORMAT, Phase, PlanId, Step};

use super::*;

/// A plan of `host/phase/word` steps written as `a/prepare/x < b/prepare/y`; a `!` in front marks a quorum-critical
/// step.
fn plan(lines: &[&str]) -> Plan {
    let steps = lines.iter().map(|line| step(line)).collect();
    Plan {
        format: PLAN_FORMAT,
        id: PlanId("1".repeat(64)),
        parent: None,
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps,
        report: Vec::new(),
    }
}

fn step(line: &str) -> Step {
    let (name, after) = line.split_once(" < ").unwrap_or((line, ""));
    let (quorum_critical, name) = match name.strip_prefix('!') {
        Some(name) => (true, name),
        None => (false, name),
    };
    Step {
        id: StepId(name.into()),
        phase: Phase::Prepare,
        wave: 0,
        host: name.split('/').next().unwrap().into(),
        action: Action::StopPods,
        after: after.split_whitespace().map(|id| StepId(id.into())).collect(),
        quorum_critical,
    }
}

fn view(events: Vec<Event>) -> View {
    let run = RunId("r-1".into());
    let record = |(at, event)| Record { format: 1, index: at as u64 + 1, at: 0, run: run.clone(), event };
    let records: Vec<Record> = events.into_iter().enumerate().map(record).collect();
    View::fold(run, &records)
}

fn id(name: &str) -> StepId {
    StepId(name.into())
}

fn done(name: &str) -> Event {
    Event::StepDone { step: id(name), attempt: 1, output: None }
}

fn started(name: &str) -> Event {
    Event::StepStarted { step: id(name), attempt: 1 }
}

fn fails(name: &str) -> Event {
    let failure = Failure { what: "try".into(), evidence: Vec::new(), hint: None, exit_code: 1 };
    Event::StepFailed { step: id(name), attempt: 1, failure, output: None }
}

fn flying(names: &[&str]) -> BTreeSet<StepId> {
    names.iter().map(|name| id(name)).collect()
}

fn perform(names: &[&str]) -> Next {
    Next::Perform(names.iter().map(|name| id(name)).collect())
}

fn ask(plan: &Plan, events: Vec<Event>, in_flight: &[&str]) -> Next {
    next(plan, &view(events), &flying(in_flight), Limits::default())
}

#[test]
fn a_host_runs_down_its_own_chain_and_waits_only_where_an_edge_says_so() {
    let plan = plan(&["a/p/1", "a/p/2 < a/p/1", "b/p/1", "b/p/2 < b/p/1", "b/p/3 < b/p/2 a/p/2"]);
    assert_eq!(ask(&plan, vec![], &[]), perform(&["a/p/1", "b/p/1"]));
    assert_eq!(ask(&plan, vec![done("b/p/1")], &["a/p/1"]), perform(&["b/p/2"]));
    let events = || vec![done("b/p/1"), done("b/p/2")];
    assert_eq!(ask(&plan, events(), &["a/p/1"]), Next::Wait);
    let waiting = waiting(&plan, &view(events()), &flying(&["a/p/1"]), Limits::default());
    let reasons = [
        ("a/p/1", Reason::InFlight),
        ("a/p/2", Reason::After { steps: vec![id("a/p/1")] }),
        ("b/p/3", Reason::After { steps: vec![id("a/p/2")] }),
    ];
    let reasons = reasons.map(|(step, reason)| Waiting { step: id(step), reason });
    assert_eq!(waiting, reasons);
}

#[test]
fn a_step_whose_engine_died_is_performed_again() {
    let plan = plan(&["a/p/1", "a/p/2 < a/p/1"]);
    assert_eq!(ask(&plan, vec![started("a/p/1")], &[]), perform(&["a/p/1"]));
}

#[test]
fn a_failed_step_drops_its_host_and_blocks_what_comes_after_it_elsewhere() {
    let plan = plan(&["a/p/1", "a/p/9", "b/p/1", "b/p/2 < a/p/1", "c/p/1 < b/p/2", "c/p/2"]);
    let events = || vec![fails("a/p/1")];
    assert_eq!(ask(&plan, events(), &[]), perform(&["b/p/1", "c/p/2"]));
    let reasons = waiting(&plan, &view(events()), &flying(&["b/p/1", "c/p/2"]), Limits::default());
    let reason = |step: &str| reasons.iter().find(|waiting| waiting.step == id(step)).unwrap().reason.clone();
    assert_eq!(reason("a/p/9"), Reason::HostDropped { failed: id("a/p/1") });
    assert_eq!(reason("b/p/2"), Reason::Blocked { failed: id("a/p/1") });
    assert_eq!(reason("c/p/1"), Reason::Blocked { failed: id("a/p/1") });
    assert_eq!(reason("a/p/1"), Reason::Failed);
    let end = vec![fails("a/p/1"), done("b/p/1"), done("c/p/2")];
    assert_eq!(ask(&plan, end, &[]), Next::Complete { outcome: Outcome::Degraded });
}

#[test]
fn what_a_dropped_host_had_done_before_still_counts() {
    let plan = plan(&["a/p/1", "a/p/2 < a/p/1", "b/p/1 < a/p/1"]);
    assert_eq!(ask(&plan, vec![done("a/p/1"), fails("a/p/2")], &[]), perform(&["b/p/1"]));
}

#[test]
fn a_quorum_critical_failure_halts_and_lets_what_is_in_flight_end() {
    let plan = plan(&["!a/p/1", "b/p/1", "c/p/1"]);
    let halt = Next::Halt { why: HaltReason::QuorumCritical { step: id("a/p/1") } };
    assert_eq!(ask(&plan, vec![fails("a/p/1")], &["b/p/1"]), halt);
    let end = vec![fails("a/p/1"), done("b/p/1")];
    assert_eq!(ask(&plan, end, &[]), Next::Complete { outcome: Outcome::Failed });
}

#[test]
fn a_quorum_critical_step_that_cannot_be_tried_makes_the_run_a_failed_one() {
    let plan = plan(&["a/p/1", "!a/p/2 < a/p/1", "b/p/1", "b/p/2 < a/p/2"]);
    assert_eq!(ask(&plan, vec![fails("a/p/1")], &[]), perform(&["b/p/1"]));
    let end = vec![fails("a/p/1"), done("b/p/1")];
    assert_eq!(ask(&plan, end, &[]), Next::Complete { outcome: Outcome::Failed });
}

#[test]
fn a_halted_run_says_so_of_every_step_that_could_have_run() {
    let plan = plan(&["!a/p/1", "a/p/2 < a/p/1", "b/p/1", "b/p/2 < b/p/1"]);
    let all = waiting(&plan, &view(vec![fails("a/p/1")]), &flying(&[]), Limits::default());
    let why = HaltReason::QuorumCritical { step: id("a/p/1") };
    let halted = || Reason::Halted { why: why.clone() };
    let reasons: Vec<Reason> = all.into_iter().map(|waiting| waiting.reason).collect();
    assert_eq!(reasons, [Reason::Failed, Reason::HostDropped { failed: id("a/p/1") }, halted(), halted()]);
}

#[test]
fn a_cancelled_run_starts_nothing_more_and_ends_cancelled_unless_all_was_done() {
    let plan = plan(&["a/p/1", "b/p/1"]);
    let halt = Next::Halt { why: HaltReason::Cancelled };
    assert_eq!(ask(&plan, vec![Event::RunCancelled], &["a/p/1"]), halt);
    let part = vec![Event::RunCancelled, done("a/p/1")];
    assert_eq!(ask(&plan, part, &[]), Next::Complete { outcome: Outcome::Cancelled });
    let all = vec![Event::RunCancelled, done("a/p/1"), done("b/p/1")];
    assert_eq!(ask(&plan, all, &[]), Next::Complete { outcome: Outcome::Healthy });
}

#[test]
fn when_every_host_dropped_out_the_run_failed() {
    let plan = plan(&["a/p/1", "b/p/1"]);
    let end = vec![fails("a/p/1"), fails("b/p/1")];
    assert_eq!(ask(&plan, end, &[]), Next::Complete { outcome: Outcome::Failed });
}

#[test]
fn limits_hold_per_host_and_over_all_hosts() {
    let plan = plan(&["a/p/1", "a/p/2", "a/p/3", "b/p/1", "c/p/1"]);
    let limits = Limits { steps_per_host: 2, hosts: 2 };
    let start = next(&plan, &view(vec![]), &flying(&[]), limits);
    assert_eq!(start, perform(&["a/p/1", "a/p/2", "b/p/1"]));
    let in_flight = flying(&["a/p/1", "a/p/2", "b/p/1"]);
    assert_eq!(next(&plan, &view(vec![]), &in_flight, limits), Next::Wait);
    let waiting = waiting(&plan, &view(vec![]), &in_flight, limits);
    assert_eq!(waiting[2].reason, Reason::HostBusy { steps: vec![id("a/p/1"), id("a/p/2")] });
    assert_eq!(waiting[4].reason, Reason::HostLimit { hosts: 2 });
}

#[test]
fn a_resumed_run_tries_again_what_failed_with_an_attempt_that_was_never_used() {
    let plan = plan(&["a/p/1", "a/p/2 < a/p/1"]);
    let view = view(vec![started("a/p/1"), fails("a/p/1"), Event::RunResumed]);
    assert_eq!(next(&plan, &view, &flying(&[]), Limits::default()), perform(&["a/p/1"]));
    assert_eq!(view.next_attempt(&id("a/p/1")), 2);
}

#[test]
fn a_plan_with_a_cycle_ends_instead_of_waiting_for_ever() {
    let plan = plan(&["a/p/1 < b/p/1", "b/p/1 < a/p/1"]);
    assert_eq!(ask(&plan, vec![], &[]), Next::Complete { outcome: Outcome::Failed });
}

#[test]
fn reasons_read_as_sentences() {
    let steps: Vec<StepId> = (1..=5).map(|n| id(&format!("a/p/{n}"))).collect();
    assert_eq!(Reason::After { steps }.to_string(), "waits for a/p/1, a/p/2, a/p/3 and 2 more");
}
