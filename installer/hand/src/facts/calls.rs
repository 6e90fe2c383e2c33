//! What only system calls tell. A value of its own, so that tests bring theirs.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use installer_model::survey::{DataDir, NicAddress, SYSCTLS};
use rustix::fs::{StatVfsMountFlags, statvfs};
use serde::{Deserialize, Serialize};

use super::sysctl_path;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemCalls {
    pub hostname: Option<String>,
    pub kernel_release: Option<String>,
    pub machine: Option<String>,
    pub page_size: Option<u64>,
    pub online_cpus: Option<u32>,
    pub clock_unix_ns: Option<u64>,
    pub user_id: Option<u32>,
    /// With the name of the interface.
    pub addresses: Vec<(String, NicAddress)>,
    pub data_dirs: Vec<DataDir>,
    pub oom_score_adj_lowers: Option<bool>,
    pub unsettable_sysctls: Vec<String>,
    /// Data directories on a filesystem that does not tell the type of a directory's entries.
    pub without_entry_types: Vec<String>,
    pub missing_devices: Vec<String>,
    /// What programs of the host said, by command line.
    pub said: BTreeMap<String, String>,
}

/// Device nodes that the kubelet opens.
const DEVICES: &[&str] = &["/dev/kmsg", "/dev/null"];

impl SystemCalls {
    /// Asks this machine.
    pub fn make(data_dirs: &[String]) -> SystemCalls {
        let uname = rustix::system::uname();
        let unsettable = SYSCTLS.iter().filter(|(name, _)| refuses_its_own_value(name));
        SystemCalls {
            hostname: uname.nodename().to_str().ok().map(str::to_owned),
            kernel_release: uname.release().to_str().ok().map(str::to_owned),
            machine: uname.machine().to_str().ok().map(str::to_owned),
            page_size: u64::try_from(rustix::param::page_size()).ok(),
            online_cpus: std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()),
            clock_unix_ns: clock_unix_ns(),
            user_id: Some(rustix::process::geteuid().as_raw()),
            addresses: addresses(),
            data_dirs: each(data_dirs, data_dir, |path| DataDir {
                path: path.to_owned(),
                ..DataDir::default()
            }),
            oom_score_adj_lowers: oom_score_adj_lowers(),
            unsettable_sysctls: unsettable.map(|(name, _)| (*name).to_owned()).collect(),
            without_entry_types: each(
                data_dirs,
                |path| hides_entry_types(path).then(|| path.to_owned()),
                |_| None,
            )
            .into_iter()
            .flatten()
            .collect(),
            missing_devices: DEVICES
                .iter()
                .filter(|path| !Path::new(path).exists())
                .map(|path| (*path).to_owned())
                .collect(),
            said: super::programs::ask(),
        }
    }
}

/// The wall clock; `None` before 1970.
pub(super) fn clock_unix_ns() -> Option<u64> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(time.as_nanos()).ok()
}

fn addresses() -> Vec<(String, NicAddress)> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let of = |socket: &nix::sys::socket::SockaddrStorage| -> Option<std::net::IpAddr> {
            let v4 = socket.as_sockaddr_in().map(|socket| socket.ip().into());
            v4.or_else(|| socket.as_sockaddr_in6().map(|socket| socket.ip().into()))
        };
        let address = of(interface.address.as_ref()?)?;
        let ones = match interface.netmask.as_ref().and_then(of) {
            Some(std::net::IpAddr::V4(mask)) => u32::from(mask).count_ones(),
            Some(std::net::IpAddr::V6(mask)) => u128::from(mask).count_ones(),
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Some((interface.interface_name, NicAddress { address, prefix: u8::try_from(ones).ok()? }))
    };
    all.filter_map(address).collect()
}

/// A server of NFS that is gone keeps whoever asks about its mounts.
const PATIENCE: Duration = Duration::from_secs(3);

