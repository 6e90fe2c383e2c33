#![expect(clippy::disallowed_methods, reason = "the schema and the fixtures are files")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::site::Site;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::options().build(&schema()).unwrap()
}

/// As an editor reads the text; `None` when it cannot.
fn json(yaml: &str) -> Option<Value> {
    serde_saphyr::from_str(yaml).ok()
}

/// Every path that the readers know, with whether it has words of its own.
fn paths(keys: &[(&'static str, Shape)], above: &str, found: &mut BTreeSet<String>) {
    for (key, shape) in keys {
        let path = join(above, key);
        match shape {
            Shape::Map(keys) | Shape::Secret(keys) => paths(keys, &path, found),
            Shape::Maps(keys) => paths(keys, &format!("{path}[]"), found),
            Shape::Text | Shape::Texts | Shape::Entries => {}
        }
        found.insert(path);
    }
}

#[test]
fn every_key_that_is_read_has_its_words_and_no_other_has() {
    let mut known = BTreeSet::new();
    paths(&shape::keys(), "", &mut known);
    let words: BTreeSet<String> = WORDS.iter().map(|(path, ..)| (*path).to_owned()).collect();
    assert_eq!(known, words);
    assert_eq!(words.len(), WORDS.len(), "a path stands there twice");
}

#[test]
fn the_published_schema_is_that_of_the_readers() {
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    let path = here("site.schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == kept, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
}

/// Site files of the tests of this crate and of the planner, of fuzzing, and what `init` writes.
fn site_files() -> Vec<(String, String)> {
    let mut files = vec![
        ("init of one".to_owned(), super::super::init("demo", &["10.0.0.1"]).unwrap()),
        ("init of two".to_owned(), super::super::init("demo", &["ops@10.0.0.1:2222", "10.0.0.2"]).unwrap()),
    ];
    for folder in
        ["tests/sites", "../plan/tests/plans", "../import/tests/files", "../../tests/fuzz/corpus/site_file"]
    {
        for entry in std::fs::read_dir(here(folder)).unwrap() {
            let path = entry.unwrap().path();
            if let Ok(text) = std::fs::read_to_string(&path) {
                files.push((path.display().to_string(), text));
            }
        }
    }
    files
}

#[test]
fn every_site_is_accepted() {
    let validator = validator();
    let mut sites = 0;
    for (name, text) in site_files().into_iter().filter(|(_, text)| Site::parse(text).is_ok()) {
        let value = json(&text).unwrap_or_else(|| panic!("{name} is read by no editor"));
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        sites += 1;
    }
    assert!(sites >= 15, "only {sites} sites were found");
}

/// One value in a full site file replaced by each of these: what is a site is accepted, and what is of the wrong kind is
/// refused by both.
#[test]
fn whatever_is_a_site_is_accepted_and_wrong_kinds_are_refused() {
    let pool = [
        "1",
        "22",
        "0",
        "70000",
        "-1",
        "1.5",
        "1e3",
        "007",
        "true",
        "false",
        "null",
        "''",
        "a",
        "A",
        "a.b",
        "a-1",
        "'1'",
        "'true'",
        "10.0.0.9",
        "fd00::9",
        "10.0.0.0/16",
        "/srv",
        "~/x",
        "x y",
        "node.example",
        "worker",
        "a:1",
        "123",
        "[]",
        "{}",
        "[a]",
        "{a: b}",
    ];
    let full: Value = json(&std::fs::read_to_string(here("tests/sites/everything.yaml")).unwrap()).unwrap();
    let validator = validator();
    let mut places = Vec::new();
    leaves(&full, String::new(), &mut places);
    let (mut accepted, mut refused) = (0, 0);
    for place in &places {
        for value in pool {
            let mut changed = full.clone();
            *changed.pointer_mut(place).unwrap() = json!("@@@");
            // Written as the pool has it: whether there are quotes matters to Armilla.
            let text = serde_json::to_string(&changed).unwrap().replace("\"@@@\"", value);
            let Some(read) = json(&text) else { continue };
            let valid = validator.is_valid(&read);
            match Site::parse(&text) {
                Ok(_) => {
                    assert!(
                        valid,
                        "{place}: {value} is a site, but {:?}",
                        validator.validate(&read).unwrap_err().to_string()
                    );
                    accepted += 1;
                }
                Err(errors) => {
                    let kind = errors.to_string().contains(" stands where ");
                    assert!(!(valid && kind), "{place}: {value} is accepted, but {errors}");
                    refused += usize::from(!valid);
                }
            }
        }
    }
    assert!(accepted > 300 && refused > 900, "{accepted} accepted, {refused} refused");
}

/// JSON pointers of all single values.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, format!("{at}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(at),
    }
}

#[test]
fn files_that_are_wrong_in_themselves_are_refused() {
    let validator = validator();
    let mistakes =
        std::fs::read_to_string(here("tests/sites/mistakes.yaml")).unwrap().replace("dataRoot: /srv\n", "");
    let mistakes = json(&mistakes).unwrap();
    let found: BTreeSet<String> =
        validator.iter_errors(&mistakes).map(|error| error.instance_path().to_string()).collect();
    for path in [
        "",
        "/apiVersion",
        "/metadata/name",
        "/hosts/0",
        "/hosts/0/name",
        "/hosts/0/roles/1",
        "/hosts/1/port",
        "/hosts/1/labels",
        "/hosts/1/taints/0/effect",
        "/hosts/1/taints/1",
        "/hosts/2",
        "/hosts/2/ssh/password",
        "/hosts/2/hostKey",
        "/hosts/3",
        "/network",
        "/api",
        "/dns/upstreams/1",
        "/dataRoot",
        "/registries/0",
        "/kubeProxy/mode",
        "/kubernetes/version",
        "/bundle",
        "/addons/metricsServer",
    ] {
        // `additionalProperties`, `required` and `contains` speak at the map or list.
        assert!(found.contains(path), "{path} is not among {found:#?}");
    }
    let head = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: demo}\n";
    let host = "hosts: [{name: a, address: 10.0.0.1, roles: [control-plane]}]\n";
    let good = |more: &str| validator.is_valid(&json(&format!("{head}{host}{more}")).unwrap());
    assert!(good(""));
    for bad in [
        "ssh: {password: hunter2}\n",
        "ssh: {password: {}}\n",
        "ssh: {password: {env: A, file: b}}\n",
        "hostz: []\n",
        "jump: {address: a}\n",
        "kubelet: {extraArgs: {node-ip: x}}\n",
        "kubelet: {extraArgs: {--v: 4}}\n",
        "slowness: 21\n",
        "slowness: fast\n",
        "waivers: [{check: swap}]\n",
        "bundle: {}\n",
        "dns: [10.0.0.1]\n",
        "api: {port: '6443'}\n",
        "network: {podCIDR: 10.0.0.0}\n",
    ] {
        assert!(!good(bad), "{bad}");
        assert!(Site::parse(&format!("{head}{host}{bad}")).is_err(), "{bad}");
    }
    assert!(!validator.is_valid(&json(head).unwrap()), "hosts are missing");
    assert!(
        !validator.is_valid(&json(&format!("{head}hosts: [{{name: a, address: 10.0.0.1}}]\n")).unwrap()),
        "no control plane"
    );
}
