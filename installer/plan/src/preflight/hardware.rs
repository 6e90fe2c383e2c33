//! Memory, processors, arrays and cards, by what they report of themselves.

use bundles_format::Arch;

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, bytes, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("memory-available", ("Memory is free", "可用内存"),
        ("Other programs hold the memory that the cluster needs.", "其他程序占用了集群所需的内存。"),
        Host(available)),
    check("huge-pages", ("Huge pages", "大页内存"),
        ("What is set aside in huge pages is missing for everything else.", "预留为大页的内存不能另作他用。"),
        Host(huge_pages)),
    check("memory-errors", ("Memory without errors", "内存无错误"),
        ("The memory controller counted errors that it could not correct: data may be wrong, and the host will stop sooner or later.", "内存控制器记录了不可纠正的错误：数据可能损坏，主机迟早会宕机。"),
        Host(memory_errors)),
    check("arm-atomics", ("Armv8.1 atomics", "Armv8.1 原子指令"),
        ("Some images are built for Armv8.1 or newer and end with an illegal instruction here.", "部分镜像按 Armv8.1 以上构建，在此会因非法指令退出。"),
        Host(atomics)),
    check("aes", ("AES instructions", "AES 指令"),
        ("Without them every TLS connection costs several times the processor time.", "缺少该指令时，TLS 连接的 CPU 开销会成倍增加。"),
        Host(aes)),
    check("accelerator-driver", ("Drivers of accelerators", "加速卡驱动"),
        ("No vendor's driver is bound to the card: no pod can use it.", "加速卡未绑定厂商驱动：Pod 无法使用。"),
        Host(drivers)),
    check("degraded-array", ("Disk arrays are whole", "磁盘阵列完整"),
        ("An array misses a disk: the next failure takes the data with it, and a rebuild slows etcd down.", "阵列缺盘：再坏一块即丢失数据，重建也会拖慢 etcd。"),
        Host(arrays)),
    check("filesystem-errors", ("Filesystems without errors", "文件系统无错误"),
        ("ext4 has written down errors; it may turn read-only at any time.", "ext4 记录了错误，随时可能变为只读。"),
        Host(filesystem_errors)),
];

/// What the processes of the cluster take at once.
fn needed(view: &HostView<'_>) -> u64 {
    if view.host.roles.control_plane { 1 << 30 } else { 512 << 20 }
}

fn available(view: &HostView<'_>) -> Vec<Objection> {
    let Some(free) = view.facts.memory.and_then(|memory| memory.available) else { return Vec::new() };
    when(free < needed(view) && !view.surveyed.ours, || {
        Objection::warn(bytes(free), bytes(needed(view))).fix(
            "stop what is not needed here (ps -eo rss,comm --sort -rss | head)",
            "停止不需要的程序（ps -eo rss,comm --sort -rss | head）",
        )
    })
}

fn huge_pages(view: &HostView<'_>) -> Vec<Objection> {
    let reserved = view.facts.kernel.huge_pages_bytes;
    let Some(memory) = view.facts.memory else { return Vec::new() };
    let rest = memory.total.saturating_sub(reserved);
    when(reserved > 0 && rest < 2 * needed(view), || {
        let observed = format!("{} of {} in huge pages", bytes(reserved), bytes(memory.total));
        Objection::warn(observed, format!("{} beside them", bytes(2 * needed(view))))
            .fix("lower vm.nr_hugepages", "降低 vm.nr_hugepages")
    })
}

fn memory_errors(view: &HostView<'_>) -> Vec<Objection> {
    let Some(count) = view.facts.kernel.memory_errors else { return Vec::new() };
    when(count > 0, || {
        Objection::warn(count.to_string(), "0").fix(
            "find the module (edac-util -v, ipmitool sel list) and replace it",
            "定位并更换内存条（edac-util -v、ipmitool sel list）",
        )
    })
}

fn lacks(view: &HostView<'_>, flag: &str) -> bool {
    let flags = &view.facts.cpu.flags;
    !flags.is_empty() && !flags.contains(flag)
}

fn model<'a>(view: &'a HostView<'_>) -> &'a str {
    view.facts.cpu.model.as_deref().unwrap_or("this processor")
}

fn atomics(view: &HostView<'_>) -> Vec<Objection> {
    when(view.arch() == Some(Arch::Arm64) && lacks(view, "atomics"), || {
        Objection::warn(format!("{} lacks them", model(view)), "Armv8.1").fix(
            "choose images that are built for Armv8.0, or other hosts for those that are not",
            "选用按 Armv8.0 构建的镜像，或将其他镜像调度到别的主机",
        )
    })
}

fn aes(view: &HostView<'_>) -> Vec<Objection> {
    when(lacks(view, "aes"), || {
        Objection::info(format!("{} lacks them", model(view)), "aes")
            .fix("on a virtual machine: choose the processor type `host`", "虚拟机：将处理器类型设为 host")
    })
}

/// `nouveau` drives displays; a card that is handed to a virtual machine is bound to one of the last two on purpose.
fn drivers(view: &HostView<'_>) -> Vec<Objection> {
    let cards = view.facts.accelerators.iter().filter(|card| !card.virtual_function);
    // Consoles and integrated graphics are displays, not accelerators.
    let cards = cards.filter(|card| !(card.class == 0x0300 && matches!(card.vendor, 0x8086 | 0x1002)));
    let unfit: Vec<String> = cards
        .filter_map(|card| match card.driver.as_deref() {
            None => Some(format!("{} none", card.address)),
            Some(driver @ ("nouveau" | "vfio-pci" | "pci-stub")) => {
                Some(format!("{} {driver}", card.address))
            }
            Some(_) => None,
        })
        .collect();
    when(!unfit.is_empty(), || {
        Objection::warn(unfit.join(", "), "the vendor's driver")
            .fix("install the vendor's driver for this kernel", "安装适用于此内核的厂商驱动")
    })
}

fn arrays(view: &HostView<'_>) -> Vec<Objection> {
    let found = &view.facts.storage.degraded_arrays;
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "all disks").fix(
            "mdadm --detail shows which disk is missing; replace it before the cluster writes",
            "用 mdadm --detail 查看缺失的磁盘，在集群写入前更换",
        )
    })
}

fn filesystem_errors(view: &HostView<'_>) -> Vec<Objection> {
    let found = view.facts.storage.filesystem_errors.iter();
    let found: Vec<String> = found.map(|(device, count)| format!("{device} {count}")).collect();
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "0")
            .fix("check the disk (dmesg, smartctl), then e2fsck", "检查磁盘（dmesg、smartctl）后执行 e2fsck")
    })
}
