//! The JSON Schema (2020-12) of `site.yaml`, for editors: keys and kinds from the readers of the file themselves, what
//! they mean from [`WORDS`].
//!
//! It accepts every file that [`Site::parse`](crate::site::Site::parse) accepts, and refuses what is wrong in itself: keys that do not
//! exist, values of the wrong kind, words that are none. How values fit together only `armilla check` knows.

use serde_json::{Map, Value, json};

use super::reader::Shape;
use super::schema_words::{WORDS, Word};
use super::{shape, validate};

/// Names of sites, hosts and the like may be all digits, which YAML reads as a number.
const TEXT: [&str; 3] = ["string", "number", "boolean"];

pub fn schema() -> Value {
    let mut root = map(&shape::keys(), "");
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:armilla:schema:site:v1",
        "title": "site.yaml",
        "description": "What Armilla is to make of some hosts: one site, one Kubernetes cluster.",
    });
    let Value::Object(mut schema) = head else { unreachable!("it was written as a map") };
    schema.append(&mut root);
    Value::Object(schema)
}

/// What stands at this path, such as `hosts[].address`.
fn word(path: &str) -> &'static Word {
    let found = WORDS.iter().find(|(known, _, _, _)| *known == path);
    found.unwrap_or_else(|| unreachable!("a test sees to it that {path} has a word"))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A map with these keys and no others.
fn map(keys: &[(&'static str, Shape)], path: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (key, shape) in keys {
        let path = join(path, key);
        let (_, kind, needed, meaning) = word(&path);
        let mut value = of(shape, *kind, &path);
        if *needed {
            required.push(*key);
        } else {
            or_nothing(&mut value);
        }
        value.insert("description".into(), json!(meaning));
        properties.insert((*key).to_owned(), Value::Object(value));
    }
    let mut schema = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("additionalProperties".to_owned(), json!(false)),
        ("properties".to_owned(), Value::Object(properties)),
    ]);
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn of(shape: &Shape, kind: Kind, path: &str) -> Map<String, Value> {
    match shape {
        Shape::Text => kind.schema(),
        Shape::Texts => list(kind.schema(), true),
        Shape::Map(keys) => map(keys, path),
        Shape::Maps(keys) => {
            let mut items = list(map(keys, &format!("{path}[]")), false);
            if path == "hosts" {
                items.insert("minItems".into(), json!(1));
                let role = json!({"required": ["roles"], "properties": {"roles": {"contains": {"const": "control-plane"}}}});
                items.insert("contains".into(), role);
            }
            items
        }
        Shape::Secret(keys) => {
            let mut schema = map(keys, path);
            let one = |key: &&'static str| json!({"required": [key], "properties": {*key: {"not": {"type": "null"}}}});
            let keys: Vec<&'static str> = keys.iter().map(|(key, _)| *key).collect();
            schema.insert("oneOf".into(), keys.iter().map(one).collect());
            schema
        }
        Shape::Entries => {
            let mut value = Kind::Text.schema();
            or_nothing(&mut value);
            Map::from_iter([
                ("type".to_owned(), json!("object")),
                ("propertyNames".to_owned(), kind.key_names()),
                ("additionalProperties".to_owned(), Value::Object(value)),
            ])
        }
    }
}

fn list(items: Map<String, Value>, unique: bool) -> Map<String, Value> {
    let mut schema = Map::from_iter([("type".to_owned(), json!("array"))]);
    if unique {
        schema.insert("uniqueItems".into(), json!(true));
    }
    schema.insert("items".into(), Value::Object(items));
    schema
}

/// A key without a value counts as not written.
fn or_nothing(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    if let Some(only) = schema.remove("const") {
        schema.insert("enum".into(), json!([only, null]));
    }
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {}
    }
}

/// What a single value, or the keys of a map, may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A map or a list of maps: its keys say the rest.
    Group,
    Text,
    Port,
    /// `slowness`.
    Factor,
    Truth,
    Only(&'static str),
    OneOf(&'static [&'static str]),
    /// Text that may look like a number.
    Like(&'static str),
    /// Text that YAML takes for nothing else.
    Exactly(&'static str),
    /// Keys of labels.
    Labels,
    KubeletFlags,
    ApiServerFlags,
}

impl Kind {
    fn schema(self) -> Map<String, Value> {
        let schema = match self {
            Kind::Text => json!({"type": TEXT}),
            Kind::Port => json!({"type": "integer", "minimum": 1, "maximum": 65535}),
            Kind::Factor => json!({"type": "integer", "minimum": 1, "maximum": crate::site::Slowness::MOST}),
            Kind::Truth => json!({"type": "boolean"}),
            Kind::Only(word) => json!({"type": "string", "const": word}),
            Kind::OneOf(words) => json!({"type": "string", "enum": words}),
            Kind::Like(pattern) => json!({"type": TEXT, "pattern": pattern}),
            Kind::Exactly(pattern) => json!({"type": "string", "pattern": pattern}),
            Kind::Group | Kind::Labels | Kind::KubeletFlags | Kind::ApiServerFlags => json!({}),
        };
        let Value::Object(schema) = schema else { unreachable!("all of them were written as maps") };
        schema
    }

    fn key_names(self) -> Value {
        let [kubelet, api_server] = validate::decided_flags();
        let flags = |decided| json!({"pattern": "^[a-z0-9][a-z0-9-]*$", "not": {"enum": decided}});
        match self {
            Kind::KubeletFlags => flags(kubelet),
            Kind::ApiServerFlags => flags(api_server),
            Kind::Labels => json!({"pattern": "^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"}),
            Kind::Group
            | Kind::Text
            | Kind::Port
            | Kind::Factor
            | Kind::Truth
            | Kind::Only(_)
            | Kind::OneOf(_)
            | Kind::Like(_)
            | Kind::Exactly(_) => json!({}),
        }
    }
}

#[cfg(test)]
#[path = "schema_test.rs"]
mod tests;
