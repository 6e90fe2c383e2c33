//! Plans to run on simulated sites.

use installer_model::plan::{
    Action, Condition, FileSource, FileSpec, Intent, PLAN_FORMAT, Phase, Plan, PlanId, ServiceSpec, Step,
    StepId,
};

use super::Fate;

#[path = "../../../plan/tests/fixture/mod.rs"]
mod fixture;

/// A plan in short: one step per line, `host/phase/word`, `!` in front of a quorum-critical one, and after ` < ` the
/// steps it comes after.
pub(crate) fn plan(text: &str) -> Plan {
    let steps: Vec<Step> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(step).collect();
    with_steps(steps)
}

fn with_steps(steps: Vec<Step>) -> Plan {
    Plan {
        format: PLAN_FORMAT,
        id: PlanId(format!("{:064x}", steps.len())),
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
    let mut parts = name.split('/');
    let mut part = || parts.next().expect("host/phase/word");
    let (host, phase, word) = (part(), part(), part());
    Step {
        id: StepId(name.into()),
        phase: *Phase::ALL.iter().find(|known| known.as_str() == phase).expect("a phase"),
        wave: 0,
        host: host.into(),
        action: action(word),
        after: after.split_whitespace().map(|id| StepId(id.into())).collect(),
        quorum_critical,
    }
}

/// Some action whose label fits the word.
fn action(word: &str) -> Action {
    match word {
        "ready" => Action::Await { condition: Condition::ApiReady, timeout_seconds: 60 },
        "containerd" | "kubelet" | "node" => Action::Service(ServiceSpec {
            unit: format!("{word}.service"),
            files: Vec::new(),
            started_from: Vec::new(),
            running: true,
        }),
        word => Action::Files {
            title: word.to_owned(),
            folders: Vec::new(),
            files: vec![FileSpec {
                path: format!("/etc/{word}"),
                mode: 0o644,
                source: FileSource::Text(format!("{word}\n")),
            }],
        },
    }
}

/// One control plane alone.
pub(crate) fn one_host() -> Plan {
    plan(
        "a/prepare/settings
         a/place/binaries < a/prepare/settings
         !a/start/containerd < a/place/binaries
         !a/found/certs < a/start/containerd
         !a/found/ready < a/found/certs
         a/prove/ready < a/found/ready",
    )
}

/// One control plane and two workers, which join when it is up.
pub(crate) fn three_hosts() -> Plan {
    plan(
        "!a/prepare/settings
         b/prepare/settings
         c/prepare/settings
         !a/place/binaries < a/prepare/settings
         b/place/binaries < b/prepare/settings
         c/place/binaries < c/prepare/settings
         !a/start/containerd < a/place/binaries
         b/start/containerd < b/place/binaries
         c/start/containerd < c/place/binaries
         !a/import/images < a/start/containerd
         b/import/images < b/start/containerd
         c/import/images < c/start/containerd
         !a/found/certs < a/start/containerd
         !a/found/ready < a/found/certs a/import/images
         b/join/kubelet < b/import/images a/found/ready
         c/join/kubelet < c/import/images a/found/ready
         !a/equip/network < a/found/ready
         a/prove/b < a/equip/network b/join/kubelet
         a/prove/c < a/equip/network c/join/kubelet
         a/prove/ready < a/equip/network",
    )
}

/// Every host is cleaned; nobody waits for anybody but for the drain.
pub(crate) fn reset() -> Plan {
    plan(
        "a/leave/b
         b/clean/pods < a/leave/b
         b/clean/paths < b/clean/pods
         a/clean/pods < a/leave/b
         a/clean/paths < a/clean/pods",
    )
}

/// Any plan that lint lets through: up to 5 hosts, 14 steps, edges from earlier to later.
pub(crate) fn any(seed: u64) -> Plan {
    let mut fate = Fate::new(seed);
    let (hosts, count) = (1 + fate.below(5), 1 + fate.below(14));
    let mut steps: Vec<Step> = Vec::new();
    for at in 0..count {
        let mut made = step(&format!("h{}/place/s{at}", fate.below(hosts)));
        for before in &steps {
            if fate.below(4) == 0 {
                made.after.push(before.id.clone());
            }
        }
        steps.push(made);
    }
    with_steps(steps)
}

/// What the planner makes of the text of a wish.
pub(crate) fn of_wish(text: &str) -> Plan {
    fixture::plan_of(text)
}

/// The golden plans: what the planner makes of real site files.
pub(crate) fn golden() -> Vec<Plan> {
    fixture::wishes().iter().map(|(_, wish)| fixture::plan(wish)).collect()
}

/// The plans that every law holds for.
pub(crate) fn all() -> Vec<Plan> {
    let mut plans = vec![one_host(), three_hosts(), reset()];
    plans.extend(golden());
    plans.extend((0..12).map(any));
    plans
}
