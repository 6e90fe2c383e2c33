//! From a YAML tree to the shapes of a site file. Every wrong kind and unknown key is noted; reading goes on.

use super::{Place, SiteError};
use crate::yaml::{Key, Node, Position, Value};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Located<T> {
    pub value: T,
    pub place: Place,
}

/// A scalar as written, not yet judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    /// Without quotes.
    pub plain: bool,
}

/// Collects what is wrong, wherever it is found.
#[derive(Debug, Default)]
pub struct Errors(pub(super) Vec<SiteError>);

impl Errors {
    pub(super) fn note(&mut self, place: &Place, message: impl Into<String>) {
        self.0.push(SiteError { place: place.clone(), message: message.into() });
    }
}

/// What may stand under a key, found out by asking the readers themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Texts,
    /// A map whose keys are the operator's own.
    Entries,
    Map(Vec<(&'static str, Shape)>),
    /// A list of maps.
    Maps(Vec<(&'static str, Shape)>),
    /// A map that says where a secret is.
    Secret(Vec<(&'static str, Shape)>),
}

/// The keys that `read` asks for, in its order, each with what it expects there.
pub(super) fn shape<T>(read: impl FnOnce(&mut MapReader<'_>) -> T) -> Vec<(&'static str, Shape)> {
    let mut errors = Errors::default();
    let place = Place { path: String::new(), position: None };
    let mut reader =
        MapReader { place, entries: &[], asked: Vec::new(), shapes: Some(Vec::new()), errors: &mut errors };
    read(&mut reader);
    reader.shapes.unwrap_or_default()
}

/// One map of the file while its keys are taken out. Whatever is asked for is known; `finish` refuses the rest.
pub(super) struct MapReader<'a> {
    place: Place,
    entries: &'a [(Key, Node)],
    asked: Vec<&'static str>,
    /// When the shape is wanted and there is no file.
    shapes: Option<Vec<(&'static str, Shape)>>,
    errors: &'a mut Errors,
}

/// Reads `node` as a map by `read`. Not a map: noted, `None`.
pub(super) fn read_map<T>(
    node: &Node,
    place: &Place,
    errors: &mut Errors,
    read: impl FnOnce(&mut MapReader<'_>) -> T,
) -> Option<T> {
    let Value::Map(entries) = &node.value else {
        errors.note(place, format!("{} where keys and values belong", kind(node)));
        return None;
    };
    let mut reader = MapReader { place: place.clone(), entries, asked: Vec::new(), shapes: None, errors };
    let value = read(&mut reader);
    reader.finish();
    Some(value)
}

/// What was written, in the words of a message. Never the value itself: it may be a password in the wrong place.
fn kind(node: &Node) -> &'static str {
    match &node.value {
        _ if node.is_null() => "nothing is written",
        Value::Scalar { .. } => "a single value stands",
        Value::List(_) => "a list stands",
        Value::Map(_) => "a map stands",
    }
}

fn at(path: String, position: Position) -> Place {
    Place { path, position: Some(position) }
}

impl<'a> MapReader<'a> {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether only the shape was wanted, which is noted then.
    fn shaped(&mut self, key: &'static str, shape: impl FnOnce() -> Shape) -> bool {
        let Some(shapes) = &mut self.shapes else { return false };
        shapes.push((key, shape()));
        true
    }

    /// The value of a key, with its place; keys without a value count as not written.
    fn node(&mut self, key: &'static str) -> Option<(&'a Node, Place)> {
        self.asked.push(key);
        let (_, node) = self.entries.iter().find(|(found, _)| found.text == key)?;
        (!node.is_null()).then(|| (node, at(join(&self.place.path, key), node.at)))
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<Text>> {
        if self.shaped(key, || Shape::Text) {
            return None;
        }
        let (node, place) = self.node(key)?;
        read_text(node, place, self.errors)
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Located<Text>> {
        if self.shaped(key, || Shape::Texts) {
            return Vec::new();
        }
        self.items(key, |node, place, errors| read_text(node, place.clone(), errors))
    }

    /// A map under `key`, read by `read`.
    pub(super) fn map<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut MapReader<'_>) -> T,
    ) -> Option<Located<T>> {
        if self.shapes.is_some() {
            let inner = shape(read);
            self.shaped(key, || Shape::Map(inner));
            return None;
        }
        let (node, place) = self.node(key)?;
        let value = read_map(node, &place, self.errors, read)?;
        Some(Located { value, place })
    }

    /// A secret's reference under `key`. A value written in its place is refused without being shown.
    pub(super) fn secret<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut MapReader<'_>) -> T,
    ) -> Option<Located<T>> {
        if self.shapes.is_some() {
            let inner = shape(read);
            self.shaped(key, || Shape::Secret(inner));
            return None;
        }
        let (node, place) = self.node(key)?;
        if matches!(node.value, Value::Scalar { .. }) {
            let message =
                "a secret is not written here but referred to: {file: PATH}, {env: NAME} or {prompt: true}";
            self.errors.note(&place, message);
            return None;
        }
        let value = read_map(node, &place, self.errors, read)?;
        Some(Located { value, place })
    }

    /// A list of maps under `key`, each read by `read`.
    pub(super) fn maps<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut MapReader<'_>) -> T,
    ) -> Vec<Located<T>> {
        if self.shapes.is_some() {
            let inner = shape(&read);
            self.shaped(key, || Shape::Maps(inner));
            return Vec::new();
        }
        self.items(key, |node, place, errors| {
            let value = read_map(node, place, errors, &read)?;
            Some(Located { value, place: place.clone() })
        })
    }

    /// A map under `key` whose keys are the operator's own, such as labels.
    pub(super) fn entries(&mut self, key: &'static str) -> Vec<(Located<String>, Located<Text>)> {
        if self.shaped(key, || Shape::Entries) {
            return Vec::new();
        }
        let Some((node, place)) = self.node(key) else { return Vec::new() };
        let Value::Map(entries) = &node.value else {
            self.errors.note(&place, format!("{} where keys and values belong", kind(node)));
            return Vec::new();
        };
        note_repeats(entries, &place.path, self.errors);
        let mut read = Vec::new();
        for (key, node) in entries {
            let path = join(&place.path, &key.text);
            let name = Located { value: key.text.clone(), place: at(path.clone(), key.at) };
            let text = if node.is_null() {
                let text = Text { text: String::new(), plain: false };
                Some(Located { value: text, place: at(path, node.at) })
            } else {
                read_text(node, at(path, node.at), self.errors)
            };
            read.extend(text.map(|text| (name, text)));
        }
        read
    }

    fn items<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node, &Place, &mut Errors) -> Option<T>,
    ) -> Vec<T> {
        let Some((node, place)) = self.node(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            self.errors.note(&place, format!("{} where a list belongs", kind(node)));
            return Vec::new();
        };
        let numbered = items.iter().enumerate();
        numbered
            .filter_map(|(index, node)| {
                read(node, &at(format!("{}[{index}]", place.path), node.at), self.errors)
            })
            .collect()
    }

    /// Refuses keys that stand twice and keys that nothing asked for, with the nearest known one.
    fn finish(self) {
        note_repeats(self.entries, &self.place.path, self.errors);
        for (key, _) in self.entries {
            if self.asked.contains(&key.text.as_str()) {
                continue;
            }
            let place = at(join(&self.place.path, &key.text), key.at);
            let message = match nearest(&key.text, &self.asked) {
                Some(known) => format!("unknown key: did you mean {known:?}?"),
                None => format!("unknown key (known here: {})", self.asked.join(", ")),
            };
            self.errors.note(&place, message);
        }
    }
}

fn read_text(node: &Node, place: Place, errors: &mut Errors) -> Option<Located<Text>> {
    match &node.value {
        Value::Scalar { text, plain } if !node.is_null() => {
            let text = Text { text: text.clone(), plain: *plain };
            Some(Located { value: text, place })
        }
        Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
            errors.note(&place, format!("{} where a single value belongs", kind(node)));
            None
        }
    }
}

fn note_repeats(entries: &[(Key, Node)], path: &str, errors: &mut Errors) {
    for (index, (key, _)) in entries.iter().enumerate() {
        if let Some((first, _)) = entries[..index].iter().find(|(earlier, _)| earlier.text == key.text) {
            let place = at(join(path, &key.text), key.at);
            errors.note(&place, format!("is written twice, first on line {}", first.at.line));
        }
    }
}

/// `hosts[0]` and `name` give `hosts[0].name`; a key with dots or blanks is quoted.
pub fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    let key = if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The known word that a slip of the finger or of the case away gives.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let close = |candidate: &'k str| {
        let distance = distance(&plain(word), &plain(candidate));
        (distance <= 1 + candidate.len() / 4).then_some((distance, candidate))
    };
    known.iter().filter_map(|candidate| close(candidate)).min().map(|(_, name)| name)
}

/// Levenshtein's: single letters inserted, left out or exchanged.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = exchanged.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
