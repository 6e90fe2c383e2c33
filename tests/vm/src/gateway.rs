//! The gateway: where every default route of the lab leads, and where every packet ends that would leave it.
//! A packet for the lab's own network is no packet for the gateway to pass on, and is not counted.

use crate::address::{BEYOND, SSH_NETWORK};
use crate::command::{self, CommandError};
use crate::file::FileError;
use crate::netns;
use crate::place::namespace_file;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, UdpSocket};

/// What reached the gateway and was dropped there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCount {
    pub packets: u64,
    pub bytes: u64,
    /// Who wanted to reach whom, for finding the cause; IPv4 only. The total above counts IPv6 too.
    pub seen: Vec<Flow>,
}

/// The packets from one address to another, of one protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub from: String,
    pub to: String,
    pub protocol: String,
    pub packets: u64,
}

/// Why the gateway does not count.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("ask the gateway")]
    Ask(#[from] CommandError),
    #[error("understand the gateway's answer: {0}")]
    Answer(String),
    #[error("send a packet from {host} to {BEYOND}")]
    Probe { host: String, source: std::io::Error },
    #[error("reach the host's network")]
    Enter(#[from] FileError),
}

/// Before routing, so that nothing is ever passed on or answered with an error of the gateway's own.
fn rules() -> String {
    format!(
        "table inet gateway {{
  counter reached {{ }}
  set seen {{
    type ipv4_addr . ipv4_addr . inet_proto
    size 65535
    flags dynamic
    counter
  }}
  chain arrives {{
    type filter hook prerouting priority raw; policy accept;
    iifname != \"lab0\" accept
    ip daddr {{ {SSH_NETWORK}, 224.0.0.0/4, 255.255.255.255 }} accept
    ip6 daddr {{ fe80::/10, ff00::/8 }} accept
    meta nfproto ipv4 update @seen {{ ip saddr . ip daddr . meta l4proto }}
    meta nfproto {{ ipv4, ipv6 }} counter name reached drop
  }}
}}
"
    )
}

pub(crate) fn open(namespace: &str) -> Result<(), CommandError> {
    command::run_with_input("nsenter", [&enter(namespace), "nft", "-f", "-"], &rules()).map(drop)
}

pub(crate) fn count(namespace: &str) -> Result<GatewayCount, GatewayError> {
    let ask = |kind, name| {
        command::run("nsenter", [&enter(namespace), "nft", "-j", "list", kind, "inet", "gateway", name])
    };
    parse(&ask("counter", "reached")?, &ask("set", "seen")?)
}

/// Sends one packet from a host to an address beyond the lab, on purpose, to see the counter count. In an isolated lab
/// a route to that one address is laid for the moment.
pub(crate) fn probe(host: &str, namespace: &str, route_via: Option<Ipv4Addr>) -> Result<(), GatewayError> {
    let route = format!("{BEYOND}/32");
    if let Some(gateway) = route_via {
        command::run("ip", ["-n", namespace, "route", "replace", &route, "via", &gateway.to_string()])?;
    }
    let sent = netns::inside(&namespace_file(namespace), || {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(b"lab gateway probe", (BEYOND, 9))
    })?;
    if route_via.is_some() {
        command::run("ip", ["-n", namespace, "route", "delete", &route])?;
    }
    sent.map(drop).map_err(|source| GatewayError::Probe { host: host.to_owned(), source })
}

fn enter(namespace: &str) -> String {
    format!("--net={}", namespace_file(namespace).display())
}

/// From the two answers of nft, in the form of libnftables-json(5).
fn parse(counter: &str, set: &str) -> Result<GatewayCount, GatewayError> {
    let wrong = |text: &str| GatewayError::Answer(text.to_owned());
    let object = |text: &str, kind: &str| -> Result<serde_json::Value, GatewayError> {
        let answer: serde_json::Value = serde_json::from_str(text).map_err(|_| wrong(text))?;
        let list = answer["nftables"].as_array().ok_or_else(|| wrong(text))?;
        list.iter().find_map(|entry| entry.get(kind)).cloned().ok_or_else(|| wrong(text))
    };
    let total = object(counter, "counter")?;
    let number = |value: &serde_json::Value, text| value.as_u64().ok_or_else(|| wrong(text));
    let flow = |entry: &serde_json::Value| {
        let element = &entry["elem"];
        let part = |index: usize| Some(element["val"]["concat"][index].as_str()?.to_owned());
        let packets = element["counter"]["packets"].as_u64()?;
        Some(Flow { from: part(0)?, to: part(1)?, protocol: part(2)?, packets })
    };
    let entries =
        object(set, "set")?.get("elem").and_then(|list| list.as_array().cloned()).unwrap_or_default();
    Ok(GatewayCount {
        packets: number(&total["packets"], counter)?,
        bytes: number(&total["bytes"], counter)?,
        seen: entries.iter().map(|entry| flow(entry).ok_or_else(|| wrong(set))).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
        {"counter": {"family": "inet", "name": "reached", "table": "gateway", "packets": 2, "bytes": 90}}]}"#;

    #[test]
    fn a_count_is_read_with_who_wanted_whom() {
        let set = r#"{"nftables": [{"metainfo": {}}, {"set": {"name": "seen", "elem": [{"elem":
            {"val": {"concat": ["10.77.0.11", "198.51.100.7", "udp"]}, "counter": {"packets": 2, "bytes": 90}}}]}}]}"#;
        let count = parse(COUNTER, set).unwrap();
        assert_eq!((count.packets, count.bytes), (2, 90));
        let flow =
            Flow { from: "10.77.0.11".into(), to: "198.51.100.7".into(), protocol: "udp".into(), packets: 2 };
        assert_eq!(count.seen, [flow]);
    }

    #[test]
    fn an_answer_that_is_not_understood_is_never_a_zero() {
        let empty = r#"{"nftables": [{"set": {"name": "seen"}}]}"#;
        assert_eq!(parse(COUNTER, empty).unwrap().seen, []);
        assert!(parse("", empty).is_err());
        assert!(parse(r#"{"nftables": []}"#, empty).is_err());
        assert!(parse(COUNTER, r#"{"nftables": [{"set": {"elem": [{"elem": 1}]}}]}"#).is_err());
    }
}
