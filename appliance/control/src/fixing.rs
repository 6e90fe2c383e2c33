//! What checks name as their repairs, done on the hosts.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use installer_model::chain;
use installer_model::finding::Finding;
use installer_model::names::HostName;
use installer_model::repair::{Change, Repair};
use installer_run::SiteWorld;
use serde::{Deserialize, Serialize};

/// One repair on one host, with what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    pub host: HostName,
    /// The check that names it.
    pub check: String,
    pub repair: Repair,
    /// What it changed, or would change; nothing where it was so already.
    pub changes: Vec<Change>,
    /// Completes "failed to".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Which repairs are wanted.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Also those that rename what somebody may miss.
    pub move_data: bool,
    /// What these checks name, by their ids; empty: what any of them names.
    pub checks: Vec<String>,
}

impl Choice {
    fn takes(&self, check: &str, repair: &Repair) -> bool {
        let named = self.checks.is_empty() || self.checks.iter().any(|chosen| chosen == check);
        named && (self.move_data || !repair.touches_data())
    }
}

/// What is to be done, host by host in the order of the findings, nothing twice. What is waived stays as it is, and so does
/// what holds data unless it was asked for.
pub fn wanted(findings: &[Finding], choice: &Choice) -> Vec<Fix> {
    let mut seen = BTreeSet::new();
    let mut fixes = Vec::new();
    for finding in findings.iter().filter(|finding| finding.waived.is_none()) {
        let Some(host) = &finding.host else { continue };
        for repair in finding.repairs.iter().filter(|repair| choice.takes(&finding.id, repair)) {
            if seen.insert((host.clone(), repair.clone())) {
                fixes.push(Fix {
                    host: host.clone(),
                    check: finding.id.clone(),
                    repair: repair.clone(),
                    changes: Vec::new(),
                    failed: None,
                });
            }
        }
    }
    // Units stop before what they hold is moved, on each host; the rest keeps its order.
    fixes.sort_by_key(|fix| !matches!(fix.repair, Repair::StopUnit { .. } | Repair::SetUnitAside { .. }));
    fixes
}

/// Does them, or with `dry` asks the hosts what they would change: hosts side by side, on each one after the other.
pub async fn perform(world: &SiteWorld, fixes: Vec<Fix>, dry: bool) -> Vec<Fix> {
    let mut hosts: Vec<HostName> = Vec::new();
    for fix in &fixes {
        if !hosts.contains(&fix.host) {
            hosts.push(fix.host.clone());
        }
    }
    let of_host = |host: &HostName| fixes.iter().filter(|fix| fix.host == *host).cloned().collect();
    let done = hosts.iter().map(|host| on_host(world, of_host(host), dry));
    join_all(done).await.into_iter().flatten().collect()
}

async fn on_host(world: &SiteWorld, fixes: Vec<Fix>, dry: bool) -> Vec<Fix> {
    let mut done = Vec::new();
    for mut fix in fixes {
        let asked = match world.hand(fix.host.as_str()).await {
            Ok(hand) => hand.repair(&fix.repair, dry).await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(changes) => fix.changes = changes,
            Err(error) => fix.failed = Some(chain(&error)),
        }
        done.push(fix);
    }
    done
}

#[cfg(test)]
mod tests {
    use installer_model::finding::{Severity, Text};
    use installer_model::waiver::{KeptWaiver, Said, Waiver};

    use super::*;

    fn finding(id: &str, host: Option<&str>, repairs: Vec<Repair>) -> Finding {
        Finding {
            id: id.to_owned(),
            severity: Severity::Refuse,
            host: host.map(|host| host.parse().unwrap()),
            title: Text::new("a", "a"),
            observed: String::new(),
            wanted: String::new(),
            text: Text::new("a", "a"),
            fix: None,
            repairs,
            waived: None,
        }
    }

    fn aside(path: &str, data: bool) -> Repair {
        Repair::SetAside { path: path.to_owned(), data }
    }

    #[test]
    fn data_is_moved_only_when_asked_for_and_units_stop_first() {
        let stop = Repair::SetUnitAside { unit: "etcd.service".to_owned() };
        let repairs = vec![aside("/etc/kubernetes", false), aside("/var/lib/etcd", true), stop.clone()];
        let findings = [finding("leftovers", Some("a"), repairs)];
        let kinds = |fixes: Vec<Fix>| fixes.into_iter().map(|fix| fix.repair).collect::<Vec<_>>();
        assert_eq!(
            kinds(wanted(&findings, &Choice::default())),
            [stop.clone(), aside("/etc/kubernetes", false)]
        );
        assert_eq!(kinds(wanted(&findings, &Choice { move_data: true, ..Choice::default() })).len(), 3);
    }

    #[test]
    fn nothing_is_done_twice_and_what_is_waived_stays() {
        let kept = KeptWaiver {
            waiver: Waiver { check: "swap".to_owned(), host: None, reason: "x".to_owned() },
            by: String::new(),
            at: 0,
            said: Said::CommandLine,
        };
        let findings = [
            finding("swap", Some("a"), vec![Repair::SwapOff]),
            finding("swap-at-boot", Some("a"), vec![Repair::SwapOff]),
            finding("swap", Some("b"), vec![Repair::SwapOff]),
            Finding { waived: Some(kept), ..finding("swap", Some("c"), vec![Repair::SwapOff]) },
        ];
        let hosts: Vec<String> =
            wanted(&findings, &Choice::default()).iter().map(|fix| fix.host.to_string()).collect();
        assert_eq!(hosts, ["a", "b"]);
        let one = Choice { checks: vec!["swap-at-boot".to_owned()], ..Choice::default() };
        assert_eq!(wanted(&findings, &one).len(), 1, "what one check names, alone");
    }
}
