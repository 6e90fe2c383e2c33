//! Import: images reach containerd. A worker gets what may run on it; what the first pods need comes first.

use installer_model::plan::{Action, Phase};
use installer_model::site::Host;

use crate::draft::Draft;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) {
    let mut after = draft.find(host, Phase::Start, "containerd");
    for (word, references) in groups(draft, host.roles.control_plane) {
        let images = draft.images(host, &references);
        let action = Action::Images { containerd_root: draft.data.containerd.clone(), images };
        after = draft.add(host, Phase::Import, word, action, &[&after]);
    }
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
