//! The imported documents, field by field; what is taken is remembered, so that the rest can be told.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;

use installer_model::site_file::join;
use installer_model::yaml::{self, Key, Node, Position, Value};

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

/// One place of a document, there or not.
#[derive(Clone)]
pub(crate) struct Field<'d> {
    document: &'d Document<'d>,
    node: Option<&'d Node>,
    path: String,
    /// Of the key that names it, of the item, or of the nearest place above that exists.
    at: Position,
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

    fn take(&self, path: &str) {
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

impl<'d> Field<'d> {
    /// Something is written here: not null, not empty.
    pub(crate) fn is_there(&self) -> bool {
        self.node.is_some_and(|node| !is_empty(node))
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn node(&self) -> Option<&'d Node> {
        self.node
    }

    /// Follows keys, such as `spec.network.plugin`. What is not there is a field too, with nothing in it.
    pub(crate) fn at(&self, keys: &str) -> Field<'d> {
        keys.split('.').fold(self.clone(), |field, key| field.at_key(key))
    }

    /// A field that no file has, where a format has none of the kind.
    pub(crate) fn none(&self) -> Field<'d> {
        Field { node: None, ..self.clone() }
    }

    /// What stands under one key, which may have dots.
    pub(crate) fn at_key(&self, wanted: &str) -> Field<'d> {
        let path = join(&self.path, wanted);
        let entry = match self.node.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.iter().find(|(key, _)| key.text == wanted),
            _ => None,
        };
        let (node, at) = entry.map_or((None, self.at), |(key, node)| (Some(node), key.at));
        Field { document: self.document, node, path, at }
    }

    /// The items of a list; none when it is no list, which the rules will say.
    pub(crate) fn items(&self) -> Vec<Field<'d>> {
        let Some(Node { value: Value::List(items), .. }) = self.node else { return Vec::new() };
        let field = |(index, node): (usize, &'d Node)| Field {
            document: self.document,
            node: Some(node),
            path: format!("{}[{index}]", self.path),
            at: node.at,
        };
        items.iter().enumerate().map(field).collect()
    }

    /// The entries of a map; of a key that stands twice the first one.
    pub(crate) fn entries(&self) -> Vec<(&'d str, Field<'d>)> {
        let Some(Node { value: Value::Map(entries), .. }) = self.node else { return Vec::new() };
        let mut seen = HashSet::new();
        let first = entries.iter().filter(|(key, _)| seen.insert(key.text.as_str()));
        let field = |(key, node): &'d (Key, Node)| {
            let path = join(&self.path, &key.text);
            (key.text.as_str(), Field { document: self.document, node: Some(node), path, at: key.at })
        };
        first.map(field).collect()
    }

    /// The text of a single value, which is taken by that. `None`: nothing is written, or something else, which is noted.
    pub(crate) fn text(&self) -> Option<&'d str> {
        let node = self.node.filter(|node| !is_empty(node))?;
        match &node.value {
            Value::Scalar { text, .. } if text.contains("${") || text.contains("{{") => {
                self.refuse(
                    Why::Invalid,
                    "is filled in by the other installer when it runs: write the value itself",
                );
                None
            }
            Value::Scalar { text, .. } => {
                self.document.take(&self.path);
                Some(text.trim())
            }
            Value::List(_) | Value::Map(_) => {
                self.refuse(Why::Invalid, "holds more than the single value that belongs here");
                None
            }
        }
    }

    /// The same without being taken: the caller decides by it what to do with the field.
    pub(crate) fn peek(&self) -> Option<&'d str> {
        match self.node.filter(|node| !is_empty(node)).map(|node| &node.value) {
            Some(Value::Scalar { text, .. }) => Some(text.trim()),
            _ => None,
        }
    }

    pub(crate) fn is(&self, wanted: &str) -> bool {
        self.peek().is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    }

    /// The value as what the site file would take in its place.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self) -> Option<T> {
        self.read(|text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// The value as `read` understands it; why it does not is noted.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        read(self.text()?).map_err(|message| self.note(Why::Invalid, message)).ok()
    }

    /// A port; not 0.
    pub(crate) fn port(&self) -> Option<u16> {
        self.read(|text| {
            let port = text.parse::<u16>().ok().filter(|port| *port > 0);
            port.ok_or_else(|| "is not a port (1 to 65535)".to_owned())
        })
    }

    /// Yes or no, as YAML has it.
    pub(crate) fn truth(&self) -> Option<bool> {
        self.read(|text| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err("is not true or false".to_owned()),
        })
    }

    /// A secret: taken and noted, and told only whether it is there. Equal ones are told apart from others by the caller,
    /// who keeps no copy.
    pub(crate) fn secret(&self, instead: &str) -> Option<&'d str> {
        let text = self.peek()?;
        self.refuse(Why::Secret, instead);
        Some(text)
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.document.is_taken(&self.path)
    }

    /// Takes it with all below it.
    pub(crate) fn take(&self) {
        if self.node.is_some() {
            self.document.take(&self.path);
        }
    }

    /// Takes it, and notes why it is not honoured. Nothing is noted where nothing is written.
    pub(crate) fn refuse(&self, why: Why, reason: impl Into<String>) {
        if self.is_there() {
            self.take();
            self.note(why, reason);
        }
    }

    pub(crate) fn no(&self, reason: impl Into<String>) {
        self.refuse(Why::NoPlace, reason);
    }

    /// Notes something about it, whether it was taken or not.
    pub(crate) fn note(&self, why: Why, reason: impl Into<String>) {
        self.document.note(&self.path, self.at, why, reason);
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
