//! A host is put back as it was. Every probe asks the host itself, so that a host whose install failed half-way is
//! cleaned the same way.

use installer_model::event::Failure;

use crate::host_port::{HostPort, failure};
use crate::world::{Probe, StepContext};

const CRICTL: &str = "/usr/local/bin/crictl";
const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
const NFT: &str = "/usr/local/lib/armilla/sbin/nft";

pub(super) async fn probe_pods(port: &HostPort<'_>) -> Result<Probe, Failure> {
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

pub(super) async fn stop_pods(port: &HostPort<'_>, ctx: &StepContext) -> Result<(), Failure> {
    if !runtime_answers(port).await? {
        return Ok(());
    }
    // Removing takes the pods' network down with them; a pod whose network cannot be taken down any more is stopped
    // all the same and its rest is removed with the links and folders.
    let output = port.command_within(300, &[CRICTL, "rmp", "--all", "--force"], b"").await?;
    ctx.output(&output.stdout);
    ctx.output(&output.stderr);
    if output.ok() {
        return Ok(());
    }
    let again = port.command_within(300, &[CRICTL, "rmp", "--all", "--force"], b"").await?;
    if again.ok() { Ok(()) } else { Err(failure("stop all pods", &again.stderr_text())) }
}

async fn runtime_answers(port: &HostPort<'_>) -> Result<bool, Failure> {
    if port.stat(CONTAINERD_SOCKET, false).await?.is_none() || port.stat(CRICTL, false).await?.is_none() {
        return Ok(false);
    }
    Ok(port.command(&["systemctl", "is-active", "--quiet", "containerd.service"]).await?.ok())
}

pub(super) async fn probe_units(port: &HostPort<'_>, units: &[String]) -> Result<Probe, Failure> {
    for unit in units {
        if port.stat(&unit_path(unit), false).await?.is_some() {
            return Ok(Probe::NotMet(format!("{unit} is there")));
        }
    }
    Ok(Probe::Met)
}

/// `KillMode=process` lets containers outlive containerd: what is left in its control group is killed.
pub(super) async fn remove_units(port: &HostPort<'_>, units: &[String]) -> Result<(), Failure> {
    for unit in units {
        if port.stat(&unit_path(unit), false).await?.is_none() {
            continue;
        }
        let output = port.command_within(120, &["systemctl", "disable", "--now", unit], b"").await?;
        if !output.ok() {
            return Err(failure(format!("stop {unit}"), &output.stderr_text()));
        }
        port.command(&["systemctl", "kill", "--signal=KILL", unit]).await?;
        port.remove(&[unit_path(unit)]).await?;
    }
    port.command(&["systemctl", "daemon-reload"]).await?;
    for unit in units {
        port.command(&["systemctl", "reset-failed", unit]).await?;
    }
    Ok(())
}

fn unit_path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
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
    }
    Ok(())
}

async fn mounts(port: &HostPort<'_>, below: &[String]) -> Result<Vec<String>, Failure> {
    let table = port.read("/proc/self/mounts", 4 << 20).await?.unwrap_or_default();
    Ok(mount_points(&String::from_utf8_lossy(&table), below))
}

/// Mount points strictly below the folders, the deepest first. The folders themselves may be disks of their own.
fn mount_points(table: &str, below: &[String]) -> Vec<String> {
    let mut points: Vec<String> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .map(|point| point.replace("\\040", " "))
        .filter(|point| {
            below.iter().any(|root| point.strip_prefix(root.as_str()).is_some_and(|r| r.starts_with('/')))
        })
        .collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.matches('/').count()));
    points
}

pub(super) async fn probe_links(port: &HostPort<'_>, links: &[String]) -> Result<Probe, Failure> {
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
    if port.stat(NFT, false).await?.is_none() {
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

/// From `nft -a list ruleset`: whole tables that are ours; in shared tables, rules that jump to our chains, then the
/// chains. Tables that others made stay.
fn removal_of(listing: &str) -> Vec<String> {
    let (mut rules, mut flushes, mut deletes, mut tables) = (vec![], vec![], vec![], vec![]);
    let (mut table, mut chain) = (String::new(), String::new());
    for line in listing.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["table", family, name, ..] => {
                table = format!("{family} {name}");
                if TABLES.contains(name) {
                    tables.push(format!("delete table {table}"));
                }
            }
            ["chain", name, ..] => {
                (*name).clone_into(&mut chain);
                if is_our_chain(name) && !is_our_table(&table) {
                    flushes.push(format!("flush chain {table} {name}"));
                    deletes.push(format!("delete chain {table} {name}"));
                }
            }
            words if !is_our_table(&table) && !is_our_chain(&chain) => {
                let jumps = words.windows(2).any(|w| matches!(w[0], "jump" | "goto") && is_our_chain(w[1]));
                if let (true, Some(handle)) = (jumps, line.rsplit("# handle ").next()) {
                    rules.push(format!("delete rule {table} {chain} handle {}", handle.trim()));
                }
            }
            _ => {}
        }
    }
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
        port.remove(std::slice::from_ref(&path)).await?;
    }
    Ok(())
}

/// What is there and may go. Of a folder that is a disk of its own, or that holds something to be spared, what lies
/// in it goes and the folder stays.
async fn removable(port: &HostPort<'_>, paths: &[String], keep: &[String]) -> Result<Vec<String>, Failure> {
    let table = port.read("/proc/self/mounts", 4 << 20).await?.unwrap_or_default();
    let table = String::from_utf8_lossy(&table).into_owned();
    let mut found = Vec::new();
    let mut left: Vec<String> = paths.to_vec();
    while let Some(path) = left.pop() {
        if port.stat(&path, false).await?.is_none() || keep.contains(&path) {
            continue;
        }
        if is_mount_point(&table, &path) || holds_kept(&path, keep) {
            left.extend(children(port, &path).await?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// `lost+found` belongs to its disk.
async fn children(port: &HostPort<'_>, folder: &str) -> Result<Vec<String>, Failure> {
    let argv = ["find", folder, "-mindepth", "1", "-maxdepth", "1", "!", "-name", "lost+found", "-print0"];
    let output = port.command(&argv).await?;
    if !output.ok() {
        return Err(failure(format!("list {folder}"), &output.stderr_text()));
    }
    Ok(output.stdout_text().split_terminator('\0').map(str::to_owned).collect())
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
}
