//! The network around the cluster: links, names, leases, proxies, and who else has packet rules.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use installer_model::survey::{HostsLine, LinkState, NetworkState, PacketRules, ProxySetting};

use super::{Root, programs};

pub(super) fn read(root: &Root, resolver: Option<&str>, said: &BTreeMap<String, String>) -> NetworkState {
    NetworkState {
        links: links(root),
        hosts_file: root.text("/etc/hosts").map(|text| hosts_file(&text)),
        search_domains: resolver
            .and_then(|path| root.text(path))
            .map(|text| search(&text))
            .unwrap_or_default(),
        leases: leases(root),
        packet_rules: packet_rules(said),
        legacy_tables: legacy_tables(root),
        virtual_servers: root.text("/proc/net/ip_vs").map(|text| virtual_servers(&text)).unwrap_or_default(),
        proxies: proxies(root),
    }
}

fn links(root: &Root) -> BTreeMap<String, LinkState> {
    let names =
        root.names("/sys/class/net").into_iter().filter(|name| name != "bonding_masters" && name != "lo");
    let link = |name: String| {
        let file = |file: &str| root.line(&format!("/sys/class/net/{name}/{file}"));
        let state = LinkState {
            carrier: file("carrier").map(|text| text == "1"),
            // Unknown speeds are -1 or not to be read.
            speed_mbps: file("speed").and_then(|text| text.parse().ok()),
            duplex: file("duplex").filter(|text| text != "unknown"),
        };
        (state != LinkState::default()).then_some((name, state))
    };
    names.filter_map(link).collect()
}

/// hosts(5).
fn hosts_file(text: &str) -> Vec<HostsLine> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next()?.split('%').next()?.parse().ok()?;
        Some(HostsLine { address, names: words.map(str::to_owned).collect() })
    };
    lines.filter_map(line).collect()
}

/// The last line with `search` or `domain` wins (resolv.conf(5)).
fn search(text: &str) -> Vec<String> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let last = lines.rfind(|words| matches!(words.first(), Some(&"search" | &"domain")));
    last.map(|words| words[1..].iter().map(|word| (*word).to_owned()).collect()).unwrap_or_default()
}

/// Of systemd-networkd, which forgets them at a restart.
fn leases(root: &Root) -> BTreeSet<IpAddr> {
    const FOLDER: &str = "/run/systemd/netif/leases";
    let texts = root.names(FOLDER).into_iter().filter_map(|name| root.text(&format!("{FOLDER}/{name}")));
    let address =
        |text: String| text.lines().find_map(|line| line.strip_prefix("ADDRESS=")?.trim().parse().ok());
    texts.filter_map(address).collect()
}

fn packet_rules(said: &BTreeMap<String, String>) -> Option<PacketRules> {
    let (iptables, nftables) = (said.get(programs::IPTABLES), said.get(programs::NFTABLES));
    if iptables.is_none() && nftables.is_none() {
        return None;
    }
    let text = iptables.map(String::as_str).unwrap_or_default();
    // `:FORWARD DROP [0:0]` declares a chain; those of the user have a dash for a policy.
    let chains = text.lines().filter_map(|line| line.strip_prefix(':')?.split_once(' '));
    let forward = filter_table(text).find_map(|line| line.strip_prefix(":FORWARD ")?.split(' ').next());
    let tables = nftables.map(String::as_str).unwrap_or_default().lines();
    Some(PacketRules {
        chains: chains.map(|(name, _)| name.to_owned()).collect(),
        forward_policy: forward.map(str::to_owned),
        tables: tables
            .filter_map(|line| line.strip_prefix("table "))
            .map(|name| name.trim().to_owned())
            .collect(),
    })
}

fn filter_table(text: &str) -> impl Iterator<Item = &str> {
    text.lines().skip_while(|line| *line != "*filter").skip(1).take_while(|line| !line.starts_with('*'))
}

