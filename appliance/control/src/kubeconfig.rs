//! Kubeconfigs for people: another server, names of the site, merged without loss.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::{Value, json};

/// A kubeconfig made from the cluster's own, with one cluster, user and context named after the site.
pub fn for_people(admin: &str, site: &str, server: &str) -> Result<Value, String> {
    let admin: Value = serde_saphyr::from_str(admin).map_err(|error| error.to_string())?;
    let take = |list: &str, item: &str, field: &str| {
        let value = &admin[list][0][item][field];
        value.as_str().map(str::to_owned).ok_or_else(|| format!("{list}[0].{item}.{field} is missing"))
    };
    let user = format!("{site}-admin");
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": site, "cluster": {
            "server": server,
            "certificate-authority-data": take("clusters", "cluster", "certificate-authority-data")?,
        }}],
        "users": [{ "name": user, "user": {
            "client-certificate-data": take("users", "user", "client-certificate-data")?,
            "client-key-data": take("users", "user", "client-key-data")?,
        }}],
        "contexts": [{ "name": site, "context": { "cluster": site, "user": user } }],
        "current-context": site,
    }))
}

/// Such a kubeconfig, with another server where one is given.
pub fn through(text: &str, server: Option<&str>) -> Result<Value, String> {
    let mut ours: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let named = ours["contexts"][0]["name"].is_string();
    match (named, server) {
        (false, _) => return Err("it names no context".to_owned()),
        (true, None) => {}
        (true, Some(server)) => ours["clusters"][0]["cluster"]["server"] = json!(server),
    }
    Ok(ours)
}

pub fn to_yaml(value: &Value) -> String {
    installer_render::document(value)
}

#[derive(Debug, PartialEq, Eq)]
pub struct Merged {
    pub text: String,
    pub context: String,
}

/// Adds our cluster, user and context to a kubeconfig. Entries of other origin are kept; ours of an earlier merge are
/// replaced; where somebody else's entry has our name, ours gets an index.
pub fn merge(before: Option<&str>, ours: &Value, switch: bool) -> Result<Merged, String> {
    let empty = || json!({ "apiVersion": "v1", "kind": "Config" });
    let mut all: Value = match before.map(str::trim) {
        None | Some("") => empty(),
        Some(text) => serde_saphyr::from_str(text).map_err(|error| format!("it is not YAML: {error}"))?,
    };
    if !all.is_object() {
        return Err("it is not a kubeconfig".to_owned());
    }
    let ca = &ours["clusters"][0]["cluster"]["certificate-authority-data"];
    let wanted = ours["contexts"][0]["name"].as_str().unwrap_or("site").to_owned();
    let name = free_name(&all, &wanted, ca);
    let user = format!("{name}-admin");
    let entries = [
        ("clusters", json!({ "name": name, "cluster": ours["clusters"][0]["cluster"] })),
        ("users", json!({ "name": user, "user": ours["users"][0]["user"] })),
        ("contexts", json!({ "name": name, "context": { "cluster": name, "user": user } })),
    ];
    for (list, entry) in entries {
        put(&mut all, list, entry)?;
    }
    if switch || all["current-context"].as_str().unwrap_or("").is_empty() {
        all["current-context"] = json!(name);
    }
    Ok(Merged { text: to_yaml(&all), context: name })
}

/// Our name, or with an index where the name stands for something else. A cluster with our CA is ours of an earlier merge.
fn free_name(all: &Value, wanted: &str, ca: &Value) -> String {
    let named = |list: &str, name: &str| {
        all[list].as_array().and_then(|items| items.iter().find(|item| item["name"] == name)).cloned()
    };
    let taken = |name: &str| match named("clusters", name) {
        Some(cluster) => &cluster["cluster"]["certificate-authority-data"] != ca,
        None => named("contexts", name).is_some() || named("users", &format!("{name}-admin")).is_some(),
    };
    let indexed = (1..).map(|index| format!("{wanted}-{index}"));
    std::iter::once(wanted.to_owned()).chain(indexed).find(|name| !taken(name)).unwrap_or_default()
}

fn put(all: &mut Value, list: &str, entry: Value) -> Result<(), String> {
    if all[list].is_null() {
        all[list] = json!([]);
    }
    let items = all[list].as_array_mut().ok_or_else(|| format!("{list} is not a list"))?;
    match items.iter_mut().find(|item| item["name"] == entry["name"]) {
        // What somebody added to a context of ours, such as a namespace, stays.
        Some(item) if list == "contexts" && item["context"].is_object() => {
            item["context"]["cluster"] = entry["context"]["cluster"].clone();
            item["context"]["user"] = entry["context"]["user"].clone();
        }
        Some(item) => *item = entry,
        None => items.push(entry),
    }
    Ok(())
}

/// Written beside, synced and renamed; for its owner alone.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let partial = path.with_extension("armilla-partial");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(ca: &str) -> Value {
        let admin = format!(
            "clusters:\n- cluster: {{server: 'https://127.0.0.1:7443', certificate-authority-data: {ca}}}\n  name: x\n\
             users:\n- name: u\n  user: {{client-certificate-data: cert, client-key-data: key}}\n"
        );
        for_people(&admin, "plant", "https://10.0.0.1:6443").unwrap()
    }

    #[test]
    fn merging_keeps_what_was_there_and_does_not_switch() {
        let before = "current-context: old\nclusters:\n- name: old\n  cluster: {server: 'https://o'}\nextensions: [1]\n";
        let merged = merge(Some(before), &ours("ca1"), false).unwrap();
        let all: Value = serde_saphyr::from_str(&merged.text).unwrap();
        assert_eq!(all["current-context"], "old");
        assert_eq!(all["clusters"][0]["name"], "old");
        assert_eq!(all["clusters"][1]["cluster"]["server"], "https://10.0.0.1:6443");
        assert_eq!(all["extensions"][0], 1);
    }

    #[test]
    fn the_same_cluster_is_replaced_and_another_gets_an_index() {
        let first = merge(None, &ours("ca1"), false).unwrap();
        let again = merge(Some(&first.text), &ours("ca1"), false).unwrap();
        assert_eq!(again.text, first.text);
        let other = merge(Some(&first.text), &ours("ca2"), false).unwrap();
        assert_eq!(other.context, "plant-1");
        let all: Value = serde_saphyr::from_str(&other.text).unwrap();
        assert_eq!(all["clusters"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_context_or_user_of_somebody_else_is_not_taken() {
        for before in [
            "contexts:\n- name: plant\n  context: {cluster: theirs, user: them}\n",
            "users:\n- name: plant-admin\n  user: {token: x}\n",
        ] {
            let merged = merge(Some(before), &ours("ca1"), false).unwrap();
            assert_eq!(merged.context, "plant-1", "{before}");
            assert!(merged.text.contains("theirs") || merged.text.contains("token"), "{}", merged.text);
        }
    }

    #[test]
    fn a_namespace_that_was_set_for_our_context_stays() {
        let first = merge(None, &ours("ca1"), false).unwrap();
        let set = first.text.replace("cluster: plant\n", "cluster: plant\n      namespace: web\n");
        assert_ne!(set, first.text);
        assert_eq!(merge(Some(&set), &ours("ca1"), false).unwrap().text.matches("namespace: web").count(), 1);
    }

    #[test]
    fn what_is_no_kubeconfig_is_refused() {
        assert!(merge(Some("[1, 2"), &ours("ca"), false).is_err());
        assert!(merge(Some("just text"), &ours("ca"), false).is_err());
    }
}
