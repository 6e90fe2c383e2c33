//! How each host is logged in to: addresses, secrets, host keys; and what the site's registries ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use appliance_store::{PinnedKey, Store};
use installer_model::names::HostKeyFingerprint;
use installer_model::secret::Secret;
use installer_model::site::{Host, JumpHop, SecretRef, Site, SshLogin};
use installer_ssh::{Auth, Fingerprint, HostKeyPolicy, Sudo, Target};

use crate::asks::{UnknownHostKey, WantedSecret};
use crate::error::{ControlError, Kind, Problem};
use crate::here::now_ms;
use crate::secrets::{SecretError, SecretSource};

/// What helps when something that the site file refers to cannot be had.
const SECRETS: &str = "the site file refers to these as {file: PATH}, {env: NAME} or {prompt: true}: make each one readable here; no host was connected to";

/// What helps where nobody gave it.
const GIVE: &str = "`armilla host credential ls` lists what the site refers to, `armilla host credential give` gives it; so does any \
    verb with the site's file from where they are";

/// Where SSH goes for every host of the site. Everything that is wrong is named at once.
pub fn targets(
    site: &Site,
    secrets: &dyn SecretSource,
    keys: &HostKeys,
) -> Result<BTreeMap<String, Target>, ControlError> {
    let mut targets = BTreeMap::new();
    let mut problems = Vec::new();
    let logins = Logins::new(secrets, keys);
    for host in &site.hosts {
        match logins.target(host) {
            Ok(target) => drop(targets.insert(host.name.to_string(), target)),
            Err(error) => problems.push(Problem::of_secret(host.name.as_str(), &error)),
        }
    }
    if problems.is_empty() {
        return Ok(targets);
    }
    let mut error = ControlError::all(Kind::NotLetIn, problems).hint(logins.hint());
    error.asks.secrets = logins.wanted();
    Err(error)
}

/// What the site's own registries need beside the site file: their CAs by host, and the passwords that the plan refers to.
pub type RegistryParts = (BTreeMap<String, String>, BTreeMap<SecretRef, Secret>);

pub fn registries(site: &Site, secrets: &dyn SecretSource) -> Result<RegistryParts, ControlError> {
    let (mut cas, mut passwords) = RegistryParts::default();
    let mut wanted = Vec::new();
    let mut problems = Vec::new();
    for registry in &site.registries {
        let host = registry.host.as_str();
        let mut untrusted =
            |why: String| problems.push(Problem::from(format!("trust registry {host}: {why}")));
        if let Some(path) = &registry.ca_file {
            match secrets.certificate(path) {
                Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => {
                    drop(cas.insert(host.to_owned(), pem))
                }
                Ok(_) => untrusted(format!("{} holds no certificate in PEM", path.display())),
                Err(error) => untrusted(error.to_string()),
            }
        }
        let Some(login) = &registry.credentials else { continue };
        let mut shut_out =
            |why: String| problems.push(Problem::from(format!("log in to registry {host}: {why}")));
        if login.password == SecretRef::Prompt && passwords.contains_key(&SecretRef::Prompt) {
            shut_out("only one registry's password can be asked for; name a file".to_owned());
            continue;
        }
        match secrets.secret(&login.password, &format!("password of {} at registry {host}", login.username)) {
            Ok(secret) => drop(passwords.insert(login.password.clone(), secret)),
            Err(error) => {
                if let SecretError::Missing(what) = &error {
                    wanted.push(WantedSecret { from: login.password.clone(), what: what.clone() });
                }
                shut_out(error.to_string());
            }
        }
    }
    if problems.is_empty() {
        return Ok((cas, passwords));
    }
    let hint = if wanted.is_empty() { SECRETS } else { GIVE };
    let mut error = ControlError::all(Kind::Refused, problems).hint(hint);
    error.asks.secrets = wanted;
    Err(error)
}

/// The keys of hosts: those that are trusted, and those that showed up while hosts were connected to.
pub struct HostKeys {
    known: Known,
    /// Trust what is seen for the first time.
    trust_new: bool,
    seen: Arc<Mutex<BTreeSet<UnknownHostKey>>>,
}

enum Known {
    /// In the store, which keeps those that are trusted from now on.
    Kept(Arc<Store>),
    /// These, read from a store that another process has open.
    Read(BTreeMap<String, PinnedKey>),
}

impl HostKeys {
    pub fn kept(store: &Arc<Store>, trust_new: bool) -> HostKeys {
        HostKeys { known: Known::Kept(Arc::clone(store)), trust_new, seen: Arc::default() }
    }

    pub fn read(keys: BTreeMap<String, PinnedKey>, trust_new: bool) -> HostKeys {
        HostKeys { known: Known::Read(keys), trust_new, seen: Arc::default() }
    }

    /// The keys that were seen for the first time, in order of places: trusted if new ones are, refused otherwise.
    pub fn seen(&self) -> Vec<UnknownHostKey> {
        lock(&self.seen).iter().cloned().collect()
    }

    fn known(&self, place: &str) -> Result<Option<PinnedKey>, String> {
        match &self.known {
            Known::Kept(store) => store.host_key(place).map_err(|error| error.to_string()),
            Known::Read(keys) => Ok(keys.get(place).cloned()),
        }
    }

