//! Software that guards the host, and may take the cluster for an intruder. It is named, never switched off.

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("packet-filter-agents", ("Nobody else rewrites packet rules", "无其他程序改写包过滤规则"),
        ("It flushes or rewrites packet rules, those of kube-proxy and the pod network with them, whenever it starts or changes.", "它在启动或变更时会清空或改写规则，包括 kube-proxy 与 Pod 网络的规则。"),
        Host(packet_filters)),
    check("nftables-service", ("nftables.service", "nftables.service"),
        ("Its file begins by flushing all rules: a restart of the service cuts pods off until kube-proxy has written its rules again.", "其配置首先清空所有规则：重启该服务会使 Pod 断网，直至 kube-proxy 重新写入。"),
        Host(nftables_service)),
    check("endpoint-security", ("Endpoint security", "终端安全软件"),
        ("Such agents stop programs that they do not know, slow down disks, and some rewrite packet rules.", "此类软件会阻止未知程序、拖慢磁盘，有的还会改写包过滤规则。"),
        Host(endpoint_security)),
    check("exec-control", ("Execution control", "执行控制"),
        ("Only programs on a list may run; those of the bundle and of images are not on it.", "仅允许名单内的程序运行，而离线包与镜像中的程序不在其中。"),
        Host(exec_control)),
    check("kysec", ("KySec", "KySec"),
        ("Kylin's own security module lets only marked programs run while execution control is on.", "麒麟的安全模块在执行控制开启时只允许已标记的程序运行。"),
        Host(kysec)),
    check("lockdown", ("Kernel lockdown", "内核锁定"),
        ("Modules without a signature do not load, such as drivers of accelerators.", "未签名的模块无法加载，例如加速卡驱动。"),
        Host(lockdown)),
    check("fips", ("FIPS mode", "FIPS 模式"),
        ("The kernel and the distribution's libraries allow only some ciphers; programs of the bundle bring their own.", "内核与系统库只允许部分算法；离线包中的程序使用自带的实现。"),
        Host(fips)),
];

/// As `comm` shows them, at most 15 bytes: CSF's login failure daemon, Illumio's VEN, Guardicore's, Zero Networks'.
const FILTER_AGENTS: [&str; 8] = [
    "lfd",
    "venAgentMgr",
    "VtapServer",
    "PlatformHandler",
    "gc-enforcement-",
    "gc-guest-agent",
    "shorewall-lite",
    "ferm",
];

const FILTER_UNITS: [&str; 8] = [
    "csf.service",
    "ferm.service",
    "ip6tables.service",
    "iptables.service",
    "lfd.service",
    "netfilter-persistent.service",
    "shorewall.service",
    "shorewall6.service",
];

fn packet_filters(view: &HostView<'_>) -> Vec<Objection> {
    let mut found = view.running(&FILTER_AGENTS);
    found.extend(view.enabled(&FILTER_UNITS).into_iter().map(str::to_owned));
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "none").fix(
            "take the hosts out of its reach, or let it leave foreign chains alone",
            "将这些主机移出其管理范围，或让其保留外部规则链",
        )
    })
}

fn nftables_service(view: &HostView<'_>) -> Vec<Objection> {
    let enabled = !view.enabled(&["nftables.service"]).is_empty();
    when(enabled && view.facts.boot.nftables_flushes == Some(true), || {
        Objection::warn("nftables.service with flush ruleset", "no flush ruleset").fix(
            "write `flush table` for the tables of your own in place of `flush ruleset` in its file, or systemctl disable --now nftables",
            "在其配置中以针对自有表的 flush table 代替 flush ruleset，或执行 systemctl disable --now nftables",
        )
    })
}

/// `comm` of each agent's main process, and whose it is.
const ENDPOINT_AGENTS: [&str; 26] = [
    // CrowdStrike, SentinelOne, Microsoft, VMware Carbon Black
    "falcon-sensor",
    "falcon-sensor-b",
    "s1-agent",
    "s1-perception",
    "wdavdaemon",
    "cbagentd",
    "cbdaemon",
    // Trend Micro, Sophos, Trellix, Palo Alto, Elastic, Wazuh, ESET, Kaspersky
    "ds_agent",
    "sophos-spl",
    "SophosScanD",
    "mfetpd",
    "pmd",
    "traps_pmd",
    "elastic-endpoin",
    "wazuh-agentd",
    "oaeventd",
    "kesl",
    // Alibaba, Tencent, Huawei, Qingteng, Qi An Xin, Sangfor, 360
    "AliYunDun",
    "AliSecGuard",
    "YDService",
    "hostguard",
    "titanagent",
    "qaxsafed",
    "edr_monitor",
    "sfavsrv",
    "360entclient",
];

fn endpoint_security(view: &HostView<'_>) -> Vec<Objection> {
    let found = view.running(&ENDPOINT_AGENTS);
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "none").fix(
            "have its owner except /usr/local/bin, /opt/cni, /var/lib/containerd, /var/lib/kubelet, /var/lib/etcd and the packet rules of kube-proxy",
            "请其管理员将 /usr/local/bin、/opt/cni、/var/lib/containerd、/var/lib/kubelet、/var/lib/etcd 及 kube-proxy 的规则列入白名单",
        )
    })
}

fn exec_control(view: &HostView<'_>) -> Vec<Objection> {
    let found = view.running(&["fapolicyd", "santad", "bit9_daemon", "scsrvc"]);
    when(!found.is_empty(), || {
        Objection::warn(found.join(", "), "none").fix(
            "fapolicyd: trust /usr/local/bin, /opt/cni/bin, /var/lib/armilla and /var/lib/containerd, or set permissive = 1",
            "fapolicyd：信任 /usr/local/bin、/opt/cni/bin、/var/lib/armilla 与 /var/lib/containerd，或设 permissive = 1",
        )
    })
}

fn kysec(view: &HostView<'_>) -> Vec<Objection> {
    let active = view.facts.kernel.security_modules.contains("kysec");
    when(active, || {
        Objection::warn("kysec is active", "execution control off").fix(
            "getstatus shows what is on; setstatus -f exectl off, or mark the programs in /usr/local/bin",
            "用 getstatus 查看；执行 setstatus -f exectl off，或标记 /usr/local/bin 中的程序",
        )
    })
}

fn lockdown(view: &HostView<'_>) -> Vec<Objection> {
    let Some(mode) = view.facts.kernel.lockdown.as_deref() else { return Vec::new() };
    when(mode != "none", || Objection::info(mode, "none"))
}

fn fips(view: &HostView<'_>) -> Vec<Objection> {
    when(view.setting("crypto.fips_enabled") == Some("1"), || Objection::info("on", "off"))
}
