//! Secrets that were given to the instance: sealed in its store, one for each thing that a site file refers to.
//!
//! A file or variable that a site file names is one on the machine of whoever wrote it, not one of the server: read there, it
//! would let everybody who may write sites use what only the server's own user may read.

use std::path::Path;
use std::sync::{Arc, Mutex};

use appliance_store::Store;
use installer_model::secret::Secret;
use installer_model::site::{SecretRef, Site};
use installer_ssh::{Auth, HostKeyPolicy};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::logins::{HostKeys, Logins, registries};
use crate::secrets::{SecretError, SecretSource};

/// Something that a site file refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Names it in addresses: the same reference has the same id, in every site.
    pub id: String,
    pub kind: ReferenceKind,
    /// As the site file has it, such as `/root/.ssh/id_ed25519` or `environment variable LOGIN`.
    pub from: String,
    /// What it is for, such as `password of root@10.0.0.1`.
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReferenceKind {
    /// A password or passphrase.
    Secret,
    /// The text of a private key.
    PrivateKey,
    /// PEM.
    Certificate,
}

impl Reference {
    fn new(kind: ReferenceKind, from: String, what: String) -> Reference {
        let digest = Sha256::digest(format!("{kind:?}\n{from}"));
        let id = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Reference { id, kind, from, what }
    }

    fn secret(from: &SecretRef, what: &str) -> Reference {
        let text = match from {
            // Each question is one of its own.
            SecretRef::Prompt => what.to_owned(),
            SecretRef::File(_) | SecretRef::Env(_) => from.to_string(),
        };
        Reference::new(ReferenceKind::Secret, text, what.to_owned())
    }

    fn private_key(file: &Path) -> Reference {
        let what = format!("private key {}", file.display());
        Reference::new(ReferenceKind::PrivateKey, file.display().to_string(), what)
    }

    fn certificate(file: &Path) -> Reference {
        let what = format!("certificate {}", file.display());
        Reference::new(ReferenceKind::Certificate, file.display().to_string(), what)
    }

    /// The place in the store where it is sealed for this site.
    pub fn place(&self, site: &str) -> String {
        format!("site/{site}/{}", self.id)
    }
}

/// Secrets of one site, out of the store.
pub struct Given {
    store: Arc<Store>,
    site: String,
}

impl Given {
    pub fn new(store: &Arc<Store>, site: &str) -> Given {
        Given { store: Arc::clone(store), site: site.to_owned() }
    }

    /// Every secret of the site that was given.
    pub fn known(&self, site: &Site) -> Vec<Secret> {
        references(site).iter().filter_map(|reference| self.open(reference).ok()).collect()
    }

    fn open(&self, reference: &Reference) -> Result<Secret, SecretError> {
        let opened = self.store.secret(&reference.place(&self.site));
        let unusable = |why: String| SecretError::Unusable(format!("open the {}: {why}", reference.what));
        let opened = opened.map_err(|error| unusable(error.to_string()))?;
        let bytes = opened.ok_or_else(|| SecretError::Missing(reference.what.clone()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable("it is not text".to_owned()))?;
        Ok(Secret::new(text))
    }
}

impl SecretSource for Given {
    fn secret(&self, from: &SecretRef, what: &str) -> Result<Secret, SecretError> {
        self.open(&Reference::secret(from, what))
    }

    fn private_key(&self, file: &Path, passphrase: Option<Secret>) -> Result<Auth, SecretError> {
        let text = self.open(&Reference::private_key(file))?;
        Ok(Auth::KeyText { name: file.display().to_string(), text, passphrase })
    }

    /// The one that a server was started beside is its owner's: whoever may write sites could log in by it anywhere.
    fn agent(&self) -> Result<Auth, SecretError> {
        let why = "log in by an SSH agent: a server uses none; name ssh.keyFile or ssh.password in the site file and give it";
        Err(SecretError::Unusable(why.to_owned()))
    }

