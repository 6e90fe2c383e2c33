//! How each host is logged in to: addresses, secrets, host keys; and what the site's registries ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use appliance_store::{PinnedKey, Store};
use installer_model::names::HostKeyFingerprint;
use installer_model::secret::Secret;
use installer_model::site::{Host, JumpHop, SecretRef, Site, SshLogin};
use installer_ssh::{Auth, Fingerprint, HostKeyPolicy, Sudo, Target};

use super::{confirm, home, now_ms};
use crate::cli::CliError;

/// Secrets that the site file refers to, each asked for or read once.
#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<(SecretRef, String), Secret>);

impl Secrets {
    /// `what` names it in questions and errors, such as `password of site@10.0.0.11`.
    fn get(&mut self, from: &SecretRef, what: &str) -> Result<Secret, String> {
        // A question is asked for each thing, a file or variable is read once.
        let asked = if *from == SecretRef::Prompt { what.to_owned() } else { String::new() };
        let key = (from.clone(), asked);
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let secret = match from {
            SecretRef::File(path) => {
                let text = std::fs::read_to_string(home(path));
                let text =
                    text.map_err(|error| format!("read the {what} from {}: {error}", path.display()))?;
                Secret::new(text.lines().next().unwrap_or_default())
            }
            SecretRef::Env(name) => Secret::new(
                std::env::var(name)
                    .map_err(|_| format!("read the {what}: environment variable {name} is not set"))?,
            ),
            SecretRef::Prompt => {
                let typed = rpassword::prompt_password(format!("{what}: "));
                Secret::new(typed.map_err(|error| format!("ask for the {what}: {error}"))?)
            }
        };
        self.0.insert(key, secret.clone());
        Ok(secret)
    }

    /// A secret that can be had without asking anybody.
    pub(crate) fn read_unasked(from: &SecretRef) -> Option<Secret> {
        (*from != SecretRef::Prompt).then(|| Secrets::default().get(from, "secret").ok()).flatten()
    }

    /// All that was asked for or read.
    pub(crate) fn known(&self) -> impl Iterator<Item = Secret> + '_ {
        self.0.values().cloned()
    }
}

/// What helps when something that the site file refers to cannot be had.
pub(super) const SECRETS: &str = "the site file refers to these as {file: PATH}, {env: NAME} or {prompt: true}: make each one readable here; no host was connected to";

/// Where SSH goes for every host of the site. Everything that is wrong is named at once.
pub(crate) fn targets(
    site: &Site,
    store: &Arc<Store>,
    yes: bool,
) -> Result<BTreeMap<String, Target>, CliError> {
    let mut secrets = Secrets::default();
    let keys = HostKeys::Kept(Arc::clone(store));
    let mut targets = BTreeMap::new();
    let mut problems = Vec::new();
    for host in &site.hosts {
        match target(host, &mut secrets, &keys, yes) {
            Ok(target) => drop(targets.insert(host.name.to_string(), target)),
            Err(problem) => problems.push(format!("{}: {problem}", host.name)),
        }
    }
    if problems.is_empty() { Ok(targets) } else { Err(CliError::all(7, problems).hint(SECRETS)) }
}

/// What the site's own registries need beside the site file: their CAs by host, and the passwords that the plan refers to.
pub(crate) type RegistryParts = (BTreeMap<String, String>, BTreeMap<SecretRef, Secret>);

pub(crate) fn registries(site: &Site) -> Result<RegistryParts, CliError> {
    let (mut cas, mut passwords) = RegistryParts::default();
    let mut secrets = Secrets::default();
    let mut problems = Vec::new();
    for registry in &site.registries {
        let host = registry.host.as_str();
        if let Some(path) = &registry.ca_file {
            match std::fs::read_to_string(home(path)) {
                Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => {
                    drop(cas.insert(host.to_owned(), pem))
                }
                Ok(_) => {
                    problems.push(format!("registry {host}: {} holds no certificate in PEM", path.display()))
                }
                Err(error) => problems.push(format!("registry {host}: read {}: {error}", path.display())),
            }
        }
        let Some(login) = &registry.credentials else { continue };
        if login.password == SecretRef::Prompt && passwords.contains_key(&SecretRef::Prompt) {
            problems
                .push(format!("registry {host}: only one registry's password can be asked for; name a file"));
            continue;
        }
        match secrets.get(&login.password, &format!("password of {} at registry {host}", login.username)) {
            Ok(secret) => drop(passwords.insert(login.password.clone(), secret)),
            Err(problem) => problems.push(format!("registry {host}: {problem}")),
        }
    }
    if problems.is_empty() { Ok((cas, passwords)) } else { Err(CliError::all(5, problems).hint(SECRETS)) }
}

