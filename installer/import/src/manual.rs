//! The rules as a page for people.

use std::fmt::Write;

use crate::outcome::Format;
use crate::rules::{Rule, Rules};
use crate::{k0sctl_rules, kubeadm_rules, kubekey};

const HEAD: &str = "\
# What becomes of files of other installers

`armilla init --from FILE` reads these fields. *Taken over*: the draft says it, unless its value is none that a site takes.
*Listed*: the report names it, with line and reason. What stands in no table is listed as unknown. This page is generated
from the rules of `installer/import` by `make gen`.
";

/// The page `installer/IMPORTS.md`.
pub fn manual() -> String {
    let mut page = HEAD.to_owned();
    for (format, kind, rules) in tables() {
        write(&mut page, format_args!("\n## {}: {kind}\n\n| field | becomes |\n|---|---|\n", format.title()));
        for (path, rule) in rules {
            write(&mut page, format_args!("| `{path}` | {} |\n", told(rule)));
        }
    }
    page
}

fn tables() -> [(Format, &'static str, Rules); 10] {
    [
        (Format::KubekeyV1alpha2, "Cluster (v1alpha1 too)", kubekey::v3_rules::RULES),
        (Format::KubekeyV1, "Inventory", kubekey::v4_rules::INVENTORY),
        (Format::KubekeyV1, "Config", kubekey::v4_rules::CONFIG),
        (Format::K0sctl, "Cluster", k0sctl_rules::CLUSTER),
        (Format::K0sctl, "ClusterConfig of k0s", k0sctl_rules::K0S),
        (Format::Kubeadm, "ClusterConfiguration", kubeadm_rules::CLUSTER),
        (Format::Kubeadm, "InitConfiguration", kubeadm_rules::INIT),
        (Format::Kubeadm, "JoinConfiguration", kubeadm_rules::JOIN),
        (Format::Kubeadm, "KubeletConfiguration", kubeadm_rules::KUBELET),
        (Format::Kubeadm, "KubeProxyConfiguration", kubeadm_rules::KUBE_PROXY),
    ]
}

fn told(rule: &Rule) -> String {
    match rule {
        Rule::Read => "taken over".to_owned(),
        Rule::Reference => "listed and never copied: the draft refers to it".to_owned(),
        Rule::Anyway => "done by Armilla whatever it says".to_owned(),
        Rule::Only([], reason) | Rule::No(reason) => format!("listed: {reason}"),
        Rule::Only(values, reason) => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("done by Armilla when it says {}; else listed: {reason}", values.join(" or "))
        }
        Rule::Secret(reason) => format!("listed: {reason}"),
        Rule::Whole(reason) => format!("listed as a whole: {reason}"),
    }
}

fn write(page: &mut String, line: std::fmt::Arguments<'_>) {
    page.write_fmt(line).expect("writing to a String does not fail");
}
