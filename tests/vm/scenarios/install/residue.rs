//! A reset leaves nothing behind: each host is, to the last entry of a snapshot, as it was before the first command.

use crate::installation::Installation;
use crate::kills::kill_at;
use lab::snapshot::{Excuses, Judged, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a host may take to come to rest: logins end, a getty starts, systemd forgets units.
const REST: Duration = Duration::from_secs(30);

/// What the hosts of a lab looked like before anything was done to them.
pub(crate) struct Before(BTreeMap<String, Snapshot>);

impl Before {
    pub(crate) fn of(site: &Installation) -> Before {
        let take = |host: &lab::Host| {
            host.come_to_rest().unwrap();
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

/// Where the process is killed, as in `kills`: before anything of ours runs, while images come, inside kubeadm, and in the
/// middle of a join.
const CUT_OFF: &[(&str, Duration)] = &[
    ("/place/", Duration::ZERO),
    ("/import/", Duration::from_millis(500)),
    ("/found/control-plane", Duration::from_millis(150)),
    ("/join/join", Duration::from_millis(500)),
];

/// To the last block, root's own reserve too. Nothing is written: the blocks are only taken.
const FILL: &str = "mkdir /fill; for size in 4G 1G 256M 64M 16M 4M 1M 256K 64K 16K 4K; do
    while fallocate -l $size /fill/$((n += 1)) 2>/dev/null; do :; done; done
    if echo x > /etc/full; then exit 1; fi; rm -f /etc/full";

#[test]
#[ignore = "needs root"]
fn an_install_that_was_cut_off_or_died_leaves_nothing() {
    let site = Installation::begin("residue-cut", 2, |_| {});
    let before = Before::of(&site);
    for (step, later) in CUT_OFF {
        kill_at(&site, step, *later);
        // Images are what fills a disk that is too small.
        let full = *step == "/import/";
        if full {
            site.host("h2").shell(FILL).unwrap();
        }
        site.armilla("reset", &[]).healthy(&format!("reset after a kill in {step}"));
        if full {
            site.host("h2").shell("rm -r /fill").unwrap();
        }
        before.assert_again(&site, &["h1", "h2"], &format!("after a kill in {step} and a reset"));
    }
    another_ledgers_command_is_stopped(&site, &before);
    site.armilla("apply", &[]).healthy("apply");
    a_lost_host_is_left_out_by_name(&site);
    dead_services_are_no_obstacle(&site, &before);
    a_second_reset_does_nothing(&site, &before);
}

/// The state folder is lost while a command of its run is still at work on a host.
fn another_ledgers_command_is_stopped(site: &Installation, before: &Before) {
    kill_at(site, "/start/", Duration::ZERO);
    let name = "armilla-0ther1ed-r-1-h1-found-certs-1";
    let begin = format!(
        "set -e; root=/var/lib/armilla; mkdir -p $root/runs/{name}
         echo '{{\"name\":\"{name}\",\"argv\":[\"sleep\",\"3000\"]}}' > $root/runs/{name}/command.json
         systemd-run -q --collect --unit={name} $root/bin/armilla-* hand unit-exec $root/runs/{name}
         sleep 1; systemctl is-active {name}"
    );
    site.host("h1").shell(&begin).unwrap();
    let state = site.folder.state();
    std::fs::rename(&state, state.with_extension("lost")).unwrap();
    let refused = site.armilla("reset", &[]);
    assert_eq!(refused.status, Some(4), "a reset of another ledger's hosts");
    assert_eq!(site.host("h1").shell(&format!("systemctl is-active {name}")).unwrap(), "active\n");
    site.armilla("reset", &["--take-over", "h1", "--take-over", "h2"]).healthy("reset of hosts taken over");
    before.assert_again(site, &["h1", "h2"], "after a take-over and a reset");
}

/// h2 has no power: it is refused with a hint, and taken out of the cluster when it is named as lost.
fn a_lost_host_is_left_out_by_name(site: &Installation) {
    site.lab.power_off(&["h2"]).unwrap();
    let refused = site.armilla("reset", &["--host", "h2"]);
    assert!(refused.status != Some(0) && refused.events.is_empty(), "a host that is off was reset");
    site.armilla("reset", &["--host", "h2", "--without", "h2"]).healthy("reset of a lost host");
    assert_eq!(site.cluster().kubectl(&["get", "nodes", "-o", "name"]).unwrap(), "node/h1\n");
    site.lab.power_on(&["h2"]).unwrap();
}

/// containerd is dead while its pods go on, and its program is damaged; on the other host the kubelet is.
fn dead_services_are_no_obstacle(site: &Installation, before: &Before) {
    let dead = "set -e
        cp /bin/false /usr/local/bin/containerd.new; mv /usr/local/bin/containerd.new /usr/local/bin/containerd
        systemctl kill --kill-whom=main --signal=KILL containerd; systemctl stop containerd
        ! systemctl is-active containerd; cat /proc/[0-9]*/comm | grep -c containerd-shim";
    let shims = site.host("h1").shell(dead).unwrap();
    println!("containerd of h1 is dead, {} shims are not", shims.lines().last().unwrap_or_default());
    site.host("h2").shell("systemctl kill --signal=KILL kubelet; rm /usr/local/bin/kubelet").unwrap();
    site.armilla("reset", &[]).healthy("reset with dead services");
    before.assert_again(site, &["h1", "h2"], "after services died and a reset");
}

fn a_second_reset_does_nothing(site: &Installation, before: &Before) {
    let shown = site.armilla("reset", &["--dry-run"]);
    assert_eq!(shown.status, Some(0), "a dry run");
    let again = site.armilla("reset", &[]);
    assert_eq!((again.status, again.events.len()), (Some(0), 0), "a reset of bare hosts begins a run");
    before.assert_again(site, &["h1", "h2"], "after a second reset");
}

/// What a site runs on a host of its own: files beside ours and in place of ours, a user, a setting, a mount, a network
/// namespace, routes, a rule, a link, a service that listens.
const OF_THE_SITE: &str = r#"set -e
mkdir -p /etc/cni /opt/cni/bin /etc/containerd /srv/site
echo "of the site" > /etc/cni/README
echo "of the site" > /etc/containerd/site.toml
echo "of the site" > /opt/cni/bin/site-plugin
echo "the site's own bridge" > /opt/cni/bin/bridge; chmod 0750 /opt/cni/bin/bridge
printf '#!/bin/sh\necho the kubectl of the site\n' > /usr/local/bin/kubectl; chmod 0700 /usr/local/bin/kubectl
mount -t tmpfs -o size=1m site /srv/site
echo "runtime-endpoint: unix:///run/site.sock" > /srv/site/crictl.yaml
ln -s /srv/site/crictl.yaml /etc/crictl.yaml
useradd --system site-app
echo "net.ipv4.conf.all.send_redirects = 0" > /etc/sysctl.d/10-site.conf
sysctl -q -p /etc/sysctl.d/10-site.conf
ip netns add site
ip link add site0 type bridge
ip address add 172.31.250.1/24 dev site0
ip link set site0 up
ip rule add from 172.31.250.0/24 table 77 priority 700
ip route add 172.31.251.0/24 dev site0 table 77
ip route add blackhole 172.31.252.0/24
cat > /etc/systemd/system/site.service <<END
[Service]
ExecStart=/usr/bin/systemd-socket-activate -l 9999 /bin/cat
[Install]
WantedBy=multi-user.target
END
systemctl enable -q --now site.service
"#;
const RULES_OF_THE_SITE: &str = "table inet site {
  set friends {
    type ipv4_addr
    elements = { 172.31.250.9 }
  }
  chain input {
    type filter hook input priority 10; policy accept;
    tcp dport 9999 accept
  }
}
table ip nat {
  chain SITE {
    ip saddr 172.31.250.0/24 accept
  }
}
";

#[test]
#[ignore = "needs root"]
fn what_a_site_runs_on_its_hosts_is_untouched() {
    let site = Installation::begin("residue-site", 2, |_| {});
    for host in site.lab.hosts() {
        host.shell(OF_THE_SITE).unwrap();
        let network = format!("--net=/proc/{}/ns/net", host.leader().unwrap().pid);
        let mut nft =
            Command::new("nsenter").args([&network, "nft", "-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(RULES_OF_THE_SITE.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success());
    }
    let before = Before::of(&site);
    site.armilla("apply", &[]).healthy("apply beside what the site runs");
    for host in site.lab.hosts() {
        let there = "systemctl is-active site.service && ip netns exec site true && cat /srv/site/crictl.yaml && id site-app";
        host.shell(there).unwrap();
        assert!(host.shell("kubectl version --client").unwrap().contains("v1."), "ours is in its place");
    }
    site.armilla("reset", &[]).healthy("reset beside what the site runs");
    before.assert_again(&site, &["h1", "h2"], "after a reset beside what the site runs");
    assert_eq!(site.host("h2").shell("kubectl").unwrap(), "the kubectl of the site\n");
}
