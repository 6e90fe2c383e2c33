//! What the kernel can do: by what is at work, what is built in, what may be loaded.
//!
//! A container host has no module tree of its own while the kernel below it has everything, and a kernel without
//! modules has neither tree nor `/proc/modules`. So signs of work come first, and `Missing` is said only with the
//! module tree in hand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use installer_model::survey::{KernelFeature, Presence};

use super::{Root, modprobe};

/// Loaded modules, by name.
pub(super) fn loaded(root: &Root) -> BTreeSet<String> {
    let text = root.text("/proc/modules").unwrap_or_default();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

pub(super) fn read(root: &Root, release: Option<&str>) -> BTreeMap<KernelFeature, Presence> {
    let sources = Sources {
        loaded: loaded(root),
        filesystems: root.text("/proc/filesystems").unwrap_or_default(),
        builtin: release.and_then(|release| tree_file(root, release, "modules.builtin")),
        loadable: release.and_then(|release| tree_file(root, release, "modules.dep")),
        blocked: modprobe::blocked(root),
        config: config(root, release).unwrap_or_default(),
        root,
    };
    KernelFeature::ALL.into_iter().map(|feature| (feature, sources.presence(feature))).collect()
}

struct Sources<'r> {
    root: &'r Root,
    loaded: BTreeSet<String>,
    filesystems: String,
    /// Names of modules; `None`: no module tree.
    builtin: Option<BTreeSet<String>>,
    loadable: Option<BTreeSet<String>>,
    /// What modprobe.d forbids to load.
    blocked: BTreeSet<String>,
    /// Of the running kernel; empty when it does not tell.
    config: String,
}

impl Sources<'_> {
    fn presence(&self, feature: KernelFeature) -> Presence {
        let module = feature.module();
        let built_in = |set: &Option<BTreeSet<String>>| set.as_ref().is_some_and(|set| set.contains(module));
        let configured =
            |value: &str| self.config.lines().any(|line| line == format!("{}={value}", option(feature)));
        let usable = self.loaded.contains(module)
            || self.root.exists(&format!("/sys/module/{module}"))
            || self.at_work(feature)
            || built_in(&self.builtin)
            || configured("y");
        if usable {
            return Presence::Usable;
        }
        match &self.loadable {
            Some(modules) if modules.contains(module) && self.blocked.contains(module) => Presence::Blocked,
            Some(modules) if modules.contains(module) => Presence::Loadable,
            Some(_) => Presence::Missing,
            // Configured as a module, but where its file is cannot be seen from here.
            None if !self.config.is_empty() && !configured("m") => Presence::Missing,
            None => Presence::Unknown,
        }
    }

    /// Traces that a feature leaves in `/proc` when it is there.
    fn at_work(&self, feature: KernelFeature) -> bool {
        match feature {
            KernelFeature::Overlay => self.filesystems.split_whitespace().any(|word| word == "overlay"),
            KernelFeature::BrNetfilter => self.root.exists("/proc/sys/net/bridge/bridge-nf-call-iptables"),
            KernelFeature::NfConntrack => self.root.exists("/proc/sys/net/netfilter/nf_conntrack_max"),
            KernelFeature::IpTables => self.root.exists("/proc/net/ip_tables_names"),
            KernelFeature::NfTables | KernelFeature::Vxlan | KernelFeature::Bridge | KernelFeature::Veth => {
                false
            }
        }
    }
}

fn option(feature: KernelFeature) -> &'static str {
    match feature {
        KernelFeature::Overlay => "CONFIG_OVERLAY_FS",
        KernelFeature::BrNetfilter => "CONFIG_BRIDGE_NETFILTER",
        KernelFeature::NfConntrack => "CONFIG_NF_CONNTRACK",
        KernelFeature::NfTables => "CONFIG_NF_TABLES",
        KernelFeature::IpTables => "CONFIG_IP_NF_IPTABLES",
        KernelFeature::Vxlan => "CONFIG_VXLAN",
        KernelFeature::Bridge => "CONFIG_BRIDGE",
        KernelFeature::Veth => "CONFIG_VETH",
    }
}

