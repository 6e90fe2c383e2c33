//! Room on disks, computed from the release.

use std::collections::{BTreeMap, BTreeSet};

use bundles_format::{Arch, Release};
use installer_model::survey::DataDir;
use installer_render::paths::{ARMILLA_ROOT, BIN};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, bytes, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("disk-space", ("Disk space", "磁盘空间"),
        ("Computed from the bundle: what is staged, kept compressed and unpacked on each filesystem.", "按离线包计算：每个文件系统上的暂存、压缩保存与解包所需空间。"),
        Host(room)),
    check("disk-headroom", ("Disk headroom", "磁盘余量"),
        ("Above 85 % the kubelet deletes unused images, above 90 % it evicts pods.", "使用率超过 85% 时 kubelet 会清理镜像，超过 90% 会驱逐 Pod。"),
        Host(headroom)),
    check("inodes", ("Inodes", "inode 数量"),
        ("Unpacked images are tens of thousands of small files.", "解包后的镜像包含数万个小文件。"),
        Host(inodes)),
];

/// etcd's log and database begin small; this is what a young cluster grows into.
const ETCD_BYTES: u64 = 1 << 30;
/// Logs and emptyDir volumes of the first pods.
const KUBELET_BYTES: u64 = 1 << 30;

/// What one release takes on a host of one architecture, bytes.
#[derive(Default)]
struct Needs {
    /// Blobs as they come, kept until the run has ended.
    staged: u64,
    /// Files where they are run from.
    files: u64,
    /// containerd's content (compressed) and its snapshots (unpacked, with a fifth for what filesystems add).
    images: u64,
}

fn needs(release: &Release, arch: Arch) -> Needs {
    let mut seen = BTreeSet::new();
    let mut once = |blob: &bundles_format::Blob| if seen.insert(blob.digest.clone()) { blob.size } else { 0 };
    let compressed: u64 = release.images(arch).flat_map(|image| image.blobs()).map(&mut once).sum();
    let packed_files: u64 = release.files(arch).map(|file| once(&file.blob)).sum();
    let unpacked: u64 = release.images(arch).map(|image| image.unpacked_size).sum();
    Needs {
        staged: compressed + packed_files,
        files: release.files(arch).map(|file| file.content_size).sum(),
        images: compressed + unpacked + unpacked / 5,
    }
}

/// Directories that share a filesystem, and what they need together.
struct Demand<'a> {
    dir: &'a DataDir,
    /// Each with its part of the need.
    paths: Vec<(&'a str, u64)>,
    bytes: u64,
}

impl Demand<'_> {
    /// The directories that something comes to.
    fn reasons(&self) -> String {
        let growing: Vec<&str> =
            self.paths.iter().filter(|(_, bytes)| *bytes > 0).map(|(path, _)| *path).collect();
        growing.join(", ")
    }
}

/// On a host of ours what it was given lies there already, and what grows has begun to: it needs room for what comes.
fn demands<'a>(view: &HostView<'a>) -> Vec<Demand<'a>> {
    let Some(arch) = view.arch() else { return Vec::new() };
    let ours = view.surveyed.ours;
    let given = if ours { view.coming } else { Some(view.release) };
    let needs = given.map_or_else(Needs::default, |release| needs(release, arch));
    let growing = |bytes| if ours { 0 } else { bytes };
    let folders = view.folders();
    let mut wanted = vec![
        (ARMILLA_ROOT.to_owned(), needs.staged),
        (BIN.to_owned(), needs.files),
        (folders.containerd, needs.images),
        (folders.kubelet, growing(KUBELET_BYTES)),
    ];
    if view.host.roles.control_plane {
        wanted.push((folders.etcd, growing(ETCD_BYTES)));
    }
    let mut by_filesystem: BTreeMap<u64, Demand<'a>> = BTreeMap::new();
    let measured = || view.facts.data_dirs.iter().filter(|dir| dir.total_bytes > 0);
    for (path, bytes) in wanted {
        // A directory that was not measured is not judged.
        let Some(dir) = view.facts.data_dir(&path).filter(|dir| dir.total_bytes > 0) else { continue };
        let disk =
            measured().find(|other| same_disk(dir, other)).map_or(dir.filesystem, |other| other.filesystem);
        let empty = Demand { dir, paths: Vec::new(), bytes: 0 };
        let demand = by_filesystem.entry(disk).or_insert(empty);
        demand.paths.push((&dir.path, bytes));
        demand.bytes += bytes;
    }
    by_filesystem.into_values().collect()
}

