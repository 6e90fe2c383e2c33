//! Files that cannot be imported: one clear error each, soon.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use installer_import::{Format, ImportError, LONGEST, SourceFile, import};

fn refusal(text: &str) -> String {
    import(&[SourceFile { name: "file.yaml", text }], None)
        .map(|draft| draft.site_yaml)
        .unwrap_err()
        .to_string()
}

const CLUSTER: &str = "apiVersion: kubekey.kubesphere.io/v1alpha2\nkind: Cluster\n";

#[test]
fn what_is_no_file_of_an_installer_is_refused_with_what_it_is() {
    let known = "KubeKey 1 (v1alpha1), KubeKey 2 or 3 (v1alpha2), KubeKey 4 (v1), k0sctl (v1beta1), kubeadm (v1beta3, v1beta4)";
    for (text, wanted) in [
        ("", "file.yaml is empty".to_owned()),
        ("# nothing\n---\n", "file.yaml is empty".to_owned()),
        ("just words", format!("the document on line 1 is of no format that is known here ({known}): it has neither apiVersion nor kind")),
        ("- a\n- b\n", format!("the document on line 1 is of no format that is known here ({known}): it has neither apiVersion nor kind")),
        ("nodes: [{address: 10.0.0.1}]\nservices: {}\n", format!("the document on line 1 is of no format that is known here ({known}): it has neither apiVersion nor kind")),
        ("apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n", format!("the document on line 1 is of no format that is known here ({known}): its apiVersion is \"kind.x-k8s.io/v1alpha4\", its kind \"Cluster\"")),
        ("apiVersion: kubeadm.k8s.io/v1beta1\nkind: ClusterConfiguration\n", format!("the document on line 1 is of no format that is known here ({known}): its apiVersion is \"kubeadm.k8s.io/v1beta1\", its kind \"ClusterConfiguration\"")),
        ("apiVersion: armilla/v1\nkind: Site\n", "the document on line 1 is a site file already: `armilla check -s` reads it".to_owned()),
        ("apiVersion: kubekey.kubesphere.io/v1alpha2\nkind: Manifest\n", "the document on line 1 is the recipe of a KubeKey artifact and names no hosts: bundles are built by `armilla bundle build`".to_owned()),
        ("a: [b", "file.yaml: line 1: is not valid YAML: unclosed bracket '['".to_owned()),
        ("a: !!binary b\n", "file.yaml: line 1: has a YAML tag (tag:yaml.org,2002:binary), which is not used here".to_owned()),
    ] {
        assert_eq!(refusal(text), wanted, "{text:?}");
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let two = format!("{CLUSTER}---\n{CLUSTER}");
    assert_eq!(refusal(&two), "line 4: a second Cluster, the first one is on line 1: one site, one cluster");
    let mixed = format!("{CLUSTER}---\napiVersion: k0sctl.k0sproject.io/v1beta1\nkind: Cluster\n");
    assert_eq!(
        refusal(&mixed),
        "these are files of two installers: KubeKey 2 or 3 (v1alpha2) and k0sctl (v1beta1)"
    );
    let file = SourceFile { name: "x", text: CLUSTER };
    assert_eq!(
        import(&[file], Some(Format::K0sctl)).unwrap_err(),
        ImportError::Other { found: Format::KubekeyV1alpha2, wanted: Format::K0sctl }
    );
}

#[test]
fn files_that_are_too_long_are_refused_unread() {
    let long = format!("{CLUSTER}{}", "# more\n".repeat(50 << 20 >> 3));
    assert!(long.len() > LONGEST * 10);
    assert_eq!(refusal(&long), "file.yaml is longer than 4 MiB, which no file for an installer is");
}

#[test]
fn bombs_are_refused_without_being_built() {
    let mut bomb = format!("{CLUSTER}a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..12 {
        bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
    }
    assert!(refusal(&bomb).contains("has more than 200000 values"), "{}", refusal(&bomb));
    let merges = bomb.replace('[', "[{k: v}, ").replace("a1: &a1 [{k: v}", "a1: &a1 [{<<: {k: v}}");
    assert!(refusal(&merges).contains("has more than"), "{}", refusal(&merges));
    let deep = format!("{CLUSTER}spec: {}{}", "[".repeat(2000), "]".repeat(2000));
    assert!(refusal(&deep).contains("recursion limit"), "{}", refusal(&deep));
    let deep = format!("{CLUSTER}spec: {}{}", "[".repeat(100), "]".repeat(100));
    assert!(refusal(&deep).contains("is nested deeper than 64 levels"), "{}", refusal(&deep));
    let hosts = format!("{CLUSTER}spec:\n  hosts:\n{}", "  - {}\n".repeat(20_000));
    assert_eq!(refusal(&hosts), "20000 hosts are more than the 10000 that a site may have");
}

/// A file at its limits is read in a time that a person waits: many hosts, many ranges over all of them, many keys.
#[test]
fn large_files_are_read() {
    let hosts: String = (1..=3000)
        .map(|n| {
            format!("  - {{name: node{n}, address: 10.{}.{}.1, password: p{}}}\n", n / 250, n % 250, n % 7)
        })
        .collect();
    let ranges = "\"node[1:4000000000]\", ".repeat(2000);
    let keys: String = (0..2000).map(|n| format!("    k{n}: v\n")).collect();
    let text = format!(
        "{CLUSTER}spec:\n  hosts:\n{hosts}  roleGroups:\n    worker: [{ranges}]\n  kubernetes:\n{keys}"
    );
    let draft = import(&[SourceFile { name: "file.yaml", text: &text }], None).unwrap();
    assert_eq!(draft.site_yaml.matches("- name: node").count(), 3000);
    assert!(draft.report.len() > 2000);
}

/// Values of the wrong kind are listed, and the rest is read.
#[test]
fn values_of_the_wrong_kind_are_listed() {
    let text = format!(
        "{CLUSTER}metadata: here\nspec:\n  hosts: {{node1: 10.0.0.1}}\n  roleGroups: [a]\n  kubernetes: v1.2.3\n  network: {{kubePodsCIDR: [1, 2], plugin: {{a: b}}}}\n"
    );
    let draft = import(&[SourceFile { name: "file.yaml", text: &text }], None).unwrap();
    let report: Vec<String> = draft.report.iter().map(ToString::to_string).collect();
    for path in [
        "metadata",
        "spec.hosts",
        "spec.roleGroups",
        "spec.kubernetes",
        "spec.network.kubePodsCIDR",
        "spec.network.plugin",
    ] {
        assert!(
            report.iter().any(|line| line.starts_with(&format!("Cluster {path}"))),
            "{path}: {report:#?}"
        );
    }
    assert!(!draft.is_complete());
}
