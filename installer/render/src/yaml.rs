//! YAML out of JSON values: maps, lists and scalars in block style, strings quoted where YAML would misread them.

use serde_json::Value;

/// One YAML document, ending in a newline.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => block(value, 0, &mut out),
        scalar => out.push_str(&inline(scalar)),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Several documents, separated by `---`.
pub(crate) fn documents(values: &[Value]) -> String {
    values.iter().map(document).collect::<Vec<_>>().join("---\n")
}

fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                pad(indent, out);
                out.push_str(&text(key));
                out.push(':');
                after_key(child, indent, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(indent, out);
                out.push('-');
                match item {
                    Value::Object(_) if !is_empty(item) => {
                        let mut nested = String::new();
                        block(item, indent + 2, &mut nested);
                        out.push(' ');
                        out.push_str(nested.trim_start());
                    }
                    other => after_key(other, indent, out),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            pad(indent, out);
            out.push_str(&inline(value));
            out.push('\n');
        }
    }
}

fn after_key(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::String(s) if s.contains('\n') => {
            out.push_str(if s.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in s.lines() {
                if line.is_empty() {
                    out.push('\n');
                } else {
                    pad(indent + 2, out);
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        other => {
            out.push(' ');
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        Value::String(s) => text(s),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A plain scalar where that is certain to be read back as the same string, else a JSON string, which is YAML too.
fn text(s: &str) -> String {
    let plain_start = s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = s.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let word = matches!(
        s.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    if plain_start && plain && !word { s.to_owned() } else { Value::String(s.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_written_is_read_back_the_same() {
        let value = json!({
            "kind": "ConfigMap", "empty": {}, "none": [], "number": 3, "flag": true, "nothing": null,
            "strings": ["true", "1.5", "no", "a: b", "- x", "", "/etc/x", "#", "中文", "~"],
            "nested": [{"a": 1, "b": {"c": [1, [2, 3]]}}, {"d": "x\ny\n\n  z"}],
            "script": "line one\nline two\n",
        });
        let back: Value = serde_saphyr::from_str(&document(&value)).unwrap();
        assert_eq!(back, value);
    }
}