/// What `look` finds at each path; what takes too long is `unknown`. Its thread ends with the hand at the latest.
pub(super) fn each<T: Send + 'static>(
    paths: &[String],
    look: impl Fn(&str) -> T + Copy + Send + 'static,
    unknown: impl Fn(&str) -> T,
) -> Vec<T> {
    let asked: Vec<_> = paths
        .iter()
        .map(|path| {
            let (said, heard) = channel();
            let asked = path.clone();
            // Nobody hears what comes too late.
            std::thread::spawn(move || drop(said.send(look(&asked))));
            (path, heard)
        })
        .collect();
    let until = Instant::now() + PATIENCE;
    let left = || until.saturating_duration_since(Instant::now());
    asked
        .into_iter()
        .map(|(path, heard)| heard.recv_timeout(left()).unwrap_or_else(|_| unknown(path)))
        .collect()
}

/// Measures the filesystem of the path, or of its nearest ancestor that exists.
fn data_dir(path: &str) -> DataDir {
    let mut found = DataDir { path: path.to_owned(), exists: Path::new(path).exists(), ..DataDir::default() };
    let Some(there) = Path::new(path).ancestors().find(|ancestor| ancestor.exists()) else { return found };
    if let Ok(stat) = rustix::fs::stat(there) {
        found.filesystem = stat.st_dev;
    }
    if let Ok(stat) = statvfs(there) {
        found.total_bytes = stat.f_blocks.saturating_mul(stat.f_frsize);
        // What is kept for root counts: everything that Armilla places is root's.
        found.free_bytes = stat.f_bfree.saturating_mul(stat.f_frsize);
        found.total_inodes = stat.f_files;
        found.free_inodes = stat.f_ffree;
        found.read_only = stat.f_flag.contains(StatVfsMountFlags::RDONLY);
        found.no_exec = stat.f_flag.contains(StatVfsMountFlags::NOEXEC);
    }
    found
}

/// Whether entries of the nearest directory that exists come without their type, as on xfs without `ftype=1`.
fn hides_entry_types(path: &str) -> bool {
    let Some(there) = Path::new(path).ancestors().find(|ancestor| ancestor.is_dir()) else { return false };
    let Ok(folder) = fs::File::open(there) else { return false };
    let Ok(entries) = rustix::fs::Dir::read_from(&folder) else { return false };
    let own = |name: &[u8]| name == b"." || name == b"..";
    entries
        .flatten()
        .filter(|entry| !own(entry.file_name().to_bytes()))
        .take(64)
        .any(|entry| entry.file_type() == rustix::fs::FileType::Unknown)
}

/// Lowers the hand's own score by one and puts it back. Lowering needs CAP_SYS_RESOURCE (proc(5)), which some
/// machines keep from root.
fn oom_score_adj_lowers() -> Option<bool> {
    const PATH: &str = "/proc/self/oom_score_adj";
    const LOWEST: i32 = -1000;
    let before: i32 = fs::read_to_string(PATH).ok()?.trim().parse().ok()?;
    let lowered = fs::write(PATH, (before - 1).max(LOWEST).to_string()).is_ok();
    // Raising is always allowed; a hand that cannot is one step more likely to survive, which hurts nobody.
    let _ = fs::write(PATH, before.to_string());
    Some(lowered)
}

/// Writes to a setting what it holds. One that does not exist refuses nothing.
fn refuses_its_own_value(name: &str) -> bool {
    let path = sysctl_path(name);
    let Ok(value) = fs::read(&path) else { return false };
    let write = || fs::OpenOptions::new().write(true).open(&path)?.write_all(&value);
    write().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_unknown_and_keeps_nobody() {
        let slow = |path: &str| {
            if path == "/gone" {
                std::thread::sleep(Duration::from_secs(60));
            }
            path.len()
        };
        let begun = Instant::now();
        let found = each(&["/gone".to_owned(), "/there".to_owned()], slow, |_| 0);
        assert_eq!(found, [0, 6]);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
