//! Import: images reach containerd. A worker gets what may run on it; what the first pods need comes first.

use installer_model::plan::{Action, Phase};
use installer_model::site::Host;

use crate::draft::{Draft, image_spec};
use crate::planner::AddOn;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) {
    let mut after = draft.find(host, Phase::Start, "containerd");
    for (word, references) in groups(draft, host.roles.control_plane) {
        let images = draft.images(host, &references);
        let action = Action::Images { containerd_root: draft.data.containerd.clone(), addon: None, images };
        after = draft.add(host, Phase::Import, word, action, &[&after]);
    }
}

/// The images of the site's add-on bundles, one step per bundle, after those that the cluster itself needs.
pub(crate) fn addons_of_site(draft: &mut Draft<'_>, host: &Host, addons: &[AddOn<'_>]) {
    let arch = draft.host(host).arch;
    let mut after = draft.find(host, Phase::Import, "addons");
    for addon in addons {
        if !addon.release.architectures.contains(&arch) {
            draft.gap(format!("images for {arch} in the add-on {}", addon.release.name));
            continue;
        }
        let images = addon.release.images(arch).map(image_spec).collect();
        let containerd_root = draft.data.containerd.clone();
        let action = Action::Images { containerd_root, addon: Some(addon.release.name.clone()), images };
        after = draft.add(host, Phase::Import, &addon_word(addon), action, &[&after]);
    }
}

/// The word of an add-on's import step.
pub(crate) fn addon_word(addon: &AddOn<'_>) -> String {
    format!("bundle-{}", addon.release.name)
}

/// The steps' words and their images, in the order of need.
fn groups(draft: &mut Draft<'_>, control_plane: bool) -> Vec<(&'static str, Vec<String>)> {
    let mut groups = vec![("base", base(draft))];
    if control_plane {
        groups.insert(0, ("control-plane", self::control_plane(draft)));
    }
    groups.push(("addons", addons(draft)));
    groups
}

fn base(draft: &mut Draft<'_>) -> Vec<String> {
    vec![
        draft.image_of("registry.k8s.io/pause"),
        draft.image_of("registry.k8s.io/kube-proxy"),
        draft.image_of("ghcr.io/flannel-io/flannel"),
        helper(draft),
    ]
}

fn control_plane(draft: &mut Draft<'_>) -> Vec<String> {
    vec![
        draft.image_of("registry.k8s.io/etcd"),
        draft.image_of("registry.k8s.io/kube-apiserver"),
        draft.image_of("registry.k8s.io/kube-controller-manager"),
        draft.image_of("registry.k8s.io/kube-scheduler"),
    ]
}

fn addons(draft: &mut Draft<'_>) -> Vec<String> {
    let mut images = vec![draft.image_of("registry.k8s.io/coredns/coredns")];
    if draft.site.addons.metrics_server {
        images.push(draft.image_of("registry.k8s.io/metrics-server/metrics-server"));
    }
    if draft.site.addons.local_path {
        let repository = "docker.io/rancher/local-path-provisioner";
        images.push(draft.image_of(repository));
    }
    images.push(draft.image_of("armilla.local/demo"));
    images
}

/// The image with a shell and `cp` that flannel's and local-path's helpers use.
pub(crate) fn helper(draft: &mut Draft<'_>) -> String {
    draft.image_of("docker.io/library/busybox")
}

/// Everything that any host of the site holds from the bundle.
pub(crate) fn all_images(draft: &mut Draft<'_>) -> Vec<String> {
    groups(draft, true).into_iter().flat_map(|(_, images)| images).collect()
}
