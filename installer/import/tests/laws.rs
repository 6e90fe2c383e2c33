//! What holds for every field of every file: it is in the draft, or in the report, or on a short list of fields that say
//! nothing to Armilla.
#![expect(clippy::disallowed_methods, reason = "fixtures are files")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;

use installer_import::{Draft, SourceFile, import};
use installer_model::yaml::{self, Node, Value};

/// Fields whose value changes nothing, each by the end of its path, and why.
const SAYS_NOTHING: &[(&str, &str)] = &[
    (".arch", "each host is asked"),
    (".uploadBinary", "everything is carried to the hosts"),
    (".disableMultiplexing", "SSH connections are kept open anyway"),
    (".nodeLocalLoadBalancing.enabled", "every node has a balancer"),
    (".imagePullPolicy", "images are there before anything starts"),
    (".config.apiVersion", "the configuration inside of k0sctl's file is k0s's"),
    (".config.kind", "the configuration inside of k0sctl's file is k0s's"),
    (".\"<<\".name", "the host that merges it has a name of its own"),
    (".\"<<\".address", "the host that merges it has an address of its own"),
    (".\"<<\".internalAddress", "the host that merges it has an address of its own"),
];

/// One value of a tree, by the keys and numbers that lead to it.
type Trail = Vec<usize>;

fn scalars(node: &Node, trail: &mut Trail, path: &str, found: &mut Vec<(Trail, String)>) {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => {}
        Value::Scalar { .. } => found.push((trail.clone(), path.to_owned())),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                trail.push(index);
                scalars(item, trail, &format!("{path}[{index}]"), found);
                trail.pop();
            }
        }
        Value::Map(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                trail.push(index);
                scalars(value, trail, &installer_model::site_file::join(path, &key.text), found);
                trail.pop();
            }
        }
    }
}

fn at<'n>(node: &'n mut Node, trail: &[usize]) -> &'n mut Node {
    let [index, rest @ ..] = trail else { return node };
    match &mut node.value {
        Value::List(items) => at(&mut items[*index], rest),
        Value::Map(entries) => at(&mut entries[*index].1, rest),
        Value::Scalar { .. } => panic!("a trail ends at a scalar"),
    }
}

/// The tree as JSON, which is YAML; texts that stood without quotes stand without them again.
fn write(node: &Node, text: &mut String) {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => text.push_str("null"),
        Value::Scalar { text: value, .. } => text.push_str(&serde_json::to_string(value).unwrap()),
        Value::List(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push_str(", ");
            }
            text.push(']');
        }
        Value::Map(entries) => {
            text.push('{');
            for (key, value) in entries {
                text.push_str(&serde_json::to_string(&key.text).unwrap());
                text.push_str(": ");
                write(value, text);
                text.push_str(", ");
            }
            text.push('}');
        }
    }
}

fn written(documents: &[Node]) -> String {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        write(document, &mut text);
        text.push('\n');
    }
    text
}

/// Without lines and columns: they move with the length of every value.
fn told(text: &str) -> Option<Draft> {
    let mut draft = import(&[SourceFile { name: "file", text }], None).ok()?;
    for one in &mut draft.report {
        (one.line, one.column) = (0, 0);
    }
    draft.lacks.iter_mut().for_each(|lack| lack.line = None);
    Some(draft)
}

/// The report by path, so that a value is found in it by where it stands.
fn lists(draft: &Draft, document: &str, path: &str) -> bool {
    draft.report.iter().filter(|one| one.document == document).any(|one| {
        one.path.is_empty() && !["Cluster", "Inventory", "Config"].contains(&document)
            || path == one.path
            || path.strip_prefix(&one.path).is_some_and(|rest| rest.starts_with(['.', '[']))
    })
}

#[test]
fn every_field_is_in_the_draft_or_in_the_report() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let (mut fields, mut silent) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let documents = yaml::documents(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let before = told(&written(&documents)).unwrap();
        for (number, document) in documents.iter().enumerate() {
            let kind = match &document.value {
                Value::Map(entries) => {
                    entries.iter().find(|(key, _)| key.text == "kind").map(|(_, kind)| kind)
                }
                _ => None,
            };
            let Some(Value::Scalar { text: kind, .. }) = kind.map(|kind| &kind.value) else {
                panic!("{path:?}")
            };
            let mut found = Vec::new();
            scalars(document, &mut Vec::new(), "", &mut found);
            for (trail, field) in found {
                if ["apiVersion", "kind"].contains(&field.as_str()) || lists(&before, kind, &field) {
                    continue;
                }
                fields += 1;
                let mut changed = documents.clone();
                at(&mut changed[number], &trail).value =
                    Value::Scalar { text: "Something else?".into(), plain: false };
                let after = told(&written(&changed));
                let nothing = SAYS_NOTHING.iter().any(|(end, _)| field.ends_with(end));
                if after.as_ref() == Some(&before) && !nothing {
                    silent.push(format!("{}: {field}", path.display()));
                }
            }
        }
    }
    assert!(silent.is_empty(), "dropped in silence:\n{}", silent.join("\n"));
    assert!(fields > 150, "only {fields} fields were changed");
}
