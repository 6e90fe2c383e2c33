//! Clean: a host is put back as it was. What lies where is in `installer_render::paths`.

use installer_model::plan::{Action, Phase, StepId};
use installer_model::site::Host;
use installer_render::{containerd, nftables, paths};

use crate::draft::Draft;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host, after: Option<&StepId>, keep: &[String]) {
    let after: Vec<&StepId> = after.into_iter().collect();
    let units = |names: &[&str]| Action::RemoveUnits { units: names.iter().map(|&n| n.to_owned()).collect() };
    let mut last = draft.add(host, Phase::Clean, "runs", Action::StopRuns, &after);
    let data = draft.data.clone();
    let chain = [
        ("kubelet", units(&["kubelet.service"])),
        ("pods", Action::StopPods),
        ("services", units(&["containerd.service", "armilla-node.service", "armilla-route.service"])),
        ("programs", Action::StopPrograms { programs: long_lived() }),
        (
            "mounts",
            Action::Unmount {
                below: vec![
                    data.kubelet.clone(),
                    data.containerd.clone(),
                    "/run/containerd".to_owned(),
                    "/run/netns/cni-*".to_owned(),
                    "/run/flannel".to_owned(),
                ],
            },
        ),
        ("links", Action::RemoveLinks { links: vec!["cni0".to_owned(), "flannel.1".to_owned()] }),
        ("rules", Action::RemoveRules),
        ("settings", Action::RestoreSysctls),
        ("files", Action::RemovePaths { paths: files(draft), keep: keep.to_vec() }),
        ("data", Action::RemovePaths { paths: data_paths(draft), keep: keep.to_vec() }),
        ("restore", Action::Restore { keep: keep.to_vec() }),
        // Repairs came before anything else was put on the host: they go after it.
        ("repairs", Action::UndoRepairs),
    ];
    for (word, action) in chain {
        last = draft.add(host, Phase::Clean, word, action, &[&last]);
    }
    // The hand itself lives here: it goes last.
    let root = Action::RemovePaths { paths: vec![paths::ARMILLA_ROOT.to_owned()], keep: keep.to_vec() };
    draft.add(host, Phase::Clean, "armilla", root, &[&last]);
}

/// Everything that Armilla, or what it runs, puts on a host. What is not in this list is never removed.
pub(crate) fn footprint(draft: &Draft<'_>) -> Vec<String> {
    let mut all = files(draft);
    all.extend(data_paths(draft));
    all
}

/// Programs that may run on when what started them is gone.
fn long_lived() -> Vec<String> {
    ["containerd", "containerd-shim-runc-v2", "kubelet", "runc"]
        .map(|name| format!("{}/{name}", paths::BIN))
        .to_vec()
}

fn files(draft: &Draft<'_>) -> Vec<String> {
    let binaries = [
        "armilla",
        "containerd",
        "containerd-shim-runc-v2",
        "crictl",
        "ctr",
        "kubeadm",
        "kubectl",
        "kubelet",
        "runc",
    ];
    let plugins =
        ["bandwidth", "bridge", "firewall", "flannel", "host-device", "host-local", "loopback", "portmap"];
    let units = ["armilla-node", "armilla-route", "containerd", "kubelet"];
    let mut all: Vec<String> = binaries.iter().map(|name| format!("{}/{name}", paths::BIN)).collect();
    all.extend(plugins.iter().map(|name| format!("{}/{name}", paths::CNI_BIN)));
    all.extend(units.iter().map(|name| format!("{}/{name}.service", paths::UNITS)));
    all.extend([
        paths::ARMILLA_ETC.to_owned(),
        paths::ARMILLA_LIB.to_owned(),
        format!("{}/10-flannel.conflist", paths::CNI_ETC),
        format!("{}/config.toml", paths::CONTAINERD_ETC),
        containerd::hosts_path("_default"),
        paths::KUBERNETES_ETC.to_owned(),
        paths::SYSCTLS.to_owned(),
        paths::MODULES.to_owned(),
        paths::TIMESYNCD.to_owned(),
        "/etc/crictl.yaml".to_owned(),
    ]);
    for registry in &draft.site.registries {
        for host in [&registry.host].into_iter().chain(&registry.mirror_of) {
            all.push(containerd::hosts_path(host.as_str()));
            all.push(containerd::registry_ca_path(host.as_str()));
        }
    }
    debug_assert!(nftables::path_folder().starts_with(paths::ARMILLA_LIB));
    all
}

fn data_paths(draft: &Draft<'_>) -> Vec<String> {
    let data = &draft.data;
    let mut all = vec![
        data.kubelet.clone(),
        data.etcd.clone(),
        data.containerd.clone(),
        data.volumes.clone(),
        paths::KUBELET_ETC.to_owned(),
        "/run/containerd".to_owned(),
        "/run/flannel".to_owned(),
        "/run/nri".to_owned(),
        "/run/xtables.lock".to_owned(),
        "/var/lib/cni".to_owned(),
        "/var/log/pods".to_owned(),
        "/var/log/containers".to_owned(),
        paths::CONTAINERD_OPT.to_owned(),
        paths::VOLUME_PLUGINS.to_owned(),
    ];
    all.sort();
    all.dedup();
    all
}
