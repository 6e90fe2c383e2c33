//! The units that are placed on hosts, against every systemd that we serve: 219 (Anolis 7) to 257.

use installer_render::{containerd, kubelet, node};

/// What a unit may say: section, key, and the systemd that first understood it there (systemd's NEWS, and
/// `load-fragment-gperf.gperf.in`, where the old names of limits live on).
const KNOWN: &[(&str, &str, u32)] = &[
    ("Unit", "After", 1),
    ("Unit", "Before", 1),
    ("Unit", "Description", 1),
    ("Unit", "Wants", 1),
    ("Service", "Delegate", 218),
    ("Service", "Environment", 1),
    ("Service", "EnvironmentFile", 1),
    ("Service", "ExecReload", 1),
    ("Service", "ExecStart", 1),
    ("Service", "ExecStop", 1),
    ("Service", "ExecStopPost", 1),
    ("Service", "KillMode", 1),
    ("Service", "LimitCORE", 1),
    ("Service", "LimitNOFILE", 1),
    ("Service", "LimitNPROC", 1),
    ("Service", "NoNewPrivileges", 187),
    ("Service", "OOMScoreAdjust", 1),
    ("Service", "PrivateTmp", 1),
    ("Service", "ProtectHome", 214),
    ("Service", "RemainAfterExit", 1),
    ("Service", "Restart", 1),
    ("Service", "RestartSec", 1),
    ("Service", "RuntimeDirectory", 211),
    // Since 230 its place is [Unit] and its name StartLimitIntervalSec; here the old name is understood by all.
    ("Service", "StartLimitInterval", 1),
    ("Service", "TasksMax", 227),
    ("Service", "Type", 1),
    ("Service", "WatchdogSec", 1),
    ("Install", "WantedBy", 1),
];

const OLDEST: u32 = 219;

/// Ignored with a word in the journal where it is not known, and not needed there: before 227 nobody counts tasks.
const BETTER_WITH: [&str; 1] = ["TasksMax"];

#[test]
fn no_unit_says_what_a_systemd_that_we_serve_does_not_understand() {
    let units = [
        ("containerd.service", containerd::unit("/usr/local/lib/armilla")),
        ("kubelet.service", kubelet::unit()),
        ("armilla-node.service", node::unit()),
        ("armilla-route.service", node::route_unit("10.96.0.0/12", "10.244.0.0/16", "eth0")),
    ];
    for (name, text) in units {
        let mut section = "";
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(inner) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = inner;
                continue;
            }
            let (key, _) = line.split_once('=').unwrap_or_else(|| panic!("{name}: {line}"));
            let known = KNOWN.iter().find(|(place, word, _)| (*place, *word) == (section, key));
            let (.., since) =
                known.unwrap_or_else(|| panic!("{name}: no systemd knows {key} in [{section}]"));
            assert!(*since <= OLDEST || BETTER_WITH.contains(&key), "{name}: {key} came with {since}");
        }
    }
}

/// A kubelet ends and begins again until its host has joined: a limit would leave it ended.
#[test]
fn the_kubelet_may_start_as_often_as_it_likes() {
    let unit = kubelet::unit();
    let (_, service) = unit.split_once("[Service]").unwrap();
    assert!(service.lines().any(|line| line == "StartLimitInterval=0"), "{unit}");
}
