//! What a caller may choose, and what the hosts are looked at for.

use std::path::PathBuf;
use std::time::Duration;

use appliance_store::ledger::Actor;

/// What the hosts are looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Check,
    Plan,
    Apply,
    Import,
    Reset,
}

impl Purpose {
    /// The verb of the command line; what the store's holder is called.
    pub fn verb(self) -> &'static str {
        match self {
            Purpose::Check => "check",
            Purpose::Plan => "plan",
            Purpose::Apply => "apply",
            Purpose::Import => "bundle import",
            Purpose::Reset => "reset",
        }
    }
}

/// Whose word makes the key good that sealed a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trusting {
    /// An operator's on their own machine: these files of public keys, else the key in the site file, else what they trusted
    /// before.
    Operator(Vec<PathBuf>),
    /// That of a server's administrators: the keys that they trust, and no others. A key in a site's text narrows that and
    /// never widens it, since whoever may write sites could otherwise bring a key of their own along.
    Administrators,
}

/// What goes with a site beside its file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who asks, for the record of waivers.
    pub by: String,
    /// Who asks, for the audit.
    pub actor: Actor,
    /// Paths in the site file are meant from here.
    pub folder: PathBuf,
    /// A bundle or a folder of parts, instead of the one that the site file names.
    pub bundle: Option<PathBuf>,
    /// The id that must be found there; any where it is `None`.
    pub bundle_id: Option<String>,
    pub trust: Trusting,
    /// Hosts that are taken from the ledger that holds them.
    pub take_over: Vec<String>,
    /// A host is given up that has not answered for this long.
    pub patience: Duration,
    /// Whether host keys that are seen for the first time are trusted without a question.
    pub trust_new_hosts: bool,
    /// Whether what is found is written down; a dry run leaves nothing.
    pub keep: bool,
}

impl Options {
    /// The same for a bundle whose key was trusted before: the files that `trust` names are another one's.
    pub(crate) fn without_trust(&self) -> Options {
        let trust = match &self.trust {
            Trusting::Operator(_) => Trusting::Operator(Vec::new()),
            Trusting::Administrators => Trusting::Administrators,
        };
        Options { trust, ..self.clone() }
    }
}
