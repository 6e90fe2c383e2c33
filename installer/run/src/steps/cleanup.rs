//! A host is put back as it was. Every probe asks the host itself, so that a host whose install failed half-way is
//! cleaned the same way; and the host's own record of what was there before says what is ours. Where there is no record,
//! nothing of ours is there, and nothing is touched.

use std::collections::BTreeSet;

use installer_model::event::Failure;
use installer_render::paths::{ARMILLA_ROOT, UNITS};

use super::before::{Before, Removable, names_in};
use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

const CRICTL: &str = "/usr/local/bin/crictl";
const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
/// What the kubelet puts all pods into, under the systemd cgroup driver.
const PODS_SLICE: &str = "kubepods.slice";
const NFT: &str = "/usr/local/lib/armilla/sbin/nft";

/// Units of commands that a run left at work, whichever ledger's run it was.
pub(super) async fn probe_runs(port: &HostPort<'_>) -> Result<Probe, Failure> {
    Ok(match port.running_units().await?.first() {
        None => Probe::Met,
        Some(name) => Probe::NotMet(format!("{name} runs")),
    })
}

pub(super) async fn stop_runs(port: &HostPort<'_>, ctx: &StepContext) -> Result<(), Failure> {
    for name in port.running_units().await? {
        ctx.output(format!("stopping {name}\n").as_bytes());
        port.stop_unit(&name).await?;
    }
    Ok(())
}

pub(super) async fn probe_pods(port: &HostPort<'_>) -> Result<Probe, Failure> {
    if Before::read(port).await?.is_none() {
        return Ok(Probe::Met);
    }
    if pods_slice_is_active(port).await? {
        return Ok(Probe::NotMet(format!("{PODS_SLICE} is active")));
    }
    if let Some(group) = pod_groups(port).await?.first() {
        return Ok(Probe::NotMet(format!("control group {group} is there")));
    }
    if !runtime_answers(port).await? {
        return Ok(Probe::Met);
    }
    let pods = port.command(&[CRICTL, "pods", "-q"]).await?;
    Ok(match pods.stdout_text().lines().count() {
        0 if pods.ok() => Probe::Met,
        0 => Probe::CannotTell(pods.stderr_text().trim().to_owned()),
        count => Probe::NotMet(format!("{count} pods are there")),
    })
}

/// A runtime that answers takes pods down with their network. What it cannot stop any more, or where there is no runtime,
/// is killed with the slice that all pods are in.
pub(super) async fn stop_pods(port: &HostPort<'_>, ctx: &StepContext) -> Result<(), Failure> {
    if runtime_answers(port).await? {
        let first = remove_pods(port, ctx).await;
        if first.is_err()
            && let Err(again) = remove_pods(port, ctx).await
        {
            ctx.output(format!("failed to {}; the pods are killed\n", again.what).as_bytes());
        }
    }
    if pods_slice_is_active(port).await? {
        port.command(&["systemctl", "kill", "--signal=KILL", PODS_SLICE]).await?;
        let stopped = port.command_within(120, &["systemctl", "stop", PODS_SLICE], b"").await?;
        if !stopped.ok() {
            return Err(failure(format!("stop {PODS_SLICE}"), &stopped.stderr_text()));
        }
    }
    for group in pod_groups(port).await? {
        // Depth first. One that is not empty yet is left to the probe to name.
        port.command(&["find", &group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]).await?;
    }
    Ok(())
}

/// The kubelet makes pods' control groups also under the controllers of cgroup v1 that systemd leaves alone; nobody else
/// removes those.
async fn pod_groups(port: &HostPort<'_>) -> Result<Vec<String>, Failure> {
    let argv = ["find", "/sys/fs/cgroup", "-maxdepth", "2", "-type", "d", "-name", PODS_SLICE];
    Ok(port.command(&argv).await?.stdout_text().lines().map(str::to_owned).collect())
}

async fn remove_pods(port: &HostPort<'_>, ctx: &StepContext) -> Result<(), Failure> {
    let output = port.command_within(300, &[CRICTL, "rmp", "--all", "--force"], b"").await?;
    ctx.output(&output.stdout);
    ctx.output(&output.stderr);
    if output.ok() { Ok(()) } else { Err(failure("remove all pods", &output.stderr_text())) }
}

async fn pods_slice_is_active(port: &HostPort<'_>) -> Result<bool, Failure> {
    Ok(port.command(&["systemctl", "is-active", "--quiet", PODS_SLICE]).await?.ok())
}

