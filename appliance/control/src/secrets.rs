//! Where secrets come from: files, the environment and a terminal on the command line, the sealed store on a server.

use std::path::Path;

use installer_model::secret::Secret;
use installer_model::site::SecretRef;
use installer_ssh::Auth;

/// Why a secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nobody gave it yet; somebody may.
    #[error("find the {0}: nobody gave it yet")]
    Missing(String),
    /// Fit to follow "failed to".
    #[error("{0}")]
    Unusable(String),
}

/// Gives what a site file refers to. Called from where hosts are about to be connected to; may block.
pub trait SecretSource: Send + Sync {
    /// `what` names it in questions and errors, such as `password of site@10.0.0.11`.
    fn secret(&self, from: &SecretRef, what: &str) -> Result<Secret, SecretError>;

    /// The private key that a site file names by its path.
    fn private_key(&self, file: &Path, passphrase: Option<Secret>) -> Result<Auth, SecretError>;

    /// The agent of whoever wrote the site file.
    fn agent(&self) -> Result<Auth, SecretError>;

    /// The text of a certificate that a site file names by its path.
    fn certificate(&self, file: &Path) -> Result<String, SecretError>;
}