    /// The site file's key, else the one that was seen before, else it is decided when the host shows it.
    pub fn policy(
        &self,
        address: &str,
        port: u16,
        written: Option<&HostKeyFingerprint>,
    ) -> Result<HostKeyPolicy, String> {
        let place = format!("{address}:{port}");
        let parse = |text: &str| {
            text.parse::<Fingerprint>().map(HostKeyPolicy::Pinned).map_err(|error| error.to_string())
        };
        if let Some(fingerprint) = written {
            return parse(fingerprint.as_str());
        }
        match self.known(&place)? {
            Some(known) => parse(&known.fingerprint),
            None => Ok(self.on_sight(place)),
        }
    }

    fn on_sight(&self, place: String) -> HostKeyPolicy {
        let seen = Arc::clone(&self.seen);
        let trust_new = self.trust_new;
        let store = match &self.known {
            Known::Kept(store) => Some(Arc::clone(store)),
            Known::Read(_) => None,
        };
        HostKeyPolicy::Ask(Arc::new(move |_, fingerprint| {
            let key = UnknownHostKey { place: place.clone(), fingerprint: fingerprint.to_string() };
            let kept = match &store {
                Some(store) if trust_new => trust(store, &key).is_ok(),
                Some(_) | None => true,
            };
            lock(&seen).insert(key);
            trust_new && kept
        }))
    }
}

/// Trusts a host's key from now on.
pub fn trust(store: &Store, key: &UnknownHostKey) -> Result<(), ControlError> {
    let UnknownHostKey { place, fingerprint } = key;
    let pinned = PinnedKey { fingerprint: fingerprint.clone(), key: String::new(), pinned_at: now_ms() };
    store.pin_host_key(place, &pinned).map_err(|error| ControlError::store("", &error))
}

fn lock(seen: &Mutex<BTreeSet<UnknownHostKey>>) -> std::sync::MutexGuard<'_, BTreeSet<UnknownHostKey>> {
    seen.lock().expect("invariant: nothing panics while it holds the keys")
}

/// Makes targets of hosts, and remembers the secrets that nobody gave.
pub struct Logins<'a> {
    secrets: &'a dyn SecretSource,
    keys: &'a HostKeys,
    wanted: Mutex<Vec<WantedSecret>>,
}

impl<'a> Logins<'a> {
    pub fn new(secrets: &'a dyn SecretSource, keys: &'a HostKeys) -> Logins<'a> {
        Logins { secrets, keys, wanted: Mutex::default() }
    }

    /// What helps when a host cannot be logged in to.
    pub(crate) fn hint(&self) -> &'static str {
        if self.wanted().is_empty() { SECRETS } else { GIVE }
    }

    fn wanted(&self) -> Vec<WantedSecret> {
        self.wanted.lock().expect("invariant: nothing panics while it holds the list").clone()
    }

    fn secret(&self, from: &SecretRef, what: &str) -> Result<Secret, SecretError> {
        self.secrets.secret(from, what).map_err(|error| self.note(from, error))
    }

    /// Notes what nobody gave.
    fn note(&self, from: &SecretRef, error: SecretError) -> SecretError {
        if let SecretError::Missing(what) = &error {
            let mut wanted = self.wanted.lock().expect("invariant: nothing panics while it holds the list");
            let one = WantedSecret { from: from.clone(), what: what.clone() };
            if !wanted.contains(&one) {
                wanted.push(one);
            }
        }
        error
    }

    /// Where SSH goes for this host, through its jump hosts.
    pub fn target(&self, host: &Host) -> Result<Target, SecretError> {
        let mut jump: Option<Box<Target>> = None;
        for JumpHop { address, ssh } in &host.jump {
            let mut hop = self.login(&address.to_string(), ssh)?;
            hop.jump = jump.take();
            jump = Some(Box::new(hop));
        }
        let mut target = self.login(&host.address.to_string(), &host.ssh)?;
        target.jump = jump;
        target.sudo = match (&host.sudo.password, target.user == "root") {
            (_, true) => Sudo::None,
            (None, false) => Sudo::NoPassword,
            (Some(from), false) => Sudo::Password(
                self.secret(from, &format!("sudo password of {}@{}", target.user, target.address))?,
            ),
        };
        Ok(target)
    }

    fn login(&self, address: &str, ssh: &SshLogin) -> Result<Target, SecretError> {
        let user = ssh.user.to_string();
        let mut ways = Vec::new();
        if let Some(file) = &ssh.key_file {
            let what = format!("passphrase of {}", file.display());
            let passphrase = ssh.passphrase.as_ref().map(|from| self.secret(from, &what)).transpose()?;
            let key = self.secrets.private_key(file, passphrase);
            ways.push(key.map_err(|error| self.note(&SecretRef::File(file.clone()), error))?);
        }
        let agent = ssh.agent.then(|| self.secrets.agent());
        let no_agent = agent.and_then(|agent| agent.map(|agent| ways.push(agent)).err());
        if let Some(from) = &ssh.password {
            ways.push(Auth::Password(self.secret(from, &format!("password of {user}@{address}"))?));
        }
        // Beside other ways it is one less.
        if let (Some(why), true) = (no_agent, ways.is_empty()) {
            return Err(why);
        }
        let auth = if ways.len() == 1 { ways.remove(0) } else { Auth::Each(ways) };
        let policy =
            self.keys.policy(address, ssh.port, ssh.host_key.as_ref()).map_err(SecretError::Unusable)?;
        let mut target = Target::new(address, &user, auth, policy);
        target.port = ssh.port;
        Ok(target)
    }
}