async fn runtime_answers(port: &HostPort<'_>) -> Result<bool, Failure> {
    if port.stat(CONTAINERD_SOCKET, false).await?.is_none() || port.stat(CRICTL, false).await?.is_none() {
        return Ok(false);
    }
    Ok(port.command(&["systemctl", "is-active", "--quiet", "containerd.service"]).await?.ok())
}

pub(super) async fn probe_units(port: &HostPort<'_>, units: &[String]) -> Result<Probe, Failure> {
    Ok(match our_units(port, units).await?.first() {
        None => Probe::Met,
        Some(unit) => Probe::NotMet(format!("{unit} is there")),
    })
}

/// Those whose files are there and were not before us.
async fn our_units(port: &HostPort<'_>, units: &[String]) -> Result<Vec<String>, Failure> {
    let Some(before) = Before::read(port).await? else { return Ok(Vec::new()) };
    let mut ours = Vec::new();
    for unit in units {
        let path = unit_path(unit);
        if before.removable(&path) == Removable::Whole && port.stat(&path, false).await?.is_some() {
            ours.push(unit.clone());
        }
    }
    Ok(ours)
}

/// `KillMode=process` lets containers outlive containerd: what is left in its control group is killed.
pub(super) async fn remove_units(port: &HostPort<'_>, units: &[String]) -> Result<(), Failure> {
    let ours = our_units(port, units).await?;
    for unit in &ours {
        let disabled = port.command_within(120, &["systemctl", "disable", "--now", unit], b"").await?;
        port.command(&["systemctl", "kill", "--signal=KILL", unit]).await?;
        // A unit that is broken or dead already may not be stopped by the book: what counts is that it does not run.
        if port.command(&["systemctl", "is-active", "--quiet", unit]).await?.ok() {
            return Err(failure(format!("stop {unit}"), &disabled.stderr_text()));
        }
        port.remove(&[unit_path(unit), format!("{UNITS}/multi-user.target.wants/{unit}")]).await?;
    }
    port.command(&["systemctl", "daemon-reload"]).await?;
    for unit in &ours {
        port.command(&["systemctl", "reset-failed", unit]).await?;
    }
    Ok(())
}

fn unit_path(unit: &str) -> String {
    format!("{UNITS}/{unit}")
}

pub(super) async fn probe_programs(port: &HostPort<'_>, programs: &[String]) -> Result<Probe, Failure> {
    Ok(match processes_of(port, programs).await?.as_slice() {
        [] => Probe::Met,
        found => Probe::NotMet(format!("{} processes run", found.len())),
    })
}

/// A shim outlives a containerd that died: nobody else ends it.
pub(super) async fn kill_programs(port: &HostPort<'_>, programs: &[String]) -> Result<(), Failure> {
    let found = processes_of(port, programs).await?;
    if !found.is_empty() {
        let argv: Vec<&str> = ["kill", "-KILL"].into_iter().chain(found.iter().map(String::as_str)).collect();
        // One that ended meanwhile makes it complain; the probe that follows decides.
        port.command(&argv).await?;
        port.command(&["sleep", "0.2"]).await?;
    }
    Ok(())
}

/// The processes that run from these files, also where a file has been replaced or removed since.
async fn processes_of(port: &HostPort<'_>, programs: &[String]) -> Result<Vec<String>, Failure> {
    if Before::read(port).await?.is_none() {
        return Ok(Vec::new());
    }
    let gone: Vec<String> = programs.iter().map(|program| format!("{program} (deleted)")).collect();
    let mut argv = vec!["find", "/proc", "-maxdepth", "2", "-name", "exe", "("];
    for (at, target) in programs.iter().chain(&gone).enumerate() {
        argv.extend(if at == 0 { &[][..] } else { &["-o"][..] });
        argv.extend(["-lname", target]);
    }
    argv.push(")");
    // Processes end while it looks, which it says.
    let output = port.command(&argv).await?;
    let number = |path: &str| path.split('/').nth(2).map(str::to_owned);
    Ok(output.stdout_text().lines().filter_map(number).collect())
}

pub(super) async fn probe_mounts(port: &HostPort<'_>, below: &[String]) -> Result<Probe, Failure> {
    let points = mounts(port, below).await?;
    Ok(match points.first() {
        None => Probe::Met,
        Some(point) => Probe::NotMet(format!("{point} is mounted")),
    })
}

