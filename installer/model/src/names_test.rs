use super::*;

fn ok<T: FromStr>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_ok(), "{text:?} should be taken");
    }
}

fn refused<T: FromStr>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} should be refused");
    }
}

#[test]
fn host_names_follow_rfc_1123() {
    ok::<HostName>(&["a", "node-1", "node1.rack2.example", &"a".repeat(63)]);
    refused::<HostName>(&[
        "",
        "Node",
        "-a",
        "a-",
        "a..b",
        "a_b",
        "节点",
        &"a".repeat(64),
        &format!("{}a", "a.".repeat(127)),
    ]);
}

#[test]
fn a_mistyped_address_is_not_taken_for_a_name() {
    let error = "10.0.0.300".parse::<HostAddress>().unwrap_err();
    assert_eq!(error.to_string(), "\"10.0.0.300\" is not an IP address");
    ok::<HostAddress>(&["10.0.0.3", "fd00::1", "node-1.example", "node1"]);
    refused::<HostAddress>(&["", "10.0.0", "10.0.0.1:22", "fd00::g", "a b", "node.1"]);
}

#[test]
fn labels_follow_the_kubernetes_syntax() {
    ok::<LabelKey>(&["a", "example.com/rack", "A_b.c-d"]);
    refused::<LabelKey>(&["", "/a", "a/", "a/b/c", "Upper.Case/x", "-a", "a b"]);
    ok::<LabelValue>(&["", "a", "v1.2_x"]);
    refused::<LabelValue>(&["-", "a b", "é", &"x".repeat(64)]);
}

#[test]
fn a_network_with_host_bits_is_refused_with_the_network_it_lies_in() {
    let error = "10.244.1.0/16".parse::<Cidr>().unwrap_err();
    assert_eq!(error.to_string(), "\"10.244.1.0/16\" has host bits set: did you mean 10.244.0.0/16?");
    refused::<Cidr>(&["10.0.0.0", "10.0.0.0/33", "10.0.0.0/+8", "::/129", "a/8"]);
}

#[test]
fn networks_overlap_when_one_holds_the_other() {
    let net = |text: &str| text.parse::<Cidr>().unwrap();
    assert!(net("10.0.0.0/8").overlaps(&net("10.96.0.0/12")));
    assert!(net("10.96.0.0/12").overlaps(&net("10.0.0.0/8")));
    assert!(!net("10.96.0.0/12").overlaps(&net("10.244.0.0/16")));
    assert!(!net("0.0.0.0/0").overlaps(&net("::/0")));
    assert!(net("0.0.0.0/0").contains("1.2.3.4".parse().unwrap()));
    assert!(net("fd00::/8").contains("fdff::1".parse().unwrap()));
}

#[test]
fn the_nth_address_stays_inside_its_network() {
    let net: Cidr = "10.96.0.0/12".parse().unwrap();
    assert_eq!(net.nth(10), Some("10.96.0.10".parse().unwrap()));
    assert_eq!("10.0.0.0/30".parse::<Cidr>().unwrap().nth(4), None);
    assert_eq!("255.255.255.252/30".parse::<Cidr>().unwrap().nth(4), None);
    assert_eq!("fd00::/64".parse::<Cidr>().unwrap().nth(1), Some("fd00::1".parse().unwrap()));
}

#[test]
fn host_paths_are_absolute_and_plain() {
    ok::<HostPath>(&["/var/lib", "/data"]);
    refused::<HostPath>(&["", "/", "var", "/var/", "/var/../etc", "/var//lib", "/a b", "/a;rm", "/a%b"]);
}

#[test]
fn versions_flags_registries_and_fingerprints_are_checked() {
    ok::<KubernetesVersion>(&["1.37.1", "1.40.0"]);
    refused::<KubernetesVersion>(&["1.37", "v1.37.1", "1.37.1-rc.0", "1.037.1", "1.+7.1"]);
    ok::<FlagName>(&["max-pods", "v"]);
    refused::<FlagName>(&["--max-pods", "", "maxPods", "a=b"]);
    ok::<RegistryHost>(&["registry.corp", "registry.corp:5000", "10.0.0.9:5000"]);
    refused::<RegistryHost>(&["https://registry.corp", "registry.corp/x", "registry.corp:0", "10.0.0.300"]);
    ok::<HostKeyFingerprint>(&[&format!("SHA256:{}", "A".repeat(43))]);
    refused::<HostKeyFingerprint>(&["MD5:00", "SHA256:short", &format!("SHA256:{}B", "A".repeat(42))]);
    ok::<UserName>(&["root", "ops", "corp\\ops"]);
    refused::<UserName>(&["", "-x", "a b", "a;b"]);
}

#[test]
fn names_are_checked_when_they_are_read_back() {
    assert!(serde_json::from_str::<HostName>("\"ok\"").is_ok());
    assert!(serde_json::from_str::<HostName>("\"Not OK\"").is_err());
    assert!(serde_json::from_str::<Cidr>("\"10.0.0.1/8\"").is_err());
}
