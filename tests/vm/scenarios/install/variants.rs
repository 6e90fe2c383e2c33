//! Sites that are not the usual one: a network of the cluster's own, kube-proxy with iptables.

use crate::installation::Installation;
use crate::residue::Before;

/// SSH comes over one network, the cluster's traffic goes over the other.
#[test]
#[ignore = "needs root"]
fn a_cluster_on_a_network_of_its_own_keeps_to_it() {
    let site = Installation::begin("second-network", 3, |spec| spec.second_network = true);
    let before = Before::of(&site);
    site.armilla("apply", &[]).healthy("apply with a second network");
    let cluster = site.cluster();
    for host in site.lab.hosts() {
        let address = host.cluster_address().unwrap().to_string();
        let node = cluster
            .kubectl(&["get", "node", host.name(), "-o", "jsonpath={.status.addresses[?(@.type==\"InternalIP\")].address} {.metadata.annotations.flannel\\.alpha\\.coreos\\.com/public-ip}"])
            .unwrap();
        assert_eq!(node, format!("{address} {address}"), "{}", host.name());
        let vxlan = host.shell("ip -d link show flannel.1").unwrap();
        assert!(vxlan.contains(&format!("local {address} dev cluster0")), "{vxlan}");
    }
    site.prove("proofs with a second network");
    for host in site.lab.hosts() {
        assert_eq!(connections_over_ssh(&site, host), Vec::<String>::new(), "{}", host.name());
    }
    assert_eq!(site.armilla("apply", &[]).healthy("a second apply").acts(), [""; 0]);
    site.armilla("reset", &[]).healthy("reset");
    before.assert_again(&site, &["h1", "h2", "h3"], "reset with a second network");
}

/// What the host has open with the other hosts on the network of SSH: nothing of the cluster belongs there.
fn connections_over_ssh(site: &Installation, host: &lab::Host) -> Vec<String> {
    let others: Vec<String> = site
        .lab
        .hosts()
        .iter()
        .filter(|other| other.name() != host.name())
        .map(|other| format!(" {}:", other.address()))
        .collect();
    let open = host.shell("ss -Htun").unwrap();
    let lines = open.lines().filter(|line| others.iter().any(|other| line.contains(other.as_str())));
    lines.map(str::to_owned).collect()
}

#[test]
#[ignore = "needs root"]
fn kube_proxy_with_iptables_carries_the_same_proofs() {
    let site = Installation::begin("iptables", 3, |_| {});
    let before = Before::of(&site);
    let mut text = std::fs::read_to_string(site.folder.site()).unwrap();
    text.push_str("kubeProxy:\n  mode: iptables\n");
    std::fs::write(site.folder.site(), text).unwrap();
    site.armilla("apply", &[]).healthy("apply with kube-proxy in iptables mode");
    site.prove("proofs with iptables");
    let within = |program: &[&str]| {
        let exec = ["-n", "kube-system", "exec", "ds/kube-proxy", "--"];
        site.cluster().kubectl(&[&exec, program].concat()).unwrap()
    };
    let rules = within(&["iptables-save", "-t", "nat"]);
    let services = rules.lines().filter(|rule| rule.starts_with("-A KUBE-SERVICES")).count();
    assert!(services >= 3, "{rules}");
    let tables = within(&["nft", "list", "tables"]);
    assert!(!tables.contains("kube-proxy"), "rules of nftables mode are there: {tables}");
    println!("KUBE-SERVICES rules: {services}");
    assert_eq!(site.armilla("apply", &[]).healthy("a second apply").acts(), [""; 0]);
    site.armilla("reset", &[]).healthy("reset");
    before.assert_again(&site, &["h1", "h2", "h3"], "reset in iptables mode");
}
