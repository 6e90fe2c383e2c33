//! Takes a lab away: everything that it made, found from its directory and its name alone, so that a lab that was left
//! half made or half taken down goes the same way. Only processes recorded with their start time are ended, and those
//! in cgroups that the lab made.

use crate::cgroup;
use crate::command::{self, CommandError};
use crate::file::{self, FileError};
use crate::netns;
use crate::place::{Place, labs};
use crate::process::Process;
use crate::relay;
use crate::spec::LabName;
use crate::state::Record;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why something of a lab is still there.
#[derive(Debug, thiserror::Error)]
pub enum TeardownError {
    #[error("end process {0} of the lab")]
    StillRunning(u32),
    #[error("unmount {}", .path.display())]
    Unmount { path: PathBuf, source: CommandError },
    #[error("remove the lab's network")]
    Network(#[source] CommandError),
    #[error("remove the lab's files")]
    Files(#[from] FileError),
}

/// All names for which this machine holds a lab's directory, whole or not.
pub(crate) fn names() -> Vec<LabName> {
    file::names_in(labs()).iter().filter_map(|name| name.parse().ok()).collect()
}

/// Removes the lab. Nothing is wrong when there is none.
pub(crate) fn remove(name: &LabName) -> Result<(), TeardownError> {
    let place = Place::of(name);
    // Without a readable record the disks lie where this process would put them.
    let disks = Record::load(name).map_or_else(|_| place.disks(), |record| record.disks);
    let hosts = file::names_in(&place.hosts());
    relay::stop_all(&place);
    end_processes(&place, &hosts)?;
    for host in &hosts {
        netns::remove(&place.host(host).namespace).map_err(TeardownError::Network)?;
    }
    netns::remove(&place.gateway_namespace()).map_err(TeardownError::Network)?;
    netns::remove(&place.own_namespace()).map_err(TeardownError::Network)?;
    cgroup::remove(&place.cgroup());
    remove_directory(&place.directory())?;
    Ok(file::remove_tree(&disks)?)
}

/// What a killed `up` had just called (mount, say) may still be ending, and put something there once more.
fn remove_directory(directory: &Path) -> Result<(), TeardownError> {
    let mut attempts_left = 5;
    loop {
        unmount_all(directory)?;
        match file::remove_tree(directory) {
            Ok(()) => return Ok(()),
            Err(error) if attempts_left == 0 => return Err(error.into()),
            Err(_) => attempts_left -= 1,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// All hosts first get the blow and are waited for together afterwards.
fn end_processes(place: &Place, hosts: &[String]) -> Result<(), TeardownError> {
    let hosts: Vec<_> = hosts.iter().map(|host| place.host(host)).collect();
    let recorded = |file: PathBuf| Process::from_file(&file).filter(|process| process.is_alive());
    for host in &hosts {
        // The supervisor first: it would start the host again.
        recorded(host.supervisor()).into_iter().for_each(Process::kill);
        let nspawn = recorded(host.nspawn());
        nspawn.into_iter().flat_map(Process::children).for_each(Process::kill);
    }
    for host in &hosts {
        if let Some(nspawn) = recorded(host.nspawn())
            && !nspawn.wait_for_end(Duration::from_secs(3))
        {
            nspawn.kill();
        }
    }
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let left = cgroup::processes(&place.cgroup());
        let Some(first) = left.first() else { return Ok(()) };
        if Instant::now() > deadline {
            return Err(TeardownError::StillRunning(*first));
        }
        left.into_iter().filter_map(Process::with_pid).for_each(Process::kill);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Unmounts everything below `directory`, the last mounted first. A loop device ends with its mount.
fn unmount_all(directory: &Path) -> Result<(), TeardownError> {
    let mountinfo = file::read(Path::new("/proc/self/mountinfo"))?;
    for path in mounts_below(&mountinfo, directory).into_iter().rev() {
        unmount(&path)?;
    }
    Ok(())
}

/// A mount may be busy for a moment after the last process in it was killed.
fn unmount(path: &Path) -> Result<(), TeardownError> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match command::run("umount", [path]) {
            Ok(_) => return Ok(()),
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            Err(source) => return Err(TeardownError::Unmount { path: path.to_owned(), source }),
        }
    }
}

/// proc_pid_mountinfo(5), in the order of mounting. A lab's own paths hold none of the characters that are escaped
/// there.
fn mounts_below(mountinfo: &str, directory: &Path) -> Vec<PathBuf> {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    points.filter(|point| point.starts_with(directory)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_this_lab_are_found() {
        let text = "1 0 7:0 / /run/armilla-lab/a/hosts/h1/disk rw - ext4 /dev/loop0 rw\n\
                    2 0 7:1 / /run/armilla-lab/ab/hosts/h1/disk rw - ext4 /dev/loop1 rw\n\
                    3 0 0:9 / /run/armilla-lab/a/hosts/h1/root rw - overlay overlay rw\n";
        let found = mounts_below(text, Path::new("/run/armilla-lab/a"));
        assert_eq!(
            found,
            [Path::new("/run/armilla-lab/a/hosts/h1/disk"), Path::new("/run/armilla-lab/a/hosts/h1/root")]
        );
    }
}
