//! The hardware clock, the time zone, and whether a time service told the kernel the time.

use installer_model::survey::ClockState;

use super::Root;

pub(super) fn read(root: &Root, clock_unix_ns: Option<u64>) -> ClockState {
    let rtc: Option<i64> = root.line("/sys/class/rtc/rtc0/since_epoch").and_then(|text| text.parse().ok());
    let now = clock_unix_ns.and_then(|ns| i64::try_from(ns / 1_000_000_000).ok());
    ClockState {
        rtc_ahead_s: rtc.zip(now).map(|(rtc, now)| rtc - now),
        rtc_local: root.text("/etc/adjtime").map(|text| text.lines().nth(2) == Some("LOCAL")),
        time_zone: root.link("/etc/localtime").and_then(|link| time_zone(&link)),
        synchronized: synchronized(root),
    }
}

fn time_zone(link: &str) -> Option<String> {
    link.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())
}

/// systemd-timesyncd leaves this file once it has set the clock (systemd 239). `timedatectl` knows of others too, but
/// starts a service to say so, and a look changes nothing.
fn synchronized(root: &Root) -> Option<bool> {
    const FOLDER: &str = "/run/systemd/timesync";
    root.is_dir(FOLDER).then(|| root.exists(&format!("{FOLDER}/synchronized")))
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
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        assert_eq!(synchronized(&root), None);
        std::fs::create_dir_all(folder.path().join("run/systemd/timesync")).unwrap();
        assert_eq!(synchronized(&root), Some(false));
        std::fs::write(folder.path().join("run/systemd/timesync/synchronized"), "").unwrap();
        assert_eq!(synchronized(&root), Some(true));
    }
}
