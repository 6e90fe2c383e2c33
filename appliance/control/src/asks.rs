//! What cannot be decided here: somebody is shown it, answers, and the same is tried again.

use std::path::PathBuf;

use installer_model::site::SecretRef;

/// The key that a host showed when it was reached for the first time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownHostKey {
    /// Where it answers, such as `10.0.0.1:22`: the name that its key is kept under.
    pub place: String,
    /// `SHA256:…`, as `ssh-keygen -lf` prints it.
    pub fingerprint: String,
}

/// The key of a bundle that nobody vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownBundleKey {
    pub path: PathBuf,
    pub fingerprint: String,
    /// The public key itself.
    pub pem: String,
}

/// A secret that the site refers to and nobody has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSecret {
    pub from: SecretRef,
    /// What it is, such as `password of root@10.0.0.1`.
    pub what: String,
}

/// All questions that came up in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    pub host_keys: Vec<UnknownHostKey>,
    pub bundle_key: Option<UnknownBundleKey>,
    pub secrets: Vec<WantedSecret>,
}

impl Asks {
    pub fn is_empty(&self) -> bool {
        *self == Asks::default()
    }
}
