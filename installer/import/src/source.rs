//! The imported documents, field by field; what is taken is remembered, so that the rest can be told.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use installer_model::yaml::{self, Key, Node, Position, Value};

use crate::field::Field;
use crate::outcome::{NotHonoured, Why};
use crate::{ImportError, LONGEST, SourceFile};

/// One document of a file while it is read.
pub(crate) struct Document<'t> {
    file: Option<&'t str>,
    pub(crate) api_version: &'t str,
    /// Empty when it does not say.
    pub(crate) kind: &'t str,
    root: &'t Node,
    /// Paths that were taken, each with all below it.
    taken: RefCell<HashSet<String>>,
    noted: RefCell<Vec<NotHonoured>>,
}

/// The documents of a file that hold something, merge keys resolved.
pub(crate) fn read(file: &SourceFile<'_>) -> Result<Vec<Node>, ImportError> {
    let name = file.name.to_owned();
    if file.text.len() > LONGEST {
        return Err(ImportError::TooLong { file: name });
    }
    let documents = yaml::documents(file.text).map_err(|error| ImportError::NotYaml {
        file: name.clone(),
        line: error.at.line,
        message: error.message,
    })?;
    let documents: Vec<Node> = documents.into_iter().filter(|node| !node.is_null()).map(merged).collect();
    if documents.is_empty() { Err(ImportError::Empty { file: name }) } else { Ok(documents) }
}

/// `<<: *base` brings the keys of `base` that the map does not have itself (<https://yaml.org/type/merge.html>).
fn merged(node: Node) -> Node {
    let value = match node.value {
        Value::Scalar { .. } => node.value,
        Value::List(items) => Value::List(items.into_iter().map(merged).collect()),
        Value::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, merged(value)));
            let (merges, mut own): (Vec<_>, Vec<_>) = entries.partition(|(key, value)| merges(key, value));
            let mut known: HashSet<String> = own.iter().map(|(key, _)| key.text.clone()).collect();
            for (_, value) in merges {
                for (key, value) in maps(value).into_iter().flatten() {
                    if known.insert(key.text.clone()) {
                        own.push((key, value));
                    }
                }
            }
            Value::Map(own)
        }
    };
    Node { at: node.at, value }
}

fn merges(key: &Key, value: &Node) -> bool {
    let is_map = |node: &Node| matches!(node.value, Value::Map(_));
    key.text == "<<"
        && match &value.value {
            Value::Map(_) => true,
            Value::List(items) => items.iter().all(is_map),
            Value::Scalar { .. } => false,
        }
}

/// The maps that a merge key brings: one, or those of a list.
fn maps(node: Node) -> Vec<Vec<(Key, Node)>> {
    match node.value {
        Value::Scalar { .. } => Vec::new(),
        Value::List(items) => items.into_iter().flat_map(maps).collect(),
        Value::Map(entries) => vec![entries],
    }
}

/// The value of a key at the top of a document.
fn top<'t>(root: &'t Node, wanted: &str) -> &'t str {
    let Value::Map(entries) = &root.value else { return "" };
    match entries.iter().find(|(key, _)| key.text == wanted).map(|(_, node)| &node.value) {
        Some(Value::Scalar { text, .. }) => text,
        _ => "",
    }
}

impl<'t> Document<'t> {
    pub(crate) fn new(file: Option<&'t str>, root: &'t Node) -> Document<'t> {
        let document = Document {
            file,
            api_version: top(root, "apiVersion"),
            kind: top(root, "kind"),
            root,
            taken: RefCell::default(),
            noted: RefCell::default(),
        };
        for head in ["apiVersion", "kind"] {
            document.taken.borrow_mut().insert(head.to_owned());
        }
        document
    }

    pub(crate) fn root(&self) -> Field<'_> {
        Field { document: self, node: Some(self.root), path: String::new(), at: self.root.at }
    }

    pub(crate) fn line(&self) -> usize {
        self.root.at.line
    }

    /// For the report: what it calls itself, if that is short enough to be a name.
    fn title(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let name = !self.kind.is_empty() && self.kind.len() <= 63 && self.kind.chars().all(plain);
        if name { self.kind.to_owned() } else { "document".to_owned() }
    }

    pub(crate) fn is_taken(&self, path: &str) -> bool {
        self.taken.borrow().contains(path)
    }

    pub(crate) fn take(&self, path: &str) {
        self.taken.borrow_mut().insert(path.to_owned());
    }

    pub(crate) fn note(&self, path: &str, at: Position, why: Why, reason: impl Into<String>) {
        self.noted.borrow_mut().push(NotHonoured {
            file: self.file.map(str::to_owned),
            document: self.title(),
            path: path.to_owned(),
            line: at.line,
            column: at.column,
            why,
            reason: reason.into(),
        });
    }

    /// What was noted, in the order of the lines.
    pub(crate) fn noted(&self) -> Vec<NotHonoured> {
        let mut noted = self.noted.borrow().clone();
        noted.sort_by_key(|one| (one.line, one.column));
        noted
    }
}

/// Nothing is said by it: null, an empty text, list or map.
pub(crate) fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar { text, .. } => node.is_null() || text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

/// Keys that stand in a map more than once: the later ones, each with the line of the first.
pub(crate) fn repeats(entries: &[(Key, Node)]) -> Vec<(&Key, usize)> {
    let mut first = HashMap::new();
    let mut again = Vec::new();
    for (key, _) in entries {
        match first.get(key.text.as_str()) {
            Some(line) => again.push((key, *line)),
            None => drop(first.insert(key.text.as_str(), key.at.line)),
        }
    }
    again
}
