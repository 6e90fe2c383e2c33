//! Images in containerd: imported from the bundle, unpacked, pinned, and named to the node service.

use std::collections::BTreeMap;
use std::time::Duration;

use bundles_format::Digest;
use futures_util::future::{try_join, try_join_all};
use installer_model::event::Failure;
use installer_model::node::{ImageEntry, ImageMap};
use installer_model::plan::{BlobSpec, ImageSpec};

use super::files::digest_of;
use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

/// containerd's namespace for the kubelet's images.
pub(crate) const CTR: [&str; 3] = ["/usr/local/bin/ctr", "-n", "k8s.io"];
/// The kubelet's image collection leaves images with this label alone.
const PINNED: &str = "io.cri-containerd.pinned=pinned";
const IMAGE_MAP: &str = "/var/lib/armilla/images.json";

/// `kept`: the images are an add-on's, and lie under a second name as well.
pub(super) async fn probe(port: &HostPort<'_>, images: &[ImageSpec], kept: bool) -> Result<Probe, Failure> {
    let list = [&CTR[..], &["images", "list"]].concat();
    let (map, output) = try_join(image_map(port), port.command(&list)).await?;
    if let Some(image) = images.iter().find(|image| map.images.get(&image.reference) != Some(&entry(image))) {
        return Ok(Probe::NotMet(format!("the node service does not know {}", image.reference)));
    }
    if !output.ok() {
        return Ok(Probe::CannotTell(format!("ctr images list: {}", output.stderr_text().trim())));
    }
    let held = parse_list(&output.stdout_text());
    Ok(match images.iter().find(|image| !is_held(&held, image, kept)) {
        None => Probe::Met,
        Some(image) => Probe::NotMet(format!("containerd does not hold {}", image.reference)),
    })
}

pub(super) async fn act(
    port: &HostPort<'_>,
    ctx: &StepContext,
    limit: Duration,
    containerd_root: &str,
    images: &[ImageSpec],
    kept: bool,
) -> Result<(), Failure> {
    let store = format!("{containerd_root}/io.containerd.content.v1.content/blobs/sha256");
    let blobs = absent(port, &store, images).await?;
    port.put_blobs(ctx, &blobs).await?;
    import(port, ctx, limit, &store, images, kept).await?;
    for image in images {
        pin(port, &image.reference).await?;
        if kept {
            pin(port, &image.kept_name()).await?;
        }
    }
    publish(port, images).await?;
    // Those that an attempt before this one brought, too: containerd has them all.
    port.remove_blobs(blobs_of(images).into_keys().collect()).await
}

fn blobs_of(images: &[ImageSpec]) -> BTreeMap<Digest, u64> {
    images.iter().flat_map(ImageSpec::blobs).map(|blob| (blob.digest.clone(), blob.size)).collect()
}

async fn pin(port: &HostPort<'_>, name: &str) -> Result<(), Failure> {
    let words = ["images", "label", name, PINNED];
    let output = port.command_within(60, &[&CTR[..], &words].concat(), b"").await?;
    if output.ok() { Ok(()) } else { Err(failure(format!("pin {name}"), &output.stderr_text())) }
}

/// Blobs that containerd's content store does not have, each once: layers are shared.
async fn absent(
    port: &HostPort<'_>,
    store: &str,
    images: &[ImageSpec],
) -> Result<Vec<(Digest, u64)>, Failure> {
    let all = blobs_of(images).into_iter().map(|(digest, size)| async move {
        let found = port.stat(&format!("{store}/{}", digest.hex()), false).await?;
        Ok(found.is_none_or(|stat| stat.size != size).then_some((digest, size)))
    });
    Ok(try_join_all(all).await?.into_iter().flatten().collect())
}

/// The host's own binary makes an OCI layout of the blobs and pipes it into `ctr images import`.
async fn import(
    port: &HostPort<'_>,
    ctx: &StepContext,
    limit: Duration,
    store: &str,
    images: &[ImageSpec],
    kept: bool,
) -> Result<(), Failure> {
    let list = serde_json::to_vec(images).expect("plain data");
    // Named after what it says: an import that outlived its engine is the same command, and is followed instead of begun again.
    let path = format!("/var/lib/armilla/import/{}.json", digest_of(&list).hex());
    port.write(&path, 0o600, &list).await?;
    let mut argv =
        vec![port.binary(), "hand", "import", "--content-store", store, "--ctr", CTR[0], "--list", &path];
    argv.extend(kept.then_some("--kept"));
    let end = port.unit(ctx, &argv, limit).await?;
    port.remove(std::slice::from_ref(&path)).await?;
    end.success("import images")
}

async fn publish(port: &HostPort<'_>, images: &[ImageSpec]) -> Result<(), Failure> {
    let mut map = image_map(port).await?;
    map.images.extend(images.iter().map(|image| (image.reference.clone(), entry(image))));
    let text = serde_json::to_vec_pretty(&map).expect("plain data");
    port.write(IMAGE_MAP, 0o644, &text).await
}

async fn image_map(port: &HostPort<'_>) -> Result<ImageMap, Failure> {
    match port.read(IMAGE_MAP, 1 << 20).await? {
        None => Ok(ImageMap::new(BTreeMap::new())),
        // What cannot be read is written anew.
        Some(text) => Ok(ImageMap::from_json(&String::from_utf8_lossy(&text))
            .unwrap_or_else(|_| ImageMap::new(BTreeMap::new()))),
    }
}

fn entry(image: &ImageSpec) -> ImageEntry {
    let BlobSpec { digest, size, media_type } = image.target().clone();
    ImageEntry { digest, media_type, size }
}

/// Reference → (digest, pinned), from the columns REF TYPE DIGEST SIZE PLATFORMS LABELS.
pub(crate) fn parse_list(text: &str) -> BTreeMap<String, (String, bool)> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let reference = words.next()?;
            let digest = words.find(|word| word.starts_with("sha256:"))?;
            Some((reference.to_owned(), (digest.to_owned(), line.contains(PINNED))))
        })
        .collect()
}

/// An add-on's image is pinned by its second name: a pull may have taken the pin from the first.
fn is_held(held: &BTreeMap<String, (String, bool)>, image: &ImageSpec, kept: bool) -> bool {
    let wanted = image.target().digest.to_string();
    let is = |name: &str| held.get(name).filter(|(digest, _)| *digest == wanted).map(|(_, pinned)| *pinned);
    match kept {
        true => is(&image.reference).is_some() && is(&image.kept_name()) == Some(true),
        false => is(&image.reference) == Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_ctr_is_read_by_its_columns() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let text = format!(
            "REF TYPE DIGEST SIZE PLATFORMS LABELS\n\
             registry.k8s.io/pause:3.10.2 application/vnd.oci.image.manifest.v1+json {digest} 300.0 KiB linux/amd64 io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned\n\
             docker.io/library/busybox:1.35 application/vnd.oci.image.manifest.v1+json {digest} 1.0 MiB linux/amd64 -\n"
        );
        let held = parse_list(&text);
        assert_eq!(held["registry.k8s.io/pause:3.10.2"], (digest.clone(), true));
        assert_eq!(held["docker.io/library/busybox:1.35"], (digest, false));
    }
}
