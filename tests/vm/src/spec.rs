//! What somebody asks a lab to be.

use crate::process::Process;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The name of a lab: part of the names of its namespaces, cgroups and directories, so that several labs live side
/// by side. A dot separates it from host names there, which is why it cannot hold one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabName(String);

impl LabName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LabName {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if plain && first && text.len() <= 32 {
            Ok(LabName(text.to_owned()))
        } else {
            Err(SpecError::Name(text.to_owned()))
        }
    }
}

/// Everything that can be chosen about a lab.
#[derive(Debug, Clone)]
pub struct LabSpec {
    pub name: LabName,
    pub hosts: Vec<HostSpec>,
    /// No default route and an empty resolv.conf, as most closed rooms are. Otherwise the default route leads to a
    /// gateway that counts and drops.
    pub isolated: bool,
    /// A second network, with a card of its own (`cluster0`) in every host.
    pub second_network: bool,
    pub owner: Owner,
}

/// The process that a lab ends with: when it is gone, the lab is left behind, and the next `up` removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The process that brings it up.
    Caller,
    Other(Process),
    /// It stays until somebody takes it down.
    Nobody,
}

/// What differs from host to host.
#[derive(Debug, Clone)]
pub struct HostSpec {
    /// Given by [`LabSpec::new`]: it becomes part of interface names and scripts.
    pub(crate) name: String,
    pub disk_size: Size,
    /// The whole text of `/etc/os-release`, in place of the base image's.
    pub os_release: Option<String>,
    /// Lines of sshd_config that win over the lab's own.
    pub sshd: Vec<String>,
}

impl LabSpec {
    /// A lab of `count` equal hosts `h1`, `h2`, … that ends with the process that asked for it.
    pub fn new(name: &str, count: u8) -> Result<LabSpec, SpecError> {
        if count == 0 || count > MOST_HOSTS {
            return Err(SpecError::Count(count));
        }
        let host = |n| HostSpec {
            name: format!("h{n}"),
            disk_size: Size::gibibytes(20),
            os_release: None,
            sshd: Vec::new(),
        };
        Ok(LabSpec {
            name: name.parse()?,
            hosts: (1..=count).map(host).collect(),
            isolated: false,
            second_network: false,
            owner: Owner::Caller,
        })
    }

    /// The hosts that a setting is for: `h2=VALUE` is for one host, `VALUE` for all of them.
    pub fn each_host_of<'a>(&mut self, setting: &'a str) -> (Vec<&mut HostSpec>, &'a str) {
        if let Some((name, value)) = setting.split_once('=')
            && let Some(position) = self.hosts.iter().position(|host| host.name == name)
        {
            return (vec![&mut self.hosts[position]], value);
        }
        (self.hosts.iter_mut().collect(), setting)
    }
}

/// Host addresses begin at .11 and stay well below .255.
const MOST_HOSTS: u8 = 200;

/// A size in bytes, written as `20G`, `500M` or a plain number of bytes; powers of 1024, as mkfs and qemu count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Size(u64);

impl Size {
    pub const fn gibibytes(count: u64) -> Size {
        Size(count << 30)
    }
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = || SpecError::Size(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match &text[digits.len()..] {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(wrong()),
        };
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        count.checked_mul(1 << shift).filter(|bytes| *bytes >= SMALLEST_DISK).map(Size).ok_or_else(wrong)
    }
}

/// Below this ext4 leaves no room for its own journal and a host's few changed files.
const SMALLEST_DISK: u64 = 64 << 20;

/// What is wrong with a wish.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpecError {
    #[error("a lab's name begins with a letter and has at most 32 of a-z, 0-9 and '-', not {0:?}")]
    Name(String),
    #[error("a lab has 1 to {MOST_HOSTS} hosts, not {0}")]
    Count(u8),
    #[error("a disk size is a number with K, M, G or T, 64M at least, not {0:?}")]
    Size(String),
    #[error("a rate is a number with kbit, mbit or gbit, not {0:?}")]
    Rate(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        assert_eq!("20G".parse(), Ok(Size::gibibytes(20)));
        assert_eq!("500M".parse::<Size>().unwrap().bytes(), 500 << 20);
        for wrong in ["", "G", "20g", "20GB", "-1G", "1M", "99999999999999T"] {
            assert_eq!(wrong.parse::<Size>(), Err(SpecError::Size(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_would_not_be_a_file_name_is_refused() {
        assert!("demo-2".parse::<LabName>().is_ok());
        for wrong in ["", "2demo", "a.b", "../x", "A", "abcdefghijklmnopqrstuvwxyz0123456"] {
            assert!(wrong.parse::<LabName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_setting_is_for_one_host_or_for_all() {
        let mut spec = LabSpec::new("x", 3).unwrap();
        let (hosts, value) = spec.each_host_of("h2=5G");
        assert_eq!((hosts.len(), hosts[0].name.as_str(), value), (1, "h2", "5G"));
        let (hosts, value) = spec.each_host_of("Ciphers=aes256-gcm@openssh.com");
        assert_eq!((hosts.len(), value), (3, "Ciphers=aes256-gcm@openssh.com"));
    }
}