/// Whether what is written to one directory is missing at the other. An overlay has a number of its own but the room of
/// the filesystem that its upper directory lies on: it is known by its size.
fn same_disk(dir: &DataDir, other: &DataDir) -> bool {
    let overlay = [dir, other].iter().any(|dir| dir.fs_type.as_deref() == Some("overlay"));
    let size = |dir: &DataDir| (dir.total_bytes, dir.total_inodes);
    dir.filesystem == other.filesystem || (overlay && size(dir) == size(other))
}

pub(super) fn room(view: &HostView<'_>) -> Vec<Objection> {
    let short = demands(view).into_iter().filter(|demand| demand.dir.free_bytes < demand.bytes);
    short
        .map(|demand| {
            let mount = demand.dir.mount_target.as_deref().unwrap_or(&demand.dir.path);
            let observed = format!("{} free on {mount}", bytes(demand.dir.free_bytes));
            let wanted = format!("{} for {}", bytes(demand.bytes), demand.reasons());
            Objection::refuse(observed, wanted).fix(
                "free space there, or name a larger disk in dataRoot",
                "释放空间，或在 dataRoot 中指定更大的磁盘",
            )
        })
        .collect()
}

/// The kubelet collects images from 85 % on (`imageGCHighThresholdPercent`).
const FREE_PERCENT_AFTER: u64 = 15;

pub(super) fn headroom(view: &HostView<'_>) -> Vec<Objection> {
    let folders = view.folders();
    let watched = |demand: &Demand<'_>| {
        demand.paths.iter().any(|(path, _)| *path == folders.containerd || *path == folders.kubelet)
    };
    let tight = demands(view).into_iter().filter(watched).filter_map(|demand| {
        let after = demand.dir.free_bytes.checked_sub(demand.bytes)?;
        let percent = u128::from(after) * 100 / u128::from(demand.dir.total_bytes);
        (percent < u128::from(FREE_PERCENT_AFTER)).then_some((demand, percent))
    });
    tight
        .map(|(demand, percent)| {
            let mount = demand.dir.mount_target.as_deref().unwrap_or(&demand.dir.path);
            Objection::warn(
                format!("{percent} % of {mount} free after the installation"),
                format!("{FREE_PERCENT_AFTER} %"),
            )
            .fix(
                "free space there, or name a larger disk in dataRoot",
                "释放空间，或在 dataRoot 中指定更大的磁盘",
            )
        })
        .collect()
}

/// The images of a bundle unpack to some ten thousand files; pods bring as many again.
const INODES_FLOOR: u64 = 20_000;
const INODES_COMFORT: u64 = 100_000;

pub(super) fn inodes(view: &HostView<'_>) -> Vec<Objection> {
    let folders = view.folders();
    let Some(dir) = view.facts.data_dir(&folders.containerd) else { return Vec::new() };
    // Filesystems that make inodes as they need them count none.
    if dir.total_inodes == 0 || (view.surveyed.ours && dir.free_inodes >= INODES_FLOOR) {
        return Vec::new();
    }
    let observed = || format!("{} free under {}", dir.free_inodes, dir.path);
    let fix = |objection: Objection| {
        objection.fix(
            "delete small files there, or name another disk in dataRoot",
            "删除小文件，或在 dataRoot 中指定其他磁盘",
        )
    };
    if dir.free_inodes < INODES_FLOOR {
        return vec![fix(Objection::refuse(observed(), INODES_FLOOR.to_string()))];
    }
    when(dir.free_inodes < INODES_COMFORT, || fix(Objection::warn(observed(), INODES_COMFORT.to_string())))
}