fn legacy_tables(root: &Root) -> BTreeSet<String> {
    let text = root.text("/proc/net/ip_tables_names").unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// `/proc/net/ip_vs`: `TCP  0A600001:01BB rr`; lines of real servers begin with an arrow.
fn virtual_servers(text: &str) -> Vec<String> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        matches!(words.next()?, "TCP" | "UDP" | "SCTP").then_some(())?;
        let (address, port) = words.next()?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        // Unlike the tables of sockets, this one is written in the order of the network.
        let bits = u32::from_str_radix(address, 16).ok()?;
        Some(format!("{}:{port}", std::net::Ipv4Addr::from(bits)))
    };
    text.lines().filter_map(server).collect()
}

const PROXY_VARIABLES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy"];

fn proxies(root: &Root) -> Vec<ProxySetting> {
    let mut files = vec!["/etc/environment".to_owned(), "/etc/systemd/system.conf".to_owned()];
    for folder in ["/etc/systemd/system.conf.d", "/etc/profile.d"] {
        files.extend(root.names(folder).into_iter().map(|name| format!("{folder}/{name}")));
    }
    files.into_iter().flat_map(|file| proxies_in(&root.text(&file).unwrap_or_default(), &file)).collect()
}

/// `HTTP_PROXY=…` alone, after `export`, or quoted inside of `DefaultEnvironment=`.
fn proxies_in(text: &str, file: &str) -> Vec<ProxySetting> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let plain = lines.map(|line| line.strip_prefix("DefaultEnvironment=").unwrap_or(line));
    let words: Vec<(&str, &str)> = plain
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.trim_matches(['"', '\'']).split_once('='))
        .collect();
    let named = |name: &str| words.iter().find(|(word, _)| word.eq_ignore_ascii_case(name));
    let no_proxy = named("no_proxy").map(|(_, value)| value.trim_matches(['"', '\'']).to_owned());
    let set = PROXY_VARIABLES.iter().filter_map(|name| named(name)).filter(|(_, value)| !value.is_empty());
    set.map(|(name, _)| ProxySetting {
        file: file.to_owned(),
        variable: (*name).to_owned(),
        no_proxy: no_proxy.clone(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_and_its_password_is_not() {
        let text = "# HTTP_PROXY=http://x\nDefaultEnvironment=\"HTTPS_PROXY=http://u:secret@p:3128\" \"NO_PROXY=10.0.0.0/8\"\n";
        let found = proxies_in(text, "/f");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].variable.as_str(), found[0].no_proxy.as_deref()),
            ("HTTPS_PROXY", Some("10.0.0.0/8"))
        );
        assert!(!format!("{found:?}").contains("secret"));
        assert_eq!(proxies_in("export http_proxy=http://p\nhttps_proxy=\n", "/f").len(), 1);
    }

    #[test]
    fn chains_policies_and_tables_are_read() {
        let iptables = "*nat\n:FORWARD ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [1:2]\n:FORWARD DROP [0:0]\nCOMMIT\n";
        let said = BTreeMap::from([
            (programs::IPTABLES.to_owned(), iptables.to_owned()),
            (programs::NFTABLES.to_owned(), "table ip kube-proxy\n".to_owned()),
        ]);
        let rules = packet_rules(&said).unwrap();
        assert!(rules.chains.contains("KUBE-SERVICES") && rules.tables.contains("ip kube-proxy"));
        assert_eq!(rules.forward_policy.as_deref(), Some("DROP"));
        assert_eq!(packet_rules(&BTreeMap::new()), None, "nobody was asked");
    }

    #[test]
    fn virtual_servers_are_in_network_order() {
        let text = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port\nTCP  0A600001:01BB rr\n  -> 0A000001:192B      Masq    1      0          0\n";
        assert_eq!(virtual_servers(text), ["10.96.0.1:443"]);
    }

    #[test]
    fn the_last_search_line_wins_and_comments_of_hosts_are_left_out() {
        assert_eq!(search("search a b\nnameserver 1.1.1.1\nsearch c\n"), ["c"]);
        let lines =
            hosts_file("127.0.0.1 localhost # me\n# 10.0.0.1 gone\nfe80::1%eth0 router\nnonsense x\n");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].names, ["localhost"]);
    }
}
