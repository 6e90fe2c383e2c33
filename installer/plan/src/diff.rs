//! Plans as text: a whole plan for review, and what one changes against another.
//!
//! A step is compared as what it would be stored as, flattened: `files./etc/hosts.source.text` and its value. So
//! every field of every action is compared, of those to come too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use installer_model::plan::{Intent, Phase, Plan, Step, StepId};
use serde_json::Value;

use crate::lines;

/// What one plan does otherwise than another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanDiff {
    /// In plan order.
    pub added: Vec<StepLine>,
    pub removed: Vec<StepLine>,
    pub changed: Vec<StepChange>,
}

/// A step as a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLine {
    pub step: StepId,
    pub label: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepChange {
    pub line: StepLine,
    /// Each changed field with its lines: ` ` kept, `-` gone, `+` new.
    pub fields: Vec<(String, Vec<String>)>,
}

impl PlanDiff {
    /// Both plans bring about the same, in the same order.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares step by step; ids are the same in every plan of a site.
pub fn diff(old: &Plan, new: &Plan) -> PlanDiff {
    let by_id = |plan: &Plan| -> BTreeMap<StepId, Step> {
        plan.steps.iter().map(|step| (step.id.clone(), step.clone())).collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    let only = |plan: &Plan, other: &BTreeMap<StepId, Step>| -> Vec<StepLine> {
        plan.steps.iter().filter(|step| !other.contains_key(&step.id)).map(line).collect()
    };
    let changed = |step: &Step| {
        let fields = changed_fields(before.get(&step.id)?, step);
        (!fields.is_empty()).then(|| StepChange { line: line(step), fields })
    };
    PlanDiff {
        added: only(new, &before),
        removed: only(old, &after),
        changed: new.steps.iter().filter_map(changed).collect(),
    }
}

fn line(step: &Step) -> StepLine {
    StepLine { step: step.id.clone(), label: step.action.label() }
}

fn changed_fields(old: &Step, new: &Step) -> Vec<(String, Vec<String>)> {
    let (old, new) = (fields(old), fields(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let text =
        |fields: &BTreeMap<String, String>, name: &String| fields.get(name).cloned().unwrap_or_default();
    let changed = |name: &&String| old.get(*name) != new.get(*name);
    names
        .into_iter()
        .filter(changed)
        .map(|name| (name.clone(), lines::diff(&text(&old, name), &text(&new, name))))
        .collect()
}

/// A step as flat fields.
fn fields(step: &Step) -> BTreeMap<String, String> {
    let value =
        serde_json::to_value(step).expect("invariant: a step has text keys and no fallible serializer");
    let mut fields = BTreeMap::new();
    flatten("", &value, &mut fields);
    fields
}

fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| flatten(&below(key), value, fields)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                flatten(&below(&name_of(item).unwrap_or_else(|| at.to_string())), item, fields);
            }
        }
        // A list of words is compared as lines: one that came or went is one line.
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(plain).collect();
            fields.insert(path.to_owned(), words.join("\n"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            fields.insert(path.to_owned(), plain(value));
        }
    }
}

/// What an item of a list is known by, so that one more in front does not change all others.
fn name_of(item: &Value) -> Option<String> {
    let known_by = ["path", "reference", "name", "key", "digest"];
    known_by.iter().find_map(|key| item.get(key)?.as_str()).map(str::to_owned)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.removed {
            writeln!(f, "- {}  {}", line.step, line.label)?;
        }
        for line in &self.added {
            writeln!(f, "+ {}  {}", line.step, line.label)?;
        }
        for change in &self.changed {
            writeln!(f, "~ {}  {}", change.line.step, change.line.label)?;
            for (name, lines) in &change.fields {
                writeln!(f, "    {name}")?;
                lines.iter().try_for_each(|line| writeln!(f, "      {line}"))?;
            }
        }
        Ok(())
    }
}

/// The plan as text for review, the same for the same plan: by phase, then by host, one step per line with the steps
/// it comes after. `!` marks a quorum-critical step. The id, which changes with every byte of content, is left out.
pub fn render_plan(plan: &Plan) -> String {
    let mut text = format!("site {}, release {}: {}\n", plan.site, plan.release, intent(&plan.intent));
    for why in &plan.report {
        push(&mut text, format_args!("  because {why}"));
    }
    for phase in Phase::ALL {
        let of_phase: Vec<&Step> = plan.steps.iter().filter(|step| step.phase == phase).collect();
        if of_phase.is_empty() {
            continue;
        }
        push(&mut text, format_args!("\n{phase}"));
        for host in plan.hosts() {
            let steps: Vec<&&Step> = of_phase.iter().filter(|step| step.host == host).collect();
            if !steps.is_empty() {
                push(&mut text, format_args!("  {host}"));
                steps.iter().for_each(|step| push(&mut text, format_args!("{}", step_line(step))));
            }
        }
    }
    text
}

fn push(text: &mut String, line: fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("invariant: writing to a string does not fail");
}

fn step_line(step: &Step) -> String {
    let mark = if step.quorum_critical { '!' } else { ' ' };
    let wave = if step.wave > 0 { format!("  wave {}", step.wave) } else { String::new() };
    let after: Vec<&str> = step.after.iter().map(|id| id.0.as_str()).collect();
    let after = if after.is_empty() { String::new() } else { format!("  after {}", after.join(" ")) };
    format!("  {mark} {:<32} {}{wave}{after}", step.id, step.action.label())
}

fn intent(intent: &Intent) -> String {
    match intent {
        Intent::Install => "install".to_owned(),
        Intent::ResetHosts(hosts) => format!("reset of {}", hosts.join(", ")),
        Intent::Reset => "reset of every host".to_owned(),
    }
}

/// Every text that the plan writes, once, under the steps that write it: the other half of a review.
pub fn render_contents(plan: &Plan) -> String {
    let mut by_content: BTreeMap<(String, String), Vec<&StepId>> = BTreeMap::new();
    for step in &plan.steps {
        for (name, content) in fields(step).into_iter().filter(|(_, content)| content.contains('\n')) {
            if name != "after" {
                by_content.entry((name, content)).or_default().push(&step.id);
            }
        }
    }
    let mut text = String::new();
    for ((name, content), steps) in by_content {
        let steps: Vec<&str> = steps.iter().map(|step| step.0.as_str()).collect();
        push(&mut text, format_args!("{name}\n  of {}", steps.join(" ")));
        content
            .lines()
            .for_each(|line| push(&mut text, format_args!("{}", format!("    {line}").trim_end())));
    }
    text
}

#[cfg(test)]
#[path = "diff_test.rs"]
mod tests;
