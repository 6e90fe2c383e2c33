//! The scripts that stand behind a running host. They are scripts, not threads of ours, because a host outlives the
//! process that brought it up.

use crate::condition::Cable;
use crate::making::OWN_DIRECTORIES;
use crate::place::{HostPlace, namespace_file};
use std::fmt::Write;
use std::path::PathBuf;

pub(crate) struct Scripts<'a> {
    /// The lab's own network namespace, with the bridges.
    pub(crate) lab: &'a str,
    pub(crate) host: &'a str,
    pub(crate) place: &'a HostPlace,
    pub(crate) cables: &'a [Cable],
    /// Files into which a process writes its number to enter the host's cgroups.
    pub(crate) cgroups: &'a [PathBuf],
}

impl Scripts<'_> {
    /// Makes the host's network namespace anew: after a power cut nothing is left of routes, rules and cards, as with
    /// a real host.
    pub(crate) fn cables(&self) -> String {
        let (lab, host) = (self.lab, &self.place.namespace);
        let mut script = format!(
            "# Makes the network of {} anew.\nset -e\nip netns delete {host} 2>/dev/null || true\nip netns add {host}\n",
            self.host
        );
        for Cable { port, bridge, card, hardware } in self.cables {
            let _ = writeln!(script, "ip -n {lab} link delete {port} 2>/dev/null || true");
            let peer = format!("peer name {card} address {hardware} netns {host}");
            let _ = writeln!(script, "ip -n {lab} link add {port} type veth {peer}");
            // A port is a plug, not a station: with an address of its own it would talk to the host past the bridge.
            let _ = writeln!(script, "ip -n {lab} link set {port} master {bridge} addrgenmode none");
        }
        script + "exec sh ./condition.sh\n"
    }

    /// Keeps the host running. Called without a word it supervises; with `boot` it becomes systemd-nspawn.
    pub(crate) fn start(&self) -> String {
        let mut script = format!(
            r#"#!/bin/sh
# Keeps host {host} running until its power is cut or it is shut down.
cd {directory} || exit 1
# A process's number and its start time, field 22 of its stat.
identity() {{
  read -r stat < /proc/$1/stat
  set -- "$1" ${{stat##*) }}
  echo "$1 ${{21}}"
}}
if [ "$1" = boot ]; then
  identity $$ > nspawn.pid
"#,
            host = self.host,
            directory = quoted(&self.place.directory.to_string_lossy()),
        );
        for procs in self.cgroups {
            // A power cut takes a real host's groups with it. Left here, each of a kubelet's old ones costs the next
            // kubelet's cadvisor 3 s before it starts any pod.
            let group = procs.parent().map(|group| quoted(&group.to_string_lossy())).unwrap_or_default();
            let _ =
                writeln!(script, "  find {group} -mindepth 1 -depth -type d -exec rmdir {{}} + 2>/dev/null");
            let _ = writeln!(script, "  echo $$ > {}", quoted(&procs.to_string_lossy()));
        }
        let words: Vec<String> = self.nspawn().iter().map(|word| quoted(word)).collect();
        let _ = write!(
            script,
            r#"  export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes
  exec {}
fi
identity $$ > supervisor.pid
while :; do
  sh ./cables.sh || exit 1
  sh ./start.sh boot
  code=$?
  # systemd-nspawn(1), --keep-unit: 133 means that the host asked for a reboot.
  [ $code = 133 ] || exit $code
done
"#,
            words.join(" \\\n    ")
        );
        script
    }

    /// Entering the namespace twice is needed: nspawn mounts /sys from the one it runs in, and by itself would share
    /// it without letting the host be its master.
    fn nspawn(&self) -> Vec<String> {
        let network = namespace_file(&self.place.namespace).display().to_string();
        let mut words: Vec<String> =
            vec!["nsenter".into(), format!("--net={network}"), "systemd-nspawn".into()];
        words.extend(
            ["--quiet", "--register=no", "--keep-unit", "--boot", "--capability=all"].map(String::from),
        );
        words.push(format!("--machine={}", self.place.namespace));
        words.push(format!("--hostname={}", self.host));
        words.push(format!("--directory={}", self.place.root().display()));
        words.push(format!("--network-namespace-path={network}"));
        words.push("--system-call-filter=@keyring bpf @mount @module".into());
        // What a bare host has of its own must not be lent to it by the machine.
        words.extend(["--resolv-conf=off", "--timezone=off", "--link-journal=no"].map(String::from));
        words.extend(["--bind=/dev/fuse", "--bind=/dev/kmsg"].map(String::from));
        words.extend(
            OWN_DIRECTORIES
                .iter()
                .map(|(name, path)| format!("--bind={}:{path}", self.place.disk().join(name).display())),
        );
        words
    }
}

/// A word that the shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_path_stays_a_quote() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
