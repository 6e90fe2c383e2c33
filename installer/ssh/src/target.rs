//! Whom to connect to, and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use installer_model::secret::Secret;

use crate::host_key::Fingerprint;

/// A host as SSH sees it.
#[derive(Debug, Clone)]
pub struct Target {
    /// A name or an address, without brackets.
    pub address: String,
    pub port: u16,
    pub user: String,
    pub auth: Auth,
    pub sudo: Sudo,
    pub host_key: HostKeyPolicy,
    /// The host through which this one is reached; it may have one itself.
    pub jump: Option<Box<Target>>,
    pub patience: Patience,
}

impl Target {
    /// Port 22, no sudo, no jump host, the usual patience.
    pub fn new(address: &str, user: &str, auth: Auth, host_key: HostKeyPolicy) -> Target {
        Target {
            address: address.to_owned(),
            port: 22,
            user: user.to_owned(),
            auth,
            sudo: Sudo::None,
            host_key,
            jump: None,
            patience: Patience::default(),
        }
    }
}

/// How the user proves who they are.
#[derive(Debug, Clone)]
pub enum Auth {
    Key {
        file: PathBuf,
        passphrase: Option<Secret>,
    },
    /// A key that is in no file; `name` says which one it is.
    KeyText {
        name: String,
        text: Secret,
        passphrase: Option<Secret>,
    },
    /// The keys that the agent at `SSH_AUTH_SOCK` holds, one after the other.
    Agent,
    /// Asked for as `password` or, where the server has only that, as `keyboard-interactive`.
    Password(Secret),
    /// One after the other, until the server is content. Not empty.
    Each(Vec<Auth>),
}

/// How the user becomes root.
#[derive(Debug, Clone)]
pub enum Sudo {
    /// The user is root.
    None,
    NoPassword,
    Password(Secret),
}

/// Is asked for the host's name and the fingerprint that it shows; says whether to go on. May block.
pub type AskHostKey = Arc<dyn Fn(&str, &Fingerprint) -> bool + Send + Sync>;

/// Which host key is the right one.
#[derive(Clone)]
pub enum HostKeyPolicy {
    /// This one, seen before or taken from the site file.
    Pinned(Fingerprint),
    /// First contact: somebody decides.
    Ask(AskHostKey),
}

impl std::fmt::Debug for HostKeyPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            HostKeyPolicy::Pinned(fingerprint) => write!(f, "Pinned({fingerprint})"),
            HostKeyPolicy::Ask(_) => f.write_str("Ask"),
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the TCP connection.
    pub connect: Duration,
    /// For each step of greeting and login; servers that look up names backwards take their time.
    pub login: Duration,
    /// Between questions to a silent server whether it is still there.
    pub keepalive: Duration,
    /// After this much silence the connection is lost. A network that is gone for a shorter time is survived.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(10),
            login: Duration::from_secs(60),
            keepalive: Duration::from_secs(10),
            silence: Duration::from_secs(60),
        }
    }
}
