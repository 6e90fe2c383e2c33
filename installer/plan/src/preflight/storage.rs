//! What filesystems allow, and how fast the disk of etcd is.

use installer_model::repair::{MountOption, Repair};
use installer_render::paths::{ARMILLA_ROOT, BIN, CNI_BIN};

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("read-only", ("Writable filesystems", "文件系统可写"),
        ("Armilla must write here.", "Armilla 必须能写入此处。"),
        Host(read_only)),
    check("noexec", ("Executable filesystems", "文件系统可执行"),
        ("Programs are run from here.", "需要从此处运行程序。"),
        Host(no_exec)),
    check("runtime-filesystem", ("Filesystem of the images", "镜像所在文件系统"),
        ("containerd's overlay snapshots do not work on this kind of filesystem.", "containerd 的 overlay 快照无法在此类文件系统上工作。"),
        Host(runtime_filesystem)),
    check("fsync", ("Disk latency for etcd", "etcd 磁盘延迟"),
        ("etcd makes every write durable before it answers. Its authors want 99 % of fdatasync below 10 ms; a slow disk costs elections and time-outs.", "etcd 每次写入都先落盘再应答。官方建议 99% 的 fdatasync 低于 10 ms；慢盘会导致选举与超时。"),
        Host(fsync)),
];

pub(super) fn read_only(view: &HostView<'_>) -> Vec<Objection> {
    let stuck: Vec<&str> =
        view.facts.data_dirs.iter().filter(|dir| dir.read_only).map(|dir| dir.path.as_str()).collect();
    super::when(!stuck.is_empty(), || {
        let objection = Objection::refuse(format!("read-only: {}", stuck.join(", ")), "writable").fix(
            "look for disk errors (dmesg), then mount -o remount,rw; or name another disk in dataRoot",
            "先检查磁盘错误（dmesg），再 mount -o remount,rw；或在 dataRoot 中指定其他磁盘",
        );
        stuck.iter().fold(objection, |objection, path| {
            objection.repair(Repair::Remount { path: (*path).to_owned(), option: MountOption::Rw })
        })
    })
}

/// Not the folder of containerd: what runs in a container runs from an overlay, whose mount has options of its own.
pub(super) fn no_exec(view: &HostView<'_>) -> Vec<Objection> {
    let run_from = [ARMILLA_ROOT, BIN, CNI_BIN];
    let stuck: Vec<&str> = view
        .facts
        .data_dirs
        .iter()
        .filter(|dir| dir.no_exec && run_from.contains(&dir.path.as_str()))
        .map(|dir| dir.path.as_str())
        .collect();
    super::when(!stuck.is_empty(), || {
        let objection = Objection::refuse(format!("noexec: {}", stuck.join(", ")), "exec").fix(
            "take noexec off the mount: mount -o remount,exec, and in /etc/fstab",
            "去掉挂载的 noexec：mount -o remount,exec，并修改 /etc/fstab",
        );
        stuck.iter().fold(objection, |objection, path| {
            objection.repair(Repair::Remount { path: (*path).to_owned(), option: MountOption::Exec })
        })
    })
}

/// What overlayfs refuses as the home of its upper directories (kernel, Documentation/filesystems/overlayfs.rst), and
/// what loses everything at a reboot.
pub(super) fn runtime_filesystem(view: &HostView<'_>) -> Vec<Objection> {
    const CANNOT: [&str; 8] = ["overlay", "nfs", "nfs4", "cifs", "vfat", "exfat", "fuseblk", "9p"];
    let dir = view.facts.data_dir(&view.folders().containerd).cloned().unwrap_or_default();
    let Some(fs_type) = dir.fs_type.as_deref() else { return Vec::new() };
    let fix = |objection: Objection| {
        objection
            .fix("name a directory on ext4 or xfs in dataRoot", "在 dataRoot 中指定 ext4 或 xfs 上的目录")
    };
    let observed = format!("{fs_type} under {}", dir.path);
    match fs_type {
        "tmpfs" | "ramfs" => vec![fix(Objection::warn(observed, "a disk"))],
        // Before OpenZFS 2.2 it cannot carry an overlay's upper directory.
        "zfs" => vec![fix(Objection::warn(observed, "ext4 or xfs"))],
        _ if CANNOT.contains(&fs_type) => vec![fix(Objection::refuse(observed, "ext4 or xfs"))],
        _ => Vec::new(),
    }
}

/// etcd's own advice: <https://etcd.io/docs/latest/faq/> asks for a p99 below 10 ms. Virtual disks of small sites are
/// often slower and do. Beyond use is a disk whose p99 is half of etcd's election time-out (1 s) and whose median is half
/// of its heartbeat (100 ms): a better median says that the disk itself is good and somebody else was writing just then.
const FSYNC_WARN_US: u64 = 10_000;
const FSYNC_REFUSE_US: u64 = 500_000;
const FSYNC_GOOD_MEDIAN_US: u64 = 50_000;

pub(super) fn fsync(view: &HostView<'_>) -> Vec<Objection> {
    if !view.host.roles.control_plane {
        return Vec::new();
    }
    let Some(fsync) = &view.facts.fsync else {
        return super::when(!view.surveyed.ours, || Objection::warn("not measured", "p99 below 10 ms"));
    };
    let observed = format!(
        "p99 {}.{} ms, median {}.{} ms, {} writes to {}",
        fsync.p99_us / 1000,
        fsync.p99_us % 1000 / 100,
        fsync.p50_us / 1000,
        fsync.p50_us % 1000 / 100,
        fsync.writes,
        fsync.directory
    );
    let fix = |objection: Objection| {
        objection.fix(
            "name a faster disk (SSD) in dataRoot, or quieten what else writes there",
            "在 dataRoot 中指定更快的磁盘（SSD），或减少其他写入",
        )
    };
    match fsync.p99_us {
        slow if slow > FSYNC_REFUSE_US && fsync.p50_us > FSYNC_GOOD_MEDIAN_US => {
            vec![fix(Objection::refuse(observed, "p99 below 10 ms"))]
        }
        slow if slow > FSYNC_WARN_US => vec![fix(Objection::warn(observed, "p99 below 10 ms"))],
        _ => Vec::new(),
    }
}
