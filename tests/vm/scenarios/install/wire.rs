//! How many bytes the machine sent to the hosts' SSH servers, counted by the kernel beside the product: every byte of every
//! connection, those of connections that were cut off too.

use std::io::Write;
use std::process::Stdio;

use lab::Lab;

const TABLE: &str = "inet wire";

/// Begins to count what the machine sends to each host's SSH server.
pub(crate) fn count(lab: &Lab) {
    let mut rules = format!("table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n");
    for host in lab.hosts() {
        rules.push_str(&format!("  counter {} {{ }}\n", host.name()));
    }
    rules.push_str("  chain sent {\n    type filter hook output priority 0;\n");
    for host in lab.hosts() {
        let (name, address) = (host.name(), host.address());
        rules.push_str(&format!("    ip daddr {address} tcp dport 22 counter name {name}\n"));
    }
    rules.push_str("  }\n}\n");
    let mut nft = lab.command(["nft", "-f", "-"]);
    let mut nft = nft.stdin(Stdio::piped()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(nft.wait().unwrap().success(), "nft refused:\n{rules}");
}

/// Bytes sent to a host since [`count`].
pub(crate) fn sent(lab: &Lab, host: &str) -> u64 {
    let table = TABLE.split(' ');
    let words = ["nft", "-j", "list", "counter"].into_iter().chain(table).chain([host]);
    let output = lab.command(words).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let counters = said["nftables"].as_array().unwrap();
    counters.iter().find_map(|one| one["counter"]["bytes"].as_u64()).expect("a counter of that name")
}

/// Bytes sent to all hosts since [`count`].
pub(crate) fn sent_to_all(lab: &Lab) -> u64 {
    lab.hosts().iter().map(|host| sent(lab, host.name())).sum()
}
