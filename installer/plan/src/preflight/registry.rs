//! The registry: every check by area, in the order in which people read findings. Each area's file holds its entries
//! beside the functions that judge.

use super::{Check, Judge, Words};
use super::{
    boot, capacity, clock, clones, cluster, folders, hardware, interfaces, kernel, leftover, limits, links,
    machine, names, network, ports, protection, rules, services, space, storage, system,
};

/// Checks that look at the same thing.
pub struct Area {
    pub title: Words,
    pub checks: &'static [Check],
}

const fn area(en: &'static str, zh: &'static str, checks: &'static [Check]) -> Area {
    Area { title: Words { en, zh }, checks }
}

pub const AREAS: &[Area] = &[
    area("The site as a whole", "站点整体", cluster::CHECKS),
    area("Machines and clones", "机器与克隆", clones::CHECKS),
    area("The system", "系统", system::CHECKS),
    area("The machine", "机器环境", machine::CHECKS),
    area("systemd and services", "systemd 与服务", services::CHECKS),
    area("After the next boot", "下次启动之后", boot::CHECKS),
    area("Time", "时间", clock::CHECKS),
    area("Security software", "安全软件", protection::CHECKS),
    area("Processors and memory", "处理器与内存", capacity::CHECKS),
    area("Hardware", "硬件", hardware::CHECKS),
    area("The kernel", "内核", kernel::CHECKS),
    area("Limits of the kernel", "内核上限", limits::CHECKS),
    area("Room on disks", "磁盘空间", space::CHECKS),
    area("Filesystems and disks", "文件系统与磁盘", storage::CHECKS),
    area("Folders of the cluster", "集群目录", folders::CHECKS),
    area("The network", "网络", network::CHECKS),
    area("Interfaces and routes", "网卡与路由", interfaces::CHECKS),
    area("Names and proxies", "名称与代理", names::CHECKS),
    area("Ports", "端口", ports::CHECKS),
    area("Between hosts", "主机之间", links::CHECKS),
    area("Packet rules", "包过滤规则", rules::CHECKS),
    area("Other clusters and runtimes", "其他集群与运行时", leftover::CHECKS),
];

/// Every check of every area.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    AREAS.iter().flat_map(|area| area.checks)
}

/// One entry: its id, its title, why it matters (English, Chinese), and who judges.
pub(super) const fn check(
    id: &'static str,
    title: (&'static str, &'static str),
    why: (&'static str, &'static str),
    judge: Judge,
) -> Check {
    Check { id, title: Words { en: title.0, zh: title.1 }, why: Words { en: why.0, zh: why.1 }, judge }
}
