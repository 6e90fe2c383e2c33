//! Clocks and who keeps them.

use super::Judge::Host;
use super::registry::check;
use super::{Check, HostView, Objection, is_container, when};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("clock-sane", ("The clock is of this age", "时钟年份合理"),
        ("Certificates are made by this clock: when it is put right, all of them have expired.", "证书按此时钟签发：校准后会全部过期。"),
        Host(sane)),
    check("time-services-agree", ("One time service", "只有一个时间服务"),
        ("Two services that set one clock pull it to and fro.", "两个服务同时校时会使时钟来回跳动。"),
        Host(services)),
    check("clock-synchronized", ("The clock is synchronized", "时钟已同步"),
        ("A time service runs, and has not reached a server yet: the clock drifts all the same.", "时间服务在运行，但尚未同步到服务器：时钟仍会漂移。"),
        Host(synchronized)),
    check("rtc", ("Hardware clock", "硬件时钟"),
        ("The clock begins with this one at every boot, and jumps when the time service starts; often its battery is empty.", "每次启动时系统时钟取自硬件时钟，时间服务启动后会跳变；常因电池耗尽。"),
        Host(rtc)),
    check("rtc-local-time", ("Hardware clock in UTC", "硬件时钟为 UTC"),
        ("A hardware clock in local time is wrong for hours after a boot, and twice a year.", "硬件时钟使用本地时间时，启动后可能偏差数小时。"),
        Host(rtc_local)),
    check("clock-source", ("Clock source", "时钟源"),
        ("Reading this clock source takes microseconds in place of nanoseconds; everything that measures time is slower.", "读取该时钟源需数微秒而非纳秒，所有计时操作都会变慢。"),
        Host(source)),
];

/// 2024-01-01, before there was an Armilla: nanoseconds since 1970.
const LONG_AGO_NS: u64 = 1_704_067_200_000_000_000;

fn sane(view: &HostView<'_>) -> Vec<Objection> {
    let Some(now) = view.facts.clock_unix_ns else { return Vec::new() };
    when(now < LONG_AGO_NS, || {
        // Years of 365.2425 days are close enough to name one.
        let year = 1970 + now / 1_000_000_000 / 31_556_952;
        Objection::refuse(format!("the year {year}"), "2024 or later").fix(
            "date -s 'YYYY-MM-DD HH:MM:SS' && hwclock -w",
            "执行 date -s 'YYYY-MM-DD HH:MM:SS' && hwclock -w",
        )
    })
}

/// phc2sys hands a card's time to the kernel or to chrony: it belongs to another service.
fn services(view: &HostView<'_>) -> Vec<Objection> {
    let running = view.facts.time_services.iter().map(String::as_str);
    let running: Vec<&str> = running.filter(|name| *name != "phc2sys").collect();
    when(running.len() > 1, || {
        Objection::warn(running.join(", "), "one")
            .fix("systemctl disable --now all but one", "只保留一个，其余执行 systemctl disable --now")
    })
}

fn synchronized(view: &HostView<'_>) -> Vec<Objection> {
    let runs = !view.facts.time_services.is_empty() && !is_container(view.facts);
    when(runs && view.facts.clock.synchronized == Some(false), || {
        Objection::warn("not synchronized", "synchronized").fix(
            "name servers that it reaches: chronyc sources, timedatectl timesync-status",
            "配置可达的时间服务器：chronyc sources、timedatectl timesync-status",
        )
    })
}

const RTC_OFF_S: u64 = 120;

/// A hardware clock in local time is off by whole hours, which its own check says.
fn rtc(view: &HostView<'_>) -> Vec<Objection> {
    let clock = &view.facts.clock;
    let Some(ahead) = clock.rtc_ahead_s else { return Vec::new() };
    let judged = clock.rtc_local != Some(true) && !is_container(view.facts);
    when(judged && ahead.unsigned_abs() > RTC_OFF_S, || {
        let off = ahead.unsigned_abs();
        let observed = if ahead > 0 { format!("{off} s ahead") } else { format!("{off} s behind") };
        Objection::warn(observed, format!("{RTC_OFF_S} s at most"))
            .fix("hwclock --systohc --utc", "hwclock --systohc --utc")
    })
}

fn rtc_local(view: &HostView<'_>) -> Vec<Objection> {
    when(view.facts.clock.rtc_local == Some(true), || {
        Objection::warn("LOCAL in /etc/adjtime", "UTC")
            .fix("timedatectl set-local-rtc 0", "timedatectl set-local-rtc 0")
    })
}

fn source(view: &HostView<'_>) -> Vec<Objection> {
    const SLOW: [&str; 5] = ["acpi_pm", "hpet", "jiffies", "pit", "refined-jiffies"];
    let Some(name) = view.facts.kernel.clock_source.as_deref() else { return Vec::new() };
    when(SLOW.contains(&name), || {
        Objection::info(name, "tsc, kvm-clock, arch_sys_counter").fix(
            "the kernel's log says why it gave tsc up: dmesg | grep -i clocksource",
            "查看内核弃用 tsc 的原因：dmesg | grep -i clocksource",
        )
    })
}
