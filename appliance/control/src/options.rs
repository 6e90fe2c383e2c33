//! What a caller may choose, and what the hosts are looked at for.

use std::path::PathBuf;
use std::time::Duration;

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

/// What goes with a site beside its file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who asks, for the record of waivers.
    pub by: String,
    /// Paths in the site file are meant from here.
    pub folder: PathBuf,
    /// A bundle or a folder of parts, instead of the one that the site file names.
    pub bundle: Option<PathBuf>,
    /// Files of public keys that may have sealed the bundle.
    pub trust: Vec<PathBuf>,
    /// Hosts that are taken from the ledger that holds them.
    pub take_over: Vec<String>,
    /// A host is given up that has not answered for this long.
    pub patience: Duration,
    /// Whether host keys that are seen for the first time are trusted without a question.
    pub trust_new_hosts: bool,
}

impl Options {
    /// The same for a bundle whose key was trusted before: what `trust` names is another one's.
    pub(crate) fn without_trust(&self) -> Options {
        Options { trust: Vec::new(), ..self.clone() }
    }
}
