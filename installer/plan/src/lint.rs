//! What must hold for any plan, whoever made it. A plan that does not pass is never adopted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use installer_model::plan::{Action, FileSource, FileSpec, PLAN_FORMAT, Plan, ServiceSpec, Step, StepId};

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Format {
        found: u32,
    },
    DuplicateId {
        step: StepId,
    },
    /// The id is not `<host>/<phase>/<word>` of this step's host and phase, or the word has other characters than
    /// lower-case letters, digits, `.` and `-`.
    IdShape {
        step: StepId,
    },
    UnknownHost {
        step: StepId,
        host: String,
    },
    DanglingAfter {
        step: StepId,
        after: StepId,
    },
    DuplicateAfter {
        step: StepId,
        after: StepId,
    },
    /// Each comes after the one before it, and the first after the last.
    Cycle {
        steps: Vec<StepId>,
    },
    RelativePath {
        step: StepId,
        path: String,
    },
    /// A plan is stored, shown and sent: it holds references to secrets, never secrets.
    Secret {
        step: StepId,
        place: String,
        looks_like: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Format { found } => write!(f, "the plan has format {found}, not {PLAN_FORMAT}"),
            Fault::DuplicateId { step } => write!(f, "{step} is there more than once"),
            Fault::IdShape { step } => {
                write!(f, "{step} is not <host>/<phase>/<word> of its own host and phase")
            }
            Fault::UnknownHost { step, host } => {
                write!(f, "{step} is on {host}, which is no host of the site")
            }
            Fault::DanglingAfter { step, after } => {
                write!(f, "{step} comes after {after}, which is not there")
            }
            Fault::DuplicateAfter { step, after } => write!(f, "{step} comes after {after} more than once"),
            Fault::Cycle { steps } => {
                let names: Vec<&str> = steps.iter().map(|step| step.0.as_str()).collect();
                write!(f, "steps wait for each other: {}", names.join(" before "))
            }
            Fault::RelativePath { step, path } => {
                write!(f, "{step} has the path {path:?}, which is not absolute")
            }
            Fault::Secret { step, place, looks_like } => {
                write!(f, "{step} has what looks like {looks_like} in {place}")
            }
        }
    }
}

/// Everything that is wrong with the plan; `hosts` are the names of the site.
pub fn lint(plan: &Plan, hosts: &[&str]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if plan.format != PLAN_FORMAT {
        faults.push(Fault::Format { found: plan.format });
    }
    let mut by_id: HashMap<&StepId, usize> = HashMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if by_id.insert(&step.id, at).is_some() {
            faults.push(Fault::DuplicateId { step: step.id.clone() });
        }
    }
    for step in &plan.steps {
        faults.extend(of_step(step, hosts));
        faults.extend(of_edges(step, &by_id));
        faults.extend(of_texts(step));
    }
    faults.extend(cycle(plan, &by_id));
    faults
}

fn of_step(step: &Step, hosts: &[&str]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let word = step.id.0.strip_prefix(&format!("{}/{}/", step.host, step.phase));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !word.is_some_and(|word| !word.is_empty() && word.chars().all(plain)) {
        faults.push(Fault::IdShape { step: step.id.clone() });
    }
    if !hosts.contains(&step.host.as_str()) {
        faults.push(Fault::UnknownHost { step: step.id.clone(), host: step.host.clone() });
    }
    for path in paths(&step.action) {
        if !path.starts_with('/') {
            faults.push(Fault::RelativePath { step: step.id.clone(), path: path.to_owned() });
        }
    }
    faults
}

fn of_edges(step: &Step, by_id: &HashMap<&StepId, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for after in &step.after {
        let (step, after) = (step.id.clone(), after.clone());
        if !by_id.contains_key(&after) {
            faults.push(Fault::DanglingAfter { step, after });
        } else if !seen.insert(after.clone()) {
            faults.push(Fault::DuplicateAfter { step, after });
        }
    }
    faults
}

/// Where a step writes or deletes.
fn paths(action: &Action) -> Vec<&str> {
    match action {
        Action::Modules { path, .. } | Action::Sysctls { path, .. } => vec![path],
        Action::Files { folders, files, .. } => {
            let folders = folders.iter().map(|folder| folder.path.as_str());
            folders.chain(files.iter().map(|file| file.path.as_str())).collect()
        }
        Action::Service(service) => service.files.iter().map(|file| file.path.as_str()).collect(),
        Action::Images { containerd_root, .. } => vec![containerd_root],
        Action::Remember { paths, folders } => paths.iter().chain(folders).map(String::as_str).collect(),
        Action::Restore { keep } => keep.iter().map(String::as_str).collect(),
        Action::StopPrograms { programs } => programs.iter().map(String::as_str).collect(),
        Action::Unmount { below } => below.iter().map(String::as_str).collect(),
        Action::RemovePaths { paths, keep } => paths.iter().chain(keep).map(String::as_str).collect(),
        Action::Init { .. }
        | Action::JoinWorker { .. }
        | Action::Node { .. }
        | Action::Apply { .. }
        | Action::Await { .. }
        | Action::Drain { .. }
        | Action::DeleteNode { .. }
        | Action::StopRuns
        | Action::StopPods
        | Action::RemoveUnits { .. }
        | Action::RemoveLinks { .. }
        | Action::RemoveRules
        | Action::RestoreSysctls
        | Action::UndoRepairs => Vec::new(),
    }
}

