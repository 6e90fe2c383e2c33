//! How a unit is started and stopped through systemd, whichever version the host has.
//!
//! The hosts range from systemd 219 (Anolis 7) to 257. What an old one does not know ends `systemd-run` with an error, so
//! each option is given only to those that have it, by the release notes of systemd (NEWS):
//!
//! | option | since | without it |
//! |---|---|---|
//! | `--unit`, `--description` | 206 | |
//! | `--collect` | 236 | a unit that failed stays loaded until `reset-failed`, which forgetting it does |
//! | `TimeoutStopSec=` of a transient unit | 237 | 90 s; stopping sends SIGKILL itself after its own limit |
//! | `Type=exec` | 240 | `simple`: whether the program could be started is seen by its record alone |

use std::path::Path;

/// `--collect` and the garbage collection of failed units behind it.
const COLLECT: u32 = 236;
/// "Almost all properties are now exposed" for transient services.
const ALL_PROPERTIES: u32 = 237;
const TYPE_EXEC: u32 = 240;

/// The number that `systemctl --version` begins with: `systemd 243 (v243-61.p05.ky10)`.
pub fn version_of(said: &str) -> Option<u32> {
    let mut words = said.split_whitespace();
    words.find(|word| *word == "systemd")?;
    let number = words.next()?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What this host's systemd can do. One whose version nobody knows is taken for the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    version: u32,
}

impl Abilities {
    pub fn of(version: Option<u32>) -> Abilities {
        Abilities { version: version.unwrap_or(0) }
    }

    /// Failed units go away by themselves.
    pub fn collects(self) -> bool {
        self.version >= COLLECT
    }

    /// systemd itself kills what does not end in time.
    pub fn limits_stopping(self) -> bool {
        self.version >= ALL_PROPERTIES
    }

    /// The arguments of `systemd-run` for a unit that runs `exe hand unit-exec folder`.
    pub fn run_arguments(self, name: &str, exe: &Path, folder: &Path, stop_seconds: u64) -> Vec<String> {
        let mut arguments = vec![format!("--unit={name}"), format!("--description=Armilla: {name}")];
        if self.collects() {
            arguments.push("--collect".to_owned());
        }
        if self.limits_stopping() {
            arguments.push(format!("--property=TimeoutStopSec={stop_seconds}"));
        }
        if self.version >= TYPE_EXEC {
            arguments.push("--property=Type=exec".to_owned());
        }
        arguments.push("--".to_owned());
        let words =
            [&exe.to_string_lossy(), "hand", "unit-exec", &folder.to_string_lossy()].map(str::to_owned);
        arguments.extend(words);
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first version whose `systemd-run` takes an argument: `systemd-run --help` and NEWS of each.
    fn since(argument: &str) -> u32 {
        let known = [
            ("--unit=", 205),
            ("--description=", 206),
            ("--property=KillMode=", 211),
            ("--quiet", 219),
            ("--collect", 236),
            ("--property=TimeoutStopSec=", 237),
            ("--property=Type=exec", 240),
        ];
        let found = known.iter().find(|(prefix, _)| argument.starts_with(prefix));
        found.unwrap_or_else(|| panic!("nobody has looked up since when there is {argument}")).1
    }

    #[test]
    fn no_systemd_is_told_what_it_does_not_know() {
        for version in [219, 229, 237, 239, 241, 243, 245, 247, 249, 252, 255, 257] {
            let all = Abilities::of(Some(version)).run_arguments("a-1", Path::new("/p"), Path::new("/f"), 10);
            let options = all.iter().take_while(|argument| *argument != "--");
            for option in options {
                assert!(since(option) <= version, "systemd {version} does not know {option}");
            }
            assert!(all.ends_with(&["--", "/p", "hand", "unit-exec", "/f"].map(str::to_owned)));
        }
    }

    #[test]
    fn each_systemd_is_told_all_that_it_knows() {
        let count =
            |version| Abilities::of(version).run_arguments("a", Path::new("/p"), Path::new("/f"), 10).len();
        let counts = [None, Some(219), Some(239), Some(241), Some(255)].map(count);
        assert_eq!(counts, [7, 7, 9, 10, 10]);
    }

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        for (said, version) in [
            ("systemd 219\n+PAM +AUDIT +SELINUX\n", Some(219)),
            ("systemd 243 (v243-61.p05.ky10)\n+PAM\n", Some(243)),
            ("systemd 249 (249.11-0ubuntu3.12)\n", Some(249)),
            ("systemd 255.4-1ubuntu8\n", Some(255)),
            ("systemd v257\n", None),
            ("", None),
        ] {
            assert_eq!(version_of(said), version, "{said}");
        }
    }
}
