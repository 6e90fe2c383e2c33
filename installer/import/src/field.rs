//! One place of an imported document: what stands there, and that it was taken.

use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;

use installer_model::site_file::join;
use installer_model::yaml::{Key, Node, Position, Value};

use crate::outcome::Why;
use crate::source::{Document, is_empty};

/// One place of a document, there or not.
#[derive(Clone)]
pub(crate) struct Field<'d> {
    pub(crate) document: &'d Document<'d>,
    pub(crate) node: Option<&'d Node>,
    pub(crate) path: String,
    /// Of the key that names it, of the item, or of the nearest place above that exists.
    pub(crate) at: Position,
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
