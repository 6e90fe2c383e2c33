//! Kernel settings, now and at boot; what they were before is kept for `reset`.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use installer_model::event::Failure;

use crate::host_port::{HostPort, failure};
use crate::world::Probe;

/// JSON: key → value before Armilla first changed it.
const BEFORE: &str = "/var/lib/armilla/before/sysctls.json";

pub(super) async fn probe(
    port: &HostPort<'_>,
    path: &str,
    values: &BTreeMap<String, String>,
) -> Result<Probe, Failure> {
    let all = try_join_all(values.keys().map(|key| live(port, key)));
    let (file, all) = try_join(port.read(path, 65_536), all).await?;
    if file.as_deref() != Some(content(values).as_bytes()) {
        return Ok(Probe::NotMet(format!("{path} is not as planned")));
    }
    for ((key, wanted), now) in values.iter().zip(all) {
        if !now.as_deref().is_some_and(|now| suffices(key, now, wanted)) {
            let now = now.unwrap_or_else(|| "not there".to_owned());
            return Ok(Probe::NotMet(format!("{key} is {now}, wanted {wanted}")));
        }
    }
    Ok(Probe::Met)
}

pub(super) async fn act(
    port: &HostPort<'_>,
    path: &str,
    values: &BTreeMap<String, String>,
    others: &[String],
) -> Result<(), Failure> {
    let mut before = before(port).await?;
    for key in others {
        if let Some(now) = live(port, key).await? {
            before.entry(key.clone()).or_insert(now);
        }
    }
    for (key, wanted) in values {
        let Some(now) = live(port, key).await? else { continue };
        if !suffices(key, &now, wanted) {
            before.entry(key.clone()).or_insert(now);
        }
    }
    let kept = serde_json::to_vec_pretty(&before).expect("a map of strings");
    port.write(BEFORE, 0o600, &kept).await?;
    port.write(path, 0o644, content(values).as_bytes()).await?;
    for (key, wanted) in values {
        if live(port, key).await?.is_some_and(|now| suffices(key, &now, wanted)) {
            continue;
        }
        set(port, key, wanted).await?;
    }
    Ok(())
}

pub(super) async fn probe_restored(port: &HostPort<'_>) -> Result<Probe, Failure> {
    Ok(match port.stat(BEFORE, false).await? {
        None => Probe::Met,
        Some(_) => Probe::NotMet("settings are still Armilla's".to_owned()),
    })
}

/// A setting that is gone with its module needs no restoring, nor does one that nobody changed.
pub(super) async fn restore(port: &HostPort<'_>) -> Result<(), Failure> {
    for (key, value) in before(port).await? {
        if live(port, &key).await?.is_some_and(|now| now != value) {
            set(port, &key, &value).await?;
        }
    }
    port.remove(&[BEFORE.to_owned()]).await
}

async fn before(port: &HostPort<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let text = port.read(BEFORE, 65_536).await?.unwrap_or_else(|| b"{}".to_vec());
    serde_json::from_slice(&text).map_err(|error| failure(format!("read {BEFORE}"), &error.to_string()))
}

async fn live(port: &HostPort<'_>, key: &str) -> Result<Option<String>, Failure> {
    let value = port.read(&proc_path(key), 4096).await?;
    Ok(value.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
}

/// Written in place: files of /proc/sys cannot be replaced by a rename.
async fn set(port: &HostPort<'_>, key: &str, value: &str) -> Result<(), Failure> {
    let script = r#"printf '%s\n' "$2" > "$1""#;
    let output = port.command(&["sh", "-c", script, "sh", &proc_path(key), value]).await?;
    if output.ok() {
        return Ok(());
    }
    Err(failure(format!("set {key} to {value}"), &output.stderr_text()))
}

fn proc_path(key: &str) -> String {
    format!("/proc/sys/{}", key.replace('.', "/"))
}

/// Limits may be higher than wanted; switches must be as wanted.
fn suffices(key: &str, now: &str, wanted: &str) -> bool {
    let limit = key.starts_with("fs.inotify.");
    match (now.parse::<u64>(), wanted.parse::<u64>()) {
        (Ok(now), Ok(wanted)) if limit => now >= wanted,
        _ => now == wanted,
    }
}

fn content(values: &BTreeMap<String, String>) -> String {
    let lines: String = values.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    format!("# Written by armilla.\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_may_be_higher_and_a_switch_may_not() {
        assert!(suffices("fs.inotify.max_user_instances", "65536", "8192"));
        assert!(!suffices("fs.inotify.max_user_instances", "128", "8192"));
        assert!(!suffices("net.ipv4.ip_forward", "2", "1"));
    }
}
