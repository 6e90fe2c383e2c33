//! The bundle's images and an application's own outlive a full disk: the kubelet collects what it may, and that is not theirs.

use crate::addon;
use crate::installation::{Installation, done};
use lab::proofs::{self, Seen};
use std::time::{Duration, Instant};

const KUBECTL: &str = "kubectl --kubeconfig /etc/kubernetes/admin.conf";
const IMAGES: &str = "ctr -n k8s.io images list -q 2>/dev/null | grep -v sha256: | sort";
/// What the kubelet says each time it looks for images to delete.
const COLLECTS: &str =
    "journalctl -u kubelet --no-pager | grep -c 'Attempting to delete unused images' || true";

/// A pod that the kubelet takes also under pressure, of images that nothing else uses, asked for anew.
fn pod() -> String {
    let [tag, index, manifest] = addon::names();
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: always, namespace: kube-system}}
spec:
  priorityClassName: system-node-critical
  nodeName: h1
  restartPolicy: Never
  tolerations: [{{operator: Exists}}]
  containers:
  - {{name: always, image: armilla.local/demo:1, imagePullPolicy: Always, command: [sleep, \"600\"]}}
  - {{name: by-tag, image: '{tag}', imagePullPolicy: Always}}
  - {{name: by-index, image: '{index}', imagePullPolicy: Always}}
  - {{name: by-manifest, image: '{manifest}', imagePullPolicy: Always}}
"
    )
}

#[test]
#[ignore = "needs root"]
fn images_of_every_bundle_outlive_a_full_disk() {
    let site = Installation::begin("pressure-install", 1, |spec| {
        spec.hosts[0].disk_size = "10G".parse().unwrap();
    });
    site.armilla("apply", &[]).healthy("apply");
    let host = site.host("h1");
    // Its pods have pulled, which takes the pin from a name, and are gone: nothing uses its image any more.
    addon::bring_and_run(&site);
    host.shell(&format!("{KUBECTL} delete namespace shop --timeout 90s")).unwrap();
    let before = host.shell(IMAGES).unwrap();
    assert!(before.lines().count() >= 14, "{before}");
    let [tag, ..] = addon::names();
    assert!(before.contains(&tag) && before.contains("armilla.local/kept:"), "{before}");
    let looked = |count: u32| host.shell(COLLECTS).unwrap().trim().parse::<u32>().unwrap() > count;

    let begun = Instant::now();
    let collected: u32 = host.shell(COLLECTS).unwrap().trim().parse().unwrap();
    host.shell(
        "size=$(df --output=size -BM /var/lib/containerd | tail -1 | tr -dc 0-9)
         free=$(df --output=avail -BM /var/lib/containerd | tail -1 | tr -dc 0-9)
         fallocate -l $((free - size * 6 / 100))M /var/lib/containerd/fill",
    )
    .unwrap();
    proofs::wait("the node reports pressure", Duration::from_secs(120), || {
        let line = format!(
            "{KUBECTL} get node h1 -o jsonpath='{{.status.conditions[?(@.type==\"DiskPressure\")].status}}'"
        );
        let said = host.shell(&line).unwrap_or_default();
        Ok(if said.trim() == "True" {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("DiskPressure is {said:?}"))
        })
    })
    .unwrap();
    // Twice: the first look may have begun before the disk was full.
    proofs::wait("the kubelet collects images", Duration::from_secs(180), || {
        Ok(if looked(collected + 1) {
            Seen::Yes(())
        } else {
            Seen::NotYet("it has not looked yet".to_owned())
        })
    })
    .unwrap();
    done("images were collected under pressure", begun);
    assert_eq!(host.shell(IMAGES).unwrap(), before, "the kubelet deleted images of a bundle");

    host.shell("rm /var/lib/containerd/fill").unwrap();
    host.shell(&format!("cat <<'END' | {KUBECTL} apply -f -\n{}END", pod())).unwrap();
    proofs::wait("a pod that always pulls starts", Duration::from_secs(60), || {
        let line = format!("{KUBECTL} -n kube-system get pod always -o jsonpath='{{.status.phase}}'");
        let said = host.shell(&line).unwrap_or_default();
        Ok(if said.trim() == "Running" { Seen::Yes(()) } else { Seen::NotYet(format!("it is {said:?}")) })
    })
    .unwrap();
}
