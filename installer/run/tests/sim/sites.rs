//! Wishes that nobody wrote: site files drawn from a seed, from one host to sixty.

use std::fmt::Write;

use super::Fate;

/// The text of a site file, as those in `installer/plan/tests/plans`.
pub(crate) fn any(seed: u64) -> String {
    let mut fate = Fate::new(seed);
    let hosts = match fate.below(4) {
        0 => 1 + fate.below(60),
        _ => 1 + fate.below(6),
    };
    let mut text = format!("# hosts: {}\n", traits(&mut fate));
    if fate.below(6) == 0 {
        text += "# intent: reset\n";
    }
    text += "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: drawn}\n";
    text += &login(&mut fate);
    text += &options(&mut fate);
    text += "hosts:\n";
    for at in 0..hosts {
        text += &host(&mut fate, at, hosts);
    }
    text
}

fn pick<'t>(fate: &mut Fate, from: &[&'t str]) -> &'t str {
    from[fate.below(from.len())]
}

fn traits(fate: &mut Fate) -> String {
    let all = ["cgroup-v1", "no-oom", "no-conntrack", "no-route", "old-kernel", "no-dns", "no-timesyncd"];
    all.into_iter().filter(|_| fate.below(3) == 0).collect::<Vec<_>>().join(" ")
}

fn login(fate: &mut Fate) -> String {
    let user = pick(fate, &["root", "ops"]);
    let sudo = if user == "ops" { "sudo:\n  password: {env: SUDO_PASSWORD}\n" } else { "" };
    format!("ssh:\n  user: {user}\n  port: {}\n{sudo}", pick(fate, &["22", "2222"]))
}

fn options(fate: &mut Fate) -> String {
    let mut text = String::new();
    let (metrics, storage) = (fate.below(2) == 0, fate.below(2) == 0);
    writeln!(text, "addons: {{metricsServer: {metrics}, localPath: {storage}}}").expect("it is a String");
    text += pick(
        fate,
        &[
            "",
            "network: {podCIDR: 10.200.0.0/16, serviceCIDR: 10.201.0.0/16}\n",
            "network: {clusterDomain: a.example}\n",
        ],
    );
    text += pick(fate, &["", "dataRoot: /data\n"]);
    text += pick(fate, &["", "api: {names: [k8s.example.com], addresses: [203.0.113.9]}\n"]);
    text += pick(fate, &["", "dns: {upstreams: [10.9.0.2]}\n"]);
    text += pick(fate, &["", "time: {servers: [10.9.0.3]}\n"]);
    text + pick(fate, &["", "kubelet: {extraArgs: {max-pods: 200}}\n"])
}

fn host(fate: &mut Fate, at: usize, hosts: usize) -> String {
    let roles = match (at, hosts) {
        (0, 1) => "[control-plane, worker]",
        (0, _) => pick(fate, &["[control-plane]", "[control-plane, worker]"]),
        (_, _) => "[worker]",
    };
    let mut text = format!("- name: n{at}\n  address: 10.1.0.{}\n  roles: {roles}\n", at + 1);
    text += pick(fate, &["", "  labels: {zone: a, disk: ssd}\n"]);
    if at > 0 {
        text += pick(fate, &["", "", "  taints: [{key: gpu, value: yes-it-is, effect: NoSchedule}]\n"]);
    }
    if fate.below(4) == 0 {
        writeln!(text, "  clusterAddress: 10.2.0.{}", at + 1).expect("it is a String");
    }
    text
}
