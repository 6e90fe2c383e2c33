//! Start: the node service and containerd run, the kubelet's unit is there.

use std::net::SocketAddr;

use bundles_format::Digest;
use installer_model::node::NodeConfig;
use installer_model::plan::{Action, BASIC, FileSource, FileSpec, Phase, ServiceSpec};
use installer_model::site::Host;
use installer_render::paths::{ARMILLA_ETC, CONTAINERD_ETC, UNITS};
use installer_render::{containerd, kubelet, nftables, node};

use crate::draft::{Draft, text};
use crate::phases::import;

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) {
    let armilla = draft.find(host, Phase::Place, "armilla");
    let service = node_service(draft, host);
    draft.add(host, Phase::Start, "node", Action::Service(service), &[&armilla]);

    let placed = ["containerd", "runc", "cni", "nftables"].map(|word| draft.find(host, Phase::Place, word));
    let sysctls = draft.find(host, Phase::Prepare, "sysctls");
    let mut after: Vec<_> = placed.iter().collect();
    after.push(&sysctls);
    let service = containerd_service(draft, host);
    let containerd = draft.add(host, Phase::Start, "containerd", Action::Service(service), &after);

    let kubernetes = draft.find(host, Phase::Place, "kubernetes");
    let service = ServiceSpec {
        unit: "kubelet.service".to_owned(),
        files: vec![text(format!("{UNITS}/kubelet.service"), kubelet::unit())],
        started_from: Vec::new(),
        running: false,
    };
    draft.add(host, Phase::Start, "kubelet", Action::Service(service), &[&kubernetes, &containerd]);
}

fn node_service(draft: &mut Draft<'_>, host: &Host) -> ServiceSpec {
    let port = draft.site.api.port;
    let api_servers = draft.site.control_planes().map(|h| SocketAddr::new(h.cluster_address, port)).collect();
    let mut config = NodeConfig::new(api_servers);
    config.mirror.containerd_root = draft.data.containerd.clone().into();
    let config = serde_json::to_string_pretty(&config).expect("plain data") + "\n";
    ServiceSpec {
        unit: "armilla-node.service".to_owned(),
        files: vec![
            text(format!("{UNITS}/armilla-node.service"), node::unit()),
            text(format!("{ARMILLA_ETC}/node.json"), config),
        ],
        started_from: contents(draft, host, &["armilla"]),
        running: true,
    }
}

fn containerd_service(draft: &mut Draft<'_>, host: &Host) -> ServiceSpec {
    let settings = &draft.host(host).settings;
    let pinned = import::all_images(draft);
    let pause = draft.image_of("registry.k8s.io/pause");
    let config = containerd::config(&containerd::Containerd {
        root: &draft.data.containerd,
        pause_image: &pause,
        pinned: &pinned,
        restrict_oom_score_adj: settings.restrict_oom_score_adj,
    });
    let mut files = vec![
        text(format!("{UNITS}/containerd.service"), containerd::unit(&nftables::path_folder())),
        text(format!("{CONTAINERD_ETC}/config.toml"), config),
        text(containerd::hosts_path("_default"), containerd::default_hosts()),
    ];
    files.extend(registries(draft));
    ServiceSpec {
        unit: "containerd.service".to_owned(),
        files,
        started_from: contents(draft, host, &["containerd"]),
        running: true,
    }
}

/// The site's own registries, and the registries that they stand in for.
fn registries(draft: &Draft<'_>) -> Vec<FileSpec> {
    let mut files = Vec::new();
    for registry in &draft.site.registries {
        let host = registry.host.as_str();
        let ca = draft.registry_cas.get(host);
        let ca_path = containerd::registry_ca_path(host);
        files.extend(ca.map(|pem| text(&ca_path, pem)));
        let ca_path = ca.map(|_| ca_path.as_str());
        for name in [&registry.host].into_iter().chain(&registry.mirror_of) {
            let path = containerd::hosts_path(name.as_str());
            files.push(match &registry.credentials {
                None => text(path, containerd::registry_hosts(host, ca_path, None)),
                Some(login) => FileSpec {
                    path,
                    mode: 0o600,
                    source: FileSource::Login {
                        template: containerd::registry_hosts(host, ca_path, Some(&format!("Basic {BASIC}"))),
                        username: login.username.clone(),
                        password: login.password.clone(),
                    },
                },
            });
        }
    }
    files
}

fn contents(draft: &Draft<'_>, host: &Host, names: &[&str]) -> Vec<Digest> {
    names.iter().filter_map(|name| draft.content(host, name)).collect()
}