pub(super) async fn unmount(port: &HostPort<'_>, below: &[String]) -> Result<(), Failure> {
    for point in mounts(port, below).await? {
        let output = port.command(&["umount", &point]).await?;
        if !output.ok() {
            // Something holds it: it goes when that ends.
            port.command(&["umount", "-l", &point]).await?;
        }
        // The file that stood for a pod's network goes with it.
        if below.iter().any(|below| below.ends_with('*') && is_below(&point, below)) {
            port.remove(std::slice::from_ref(&point)).await?;
        }
    }
    Ok(())
}

async fn mounts(port: &HostPort<'_>, below: &[String]) -> Result<Vec<String>, Failure> {
    if Before::read(port).await?.is_none() {
        return Ok(Vec::new());
    }
    let table = port.read("/proc/self/mounts", 4 << 20).await?.unwrap_or_default();
    Ok(mount_points(&String::from_utf8_lossy(&table), below))
}

/// Mount points strictly below the folders, the deepest first. The folders themselves may be disks of their own.
fn mount_points(table: &str, below: &[String]) -> Vec<String> {
    let mut points: Vec<String> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|point| point.replace("\\040", " "))
        .filter(|point| below.iter().any(|below| is_below(point, below)))
        .collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.matches('/').count()));
    points
}

/// `/a` means what is below it, `/a/b-*` whatever begins so.
fn is_below(point: &str, below: &str) -> bool {
    match below.strip_suffix('*') {
        Some(beginning) => point.starts_with(beginning),
        None => point.strip_prefix(below).is_some_and(|rest| rest.starts_with('/')),
    }
}

pub(super) async fn probe_links(port: &HostPort<'_>, links: &[String]) -> Result<Probe, Failure> {
    if Before::read(port).await?.is_none() {
        return Ok(Probe::Met);
    }
    for link in links {
        if port.stat(&format!("/sys/class/net/{link}"), false).await?.is_some() {
            return Ok(Probe::NotMet(format!("link {link} is there")));
        }
    }
    Ok(Probe::Met)
}

pub(super) async fn remove_links(port: &HostPort<'_>, links: &[String]) -> Result<(), Failure> {
    for link in links {
        if port.stat(&format!("/sys/class/net/{link}"), false).await?.is_some() {
            let output = port.command(&["ip", "link", "delete", link]).await?;
            if !output.ok() {
                return Err(failure(format!("remove link {link}"), &output.stderr_text()));
            }
        }
    }
    Ok(())
}

pub(super) async fn probe_rules(port: &HostPort<'_>) -> Result<Probe, Failure> {
    Ok(match our_rules(port).await?.first() {
        None => Probe::Met,
        Some(rule) => Probe::NotMet(format!("{rule} would be done")),
    })
}

pub(super) async fn remove_rules(port: &HostPort<'_>) -> Result<(), Failure> {
    let script: String = our_rules(port).await?.iter().map(|line| format!("{line}\n")).collect();
    if script.is_empty() {
        return Ok(());
    }
    let output = port.command_within(60, &[NFT, "-f", "-"], script.as_bytes()).await?;
    if output.ok() { Ok(()) } else { Err(failure("remove packet filter rules", &output.stderr_text())) }
}

/// The commands that take away what Kubernetes, its network and its plugins left in the packet filter. Without our
/// `nft` on the host nothing of it was ever set.
async fn our_rules(port: &HostPort<'_>) -> Result<Vec<String>, Failure> {
    if Before::read(port).await?.is_none() || port.stat(NFT, false).await?.is_none() {
        return Ok(Vec::new());
    }
    let listing = port.command_within(60, &[NFT, "-a", "list", "ruleset"], b"").await?;
    if !listing.ok() {
        return Err(failure("list packet filter rules", &listing.stderr_text()));
    }
    Ok(removal_of(&listing.stdout_text()))
}

/// Tables that belong to one program as a whole: kube-proxy, flannel and the portmap plugin in nftables mode.
const TABLES: [&str; 6] = [
    "kube-proxy",
    "flannel-ipv4",
    "flannel-ipv6",
    "cni_hostport",
    "cni_plugins_masquerade",
    "kubernetes-firewall",
];
/// Chains in the shared tables of iptables mode.
const CHAINS: [&str; 3] = ["KUBE-", "FLANNEL-", "CNI-"];

/// What a shared table holds beside what is ours.
#[derive(Default)]
struct Shared {
    name: String,
    ours: bool,
    others: bool,
    /// In a chain of somebody else's that has not shown yet that it is one of the kernel's hooks.
    unhooked: bool,
}

impl Shared {
    /// iptables makes its standard tables when they are first used. One in which nothing is left but empty hooks that
    /// accept, after what is ours has gone, was made for us.
    fn removal(&self) -> Option<String> {
        (self.ours && !self.others).then(|| format!("delete table {}", self.name))
    }
}

