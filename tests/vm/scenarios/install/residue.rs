//! A reset leaves nothing behind: each host is, to the last entry of a snapshot, as it was before the first command.

use crate::installation::Installation;
use lab::snapshot::{Excuses, Judged, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a host may take to come to rest: logins end, a getty starts, systemd forgets units.
const REST: Duration = Duration::from_secs(30);

/// What the hosts of a lab looked like before anything was done to them.
pub(crate) struct Before(BTreeMap<String, Snapshot>);

impl Before {
    pub(crate) fn of(site: &Installation) -> Before {
        let take = |host: &lab::Host| {
            // A host that is still booting would be compared with one that is not.
            host.shell("systemctl is-system-running --wait || true").unwrap();
            let seen = host.snapshot().unwrap();
            println!("snapshot of {}: {} entries: {}", host.name(), seen.len(), counts(&seen));
            (host.name().to_owned(), seen)
        };
        Before(site.lab.hosts().iter().map(take).collect())
    }

    /// The hosts look as they did, but for what is excused. Returns the excuses that were needed.
    pub(crate) fn assert_again(&self, site: &Installation, hosts: &[&str], when: &str) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        let mut left = Vec::new();
        for name in hosts {
            let judged = self.settled(site.host(name), &self.0[*name]);
            println!("{name} {when}: {} differences, {} more excused", judged.left.len(), judged.excused);
            left.extend(judged.left.iter().map(|difference| format!("{name} {difference}")));
            used.extend(judged.used);
        }
        assert!(left.is_empty(), "{when}:\n{}", left.join("\n"));
        used
    }

    fn settled(&self, host: &lab::Host, before: &Snapshot) -> Judged {
        let begun = Instant::now();
        loop {
            let judged = Excuses::committed().judge(before.diff(&host.snapshot().unwrap()));
            if judged.left.is_empty() || begun.elapsed() > REST {
                return judged;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

fn counts(seen: &Snapshot) -> String {
    let areas = seen.counts().into_iter().filter(|(_, count)| *count > 0);
    areas.map(|(area, count)| format!("{count} {}", area.as_str())).collect::<Vec<_>>().join(", ")
}
