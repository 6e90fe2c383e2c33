//! Whoever has a join token makes a machine part of the cluster: none is told to those who may only look, neither in what streams of
//! a run nor in what its steps said, nor in a log of the cluster.

use super::served::Served;
use crate::installation::{Installation, done};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Instant;

/// A token of kubeadm in a text, as a word of its own: six letters or digits, a dot, sixteen of them (kubeadm's API type
/// `BootstrapTokenString`).
fn join_token(text: &str) -> Option<&str> {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let words = text.split(|c| !is_of_a_word(c)).map(|word| word.trim_matches('.'));
    words.into_iter().find(|word| {
        let letters = |part: &str, length| {
            part.len() == length
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        word.split_once('.').is_some_and(|(id, secret)| letters(id, 6) && letters(secret, 16))
    })
}

/// The same in every text of a document.
fn in_document(document: &Value) -> Option<&str> {
    match document {
        Value::String(text) => join_token(text),
        Value::Array(items) => items.iter().find_map(in_document),
        Value::Object(fields) => {
            fields.iter().find_map(|(name, value)| join_token(name).or_else(|| in_document(value)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[test]
fn a_join_token_is_found_wherever_it_stands() {
    let token = "q7x2kd.0123456789abcdef";
    let join = format!(
        "  kubeadm join 10.0.0.1:6443 --token {token} \\\n\t--discovery-token-ca-cert-hash sha256:00"
    );
    for text in [
        token,
        &join,
        &format!("token={token}, ttl=24h"),
        &format!("The token is {token}."),
        &format!("\"{token}\""),
    ] {
        assert_eq!(join_token(text), Some(token), "{text}");
    }
    for text in [
        "",
        "system:bootstrap:q7x2kd",
        "metrics-server.187a1b2c3d4e5f60",
        "q7x2kd.0123456789abcde",
        "q7x2kd.0123456789abcdefg",
        "Q7X2KD.0123456789ABCDEF",
        "storage.k8s.io",
    ] {
        assert_eq!(join_token(text), None, "{text}");
    }
    let said =
        serde_json::json!({"items": [{"index": 7, "event": {"evidence": ["[bootstrap-token]", join]}}]});
    assert_eq!(in_document(&said), Some(token));
}

/// Looks for one in everything that a viewer is told, after an installation; and whether one would be found: a real one is made.
pub(crate) fn none_is_told(site: &Installation, server: &mut Served<'_>) {
    let begun = Instant::now();
    let made = site
        .host("h1")
        .shell("kubeadm token create --ttl 1m --kubeconfig /etc/kubernetes/admin.conf")
        .unwrap();
    let made = join_token(&made).unwrap_or_else(|| panic!("kubeadm makes other tokens than these: {made}"));
    site.host("h1")
        .shell(&format!("kubeadm token delete {made} --kubeconfig /etc/kubernetes/admin.conf"))
        .unwrap();

    let streamed = server.streamed();
    for message in &streamed {
        assert_eq!(in_document(&message.data), None, "{message:?}");
    }
    let outputs = outputs(server, &attempts(&streamed));
    let said =
        outputs.iter().filter(|output| output["text"].as_str().is_some_and(|text| !text.is_empty())).count();
    assert!(said > 0, "no step said anything");
    for output in &outputs {
        assert_eq!(in_document(output), None, "{output}");
    }
    let audit = server.get("audit?limit=1000");
    assert_eq!(in_document(&audit), None);
    let logs = logs(server);
    for (pod, log) in &logs {
        assert_eq!(join_token(log), None, "the log of {pod}");
    }
    done(
        &format!("no join token in {} messages, {said} outputs, {} logs", streamed.len(), logs.len()),
        begun,
    );
}

/// Run, step and number of every attempt that streamed.
fn attempts(streamed: &[super::stream::Message]) -> BTreeSet<(String, String, u64)> {
    let started = streamed.iter().filter(|message| message.starts(""));
    let attempt = |data: &Value| {
        let event = &data["event"];
        Some((
            data["run"].as_str()?.to_owned(),
            event["step"].as_str()?.to_owned(),
            event["attempt"].as_u64()?,
        ))
    };
    started.filter_map(|message| attempt(&message.data)).collect()
}

/// What each attempt said, to its end: all of them over one connection.
fn outputs(server: &mut Served<'_>, attempts: &BTreeSet<(String, String, u64)>) -> Vec<Value> {
    let lines: Vec<String> = attempts
        .iter()
        .map(|(run, step, attempt)| {
            format!("echo \"url = $U/runs/{run}/output?step={}&attempt={attempt}\"", step.replace('/', "%2F"))
        })
        .collect();
    server.shell.tell(&format!("{{ {}\n}} >outputs", lines.join("\n")));
    let text = server.shell.tell("api -K outputs");
    let read: Vec<Value> =
        serde_json::Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(read.len(), attempts.len(), "each was asked for and answered");
    for output in &read {
        let length = output["text"].as_str().unwrap_or_else(|| panic!("{output}")).len() as u64;
        assert_eq!(output["next"], length, "more of it is on another page");
    }
    read
}

/// Of every pod of Kubernetes' own.
fn logs(server: &mut Served<'_>) -> Vec<(String, String)> {
    let place = format!("clusters/{}/pods", server.name());
    let pods = server.get(&format!("{place}?namespace=kube-system&limit=500"));
    let names: Vec<String> = pods["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pod| pod["name"].as_str().map(str::to_owned))
        .collect();
    assert!(names.len() > 4, "{pods}");
    let log = |name: String| {
        let said = server.ask(&format!("\"$U/{place}/kube-system/{name}/log?tail=100000\""));
        assert_eq!(said.status, 200, "{name}: {}", said.text);
        (name, said.text)
    };
    names.into_iter().map(log).collect()
}