/// Where the pinned keys of hosts are found.
pub(crate) enum HostKeys {
    /// In the store, which keeps those that are trusted from now on.
    Kept(Arc<Store>),
    /// These, read from a store that another process has open.
    Read(BTreeMap<String, PinnedKey>),
}

impl HostKeys {
    fn known(&self, name: &str) -> Result<Option<PinnedKey>, String> {
        match self {
            HostKeys::Kept(store) => store.host_key(name).map_err(|error| error.to_string()),
            HostKeys::Read(keys) => Ok(keys.get(name).cloned()),
        }
    }

    fn ask(&self, name: String, yes: bool) -> HostKeyPolicy {
        match self {
            HostKeys::Kept(store) => ask_host_key(name, Arc::clone(store), yes),
            HostKeys::Read(_) => HostKeyPolicy::Ask(Arc::new(move |_, _| yes)),
        }
    }
}

pub(crate) fn target(
    host: &Host,
    secrets: &mut Secrets,
    keys: &HostKeys,
    yes: bool,
) -> Result<Target, String> {
    let mut jump: Option<Box<Target>> = None;
    for JumpHop { address, ssh } in &host.jump {
        let mut hop = login(&address.to_string(), ssh, secrets, keys, yes)?;
        hop.jump = jump.take();
        jump = Some(Box::new(hop));
    }
    let mut target = login(&host.address.to_string(), &host.ssh, secrets, keys, yes)?;
    target.jump = jump;
    target.sudo = match (&host.sudo.password, target.user == "root") {
        (_, true) => Sudo::None,
        (None, false) => Sudo::NoPassword,
        (Some(from), false) => Sudo::Password(
            secrets.get(from, &format!("sudo password of {}@{}", target.user, target.address))?,
        ),
    };
    Ok(target)
}

fn login(
    address: &str,
    ssh: &SshLogin,
    secrets: &mut Secrets,
    keys: &HostKeys,
    yes: bool,
) -> Result<Target, String> {
    let user = ssh.user.to_string();
    let mut ways = Vec::new();
    if let Some(file) = &ssh.key_file {
        let what = format!("passphrase of {}", file.display());
        let passphrase = ssh.passphrase.as_ref().map(|from| secrets.get(from, &what)).transpose()?;
        ways.push(Auth::Key { file: home(file), passphrase });
    }
    if ssh.agent {
        ways.push(Auth::Agent);
    }
    if let Some(from) = &ssh.password {
        ways.push(Auth::Password(secrets.get(from, &format!("password of {user}@{address}"))?));
    }
    let auth = if ways.len() == 1 { ways.remove(0) } else { Auth::Each(ways) };
    let mut target = Target::new(address, &user, auth, host_key(address, ssh, keys, yes)?);
    target.port = ssh.port;
    Ok(target)
}

/// The site file's key, else the one that was seen before, else the operator is asked.
fn host_key(address: &str, ssh: &SshLogin, keys: &HostKeys, yes: bool) -> Result<HostKeyPolicy, String> {
    host_key_of(address, ssh.port, ssh.host_key.as_ref(), keys, yes)
}

pub(crate) fn host_key_of(
    address: &str,
    port: u16,
    written: Option<&HostKeyFingerprint>,
    keys: &HostKeys,
    yes: bool,
) -> Result<HostKeyPolicy, String> {
    let name = format!("{address}:{port}");
    let parse = |text: &str| {
        text.parse::<Fingerprint>().map(HostKeyPolicy::Pinned).map_err(|error| error.to_string())
    };
    if let Some(fingerprint) = written {
        return parse(fingerprint.as_str());
    }
    match keys.known(&name)? {
        Some(known) => parse(&known.fingerprint),
        None => Ok(keys.ask(name, yes)),
    }
}

fn ask_host_key(name: String, store: Arc<Store>, yes: bool) -> HostKeyPolicy {
    // Hosts are connected to at the same time, people read one question at a time.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    HostKeyPolicy::Ask(Arc::new(move |host, fingerprint| {
        let _turn = ONE_AT_A_TIME.lock();
        let question =
            format!("{host} shows host key {fingerprint}, seen for the first time. Trust it from now on?");
        let trusted = confirm(yes, &question);
        let key = PinnedKey { fingerprint: fingerprint.to_string(), key: String::new(), pinned_at: now_ms() };
        trusted && store.pin_host_key(&name, &key).is_ok()
    }))
}
