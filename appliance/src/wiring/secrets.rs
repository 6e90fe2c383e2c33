//! Secrets as an operator at a terminal gives them: files, variables of the environment, and questions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use appliance_control::here::home;
use appliance_control::{SecretError, SecretSource};
use installer_model::secret::Secret;
use installer_model::site::SecretRef;
use installer_ssh::Auth;

/// Each is asked for or read once.
#[derive(Default)]
pub(crate) struct Secrets(Mutex<BTreeMap<(SecretRef, String), Secret>>);

impl Secrets {
    /// A secret that can be had without asking anybody.
    pub(crate) fn read_unasked(from: &SecretRef) -> Option<Secret> {
        (*from != SecretRef::Prompt).then(|| Secrets::default().secret(from, "secret").ok()).flatten()
    }

    /// All that was asked for or read.
    pub(crate) fn known(&self) -> Vec<Secret> {
        self.lock().values().cloned().collect()
    }

    /// Held while a question is asked: people read one at a time.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(SecretRef, String), Secret>> {
        self.0.lock().expect("invariant: nothing panics while it holds the secrets")
    }
}

impl SecretSource for Secrets {
    fn secret(&self, from: &SecretRef, what: &str) -> Result<Secret, SecretError> {
        // A question is asked for each thing, a file or variable is read once.
        let asked = if *from == SecretRef::Prompt { what.to_owned() } else { String::new() };
        let key = (from.clone(), asked);
        let mut all = self.lock();
        if let Some(known) = all.get(&key) {
            return Ok(known.clone());
        }
        let secret = get(from, what).map_err(SecretError::Unusable)?;
        all.insert(key, secret.clone());
        Ok(secret)
    }

    fn private_key(&self, file: &Path, passphrase: Option<Secret>) -> Result<Auth, SecretError> {
        Ok(Auth::Key { file: home(file), passphrase })
    }

    fn agent(&self) -> Result<Auth, SecretError> {
        Ok(Auth::Agent)
    }

    fn certificate(&self, file: &Path) -> Result<String, SecretError> {
        let text = std::fs::read_to_string(home(file));
        text.map_err(|error| SecretError::Unusable(format!("read {}: {error}", file.display())))
    }
}

fn get(from: &SecretRef, what: &str) -> Result<Secret, String> {
    match from {
        SecretRef::File(path) => {
            let text = std::fs::read_to_string(home(path));
            let text = text.map_err(|error| format!("read the {what} from {}: {error}", path.display()))?;
            Ok(Secret::new(text.lines().next().unwrap_or_default()))
        }
        SecretRef::Env(name) => Ok(Secret::new(
            std::env::var(name)
                .map_err(|_| format!("read the {what}: environment variable {name} is not set"))?,
        )),
        SecretRef::Prompt => {
            let typed = rpassword::prompt_password(format!("{what}: "));
            Ok(Secret::new(typed.map_err(|error| format!("ask for the {what}: {error}"))?))
        }
    }
}
