//! What somebody decided to go on in spite of, and why.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::HostName;

/// A check that may object on one host, or on every host where it names none. It excuses that check and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waiver {
    /// The id of a check.
    pub check: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostName>,
    /// Never empty.
    pub reason: String,
}

impl Waiver {
    /// Whether it excuses what this check found there; `host` is `None` for the site as a whole.
    pub fn covers(&self, check: &str, host: Option<&HostName>) -> bool {
        self.check == check && self.host.as_ref().is_none_or(|own| Some(own) == host)
    }

    /// Whether two waivers excuse the same, whatever their reasons.
    pub fn is_for_the_same(&self, other: &Waiver) -> bool {
        self.check == other.check && self.host == other.host
    }

    /// `check` or `check@host`.
    pub fn target(&self) -> WaiverTarget {
        WaiverTarget { check: self.check.clone(), host: self.host.clone() }
    }
}

/// What a waiver is for, as the command line names it: `swap` or `swap@h1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverTarget {
    pub check: String,
    pub host: Option<HostName>,
}

impl fmt::Display for WaiverTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{}@{host}", self.check),
            None => f.write_str(&self.check),
        }
    }
}

impl FromStr for WaiverTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<WaiverTarget, String> {
        let (check, host) = match text.split_once('@') {
            Some((check, host)) => (check, Some(host.parse().map_err(|error| format!("{error}"))?)),
            None => (text, None),
        };
        if check.is_empty() {
            return Err("the id of a check is wanted, such as swap or swap@h1".to_owned());
        }
        Ok(WaiverTarget { check: check.to_owned(), host })
    }
}

/// A waiver as the store keeps it: with who waived, since when, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptWaiver {
    pub waiver: Waiver,
    /// Login and machine of who ran the command, such as `anna@jump1`.
    pub by: String,
    /// Unix time in milliseconds.
    pub at: u64,
    pub said: Said,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Said {
    SiteFile,
    CommandLine,
    /// Asked of a server: in a browser, or by a program.
    Server,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Said::SiteFile => "site file",
            Said::CommandLine => "command line",
            Said::Server => "server",
        })
    }
}

/// The waivers that hold from now on: those of the site file as it is now, and those that were said on the command
/// line. One that was there before keeps who said it and when, unless its reason changed.
pub fn merged(kept: &[KeptWaiver], site_file: &[Waiver], by: &str, at: u64) -> Vec<KeptWaiver> {
    let of_file = site_file.iter().map(|waiver| {
        let before = kept.iter().find(|kept| kept.said == Said::SiteFile && kept.waiver == *waiver);
        before.cloned().unwrap_or_else(|| KeptWaiver {
            waiver: waiver.clone(),
            by: by.to_owned(),
            at,
            said: Said::SiteFile,
        })
    });
    let mut all: Vec<KeptWaiver> = of_file.collect();
    all.extend(kept.iter().filter(|kept| kept.said != Said::SiteFile).cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiver(check: &str, host: Option<&str>) -> Waiver {
        Waiver {
            check: check.to_owned(),
            host: host.map(|host| host.parse().unwrap()),
            reason: "lab".to_owned(),
        }
    }

    #[test]
    fn a_waiver_excuses_its_own_check_on_its_own_host_alone() {
        let (h1, h2): (HostName, HostName) = ("h1".parse().unwrap(), "h2".parse().unwrap());
        assert!(waiver("swap", Some("h1")).covers("swap", Some(&h1)));
        assert!(!waiver("swap", Some("h1")).covers("swap", Some(&h2)));
        assert!(!waiver("swap", Some("h1")).covers("swap", None));
        assert!(!waiver("swap", None).covers("swap-file", Some(&h1)));
        assert!(waiver("swap", None).covers("swap", Some(&h2)) && waiver("swap", None).covers("swap", None));
    }

    #[test]
    fn targets_are_read_as_they_are_printed() {
        for text in ["swap", "swap@h1"] {
            assert_eq!(text.parse::<WaiverTarget>().unwrap().to_string(), text);
        }
        assert!("".parse::<WaiverTarget>().is_err() && "swap@".parse::<WaiverTarget>().is_err());
    }

    #[test]
    fn what_left_the_site_file_no_longer_holds_and_what_stayed_keeps_its_author() {
        let first = merged(&[], &[waiver("swap", None), waiver("ports", None)], "anna@x", 1);
        let said = KeptWaiver { said: Said::CommandLine, ..first[1].clone() };
        let kept: Vec<KeptWaiver> = first.into_iter().chain([said.clone()]).collect();
        let second = merged(&kept, &[waiver("swap", None)], "ben@y", 2);
        assert_eq!(second.len(), 2);
        assert_eq!((second[0].by.as_str(), second[0].at), ("anna@x", 1));
        assert_eq!(second[1], said);
    }
}