    fn certificate(&self, file: &Path) -> Result<String, SecretError> {
        let text = self.open(&Reference::certificate(file))?;
        Ok(text.expose().to_owned())
    }
}

/// Everything that a site refers to, in order, each once.
pub fn references(site: &Site) -> Vec<Reference> {
    let noting = Noting::default();
    let keys = HostKeys::read(std::collections::BTreeMap::new(), false);
    let logins = Logins::new(&noting, &keys);
    for host in &site.hosts {
        // Nothing that it gives is wrong, and what comes of it is of no interest.
        let _: Result<HostKeyPolicy, SecretError> = logins.target(host).map(|target| target.host_key);
    }
    let _ = registries(site, &noting);
    let mut found = noting.0.into_inner().expect("invariant: nothing panics while it holds the list");
    found.sort();
    found.dedup_by(|one, other| one.id == other.id);
    found
}

/// Gives something for everything and remembers what it was asked for.
#[derive(Default)]
struct Noting(Mutex<Vec<Reference>>);

impl Noting {
    fn note(&self, reference: Reference) {
        self.0.lock().expect("invariant: nothing panics while it holds the list").push(reference);
    }
}

impl SecretSource for Noting {
    fn secret(&self, from: &SecretRef, what: &str) -> Result<Secret, SecretError> {
        self.note(Reference::secret(from, what));
        Ok(Secret::new(""))
    }

    fn private_key(&self, file: &Path, passphrase: Option<Secret>) -> Result<Auth, SecretError> {
        self.note(Reference::private_key(file));
        Ok(Auth::Key { file: file.to_owned(), passphrase })
    }

    fn agent(&self) -> Result<Auth, SecretError> {
        Ok(Auth::Agent)
    }

    fn certificate(&self, file: &Path) -> Result<String, SecretError> {
        self.note(Reference::certificate(file));
        Ok("-----BEGIN CERTIFICATE-----".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use appliance_store::Holder;
    use appliance_store::ledger::{Actor, Command, CredentialCommand};

    use super::*;

    const SITE: &str = "apiVersion: armilla/v1\nkind: Site\nmetadata: {name: s}\nssh: {user: ops, keyFile: /k/id, passphrase: {env: P}}\n\
        sudo: {password: {prompt: true}}\nhosts:\n- {name: a, address: 10.0.0.1, roles: [control-plane]}\n- {name: b, address: 10.0.0.2, roles: [worker]}\n";

    #[test]
    fn a_site_names_each_thing_that_it_needs_once() {
        let found = references(&Site::parse(SITE).unwrap());
        let whats: Vec<&str> = found.iter().map(|reference| reference.what.as_str()).collect();
        assert_eq!(whats.len(), 4, "{whats:?}");
        for what in [
            "passphrase of /k/id",
            "private key /k/id",
            "sudo password of ops@10.0.0.1",
            "sudo password of ops@10.0.0.2",
        ] {
            assert!(whats.contains(&what), "{what} of {whats:?}");
        }
    }

    #[test]
    fn a_server_uses_no_agent_and_minds_it_only_where_there_is_no_other_way() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path(), &Holder::this_process("test", 1)).unwrap());
        let given = Given::new(&store, "s");
        let keys = HostKeys::read(std::collections::BTreeMap::new(), false);
        let target = |ssh: &str| {
            let text = format!(
                "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: s}}\nssh: {{user: root{ssh}}}\nhosts:\n- {{name: a, address: 10.0.0.1, roles: [control-plane]}}\n"
            );
            let site = Site::parse(&text).unwrap();
            Logins::new(&given, &keys).target(&site.hosts[0]).map(|target| target.auth)
        };
        let refused = target("").unwrap_err();
        assert!(refused.to_string().contains("a server uses none"), "{refused}");
        let place = Reference::private_key(Path::new("/k/id")).place("s");
        let sealed = store.seal(&place, b"the text of a key").unwrap();
        let command = Command::Credentials(CredentialCommand::PutSecret { name: place, sealed });
        store.submit(&Actor::Instance, &command).unwrap();
        let auth = target(", keyFile: /k/id, agent: true").unwrap();
        assert!(matches!(auth, Auth::KeyText { .. }), "a key beside it is used alone");
    }
}