/// From `nft -a list ruleset`: whole tables that are ours; in shared tables, rules that jump to our chains, then the
/// chains, then the table if nothing else was in it. Tables that others made stay.
fn removal_of(listing: &str) -> Vec<String> {
    let (mut rules, mut flushes, mut deletes, mut tables) = (vec![], vec![], vec![], vec![]);
    let (mut table, mut chain) = (Shared::default(), String::new());
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["table", family, name, ..] => {
                tables.extend(table.removal());
                table = Shared { name: format!("{family} {name}"), ..Shared::default() };
                if TABLES.contains(name) {
                    tables.push(format!("delete table {}", table.name));
                }
            }
            _ if is_our_table(&table.name) => {}
            ["chain", name, ..] => {
                (*name).clone_into(&mut chain);
                if is_our_chain(name) {
                    table.ours = true;
                    flushes.push(format!("flush chain {} {name}", table.name));
                    deletes.push(format!("delete chain {} {name}", table.name));
                } else {
                    table.unhooked = true;
                }
            }
            ["}"] => {
                table.others |= std::mem::take(&mut table.unhooked);
                chain.clear();
            }
            [] | ["#", ..] => {}
            _ if is_our_chain(&chain) => {}
            ["type", .., "policy", "accept;"] if !chain.is_empty() => table.unhooked = false,
            words => {
                let jumps = words.windows(2).any(|w| matches!(w[0], "jump" | "goto") && is_our_chain(w[1]));
                match line.rsplit("# handle ").next() {
                    Some(handle) if jumps => {
                        rules.push(format!("delete rule {} {chain} handle {}", table.name, handle.trim()));
                    }
                    _ => table.others = true,
                }
            }
        }
    }
    tables.extend(table.removal());
    rules.into_iter().chain(flushes).chain(deletes).chain(tables).collect()
}

fn is_our_table(table: &str) -> bool {
    table.split(' ').nth(1).is_some_and(|name| TABLES.contains(&name))
}

fn is_our_chain(chain: &str) -> bool {
    CHAINS.iter().any(|prefix| chain.starts_with(prefix))
}

pub(super) async fn probe_paths(
    port: &HostPort<'_>,
    paths: &[String],
    keep: &[String],
) -> Result<Probe, Failure> {
    Ok(match removable(port, paths, keep).await?.first() {
        None => Probe::Met,
        Some(path) => Probe::NotMet(format!("{path} is there")),
    })
}

pub(super) async fn remove_paths(
    port: &HostPort<'_>,
    paths: &[String],
    keep: &[String],
) -> Result<(), Failure> {
    for path in removable(port, paths, keep).await? {
        if path == ARMILLA_ROOT {
            // Who owns the host goes last: cut off in between, the next reset still knows that the host is ours.
            let fence = BTreeSet::from(["fence.json".to_owned()]);
            port.remove(&inside(port, &path, &fence).await?).await?;
        }
        port.remove(std::slice::from_ref(&path)).await?;
    }
    Ok(())
}

