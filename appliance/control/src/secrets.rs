//! Where secrets come from: files, the environment and a terminal on the command line, the sealed store on a server.

use std::path::Path;

use installer_model::secret::Secret;
use installer_model::site::SecretRef;
use installer_ssh::Auth;

use crate::here::home;

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

    /// The text of a certificate that a site file names by its path.
    fn certificate(&self, file: &Path) -> Result<String, SecretError>;
}

/// Files and the environment of this machine, with nobody to ask.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromHere;

impl SecretSource for FromHere {
    fn secret(&self, from: &SecretRef, what: &str) -> Result<Secret, SecretError> {
        match from {
            SecretRef::File(path) => {
                let text = std::fs::read_to_string(home(path)).map_err(|error| {
                    SecretError::Unusable(format!("read the {what} from {}: {error}", path.display()))
                })?;
                Ok(Secret::new(text.lines().next().unwrap_or_default()))
            }
            SecretRef::Env(name) => std::env::var(name).map(Secret::new).map_err(|_| {
                SecretError::Unusable(format!("read the {what}: environment variable {name} is not set"))
            }),
            SecretRef::Prompt => Err(SecretError::Missing(what.to_owned())),
        }
    }

    fn private_key(&self, file: &Path, passphrase: Option<Secret>) -> Result<Auth, SecretError> {
        Ok(Auth::Key { file: home(file), passphrase })
    }

    fn certificate(&self, file: &Path) -> Result<String, SecretError> {
        let text = std::fs::read_to_string(home(file));
        text.map_err(|error| SecretError::Unusable(format!("read {}: {error}", file.display())))
    }
}
