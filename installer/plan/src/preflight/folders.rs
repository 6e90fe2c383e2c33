//! The filesystems under the folders that the cluster fills.

use installer_model::repair::{MountOption, Repair};
use installer_model::survey::DataDir;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, bytes, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("etcd-filesystem", ("Filesystem of etcd", "etcd 所在文件系统"),
        ("etcd keeps the whole cluster: in memory it is lost at a restart, over a network it waits for others.", "etcd 保存整个集群：放在内存中重启即丢失，放在网络存储上则受制于他人。"),
        Host(etcd)),
    check("kubelet-filesystem", ("Filesystem of the kubelet", "kubelet 所在文件系统"),
        ("Volumes and logs of pods lie here; over a network or in memory they are slow, or gone at a restart.", "Pod 的卷与日志在此：位于网络或内存上会变慢或重启后丢失。"),
        Host(kubelet)),
    check("volume-options", ("Volumes may hold programs", "卷可存放程序"),
        ("Volumes of pods take these options over: programs, devices and set-user-id files in them do not work.", "Pod 的卷会继承这些选项，其中的程序、设备与 setuid 文件无法使用。"),
        Host(volume_options)),
    check("entry-types", ("Types of directory entries", "目录项类型"),
        ("overlayfs needs a filesystem that tells the type of a directory's entries: xfs that was made with ftype=1.", "overlayfs 要求文件系统提供目录项类型：xfs 须以 ftype=1 创建。"),
        Host(entry_types)),
    check("mount-propagation", ("Mounts are shared", "挂载可传播"),
        ("Volumes that a storage driver mounts in its container are not seen by pods.", "存储驱动在其容器中挂载的卷对 Pod 不可见。"),
        Host(propagation)),
    check("log-space", ("Room for logs", "日志空间"),
        ("Logs of all pods lie below /var/log/pods; when it is full, logs are lost and services of the host fail.", "所有 Pod 的日志位于 /var/log/pods；写满后日志丢失，主机服务也会失败。"),
        Host(log_space)),
    check("run-space", ("Room in /run", "/run 空间"),
        ("containerd keeps the state of every container below /run; when it is full, none starts or stops.", "containerd 将容器状态保存在 /run；写满后无法启动或停止容器。"),
        Host(run_space)),
];

const NETWORKS: [&str; 9] =
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"];

fn in_memory(fs_type: &str) -> bool {
    matches!(fs_type, "tmpfs" | "ramfs")
}

fn fs_type<'a>(view: &'a HostView<'_>, path: &str) -> Option<&'a str> {
    view.facts.data_dir(path)?.fs_type.as_deref()
}

fn etcd(view: &HostView<'_>) -> Vec<Objection> {
    let folder = view.folders().etcd;
    let Some(fs_type) = fs_type(view, &folder).filter(|_| view.host.roles.control_plane) else {
        return Vec::new();
    };
    let fix = |objection: Objection| {
        objection.fix("name a disk with ext4 or xfs in dataRoot", "在 dataRoot 中指定 ext4 或 xfs 磁盘")
    };
    let observed = format!("{fs_type} under {folder}");
    if in_memory(fs_type) {
        return vec![fix(Objection::refuse(observed, "ext4 or xfs"))];
    }
    when(NETWORKS.contains(&fs_type), || fix(Objection::warn(observed, "ext4 or xfs")))
}

fn kubelet(view: &HostView<'_>) -> Vec<Objection> {
    let folder = view.folders().kubelet;
    let Some(fs_type) = fs_type(view, &folder) else { return Vec::new() };
    when(in_memory(fs_type) || NETWORKS.contains(&fs_type), || {
        Objection::warn(format!("{fs_type} under {folder}"), "ext4 or xfs")
            .fix("name a disk with ext4 or xfs in dataRoot", "在 dataRoot 中指定 ext4 或 xfs 磁盘")
    })
}

/// The options are those of the last mount on the folder's own target.
fn volume_options(view: &HostView<'_>) -> Vec<Objection> {
    let folder = view.folders().kubelet;
    let target = view.facts.data_dir(&folder).and_then(|dir| dir.mount_target.as_deref());
    let Some(mount) =
        target.and_then(|target| view.facts.mounts.iter().rfind(|mount| mount.target == target))
    else {
        return Vec::new();
    };
    let has = |option: &MountOption| mount.options.iter().any(|word| word == option.opposite());
    let found: Vec<MountOption> =
        [MountOption::Dev, MountOption::Exec, MountOption::Suid].into_iter().filter(has).collect();
    when(!found.is_empty(), || {
        let words = |name: fn(MountOption) -> &'static str| {
            found.iter().map(|option| name(*option)).collect::<Vec<_>>().join(",")
        };
        let command = format!("mount -o remount,{} {}", words(MountOption::as_str), mount.target);
        let objection = Objection::warn(
            format!("{} on {}", words(MountOption::opposite), mount.target),
            words(MountOption::as_str),
        )
        .fix(format!("{command}, and in /etc/fstab"), format!("执行 {command}，并修改 /etc/fstab"));
        found.iter().fold(objection, |objection, option| {
            objection.repair(Repair::Remount { path: folder.clone(), option: *option })
        })
    })
}

/// Docker and containerd ask the same before they use overlayfs; a filesystem that hides types refuses it.
fn entry_types(view: &HostView<'_>) -> Vec<Objection> {
    let folder = view.folders().containerd;
    let hidden = view.facts.storage.without_entry_types.contains(&folder);
    when(hidden && fs_type(view, &folder) == Some("xfs"), || {
        Objection::refuse(format!("xfs with ftype=0 under {folder}"), "ftype=1").fix(
            "make the filesystem anew (mkfs.xfs -n ftype=1), or name another disk in dataRoot",
            "重新创建文件系统（mkfs.xfs -n ftype=1），或在 dataRoot 中指定其他磁盘",
        )
    })
}

fn propagation(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.storage.root_shared == Some(false), || {
        Objection::warn("private", "shared").fix("mount --make-rshared /", "mount --make-rshared /")
    })
}

pub(super) const LOGS: &str = "/var/log";
pub(super) const RUN: &str = "/run";
/// Ten files of 10 MiB for each of a hundred containers would be 10 GiB; a young node writes a tenth of it.
const LOG_BYTES: u64 = 1 << 30;
const RUN_BYTES: u64 = 64 << 20;

fn log_space(view: &HostView<'_>) -> Vec<Objection> {
    room(view, LOGS, LOG_BYTES)
}

fn run_space(view: &HostView<'_>) -> Vec<Objection> {
    room(view, RUN, RUN_BYTES)
}

fn room(view: &HostView<'_>, path: &str, wanted: u64) -> Vec<Objection> {
    let measured = |dir: &&DataDir| dir.total_bytes > 0;
    let Some(dir) = view.facts.data_dir(path).filter(measured) else { return Vec::new() };
    when(dir.free_bytes < wanted, || {
        let mount = dir.mount_target.as_deref().unwrap_or(path);
        Objection::warn(format!("{} free on {mount}", bytes(dir.free_bytes)), bytes(wanted))
            .fix(format!("free space on {mount}, or make it larger"), format!("释放 {mount} 的空间或扩容"))
    })
}
