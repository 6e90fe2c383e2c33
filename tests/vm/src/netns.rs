//! Network namespaces: made by name, entered by a thread.

use crate::command::{self, CommandError};
use crate::file::FileError;
use crate::place::namespace_file;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// Runs `work` in the network namespace of `file`, on a thread of its own that ends with it. A socket that is made there
/// belongs to that namespace for good and may be handed to any thread.
pub(crate) fn inside<T: Send>(file: &Path, work: impl FnOnce() -> T + Send) -> Result<T, FileError> {
    let namespace = File::open(file).map_err(FileError::new("open network namespace", file))?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        });
        match thread.join() {
            Ok(result) => result.map_err(|errno: rustix::io::Errno| {
                FileError::new("enter network namespace", file)(errno.into())
            }),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Makes the lab's own namespace: a bridge per network, the runner's address on the first, the gateway beyond it.
pub(crate) fn make_lab(
    own: &str,
    gateway: &str,
    isolated: bool,
    second_network: bool,
) -> Result<(), CommandError> {
    use crate::address::{GATEWAY, PREFIX_LENGTH, RUNNER};
    ip(&format!("netns add {own}"))?;
    ip(&format!("netns add {gateway}"))?;
    ip(&format!("-n {own} link set lo up"))?;
    ip(&format!("-n {gateway} link set lo up"))?;
    for bridge in [Some("lab0"), second_network.then_some("lab1")].into_iter().flatten() {
        ip(&format!("-n {own} link add {bridge} type bridge"))?;
        ip(&format!("-n {own} link set {bridge} up"))?;
    }
    ip(&format!("-n {own} address add {RUNNER}/{PREFIX_LENGTH} dev lab0"))?;
    ip(&format!("-n {own} link add gateway type veth peer name lab0 netns {gateway}"))?;
    ip(&format!("-n {own} link set gateway master lab0 up"))?;
    ip(&format!("-n {gateway} address add {GATEWAY}/{PREFIX_LENGTH} dev lab0"))?;
    ip(&format!("-n {gateway} link set lab0 up"))?;
    if !isolated {
        ip(&format!("-n {own} route add default via {GATEWAY}"))?;
    }
    Ok(())
}

/// Takes a namespace's name away, if it has one; it ends with the last process in it.
pub(crate) fn remove(namespace: &str) -> Result<(), CommandError> {
    if namespace_file(namespace).exists() { ip(&format!("netns delete {namespace}")) } else { Ok(()) }
}

fn ip(words: &str) -> Result<(), CommandError> {
    command::run("ip", words.split(' ')).map(drop)
}
