use super::*;
use crate::site::{KubeProxyChoice, SecretRef, TaintEffect};

const SMALLEST: &str = "
apiVersion: armilla/v1
kind: Site
metadata: {name: demo}
hosts:
  - {name: a, address: 10.0.0.1, roles: [control-plane, worker]}
";

fn errors(text: &str) -> Vec<String> {
    Site::parse(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// The smallest site with one more piece of text at its end.
fn with(more: &str) -> String {
    format!("{SMALLEST}{more}")
}

/// The smallest site with other hosts.
fn hosts(list: &str) -> String {
    let head = SMALLEST.split("  - {name: a").next().unwrap();
    format!("{head}{list}")
}

#[test]
fn what_is_not_written_has_its_default() {
    let site = Site::parse(SMALLEST).unwrap();
    let host = &site.hosts[0];
    assert_eq!(host.cluster_address.to_string(), "10.0.0.1");
    assert_eq!((host.ssh.user.as_str(), host.ssh.port, host.ssh.agent), ("root", 22, true));
    assert_eq!(site.network.pod_cidr.to_string(), "10.244.0.0/16");
    assert_eq!(site.cluster_dns().to_string(), "10.96.0.10");
    assert_eq!(site.data_root.as_str(), "/var/lib");
    assert_eq!(site.kubeconfig_endpoint().to_string(), "10.0.0.1:6443");
    assert!(site.addons.local_path && site.addons.metrics_server);
}

#[test]
fn every_key_is_read() {
    let site = Site::parse(include_str!("../../tests/sites/everything.yaml")).unwrap();
    assert_eq!(site.name.as_str(), "everything");
    let [control, worker] = site.hosts.as_slice() else { panic!("{:?}", site.hosts) };
    assert!(control.roles.control_plane && !control.roles.worker);
    assert_eq!(control.ssh.key_file.as_deref().unwrap().to_str(), Some("~/.ssh/site"));
    assert_eq!(control.ssh.passphrase, Some(SecretRef::Env("SITE_PASSPHRASE".into())));
    assert_eq!((control.ssh.user.as_str(), control.ssh.port), ("ops", 2222));
    assert_eq!(control.sudo.password, Some(SecretRef::Prompt));
    assert_eq!(control.jump.len(), 2);
    assert_eq!((control.jump[0].ssh.port, control.jump[1].ssh.port), (22, 2200));
    assert_eq!((worker.ssh.user.as_str(), worker.ssh.port), ("admin", 22));
    assert_eq!(worker.ssh.password, Some(SecretRef::File("/etc/armilla/pw".into())));
    assert!(worker.ssh.host_key.is_some());
    assert_eq!(worker.cluster_address.to_string(), "192.168.7.12");
    assert_eq!(worker.jump.len(), 1);
    assert_eq!(worker.taints[0].effect, TaintEffect::NoSchedule);
    assert_eq!(worker.labels.len(), 2);
    let waivers: Vec<String> = site.waivers.iter().map(|waiver| waiver.target().to_string()).collect();
    assert_eq!((waivers[0].as_str(), waivers[1].as_str()), ("swap@worker-1", "memory"));
    assert_eq!(site.api.endpoint.as_ref().unwrap().to_string(), "api.example.com:443");
    assert_eq!(site.kubeconfig_endpoint().to_string(), "api.example.com:443");
    let names: Vec<String> = site.api_certificate_names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["api.example.com", "k8s.example.com", "203.0.113.9", "10.0.0.11"]);
    assert_eq!(site.dns_upstreams.len(), 2);
    assert_eq!(site.time_servers.len(), 2);
    assert_eq!(site.data_root.as_str(), "/data");
    assert_eq!(site.registries[0].mirror_of.len(), 2);
    assert_eq!(site.kubelet_extra_args.values().collect::<Vec<_>>(), ["200"]);
    assert_eq!(site.api_server_extra_args.len(), 1);
    assert_eq!(site.kube_proxy_mode, KubeProxyChoice::Iptables);
    assert_eq!(site.kubernetes_version.as_ref().unwrap().as_str(), "1.37.1");
    assert_eq!(site.bundle.as_ref().unwrap().trust.as_deref(), Some("KEY"));
    assert!(!site.addons.metrics_server && site.addons.local_path);
}

#[test]
fn a_site_is_stored_and_read_back_the_same() {
    let site = Site::parse(include_str!("../../tests/sites/everything.yaml")).unwrap();
    let stored = serde_json::to_string(&site).unwrap();
    assert_eq!(serde_json::from_str::<Site>(&stored).unwrap(), site);
}

#[test]
fn a_site_file_full_of_mistakes_names_every_one_of_them_at_once() {
    let found = Site::parse(include_str!("../../tests/sites/mistakes.yaml")).unwrap_err().to_string();
    assert_eq!(found.trim(), include_str!("../../tests/sites/mistakes.txt").trim(), "\n{found}");
}

#[test]
fn text_that_is_no_yaml_is_refused_with_its_line() {
    let found = errors("apiVersion: armilla/v1\nhosts: [a, b\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("site file: line ") && found[0].contains("is not valid YAML"), "{found:?}");
    assert_eq!(errors(""), ["site file: is empty (`armilla init` writes one)"]);
    assert_eq!(errors("# only a comment\n"), ["site file: is empty (`armilla init` writes one)"]);
    assert_eq!(errors("- a\n"), ["site file: line 1: a list stands where keys and values belong"]);
    assert!(errors(&with("---\na: b\n"))[0].contains("second document"));
    assert!(errors("a: !!str b\n")[0].contains("YAML tag"));
}

#[test]
fn nesting_and_alias_bombs_are_refused_without_being_built() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(errors(&deep)[0].contains("nested deeper"), "{:?}", errors(&deep));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..9 {
        let inner = vec![format!("*a{}", i - 1); 10].join(",");
        bomb += &format!("a{i}: &a{i} [{inner}]\n");
    }
    assert!(errors(&bomb)[0].contains("has more than"), "{:?}", errors(&bomb));
}

#[test]
fn anchors_spare_repetition() {
    let text = hosts(
        "  - {name: a, address: 10.0.0.1, roles: [control-plane], labels: &l {rack: r1}}\n  - {name: b, address: 10.0.0.2, labels: *l}\n",
    );
    assert_eq!(Site::parse(&text).unwrap().hosts[1].labels.len(), 1);
}

#[test]
fn a_password_in_the_file_is_refused_and_not_repeated() {
    let found = errors(&with("ssh: {password: hunter2}\n")).join("\n");
    assert!(found.contains("ssh.password: line 7: a secret is not written here"), "{found}");
    assert!(!found.contains("hunter2"));
}

#[test]
fn one_control_plane_it_must_be_and_only_one_for_now() {
    let none = errors(&hosts("  - {name: a, address: 10.0.0.1}\n"));
    assert_eq!(none, ["hosts: line 6: has no control plane: give one host `roles: [control-plane]`"]);
    let two = errors(&hosts(
        "  - {name: a, address: 10.0.0.1, roles: [control-plane]}\n  - {name: b, address: 10.0.0.2, roles: [control-plane]}\n",
    ));
    assert_eq!(
        two,
        ["hosts[1].roles[0]: line 7: is a second control plane: several control planes come later"]
    );
    assert_eq!(errors(&hosts("  []\n")), ["hosts: line 2: names no host"]);
}

#[test]
fn hosts_do_not_share_names_or_addresses() {
    let found = errors(&hosts(
        "  - {name: a, address: 10.0.0.1, roles: [control-plane]}\n  - {name: a, address: 10.0.0.1}\n  - {name: c, address: 10.0.0.3, clusterAddress: 10.0.0.1}\n",
    ));
    assert_eq!(
        found,
        [
            "hosts[1].name: line 7: \"a\" is the name of hosts[0] too",
            "hosts[1].address: line 7: \"10.0.0.1\" is the SSH address of hosts[0] too",
            "hosts[2].clusterAddress: line 8: 10.0.0.1 is the cluster address of hosts[0] too",
        ]
    );
    // One address with several ports is a gateway that forwards; then each needs a cluster address.
    let forwarded = hosts(
        "  - {name: a, address: 192.0.2.1, port: 2201, clusterAddress: 10.0.0.1, roles: [control-plane]}\n  - {name: b, address: 192.0.2.1, port: 2202, clusterAddress: 10.0.0.2}\n",
    );
    assert!(Site::parse(&forwarded).is_ok());
    let without =
        forwarded.replace(", clusterAddress: 10.0.0.2", "").replace(", clusterAddress: 10.0.0.1", "");
    assert_eq!(
        errors(&without),
        [
            "hosts[1].address: line 7: 192.0.2.1 is the cluster address of hosts[0] too: add the clusterAddress by which the others reach it"
        ]
    );
}

#[test]
fn slow_hosts_are_waited_for_so_many_times_as_long() {
    let slow = with("slowness: 10\n");
    assert_eq!(Site::parse(&slow).unwrap().slowness.seconds(600), 6000);
    assert_eq!(Site::parse(&with("")).unwrap().slowness.factor(), 1);
    for wrong in ["0", "21", "1.5", "fast", "-1"] {
        let found = errors(&with(&format!("slowness: {wrong}\n")));
        assert_eq!(found, [format!("slowness: line 7: {wrong:?} is not a whole number from 1 to 20")]);
    }
}

#[test]
fn networks_stay_apart_from_each_other_and_from_hosts() {
    let overlap = errors(&with("network: {podCIDR: 10.96.0.0/16}\n"));
    assert_eq!(overlap, ["network.serviceCIDR: line 2: 10.96.0.0/12 overlaps the pod network 10.96.0.0/16"]);
    let inside = errors(&with("network: {podCIDR: 10.0.0.0/16}\n"));
    assert_eq!(
        inside,
        ["hosts[0].address: line 6: 10.0.0.1 lies in the pod network 10.0.0.0/16: choose another network"]
    );
    let small = errors(&with("network: {podCIDR: 10.1.0.0/26, serviceCIDR: 10.2.0.0/29}\n"));
    assert_eq!(small.len(), 2, "{small:?}");
    assert!(errors(&with("network: {podCIDR: \"fd00::/48\"}\n"))[0].contains("IPv6 networks come later"));
}

#[test]
fn ports_that_the_cluster_itself_uses_are_refused() {
    assert_eq!(errors(&with("api: {port: 10250}\n")), ["api.port: line 7: 10250 is the port of the kubelet"]);
    assert_eq!(
        errors(&with("api: {port: 30001}\n")),
        ["api.port: line 7: 30001 lies in the node ports 30000-32767"]
    );
    assert!(
        errors(&with("network: {nodePortRange: 7000-8000}\n"))[0].contains("the node service's balancer")
    );
    assert_eq!(
        errors(&with("api: {port: \"6443\"}\n")),
        ["api.port: line 7: is text, but a number belongs here: leave out the quotes"]
    );
}

#[test]
fn a_host_by_name_needs_a_cluster_address() {
    let found = errors(&hosts("  - {name: a, address: node-a.example, roles: [control-plane]}\n"));
    assert_eq!(
        found,
        ["hosts[0].address: line 6: is not an IPv4 address that other hosts reach: add clusterAddress"]
    );
}

#[test]
fn flags_that_armilla_decides_are_refused_with_where_to_say_it() {
    let found = errors(&with("kubelet: {extraArgs: {node-ip: 10.0.0.1, --v: 4}}\n"));
    assert_eq!(
        found[0],
        "kubelet.extraArgs.node-ip: line 7: is decided by Armilla: say it in hosts[].clusterAddress"
    );
    assert!(found[1].contains("without dashes"), "{found:?}");
}

#[test]
fn what_init_writes_is_read_back_clean() {
    for addresses in [
        vec!["10.0.0.1"],
        vec!["10.0.0.1", "ops@10.0.0.2:2222", "10.0.0.3"],
        vec!["root@192.0.2.1:2201", "root@10.0.0.2"],
    ] {
        let text = init("demo", &addresses).unwrap();
        let site = Site::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert_eq!(site.hosts.len(), addresses.len());
        assert_eq!(site.control_planes().count(), 1);
        assert_eq!(site.hosts[0].roles.worker, addresses.len() == 1);
    }
    let site = Site::parse(&init("demo", &["10.0.0.1", "ops@10.0.0.2:2222"]).unwrap()).unwrap();
    assert_eq!((site.hosts[1].ssh.user.as_str(), site.hosts[1].ssh.port), ("ops", 2222));
}

/// The comments promise keys and values: uncommented, all of them are known.
#[test]
fn what_init_shows_in_comments_is_true() {
    let text = init("demo", &["10.0.0.1"]).unwrap();
    assert!(text.contains("\n    # clusterAddress: "), "stands where it counts when uncommented");
    assert!(text.ends_with('\n'));
    let (head, rest) = text.split_once("# Everything below").unwrap();
    let options: String =
        rest.lines().skip(1).map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line))).collect();
    let host: String = head.lines().map(|line| format!("{}\n", line.replacen("    # ", "    ", 1))).collect();
    let text = format!("{host}{options}").replace("SHA256:...", &format!("SHA256:{}", "A".repeat(43)));
    let site = Site::parse(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    assert_eq!(site.registries.len(), 1);
    assert_eq!(site.hosts[0].taints.len(), 1);
    assert_eq!(site.network, Site::parse(SMALLEST).unwrap().network);
}

#[test]
fn init_refuses_what_it_cannot_read() {
    assert_eq!(init("demo", &["10.0.0.300"]), Err(InitError::Address("10.0.0.300".into())));
    assert_eq!(init("demo", &["10.0.0.1", "root@10.0.0.1"]), Err(InitError::Twice("root@10.0.0.1".into())));
    assert_eq!(init("demo", &[]), Err(InitError::None));
    assert!(init("demo", &["[fd00::1]:22"]).unwrap().contains("address: \"fd00::1\""));
}

#[test]
fn a_waiver_names_its_check_its_reason_and_a_host_of_the_site() {
    let found = errors(&with(
        "waivers:\n  - {check: swap}\n  - {reason: x}\n  - {check: swap, host: zz, reason: x}\n  - {check: swap, reason: ' '}\n",
    ));
    for wanted in ["waivers[0].reason", "waivers[1].check", "waivers[2].host", "waivers[3].reason"] {
        assert!(found.iter().any(|error| error.contains(wanted)), "{wanted}: {found:#?}");
    }
    assert_eq!(found.len(), 4, "{found:#?}");
}