/// What is there and may go. Of a folder that is a disk of its own, that was there before, or that holds something to be
/// spared, what lies in it goes and the folder stays.
async fn removable(port: &HostPort<'_>, paths: &[String], keep: &[String]) -> Result<Vec<String>, Failure> {
    let table = port.read("/proc/self/mounts", 4 << 20).await?.unwrap_or_default();
    let table = String::from_utf8_lossy(&table).into_owned();
    let before = Before::read(port).await?;
    // The state folder lies on the one host that runs Armilla; on the others nothing is spared for its sake.
    let mut here = Vec::new();
    for kept in keep {
        if port.stat(kept, false).await?.is_some() {
            here.push(kept.clone());
        }
    }
    let keep = here.as_slice();
    let mut found = Vec::new();
    let mut left: Vec<String> = Vec::new();
    for path in paths {
        let ours = match &before {
            // Our own root is ours whatever the record says; it is the last to go.
            _ if path == ARMILLA_ROOT => Removable::Whole,
            None => Removable::Nothing,
            Some(before) => before.removable(path),
        };
        match ours {
            Removable::Nothing => {}
            Removable::Whole => left.push(path.clone()),
            Removable::Inside(names) => left.extend(inside(port, path, names).await?),
        }
    }
    while let Some(path) = left.pop() {
        if port.stat(&path, false).await?.is_none() || keep.contains(&path) {
            continue;
        }
        if is_mount_point(&table, &path) || holds_kept(&path, keep) {
            // `lost+found` belongs to its disk.
            left.extend(inside(port, &path, &BTreeSet::from(["lost+found".to_owned()])).await?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// What lies in a folder that may itself not go, but for these names.
async fn inside(port: &HostPort<'_>, folder: &str, but: &BTreeSet<String>) -> Result<Vec<String>, Failure> {
    if port.stat(folder, false).await?.is_none() {
        return Ok(Vec::new());
    }
    let names = names_in(port, folder).await?;
    Ok(names.difference(but).map(|name| format!("{folder}/{name}")).collect())
}

fn is_mount_point(table: &str, path: &str) -> bool {
    table.lines().filter_map(|line| line.split(' ').nth(1)).any(|point| point == path)
}

/// Whether something to be spared is the path or lies below it.
fn holds_kept(path: &str, keep: &[String]) -> bool {
    keep.iter().any(|kept| kept == path || kept.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_goes_first_and_a_data_disk_stays() {
        let table = "/dev/sdb /var/lib/kubelet ext4 rw 0 0\n\
                     tmpfs /var/lib/kubelet/pods/a/volumes/x tmpfs rw 0 0\n\
                     tmpfs /var/lib/kubelet/pods/a tmpfs rw 0 0\n\
                     tmpfs /var/lib/kubelet2/x tmpfs rw 0 0\n";
        assert_eq!(
            mount_points(table, &["/var/lib/kubelet".to_owned()]),
            ["/var/lib/kubelet/pods/a/volumes/x", "/var/lib/kubelet/pods/a"]
        );
    }

    #[test]
    fn network_namespaces_of_others_stay() {
        let table = "nsfs /run/netns/cni-1 nsfs rw 0 0\nnsfs /run/netns/site nsfs rw 0 0\ntmpfs /run/netns tmpfs rw 0 0\n";
        assert_eq!(mount_points(table, &["/run/netns/cni-*".to_owned()]), ["/run/netns/cni-1"]);
    }

    #[test]
    fn only_our_rules_go() {
        let listing = "table ip nat { # handle 1\n\
            \tchain POSTROUTING { # handle 2\n\
            \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
            \t\tcounter packets 1 bytes 2 jump KUBE-POSTROUTING # handle 7\n\
            \t\toifname \"eth1\" masquerade # handle 8\n\
            \t}\n\
            \tchain KUBE-POSTROUTING { # handle 3\n\
            \t\tmasquerade # handle 9\n\
            \t}\n\
            }\n\
            table ip kube-proxy { # handle 4\n\
            \tchain services { # handle 1\n\
            \t}\n\
            }\n";
        assert_eq!(
            removal_of(listing),
            [
                "delete rule ip nat POSTROUTING handle 7",
                "flush chain ip nat KUBE-POSTROUTING",
                "delete chain ip nat KUBE-POSTROUTING",
                "delete table ip kube-proxy"
            ]
        );
    }

    #[test]
    fn a_standard_table_in_which_only_we_had_rules_goes_as_a_whole() {
        let hook = |policy: &str, rest: &str| {
            format!(
                "# Warning: table ip filter is managed by iptables-nft, do not touch!\n\
                 table ip filter {{ # handle 1\n\tchain KUBE-FORWARD {{ # handle 1\n\t\tcounter # handle 5\n\t}}\n\n\
                 \tchain FORWARD {{ # handle 2\n\t\ttype filter hook forward priority filter; policy {policy};\n\
                 \t\tcounter packets 0 bytes 0 jump KUBE-FORWARD # handle 4\n{rest}\t}}\n}}\n"
            )
        };
        let goes = |listing: &str| removal_of(listing).contains(&"delete table ip filter".to_owned());
        assert!(goes(&hook("accept", "")));
        assert!(!goes(&hook("drop", "")), "a policy is somebody's");
        assert!(!goes(&hook("accept", "\t\tip saddr 10.0.0.1 drop # handle 6\n")), "a rule is somebody's");
        let chain =
            "table ip filter {\n\tchain KUBE-A { # handle 1\n\t}\n\tchain f2b-sshd { # handle 2\n\t}\n}\n";
        assert!(!goes(chain), "an empty chain of somebody else's may be jumped to soon");
        let set = "table ip filter {\n\tchain KUBE-A { # handle 1\n\t}\n\tset mine { # handle 2\n\t\ttype ipv4_addr\n\t}\n}\n";
        assert!(!goes(set), "a set is somebody's");
        assert!(!goes(
            "table ip filter {\n\tchain INPUT { # handle 1\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n"
        ));
    }
}
