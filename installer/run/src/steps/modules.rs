//! Kernel modules, now and at boot.

use futures_util::future::try_join;
use installer_model::event::Failure;

use crate::host_port::{HostPort, failure};
use crate::world::Probe;

/// What shows that a feature is in the kernel, where the module's own folder does not.
fn sign_of(module: &str) -> Option<&'static str> {
    match module {
        "br_netfilter" => Some("/proc/sys/net/bridge/bridge-nf-call-iptables"),
        "nf_conntrack" => Some("/proc/sys/net/netfilter/nf_conntrack_max"),
        _ => None,
    }
}

pub(super) async fn probe(port: &HostPort<'_>, path: &str, names: &[String]) -> Result<Probe, Failure> {
    let wanted = content(names);
    let (file, missing) = try_join(port.read(path, 65_536), missing(port, names)).await?;
    if file.as_deref() != Some(wanted.as_bytes()) {
        return Ok(Probe::NotMet(format!("{path} is not as planned")));
    }
    Ok(match missing.as_slice() {
        [] => Probe::Met,
        missing => Probe::NotMet(format!("not loaded: {}", missing.join(", "))),
    })
}

pub(super) async fn act(port: &HostPort<'_>, path: &str, names: &[String]) -> Result<(), Failure> {
    port.write(path, 0o644, content(names).as_bytes()).await?;
    for name in missing(port, names).await? {
        let output = port.command(&["modprobe", &name]).await?;
        if !output.ok() {
            return Err(failure(
                format!("modprobe {name} ended with {}", output.code),
                &output.stderr_text(),
            ));
        }
    }
    Ok(())
}

/// Modules that are neither loaded nor built in. A host without modules of its own (a container) has what its
/// kernel has: nothing can be loaded there, and preflight has looked at what is needed.
async fn missing(port: &HostPort<'_>, names: &[String]) -> Result<Vec<String>, Failure> {
    let release = port.read("/proc/sys/kernel/osrelease", 256).await?.unwrap_or_default();
    let folder = format!("/lib/modules/{}", String::from_utf8_lossy(&release).trim());
    if port.stat(&format!("{folder}/modules.dep"), false).await?.is_none() {
        return Ok(Vec::new());
    }
    let built_in = port.read(&format!("{folder}/modules.builtin"), 1 << 20).await?.unwrap_or_default();
    let built_in = String::from_utf8_lossy(&built_in).into_owned();
    let mut missing = Vec::new();
    for name in names {
        let loaded = port.stat(&format!("/sys/module/{name}"), false).await?.is_some();
        let there = match sign_of(name) {
            Some(path) => port.stat(path, false).await?.is_some(),
            None => false,
        };
        if !loaded && !there && !is_built_in(&built_in, name) {
            missing.push(name.clone());
        }
    }
    Ok(missing)
}

/// Lines such as `kernel/fs/overlayfs/overlay.ko`; `-` and `_` are the same in module names.
fn is_built_in(modules_builtin: &str, name: &str) -> bool {
    modules_builtin
        .lines()
        .filter_map(|line| line.rsplit('/').next()?.strip_suffix(".ko"))
        .any(|module| module.replace('-', "_") == name)
}

fn content(names: &[String]) -> String {
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    format!("# Written by armilla.\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_modules_are_found_under_either_spelling() {
        let text = "kernel/fs/overlayfs/overlay.ko\nkernel/net/bridge/br-netfilter.ko\n";
        assert!(is_built_in(text, "overlay"));
        assert!(is_built_in(text, "br_netfilter"));
        assert!(!is_built_in(text, "over"));
    }
}
