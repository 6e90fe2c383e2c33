//! The hardware clock, the time zone, and whether a time service told the kernel the time.

use installer_model::survey::ClockState;

use super::Root;

/// `told` is what `timedatectl show` said.
pub(super) fn read(root: &Root, clock_unix_ns: Option<u64>, told: Option<&str>) -> ClockState {
    let rtc: Option<i64> = root.line("/sys/class/rtc/rtc0/since_epoch").and_then(|text| text.parse().ok());
    let now = clock_unix_ns.and_then(|ns| i64::try_from(ns / 1_000_000_000).ok());
    ClockState {
        rtc_ahead_s: rtc.zip(now).map(|(rtc, now)| rtc - now),
        rtc_local: root.text("/etc/adjtime").map(|text| text.lines().nth(2) == Some("LOCAL")),
        time_zone: root.link("/etc/localtime").and_then(|link| time_zone(&link)),
        synchronized: told.and_then(synchronized),
    }
}

fn time_zone(link: &str) -> Option<String> {
    link.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())
}

fn synchronized(told: &str) -> Option<bool> {
    match told.lines().find_map(|line| line.strip_prefix("NTPSynchronized="))? {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_what_the_link_names() {
        assert_eq!(time_zone("../usr/share/zoneinfo/Asia/Shanghai").as_deref(), Some("Asia/Shanghai"));
        assert_eq!(time_zone("/etc/other"), None);
    }

    #[test]
    fn a_clock_that_nobody_told_about_is_unknown() {
        assert_eq!(synchronized("Timezone=UTC\nNTPSynchronized=no\n"), Some(false));
        assert_eq!(synchronized(""), None);
    }
}
