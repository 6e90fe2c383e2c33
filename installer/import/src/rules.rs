//! What becomes of the fields that no reader took: the rules of a format, path by path.

use std::cell::Cell;

use installer_model::site_file::{join, nearest};
use installer_model::yaml::{Node, Position, Value};

use crate::outcome::{NotHonoured, Why};
use crate::source::{Document, is_empty, repeats};

/// What is done about a field.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// The reader of the format takes it.
    Read,
    /// The reader takes it as a secret: the draft refers to it where it can.
    Reference,
    /// Armilla does so whatever is written.
    Anyway,
    /// Armilla does so when one of these is written; otherwise this is why not.
    Only(&'static [&'static str], &'static str),
    /// Why not. Of a map or list, each field in it is listed.
    No(&'static str),
    /// Why not: it is a secret, and the draft needs none.
    Secret(&'static str),
    /// Why not. A map or list is listed once, with the number of fields in it.
    Whole(&'static str),
}

/// A path such as `spec.hosts[].arch` with its rule; `*` is any key. A rule counts for all below its path that has no rule
/// of its own.
pub(crate) type Rules = &'static [(&'static str, Rule)];

/// The rules of a document; none: it is of no use here, and this is why.
pub(crate) type Chooser = fn(&Document<'_>) -> Result<Rules, &'static str>;

/// For so many unknown keys of a document the nearest known one is looked for: it takes a while, and nobody reads more.
const SUGGESTIONS: usize = 100;

const NOT_READ: &str = "stands where the importer does not use it";

/// Looks at every field of every document, and gives everything that was noted.
pub(crate) fn finish(documents: &[Document<'_>], chooser: Chooser) -> Vec<NotHonoured> {
    for document in documents {
        let root = document.root();
        let node = root.node().expect("a document has a root");
        match chooser(document) {
            Ok(rules) => {
                let rules = rules.iter().map(|(path, rule)| (steps(path), rule)).collect();
                let suggestions = Cell::new(SUGGESTIONS);
                Walk { document, rules, suggestions }.visit(node, &mut Vec::new(), root.path(), node.at);
            }
            Err(reason) => document.note("", node.at, Why::NoPlace, with_count(reason, node)),
        }
    }
    documents.iter().flat_map(Document::noted).collect()
}

/// A step down: a key, or into the items of a list. No key of a file can be taken for the latter.
type Step<'a> = Option<&'a str>;

/// `spec.hosts[].arch` goes by `spec`, `hosts`, the items, `arch`.
fn steps(path: &str) -> Vec<Step<'_>> {
    let split = |part| match str::strip_suffix(part, "[]") {
        Some(name) => vec![Some(name), None],
        None => vec![Some(part)],
    };
    path.split('.').flat_map(split).collect()
}

struct Walk<'a, 'd> {
    document: &'a Document<'d>,
    rules: Vec<(Vec<Step<'static>>, &'static Rule)>,
    suggestions: Cell<usize>,
}

impl<'a> Walk<'a, '_> {
    /// `trail` is the path as the rules write it, `path` as people read it.
    fn visit(&self, node: &'a Node, trail: &mut Vec<Step<'a>>, path: &str, at: Position) {
        if self.document.is_taken(path) {
            return;
        }
        let Some(rule) = self.rule(trail) else {
            if !trail.is_empty() {
                return self.unknown(trail, path, at);
            }
            return self.below(node, trail, path);
        };
        match rule {
            Rule::Anyway => {}
            Rule::Whole(reason) if says_something(node) => {
                self.document.note(path, at, Why::NoPlace, with_count(reason, node));
            }
            Rule::Whole(_) => {}
            Rule::Only(values, _) if is_one_of(node, values) => {}
            Rule::Read | Rule::Reference | Rule::Only(..) | Rule::No(_) | Rule::Secret(_) => {
                match &node.value {
                    _ if is_empty(node) => {}
                    Value::Map(_) => self.below(node, trail, path),
                    Value::List(items)
                        if items.iter().any(|item| !matches!(item.value, Value::Scalar { .. })) =>
                    {
                        self.below(node, trail, path);
                    }
                    Value::List(_) | Value::Scalar { .. } => {
                        let (why, reason) = match rule {
                            Rule::Secret(reason) => (Why::Secret, *reason),
                            Rule::Only(_, reason) | Rule::No(reason) | Rule::Whole(reason) => {
                                (Why::NoPlace, *reason)
                            }
                            Rule::Reference => (Why::Secret, "is a secret, and not copied"),
                            Rule::Read | Rule::Anyway => (Why::NoPlace, NOT_READ),
                        };
                        // Of a list that was taken in part, what is left.
                        match &node.value {
                            Value::List(items) if self.some_taken(items.len(), path) => {
                                self.below(node, trail, path)
                            }
                            _ => self.document.note(path, at, why, reason),
                        }
                    }
                }
            }
        }
    }

    fn some_taken(&self, items: usize, path: &str) -> bool {
        (0..items).any(|index| self.document.is_taken(&format!("{path}[{index}]")))
    }

    fn below(&self, node: &'a Node, trail: &mut Vec<Step<'a>>, path: &str) {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    trail.push(None);
                    self.visit(item, trail, &format!("{path}[{index}]"), item.at);
                    trail.pop();
                }
            }
            Value::Map(entries) => {
                for (key, line) in repeats(entries) {
                    let twice = format!("is written twice; the first one, on line {line}, counts");
                    self.document.note(&join(path, &key.text), key.at, Why::Invalid, twice);
                }
                let mut seen = std::collections::HashSet::new();
                for (key, value) in entries.iter().filter(|(key, _)| seen.insert(key.text.as_str())) {
                    trail.push(Some(&key.text));
                    self.visit(value, trail, &join(path, &key.text), key.at);
                    trail.pop();
                }
            }
        }
    }

    /// The rule with the longest path that leads here. On the way to rules further down: as if it were read.
    fn rule(&self, trail: &[Step<'_>]) -> Option<&'static Rule> {
        let leads_here =
            self.rules.iter().filter(|(path, _)| path.len() <= trail.len() && along(path, trail));
        // Of two as long, the one that names its keys.
        let named = |path: &[Step<'_>]| path.iter().filter(|step| **step != Some("*")).count();
        let nearest = leads_here.max_by_key(|(path, _)| (path.len(), named(path))).map(|(_, rule)| *rule);
        let on_the_way = || self.rules.iter().any(|(path, _)| path.len() > trail.len() && along(path, trail));
        match nearest {
            // A rule for what stands above does not know this key, unless it speaks for all below.
            Some(Rule::Read | Rule::Reference | Rule::Only(..)) if !self.is_exact(trail) && !on_the_way() => {
                None
            }
            Some(rule) => Some(rule),
            None => (!trail.is_empty() && on_the_way()).then_some(&Rule::Read),
        }
    }

    fn is_exact(&self, trail: &[Step<'_>]) -> bool {
        // The items of a list are what the list is.
        let trail = trail.strip_suffix(&[None]).unwrap_or(trail);
        let same = |path: &[Step<'_>]| path.len() == trail.len() && along(path, trail);
        self.rules.iter().any(|(path, _)| same(path.strip_suffix(&[None]).unwrap_or(path)))
    }

    /// A known key beside an unknown one that it may be a slip of.
    fn suggestion(&self, trail: &[Step<'_>]) -> Option<&'static str> {
        let (last, above) = trail.split_last()?;
        self.suggestions.set(self.suggestions.get().checked_sub(1)?);
        let beside = self.rules.iter().filter(|(rule, _)| rule.len() > above.len() && along(rule, above));
        let known: Vec<&str> =
            beside.filter_map(|(rule, _)| rule[above.len()]).filter(|key| *key != "*").collect();
        nearest((*last)?, &known)
    }

    fn unknown(&self, trail: &[Step<'_>], path: &str, at: Position) {
        let reason = match self.suggestion(trail) {
            Some(known) => format!("is no field of this format that Armilla knows; there is {known:?}"),
            None => "is no field of this format that Armilla knows".to_owned(),
        };
        self.document.note(path, at, Why::Unknown, reason);
    }
}

/// Whether a rule's path and a trail go the same way, as far as the shorter one goes.
fn along(rule: &[Step<'_>], trail: &[Step<'_>]) -> bool {
    rule.iter().zip(trail).all(|(rule, step)| rule == step || (*rule == Some("*") && step.is_some()))
}

fn is_one_of(node: &Node, values: &[&str]) -> bool {
    match &node.value {
        Value::Scalar { text, .. } => values.iter().any(|value| value.eq_ignore_ascii_case(text.trim())),
        Value::List(items) => {
            items.iter().all(|item| matches!(item.value, Value::Scalar { .. }) && is_one_of(item, values))
        }
        Value::Map(_) => false,
    }
}

/// Something other than "no": a map of `enabled: false` and empty values wishes for nothing.
fn says_something(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, .. } => !is_empty(node) && !text.trim().eq_ignore_ascii_case("false"),
        Value::List(items) => items.iter().any(says_something),
        Value::Map(entries) => entries.iter().any(|(_, value)| says_something(value)),
    }
}

fn fields(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } => 1,
        Value::List(items) => items.iter().map(fields).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| fields(value)).sum(),
    }
}

fn with_count(reason: &str, node: &Node) -> String {
    match (&node.value, fields(node)) {
        (Value::Scalar { .. }, _) | (_, 0 | 1) => reason.to_owned(),
        (_, count) => format!("{reason} ({count} fields)"),
    }
}
