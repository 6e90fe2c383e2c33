//! What the `lab` command prints: for people, or as JSON.

use crate::cli::Output;
use lab::{Forward, GatewayCount, Lab};
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn up(lab: &Lab, output: Output) -> String {
    match output {
        Output::Json => pretty(&lab_json(lab)),
        Output::Text => {
            let record = lab.record();
            let key = record.key.display();
            let known_hosts = record.known_hosts.display();
            let address = record.hosts[0].address;
            format!(
                "{}\nlog in:    lab --name {name} run -- ssh -i {key} -o UserKnownHostsFile={known_hosts} root@{address}\n\
                 passwords: root {}, site {}\n\
                 take down: lab --name {name} down\n",
                lab_text(lab),
                record.root_password,
                record.site_password,
                name = lab.name(),
            )
        }
    }
}

pub(crate) fn list(labs: &[Lab], output: Output) -> String {
    match output {
        Output::Json => pretty(&Value::Array(labs.iter().map(lab_json).collect())),
        Output::Text => labs.iter().map(lab_text).collect(),
    }
}

pub(crate) fn count(count: &GatewayCount, output: Output) -> String {
    match output {
        Output::Json => pretty(&json!(count)),
        Output::Text => {
            let mut text = format!("{} packets, {} bytes\n", count.packets, count.bytes);
            for flow in &count.seen {
                let _ = writeln!(text, "  {} to {} {}: {}", flow.from, flow.to, flow.protocol, flow.packets);
            }
            text
        }
    }
}

pub(crate) fn forward(forward: &Forward, output: Output) -> String {
    match output {
        Output::Json => pretty(&json!(forward)),
        Output::Text => format!("{} leads to {}\n", forward.listen, forward.to),
    }
}

/// The record, with what is true only now.
fn lab_json(lab: &Lab) -> Value {
    let mut value = json!(lab.record());
    value["left_behind"] = json!(lab.record().is_left_behind());
    value["forwards"] = json!(lab.forwards());
    for (entry, host) in value["hosts"].as_array_mut().into_iter().flatten().zip(lab.hosts()) {
        entry["on"] = json!(host.is_on());
        entry["root"] = json!(host.root());
    }
    value
}

fn lab_text(lab: &Lab) -> String {
    let isolated = if lab.record().isolated { ", isolated" } else { "" };
    let left = if lab.record().is_left_behind() { ", left behind" } else { "" };
    let mut text = format!("{}{isolated}{left}\n", lab.name());
    for host in lab.hosts() {
        let cluster = host.cluster_address().map(|address| format!(" {address}")).unwrap_or_default();
        let state = if host.is_on() { "on" } else { "off" };
        let _ =
            writeln!(text, "  {} {}{cluster} {state} {}", host.name(), host.address(), host.fingerprint());
    }
    for forward in lab.forwards() {
        let _ = writeln!(text, "  {} leads to {}", forward.listen, forward.to);
    }
    text
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
