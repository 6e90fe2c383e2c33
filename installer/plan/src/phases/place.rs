//! Place: the bundle's files reach the host, one step per component.

use installer_model::plan::{FileSource, FileSpec, Phase};
use installer_model::site::Host;
use installer_render::paths::{ARMILLA_LIB, BIN, CNI_BIN};
use installer_render::{containerd, nftables};

use crate::draft::{Draft, text};

/// Below this folder in the bundle lies the `nft` for hosts.
const NFTABLES: &str = "nftables/";

pub(crate) fn plan(draft: &mut Draft<'_>, host: &Host) {
    let before = draft.find(host, Phase::Prepare, "before");
    let armilla = vec![in_bin(draft, host, "armilla"), differ()];
    draft.files(host, Phase::Place, "armilla", "the node service", armilla, &[&before]);
    one(draft, host, "containerd", "containerd", &["containerd", "containerd-shim-runc-v2", "ctr"]);
    one(draft, host, "runc", "runc", &["runc"]);

    let cni = draft.bundle_tree(host, "cni/", CNI_BIN);
    draft.files(host, Phase::Place, "cni", "CNI plugins", cni, &[&before]);

    let nft = nftables_files(draft, host);
    draft.files(host, Phase::Place, "nftables", "nftables for the portmap plugin", nft, &[&before]);

    let mut kubernetes: Vec<FileSpec> =
        ["kubeadm", "kubelet", "kubectl", "crictl"].map(|name| in_bin(draft, host, name)).to_vec();
    kubernetes.push(text("/etc/crictl.yaml", containerd::crictl()));
    draft.files(
        host,
        Phase::Place,
        "kubernetes",
        "kubeadm, kubelet, kubectl, crictl",
        kubernetes,
        &[&before],
    );
}

fn one(draft: &mut Draft<'_>, host: &Host, word: &str, title: &str, names: &[&str]) {
    let files = names.iter().map(|name| in_bin(draft, host, name)).collect();
    let before = draft.find(host, Phase::Prepare, "before");
    draft.files(host, Phase::Place, word, title, files, &[&before]);
}

fn in_bin(draft: &mut Draft<'_>, host: &Host, name: &str) -> FileSpec {
    draft.bundle_file(host, name, format!("{BIN}/{name}"))
}

/// `kubectl diff` calls a program with two folders: no host needs a `diff` for it.
fn differ() -> FileSpec {
    let script = format!("#!/bin/sh\nexec {BIN}/armilla hand differ \"$@\"\n");
    FileSpec { path: format!("{ARMILLA_LIB}/differ"), mode: 0o755, source: FileSource::Text(script) }
}

fn nftables_files(draft: &mut Draft<'_>, host: &Host) -> Vec<FileSpec> {
    let mut files = draft.bundle_tree(host, NFTABLES, &format!("{ARMILLA_LIB}/nftables"));
    let root = format!("{ARMILLA_LIB}/nftables/");
    let loader = files
        .iter()
        .filter_map(|file| file.path.strip_prefix(&root))
        .find(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("ld-linux")));
    let launcher = nftables::launcher(loader.unwrap_or("lib/ld-linux.so"));
    files.push(FileSpec {
        path: format!("{}/nft", nftables::path_folder()),
        mode: 0o755,
        source: FileSource::Text(launcher),
    });
    files
}
