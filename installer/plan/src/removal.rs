//! What a reset removes, for the operator to read before it begins. Pure.

use std::fmt::Write;

use installer_model::plan::{Action, Phase, Plan, Step};

/// Host by host; hosts from which the same goes share a block.
pub fn text(plan: &Plan) -> String {
    let mut blocks: Vec<(Vec<&str>, String)> = Vec::new();
    for host in plan.hosts() {
        let lines = lines(plan.steps.iter().filter(|step| step.host == host));
        match blocks.iter_mut().find(|(_, same)| *same == lines) {
            Some((hosts, _)) => hosts.push(host),
            None => blocks.push((vec![host], lines)),
        }
    }
    blocks.into_iter().map(|(hosts, lines)| format!("{}\n{lines}", hosts.join(", "))).collect()
}

fn lines<'p>(steps: impl Iterator<Item = &'p Step>) -> String {
    let mut text = String::new();
    for step in steps {
        // The last step removes the hand's own folder, after all that it is needed for.
        let (what, names) = match &step.action {
            Action::Drain { node, .. } => ("pods", vec![format!("of {node} move to other nodes")]),
            Action::DeleteNode { node } => ("node", vec![format!("{node} leaves the cluster")]),
            Action::StopRuns => ("commands", vec!["that any run left at work".to_owned()]),
            Action::StopPods => ("pods", vec!["all, with everything in them".to_owned()]),
            Action::RemoveUnits { units } => ("units", units.clone()),
            Action::StopPrograms { programs } => ("processes", programs.clone()),
            Action::Unmount { below } => {
                ("mounts", below.iter().map(|below| format!("below {below}")).collect())
            }
            Action::RemoveLinks { links } => ("links", links.clone()),
            Action::RemoveRules => {
                ("rules", vec!["of kube-proxy, flannel and the CNI plugins in the packet filter".to_owned()])
            }
            Action::RestoreSysctls => ("settings", vec!["of the kernel get their earlier values".to_owned()]),
            Action::RemovePaths { paths, .. } => ("files", paths.clone()),
            Action::Restore { .. } => ("back", vec!["what Armilla found and replaced".to_owned()]),
            Action::UndoRepairs => ("repairs", vec!["of check --fix are taken back".to_owned()]),
            Action::Remember { .. }
            | Action::Modules { .. }
            | Action::Sysctls { .. }
            | Action::Files { .. }
            | Action::Service(_)
            | Action::Images { .. }
            | Action::Init { .. }
            | Action::JoinWorker { .. }
            | Action::Node { .. }
            | Action::Apply { .. }
            | Action::Await { .. } => continue,
        };
        debug_assert!(matches!(step.phase, Phase::Leave | Phase::Clean), "{} is no removal", step.id);
        for (at, line) in wrapped(&names).into_iter().enumerate() {
            let what = if at == 0 { what } else { "" };
            writeln!(text, "  {what:<9}  {line}").expect("writing to a String");
        }
    }
    text
}

/// Names in lines of a terminal's width.
fn wrapped(names: &[String]) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len() + name.len() < WIDTH => {
                line.push_str(", ");
                line.push_str(name);
            }
            Some(_) | None => lines.push(name.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use installer_model::plan::{Intent, PLAN_FORMAT, PlanId, StepId};

    fn plan(steps: Vec<(&str, Action)>) -> Plan {
        let step = |(host, action): (&str, Action)| Step {
            id: StepId(format!("{host}/clean/x")),
            phase: Phase::Clean,
            wave: 0,
            host: host.to_owned(),
            action,
            after: Vec::new(),
            quorum_critical: false,
        };
        Plan {
            format: PLAN_FORMAT,
            id: PlanId(String::new()),
            parent: None,
            site: "s".to_owned(),
            intent: Intent::Reset,
            release: String::new(),
            steps: steps.into_iter().map(step).collect(),
            report: Vec::new(),
        }
    }

    #[test]
    fn hosts_that_lose_the_same_are_told_once_and_every_path_is_named() {
        let paths = |paths: &[&str]| Action::RemovePaths {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
            keep: Vec::new(),
        };
        let both = ["h1", "h2"].map(|host| (host, paths(&["/etc/a", "/etc/b"])));
        let text = text(&plan([both.to_vec(), vec![("h3", paths(&["/etc/a"]))]].concat()));
        assert_eq!(text, "h1, h2\n  files      /etc/a, /etc/b\nh3\n  files      /etc/a\n");
    }

    #[test]
    fn long_lists_are_broken_between_names() {
        let names: Vec<String> = (0..40).map(|n| format!("/usr/local/bin/{n}")).collect();
        let lines = wrapped(&names);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 120));
        assert_eq!(lines.join(", "), names.join(", "));
    }
}