/// Module names in a file of the module tree, which is under `/lib` or, without merged directories, `/usr/lib`.
fn tree_file(root: &Root, release: &str, file: &str) -> Option<BTreeSet<String>> {
    let text = ["/lib/modules", "/usr/lib/modules"]
        .iter()
        .find_map(|tree| root.text(&format!("{tree}/{release}/{file}")))?;
    Some(text.lines().filter_map(module_name).collect())
}

/// `kernel/net/bridge/br_netfilter.ko.xz: …` is `br_netfilter`; dashes and underscores are the same to modprobe.
fn module_name(line: &str) -> Option<String> {
    let path = line.split(':').next()?.trim();
    let file = path.rsplit('/').next()?;
    let (name, _) = file.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// The configuration of the running kernel, from itself or from beside it.
pub(super) fn config(root: &Root, release: Option<&str>) -> Option<String> {
    let own = root.bytes("/proc/config.gz").and_then(|packed| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).take(4 << 20).read_to_string(&mut text).ok()?;
        Some(text)
    });
    own.or_else(|| root.text(&format!("/boot/config-{}", release?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::root::tree;

    #[test]
    fn module_names_lose_their_path_packing_and_dashes() {
        assert_eq!(
            module_name("kernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz").unwrap(),
            "br_netfilter"
        );
        assert_eq!(module_name("kernel/drivers/net/some-thing.ko").unwrap(), "some_thing");
        assert_eq!(module_name("# nothing"), None);
    }

    fn presence(files: &[(&str, &str)]) -> BTreeMap<KernelFeature, Presence> {
        let (_folder, root) = tree(files);
        read(&root, Some("5.10"))
    }

    #[test]
    fn what_works_is_never_called_missing() {
        let found = presence(&[
            ("proc/filesystems", "nodev\toverlay\n"),
            ("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n"),
            ("proc/modules", "vxlan 1 0 - Live 0x0\n"),
            ("lib/modules/5.10/modules.dep", "kernel/net/netfilter/nf_tables.ko.xz:\n"),
            ("lib/modules/5.10/modules.builtin", "kernel/net/bridge/bridge.ko\n"),
        ]);
        assert_eq!(found[&KernelFeature::Overlay], Presence::Usable);
        assert_eq!(found[&KernelFeature::BrNetfilter], Presence::Usable);
        assert_eq!(found[&KernelFeature::Vxlan], Presence::Usable);
        assert_eq!(found[&KernelFeature::Bridge], Presence::Usable);
        assert_eq!(found[&KernelFeature::NfTables], Presence::Loadable);
        assert_eq!(found[&KernelFeature::Veth], Presence::Missing);
    }

    #[test]
    fn a_module_that_is_blocked_is_not_loadable_unless_it_is_there_already() {
        let found = presence(&[
            ("proc/modules", "vxlan 1 0 - Live 0x0\n"),
            (
                "lib/modules/5.10/modules.dep",
                "kernel/net/bridge/br_netfilter.ko:\nkernel/drivers/net/vxlan.ko:\nkernel/drivers/net/veth.ko:\n",
            ),
            (
                "etc/modprobe.d/hardening.conf",
                "install vxlan /bin/false\ninstall veth /bin/false\nblacklist br-netfilter\nblacklist overlay\n",
            ),
        ]);
        assert_eq!(found[&KernelFeature::Vxlan], Presence::Usable);
        assert_eq!(found[&KernelFeature::Veth], Presence::Blocked);
        assert_eq!(found[&KernelFeature::BrNetfilter], Presence::Blocked);
        assert_eq!(found[&KernelFeature::Overlay], Presence::Missing);
    }

    #[test]
    fn without_a_module_tree_absence_is_unknown_unless_the_kernel_says_no() {
        assert_eq!(presence(&[])[&KernelFeature::Vxlan], Presence::Unknown);
        let config = "CONFIG_VXLAN=m\nCONFIG_VETH=y\n# CONFIG_NF_TABLES is not set\n";
        let found = presence(&[("boot/config-5.10", config)]);
        assert_eq!(found[&KernelFeature::Vxlan], Presence::Unknown);
        assert_eq!(found[&KernelFeature::Veth], Presence::Usable);
        assert_eq!(found[&KernelFeature::NfTables], Presence::Missing);
    }
}
