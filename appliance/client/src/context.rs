//! Servers that somebody logged in to: one file in the user's configuration folder, closed to everybody else.
//!
//! ```json
//! { "version": 1, "current": "10.0.0.5:9443",
//!   "contexts": { "10.0.0.5:9443": { "server": "https://10.0.0.5:9443", "authority": "<DER in Base64>",
//!                                    "user": "anna", "token_id": "t-4", "token": "..." } } }
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::client::Client;
use crate::error::ClientError;
use crate::pin::{Address, Pin};
use crate::transport::Transport;

const VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    #[error("use {}", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("use {}: others may read it, and it holds tokens", .0.display())]
    Open(PathBuf),
    #[error("understand {}", .path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("understand {}: it is of version {found}, this program knows {VERSION}", .path.display())]
    Newer { path: PathBuf, found: u32 },
}

/// Where a server is, whose certificates it shows, and as whom it is asked.
#[derive(Clone, Serialize, Deserialize)]
pub struct Context {
    pub server: Address,
    #[serde(with = "as_base64")]
    pub authority: Vec<u8>,
    pub user: String,
    /// What `logout` revokes.
    pub token_id: String,
    pub token: String,
}

impl Drop for Context {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("server", &self.server)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub fn client(&self) -> Result<Client, ClientError> {
        let pin = Pin::new(self.authority.clone());
        Ok(Client::new(Transport::pinned(&self.server, &pin)?).with_token(&self.token))
    }
}

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contexts {
    version: u32,
    /// What verbs use that are not told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

impl Default for Contexts {
    fn default() -> Contexts {
        Contexts { version: VERSION, current: None, contexts: BTreeMap::new() }
    }
}

impl Contexts {
    /// The file's place in a configuration folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("contexts.json")
    }

    /// A file that is not there is an empty one.
    pub fn read(path: &Path) -> Result<Contexts, ContextError> {
        let failed = |source| ContextError::File { path: path.to_owned(), source };
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contexts::default()),
            read => read.map_err(failed)?,
        };
        if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
            return Err(ContextError::Open(path.to_owned()));
        }
        let contexts: Contexts = serde_json::from_slice(&text)
            .map_err(|source| ContextError::Damaged { path: path.to_owned(), source })?;
        if contexts.version > VERSION {
            return Err(ContextError::Newer { path: path.to_owned(), found: contexts.version });
        }
        Ok(contexts)
    }

    /// Replaces the file as a whole; the folder is made where it is missing.
    pub fn write(&self, path: &Path) -> Result<(), ContextError> {
        let failed = |source| ContextError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| ContextError::Damaged { path: path.to_owned(), source })?;
        let new = path.with_extension("json.new");
        let _ = fs::remove_file(&new);
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }

    /// The context that verbs use.
    pub fn chosen(&self) -> Option<&Context> {
        self.contexts.get(self.current.as_ref()?)
    }
}

mod as_base64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{BASE64_STANDARD, Engine};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts() -> Contexts {
        let context = Context {
            server: "https://10.0.0.5".parse().unwrap(),
            authority: vec![1, 2, 3],
            user: "anna".to_owned(),
            token_id: "t-4".to_owned(),
            token: "canary".to_owned(),
        };
        let contexts = [("a".to_owned(), context)].into();
        Contexts { current: Some("a".to_owned()), contexts, ..Contexts::default() }
    }

    #[test]
    fn what_was_written_is_read_again_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = Contexts::path(&folder.path().join("armilla"));
        assert!(Contexts::read(&path).unwrap().contexts.is_empty());
        contexts().write(&path).unwrap();
        contexts().write(&path).unwrap();
        let read = Contexts::read(&path).unwrap();
        assert_eq!(read.chosen().unwrap().token, "canary");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{read:?}").contains("canary"));
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = Contexts::path(folder.path());
        contexts().write(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Contexts::read(&path), Err(ContextError::Open(_))));
    }

    #[test]
    fn a_file_of_a_later_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = Contexts::path(folder.path());
        Contexts { version: 2, ..contexts() }.write(&path).unwrap();
        assert!(matches!(Contexts::read(&path), Err(ContextError::Newer { found: 2, .. })));
    }
}
