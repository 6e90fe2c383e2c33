//! Equip: pod network, DNS, metrics, volumes.

use bundles_format::MANIFESTS;
use installer_model::plan::{Action, InitPhase, Phase, StepId};
use installer_model::site::Host;
use installer_render::addons::coredns::{self, CoreDns, Forward};
use installer_render::addons::flannel::{self, Flannel};
use installer_render::addons::{local_path, metrics_server};

use super::import;
use installer_model::settings::KubeProxyMode;

use crate::draft::Draft;
use crate::planner::AddOn;

pub(crate) fn plan(draft: &mut Draft<'_>, founder: &Host) {
    let founded = draft.find(founder, Phase::Found, InitPhase::BootstrapToken.as_str());
    let images = draft.find(founder, Phase::Import, "addons");
    let network = flannel(draft);
    apply(draft, founder, "flannel", network, &[&founded]);
    let dns = coredns(draft);
    apply(draft, founder, "coredns", dns, &[&founded, &images]);
    if draft.site.addons.metrics_server {
        let image = draft.image_of("registry.k8s.io/metrics-server/metrics-server");
        apply(draft, founder, "metrics-server", metrics_server::manifest(&image), &[&founded, &images]);
    }
    if draft.site.addons.local_path {
        let image = draft.image_of("docker.io/rancher/local-path-provisioner");
        let helper = import::helper(draft);
        let manifest = local_path::manifest(&image, &helper, &draft.data.volumes);
        apply(draft, founder, "local-path", manifest, &[&founded, &images]);
    }
}

/// The manifests of add-ons, each after the one before it, when every host has their images: a pod may come to run on any.
pub(crate) fn addons_of_site(draft: &mut Draft<'_>, founder: &Host, addons: &[AddOn<'_>]) {
    let served = draft.find(founder, Phase::Equip, "coredns");
    for addon in addons {
        let word = import::addon_word(addon);
        let site = draft.site;
        let mut after: Vec<StepId> =
            site.hosts.iter().filter_map(|host| draft.planned(host, Phase::Import, &word)).collect();
        after.push(served.clone());
        for (name, manifest) in addon.manifests {
            let word = format!("{}-{}", addon.release.name, name.trim_start_matches(MANIFESTS));
            let title = format!("{} of bundle {}", name.trim_start_matches(MANIFESTS), addon.release.name);
            let action = Action::Apply { name: title, manifest: manifest.clone() };
            let after_these: Vec<&StepId> = after.iter().collect();
            after = vec![draft.add(founder, Phase::Equip, &word, action, &after_these)];
        }
    }
}

fn apply(draft: &mut Draft<'_>, founder: &Host, name: &str, manifest: String, after: &[&StepId]) {
    let action = Action::Apply { name: name.to_owned(), manifest };
    draft.add(founder, Phase::Equip, name, action, after);
}

fn flannel(draft: &mut Draft<'_>) -> String {
    let image = draft.image_of("ghcr.io/flannel-io/flannel");
    let helper_image = import::helper(draft);
    flannel::manifest(&Flannel {
        pod_cidr: &draft.site.network.pod_cidr.to_string(),
        image: &image,
        helper_image: &helper_image,
        nftables: draft.shared.kube_proxy_mode == KubeProxyMode::Nftables,
        interfaces: &draft.flannel_interfaces(),
    })
}

fn coredns(draft: &mut Draft<'_>) -> String {
    let image = draft.image_of("registry.k8s.io/coredns/coredns");
    let site = draft.site;
    let upstreams: Vec<String> = site.dns_upstreams.iter().map(ToString::to_string).collect();
    let forward = if !upstreams.is_empty() {
        Forward::Upstreams(&upstreams)
    } else if draft.shared.upstream_dns_present {
        Forward::Host
    } else {
        Forward::Nobody
    };
    coredns::manifest(&CoreDns {
        image: &image,
        dns_address: &site.cluster_dns().to_string(),
        dns_domain: site.network.cluster_domain.as_str(),
        forward,
        replicas: if site.hosts.len() > 1 { 2 } else { 1 },
    })
}
