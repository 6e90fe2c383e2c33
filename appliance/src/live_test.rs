use installer_model::event::{Failure, RunId};
use installer_model::plan::{Action, Intent, PLAN_FORMAT, Phase, PlanId, Step};

use super::*;

const SIZE: Size = Size { columns: 100, rows: 40 };

fn plan(hosts: &[&str]) -> Plan {
    let step = |host: &str, word: &str| Step {
        id: StepId(format!("{host}/place/{word}")),
        phase: Phase::Place,
        wave: 0,
        host: host.to_owned(),
        action: Action::Files { title: word.to_owned(), folders: Vec::new(), files: Vec::new() },
        after: Vec::new(),
        quorum_critical: false,
    };
    Plan {
        format: PLAN_FORMAT,
        id: PlanId("1".repeat(64)),
        parent: None,
        site: "demo".into(),
        intent: Intent::Install,
        release: "1".into(),
        steps: hosts.iter().flat_map(|host| [step(host, "runc"), step(host, "etcd")]).collect(),
        report: Vec::new(),
    }
}

fn screen(hosts: &[&str]) -> Screen {
    Screen::new(&plan(hosts), &View::new(RunId("r-1".into())), 0)
}

fn tell(screen: &mut Screen, event: Event, now: u64) -> Option<String> {
    screen.record(&Record { format: 1, index: 1, at: 0, run: RunId("r-1".into()), event }, now)
}

fn step(name: &str) -> StepId {
    StepId(name.into())
}

fn started(name: &str) -> Event {
    Event::StepStarted { step: step(name), attempt: 1 }
}

fn moved(name: &str, mib: u64) -> Progress {
    Progress {
        bytes_done: mib << 20,
        bytes_total: Some(100 << 20),
        ..Progress::new(RunId("r-1".into()), step(name), 1)
    }
}

#[test]
fn each_host_says_what_it_does_how_far_how_fast_and_how_long_yet() {
    let mut screen = screen(&["a", "bb"]);
    tell(&mut screen, started("a/place/runc"), 0);
    screen.progress(&moved("a/place/runc", 10), 1_000);
    screen.progress(&moved("a/place/runc", 30), 3_000);
    let wanted = [
        "╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  0/4 steps  3 s",
        "a   place    place runc  30.0/100.0 MiB  10.0 MiB/s  7 s left",
        "bb  waits",
    ];
    assert_eq!(screen.lines(3_200, SIZE), wanted);
}

#[test]
fn a_rate_is_of_the_last_seconds_only() {
    let mut screen = screen(&["a"]);
    tell(&mut screen, started("a/place/runc"), 0);
    screen.progress(&moved("a/place/runc", 80), 1_000);
    for second in 0..6 {
        screen.progress(&moved("a/place/runc", 81 + second), 20_000 + second * 1_000);
    }
    assert!(
        screen.lines(25_000, SIZE)[1].contains("  1.0 MiB/s  14 s left"),
        "{:?}",
        screen.lines(25_000, SIZE)
    );
}

#[test]
fn what_ended_is_counted_and_a_host_that_did_all_is_ready() {
    let mut screen = screen(&["a"]);
    for name in ["a/place/runc", "a/place/etcd"] {
        tell(&mut screen, started(name), 0);
        tell(&mut screen, Event::StepMet { step: step(name), attempt: 1 }, 0);
    }
    let lines = screen.lines(61_000, SIZE);
    assert!(lines[0].ends_with("━  2/2 steps  1 min 1 s"), "{lines:?}");
    assert_eq!(lines[1], "a  ready");
}

#[test]
fn a_failure_stays_above_with_its_evidence_and_the_host_is_shown_as_dropped() {
    let mut screen = screen(&["a"]);
    tell(&mut screen, started("a/place/runc"), 0);
    let failure = Failure {
        what: "place runc".into(),
        evidence: vec!["No space left on device".into()],
        hint: Some("make room".into()),
        exit_code: 1,
    };
    let failed = Event::StepFailed { step: step("a/place/runc"), attempt: 1, failure, output: None };
    let line = tell(&mut screen, failed, 0).unwrap();
    let wanted =
        "a/place/runc FAILED: failed to place runc\n    | No space left on device\n    hint: make room";
    assert_eq!(line, wanted);
    tell(&mut screen, Event::HostDropped { host: "a".into(), step: step("a/place/runc") }, 0);
    assert_eq!(screen.lines(0, SIZE)[1], "a  dropped out: a/place/runc failed");
}

#[test]
fn of_many_hosts_those_at_work_are_shown_and_the_others_counted() {
    let names: Vec<String> = (10..60).map(|n| format!("w{n}")).collect();
    let mut screen = screen(&names.iter().map(String::as_str).collect::<Vec<_>>());
    tell(&mut screen, started("w59/place/runc"), 0);
    let lines = screen.lines(0, SIZE);
    assert!(lines[1].starts_with("w59  place"), "{lines:?}");
    assert_eq!(lines.len(), 1 + HOSTS_SHOWN + 1);
    assert_eq!(lines.last().unwrap(), "and 34 more hosts");
    let low = screen.lines(0, Size { columns: 100, rows: 8 });
    assert_eq!((low.len(), low.last().unwrap().as_str()), (7, "and 45 more hosts"));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut screen = screen(&["a"]);
    tell(&mut screen, started("a/place/runc"), 0);
    assert!(
        screen.lines(9_000, Size { columns: 20, rows: 40 }).iter().all(|line| line.chars().count() <= 20)
    );
}

#[test]
fn a_resumed_run_begins_where_it_was() {
    let plan = plan(&["a"]);
    let mut view = View::new(RunId("r-1".into()));
    let done = Event::StepDone { step: step("a/place/runc"), attempt: 1, output: None };
    view.apply(&Record { format: 1, index: 1, at: 0, run: RunId("r-1".into()), event: done });
    assert!(Screen::new(&plan, &view, 0).lines(0, SIZE)[0].contains("1/2 steps"));
}