/// The texts that a step carries, each with the place it goes to.
fn texts<'a>(action: &'a Action) -> Vec<(String, &'a str)> {
    match action {
        Action::Files { files, .. } | Action::Service(ServiceSpec { files, .. }) => {
            let text = |file: &'a FileSpec| match &file.source {
                FileSource::Text(text) => Some((file.path.clone(), text.as_str())),
                FileSource::Blob { .. } | FileSource::Link(_) | FileSource::Login { .. } => None,
            };
            files.iter().filter_map(text).collect()
        }
        Action::Init { config, .. } | Action::JoinWorker { config, .. } => {
            vec![("its kubeadm configuration".to_owned(), config)]
        }
        Action::Apply { name, manifest } => vec![(format!("manifest {name}"), manifest)],
        Action::Sysctls { values, path, .. } => {
            values.values().map(|value| (path.clone(), value.as_str())).collect()
        }
        Action::Remember { .. }
        | Action::Modules { .. }
        | Action::Images { .. }
        | Action::Node { .. }
        | Action::Await { .. }
        | Action::Drain { .. }
        | Action::DeleteNode { .. }
        | Action::StopRuns
        | Action::StopPods
        | Action::StopPrograms { .. }
        | Action::RemoveUnits { .. }
        | Action::Unmount { .. }
        | Action::RemoveLinks { .. }
        | Action::RemoveRules
        | Action::RemovePaths { .. }
        | Action::RestoreSysctls
        | Action::Restore { .. }
        | Action::UndoRepairs => Vec::new(),
    }
}

fn of_texts(step: &Step) -> Vec<Fault> {
    let secret = |(place, text): (String, &str)| {
        let looks_like = looks_like_a_secret(text)?;
        Some(Fault::Secret { step: step.id.clone(), place, looks_like })
    };
    texts(&step.action).into_iter().filter_map(secret).collect()
}

/// What kind of secret the text seems to hold.
fn looks_like_a_secret(text: &str) -> Option<&'static str> {
    if text.lines().any(|line| line.contains("-----BEGIN") && line.contains("PRIVATE KEY-----")) {
        return Some("a private key");
    }
    if text.lines().any(has_bootstrap_token) {
        return Some("a bootstrap token");
    }
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let value = value.trim().trim_matches(['"', '\'']);
        // A reference such as `{{ token }}` or `$TOKEN` is not a secret.
        if value.is_empty() || value.starts_with(['{', '$', '<']) {
            return None;
        }
        match key.trim().trim_start_matches("- ").trim_matches('"') {
            "client-key-data" => Some("a client key"),
            "certificateKey" => Some("a certificate key"),
            "password" | "passwd" => Some("a password"),
            _ => None,
        }
    })
}

/// `abcdef.0123456789abcdef`, the form that kubeadm gives its tokens (`[a-z0-9]{6}\.[a-z0-9]{16}`), as a word of its
/// own and with a digit in the second part, as names of hosts seldom have.
fn has_bootstrap_token(line: &str) -> bool {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '/' || c == '_');
    line.split(word).any(|word| {
        let Some((id, secret)) = word.split_once('.') else { return false };
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (id.len(), secret.len()) == (6, 16)
            && plain(id)
            && plain(secret)
            && secret.bytes().any(|b| b.is_ascii_digit())
    })
}

/// One cycle, if there is any. What can be taken away from the front, step by step, is not part of one; from the
/// rest, going back along the edges comes to a step twice.
fn cycle(plan: &Plan, by_id: &HashMap<&StepId, usize>) -> Option<Fault> {
    let before =
        |step: &Step| -> Vec<usize> { step.after.iter().filter_map(|id| by_id.get(id).copied()).collect() };
    let mut waits: Vec<usize> = plan.steps.iter().map(|step| before(step).len()).collect();
    let mut followers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        before(step).into_iter().for_each(|before| followers.entry(before).or_default().push(at));
    }
    let mut free: Vec<usize> = (0..waits.len()).filter(|at| waits[*at] == 0).collect();
    while let Some(at) = free.pop() {
        for follower in followers.get(&at).into_iter().flatten() {
            waits[*follower] -= 1;
            if waits[*follower] == 0 {
                free.push(*follower);
            }
        }
    }
    let mut at = waits.iter().position(|waits| *waits > 0)?;
    let mut walked = Vec::new();
    while !walked.contains(&at) {
        walked.push(at);
        let step = &plan.steps[at];
        at = before(step)
            .into_iter()
            .find(|before| waits[*before] > 0)
            .expect("invariant: what waits waits for one that waits");
    }
    let from =
        walked.iter().position(|walked| *walked == at).expect("invariant: the loop ended at one it walked");
    let steps = walked[from..].iter().rev().map(|at| plan.steps[*at].id.clone()).collect();
    Some(Fault::Cycle { steps })
}

#[cfg(test)]
#[path = "lint_test.rs"]
mod tests;
