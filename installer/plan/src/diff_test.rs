use std::collections::BTreeMap;

use installer_model::plan::{Action, FileSource, FileSpec, FolderSpec, PLAN_FORMAT, PlanId};

use super::*;

fn step(id: &str, action: Action, after: &[&str]) -> Step {
    let mut parts = id.split('/');
    let (host, phase) = (parts.next().unwrap(), parts.next().unwrap());
    Step {
        id: StepId(id.into()),
        phase: *Phase::ALL.iter().find(|known| known.as_str() == phase).unwrap(),
        wave: 0,
        host: host.into(),
        action,
        after: after.iter().map(|id| StepId((*id).into())).collect(),
        quorum_critical: false,
    }
}

fn files(text: &str) -> Action {
    let file = |path: &str, text: &str| FileSpec {
        path: path.into(),
        mode: 0o644,
        source: FileSource::Text(text.into()),
    };
    Action::Files {
        title: "configuration".into(),
        folders: vec![FolderSpec { path: "/etc/x".into(), mode: 0o755 }],
        files: vec![file("/etc/x/a.toml", text), file("/etc/x/b.toml", "b\n")],
    }
}

fn sysctls(value: &str) -> Action {
    let values = BTreeMap::from([("net.ipv4.ip_forward".to_owned(), value.to_owned())]);
    Action::Sysctls { path: "/etc/sysctl.d/90.conf".into(), values, others: Vec::new() }
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        id: PlanId("1".repeat(64)),
        parent: None,
        site: "demo".into(),
        intent: Intent::Install,
        release: "1.37.1".into(),
        steps,
        report: vec!["a has cgroup v1: the kubelet is told to accept it".into()],
    }
}

#[test]
fn a_plan_is_shown_by_phase_then_host_with_one_step_per_line() {
    let mut critical = step("a/place/files", files("x\n"), &["a/prepare/sysctls"]);
    critical.quorum_critical = true;
    critical.wave = 1;
    let plan = plan(vec![
        step("a/prepare/sysctls", sysctls("1"), &[]),
        critical,
        step("b/prepare/sysctls", sysctls("1"), &[]),
    ]);
    let wanted = "\
site demo, release 1.37.1: install
  because a has cgroup v1: the kubelet is told to accept it

prepare
  a
    a/prepare/sysctls                set 1 kernel settings
  b
    b/prepare/sysctls                set 1 kernel settings

place
  a
  ! a/place/files                    place configuration  wave 1  after a/prepare/sysctls
";
    assert_eq!(render_plan(&plan), wanted);
}

#[test]
fn contents_are_shown_once_with_every_step_that_writes_them() {
    let text = "one\ntwo\n";
    let plan = plan(vec![step("a/place/files", files(text), &[]), step("b/place/files", files(text), &[])]);
    let shown = render_contents(&plan);
    let wanted = "\
action.files./etc/x/a.toml.source.text
  of a/place/files b/place/files
    one
    two
";
    assert!(shown.starts_with(wanted), "{shown}");
    assert_eq!(shown.matches("two").count(), 1);
}

#[test]
fn a_diff_names_what_came_went_and_changed_by_line() {
    let old = plan(vec![
        step("a/prepare/sysctls", sysctls("0"), &[]),
        step("a/place/files", files("1\n2\n3\n4\n"), &["a/prepare/sysctls"]),
        step("a/place/gone", Action::StopPods, &[]),
    ]);
    let new = plan(vec![
        step("a/prepare/sysctls", sysctls("1"), &[]),
        step("a/place/files", files("1\n2\n3\nfour\n"), &["a/prepare/sysctls", "a/place/new"]),
        step("a/place/new", Action::StopPods, &[]),
    ]);
    let wanted = "\
- a/place/gone  stop all pods
+ a/place/new  stop all pods
~ a/prepare/sysctls  set 1 kernel settings
    action.values.net.ipv4.ip_forward
      -0
      +1
~ a/place/files  place configuration
    action.files./etc/x/a.toml.source.text
      …
       2
       3
      -4
      +four
    after
       a/prepare/sysctls
      +a/place/new
";
    assert_eq!(diff(&old, &new).to_string(), wanted);
}

#[test]
fn plans_that_do_the_same_differ_in_nothing_whatever_their_parents() {
    let old = plan(vec![step("a/prepare/sysctls", sysctls("0"), &[])]);
    let new = Plan { parent: Some(old.id.clone()), id: PlanId("2".repeat(64)), ..old.clone() };
    assert!(diff(&old, &new).is_empty());
}

#[test]
fn a_file_more_in_front_changes_no_other() {
    let one = step("a/place/files", files("x\n"), &[]);
    let mut two = one.clone();
    if let Action::Files { files, .. } = &mut two.action {
        let source = FileSource::Link("/etc/x/a.toml".into());
        files.insert(0, FileSpec { path: "/etc/first".into(), mode: 0o777, source });
    }
    let change = &diff(&plan(vec![one]), &plan(vec![two])).changed[0];
    assert!(change.fields.iter().all(|(name, _)| name.contains("/etc/first")), "{change:?}");
}
