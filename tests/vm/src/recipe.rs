//! How the hosts' base image is made: a bare server, and nothing that a bare server may lack.

use sha2::{Digest, Sha256};

/// Left out on purpose, because a bare host may lack them: containerd, conntrack, iptables, nft, socat, ethtool.
const PACKAGES: &[&str] =
    &["systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "kmod", "sudo", "procps"];

/// What a host with a kernel of its own has beyond that: one that knows QEMU's devices, and what finds its root.
const KERNEL_PACKAGES: &[&str] = &["linux-image-cloud-amd64", "initramfs-tools", "udev"];

/// What is done to the tree at `$1` after the packages: nothing in it may be shared between hosts that would be a
/// host's own, and no trace of the machine's apt settings (a proxy, say) goes into it.
const FINISH: &str = r#"set -e
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/hostname "$1"/etc/resolv.conf
: > "$1"/etc/machine-id
chroot "$1" useradd --create-home --shell /bin/bash --groups sudo site
"#;

/// Files that no host of ours reads; a third of the image.
const LEFT_OUT: &[&str] =
    &["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

/// Everything that decides what the image becomes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// The machine's own release: its apt sources serve that one.
    pub(crate) suite: String,
    /// One-line apt sources.
    pub(crate) sources: Vec<String>,
    /// Settings of apt in the form of `apt-config dump`, one per element.
    pub(crate) apt_options: Vec<String>,
    /// With a kernel of its own, for a machine; hosts that are containers have none.
    pub(crate) kernel: bool,
}

/// Why the machine's settings do not make a recipe.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecipeError {
    #[error(
        "find VERSION_CODENAME in the machine's os-release: hosts are made from the machine's own release"
    )]
    NoSuite,
    #[error("find an apt source for {0} in the machine's settings")]
    NoSource(String),
}

impl Recipe {
    /// From the machine's os-release, the answer of `apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)
    /// $(SIGNED_BY)'` (which knows every form in which sources are written), and `apt-config dump`.
    pub(crate) fn from_machine(
        os_release: &str,
        index_targets: &str,
        apt_config: &str,
    ) -> Result<Recipe, RecipeError> {
        let suite = os_release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .map(|name| name.trim_matches('"').to_owned())
            .filter(|name| !name.is_empty())
            .ok_or(RecipeError::NoSuite)?;
        let mut sources: Vec<String> =
            index_targets.lines().filter_map(|line| one_line_source(line, &suite)).collect();
        sources.sort();
        sources.dedup();
        if sources.is_empty() {
            return Err(RecipeError::NoSource(suite));
        }
        let apt_options =
            apt_config.lines().filter(|line| reaches_the_archive(line)).map(str::to_owned).collect();
        Ok(Recipe { suite, sources, apt_options, kernel: false })
    }

    pub(crate) fn with_kernel(self) -> Recipe {
        Recipe { kernel: true, ..self }
    }

    fn packages(&self) -> Vec<&'static str> {
        [PACKAGES, if self.kernel { KERNEL_PACKAGES } else { &[] }].concat()
    }

    /// Names the image. Only what decides its contents counts: not where the archive is or how it is reached.
    pub(crate) fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let packages = self.packages();
        for part in
            [&[self.suite.as_str(), FINISH, std::env::consts::ARCH], packages.as_slice(), LEFT_OUT].concat()
        {
            hasher.update(part);
            hasher.update([0]);
        }
        hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The arguments of mmdebstrap that make the tree at `target`; the sources go to its standard input.
    pub(crate) fn arguments(&self, target: &str) -> Vec<String> {
        let mut words: Vec<String> =
            ["--mode=root", "--variant=minbase", "--format=directory"].map(String::from).into();
        words.push(format!("--include={}", self.packages().join(",")));
        words.extend(LEFT_OUT.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
        words.extend(self.apt_options.iter().map(|option| format!("--aptopt={option}")));
        words.push(format!("--customize-hook={FINISH}"));
        words.extend([self.suite.clone(), target.to_owned(), "-".to_owned()]);
        words
    }
}

/// `SITE RELEASE COMPONENT [SIGNED_BY]`, when it belongs to the suite or its updates. An unset field is printed by
/// its name.
fn one_line_source(line: &str, suite: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (site, release, component) = (words.next()?, words.next()?, words.next()?);
    if release != suite && !release.starts_with(&format!("{suite}-")) {
        return None;
    }
    let key = words.next().filter(|key| key.starts_with('/'));
    let options = key.map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
    Some(format!("deb {options}{site} {release} {component}"))
}

/// Whether a line of `apt-config dump` has to do with getting at the archive: proxies, certificates, retries, and
/// mirrors whose dates have passed.
fn reaches_the_archive(line: &str) -> bool {
    ["Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries"]
        .iter()
        .any(|prefix| line.starts_with(prefix))
        && !line.ends_with(" \"\";")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OS_RELEASE: &str = "ID=debian\nVERSION_CODENAME=bookworm\n";
    const TARGETS: &str = "http://a/debian bookworm main /k.gpg\n\
        http://a/debian bookworm-updates main $(SIGNED_BY)\n\
        http://a/debian bookworm main /k.gpg\n\
        https://elsewhere/ nodistro main /n.gpg\n";

    #[test]
    fn sources_of_other_projects_are_left_out() {
        let recipe = Recipe::from_machine(OS_RELEASE, TARGETS, "").unwrap();
        assert_eq!(
            recipe.sources,
            [
                "deb [signed-by=/k.gpg] http://a/debian bookworm main",
                "deb http://a/debian bookworm-updates main"
            ]
        );
    }

    #[test]
    fn only_settings_that_reach_the_archive_are_taken_over() {
        let dump = "APT::Architecture \"amd64\";\nAcquire::http \"\";\nAcquire::http::Proxy \"http://p:1\";\n\
                    Acquire::Check-Valid-Until \"false\";\nAcquire::Languages \"\";\n";
        let recipe = Recipe::from_machine(OS_RELEASE, TARGETS, dump).unwrap();
        assert_eq!(
            recipe.apt_options,
            ["Acquire::http::Proxy \"http://p:1\";", "Acquire::Check-Valid-Until \"false\";"]
        );
    }

    #[test]
    fn another_mirror_makes_the_same_image() {
        let here = Recipe::from_machine(OS_RELEASE, TARGETS, "").unwrap();
        let there = Recipe::from_machine(OS_RELEASE, "http://b/d bookworm main", "").unwrap();
        assert_eq!(here.hash(), there.hash());
        let newer = Recipe { suite: "trixie".into(), ..there };
        assert_ne!(here.hash(), newer.hash());
        assert_ne!(here.hash(), here.with_kernel().hash());
    }

    #[test]
    fn a_machine_without_a_fitting_source_is_told_so() {
        assert_eq!(
            Recipe::from_machine(OS_RELEASE, "http://a/d trixie main", ""),
            Err(RecipeError::NoSource("bookworm".into()))
        );
        assert_eq!(Recipe::from_machine("ID=arch\n", TARGETS, ""), Err(RecipeError::NoSuite));
    }
}
