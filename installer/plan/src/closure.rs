//! The proof that a release is whole: every plan that it may be asked for is made, and every image that a manifest or
//! kubeadm names reaches the hosts by a step of that plan.

use std::collections::{BTreeMap, BTreeSet};

use bundles_format::{Arch, Release};
use installer_model::plan::{Action, Plan};
use installer_model::settings::{HostSettings, KubeProxyMode, SiteSettings};
use installer_model::site::Site;

use crate::draft::HostInput;
use crate::planner::{self, PlanInput};

/// What is missing, a line each; empty for a release that every plan finds whole.
pub fn gaps(release: &Release) -> Vec<String> {
    let mut gaps = BTreeSet::new();
    for &arch in &release.architectures {
        for (addons, closed_room, proxy) in variants() {
            gaps.extend(gaps_of(release, arch, addons, closed_room, proxy));
        }
    }
    gaps.into_iter().collect()
}

/// Every option that changes what is rendered.
fn variants() -> impl Iterator<Item = (bool, bool, KubeProxyMode)> {
    let proxies = [KubeProxyMode::Nftables, KubeProxyMode::Iptables];
    [true, false].into_iter().flat_map(move |addons| {
        [true, false]
            .into_iter()
            .flat_map(move |closed| proxies.into_iter().map(move |p| (addons, closed, p)))
    })
}

fn gaps_of(release: &Release, arch: Arch, addons: bool, closed: bool, proxy: KubeProxyMode) -> Vec<String> {
    let site = sample(addons);
    let settings = HostSettings {
        fail_cgroup_v1: false,
        restrict_oom_score_adj: true,
        conntrack_unsettable: true,
        cluster_interface: Some("eth0".to_owned()),
        timesyncd: true,
    };
    let hosts: BTreeMap<String, HostInput> = site
        .hosts
        .iter()
        .map(|h| (h.name.to_string(), HostInput { arch, settings: settings.clone() }))
        .collect();
    let shared = SiteSettings {
        kube_proxy_mode: proxy,
        conntrack_unsettable: true,
        restrict_oom_score_adj: true,
        cluster_interface_needed: closed,
        upstream_dns_present: !closed,
    };
    let input = PlanInput {
        site: &site,
        release,
        hosts: &hosts,
        shared: &shared,
        registry_cas: &BTreeMap::new(),
        addons: &[],
        parent: None,
    };
    match planner::install(&input) {
        Err(missing) => missing.0,
        Ok(plan) => unplaced(&plan).into_iter().map(|image| format!("image {image} for {arch}")).collect(),
    }
}

/// A control plane and a worker: between them they are given every image.
fn sample(addons: bool) -> Site {
    let text = format!(
        "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: closure}}\naddons: {{metricsServer: {addons}, localPath: {addons}}}\n\
         hosts:\n- {{name: a, address: 192.0.2.1, roles: [control-plane]}}\n- {{name: b, address: 192.0.2.2, roles: [worker]}}\n"
    );
    Site::parse(&text).expect("a constant site file, read by a test")
}

/// Images that manifests of the plan name and that some host is not given: any pod may come to run on any host.
fn unplaced(plan: &Plan) -> Vec<String> {
    let mut named = BTreeSet::new();
    let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in &plan.steps {
        match &step.action {
            Action::Apply { manifest, .. } => named.extend(images_in(manifest)),
            Action::Images { images, .. } => {
                let held = given.entry(&step.host).or_default();
                held.extend(images.iter().map(|image| image.reference.as_str()));
            }
            _ => {}
        }
    }
    let everywhere = |image: &&&str| given.values().all(|held| held.contains(**image));
    named.iter().filter(|image| !everywhere(image)).map(|&image| image.to_owned()).collect()
}

/// Values of `image:` keys, and of the flag that names the helper of local-path.
fn images_in(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.lines().filter_map(|line| {
        let line = line.trim_start().trim_start_matches("- ");
        line.strip_prefix("image:").map(str::trim)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_sites_are_sites() {
        assert_eq!(sample(true).hosts.len() + sample(false).hosts.len(), 4);
    }

    #[test]
    fn images_are_found_wherever_a_manifest_names_them() {
        let text = "containers:\n- name: a\n  image: x/y:1\n- image: z:2\n  name: b\n";
        assert_eq!(images_in(text).collect::<Vec<_>>(), ["x/y:1", "z:2"]);
    }

    #[test]
    fn an_empty_release_lacks_everything_and_says_so() {
        let release = Release {
            format: 1,
            name: "empty".to_owned(),
            version: "0".to_owned(),
            architectures: vec![Arch::Arm64],
            components: Vec::new(),
        };
        let gaps = gaps(&release);
        assert!(gaps.contains(&"file kubelet for arm64".to_owned()), "{gaps:?}");
        assert!(gaps.contains(&"image registry.k8s.io/etcd".to_owned()), "{gaps:?}");
    }
}
