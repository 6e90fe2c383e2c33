//! What the verbs share: reading what the operator gave, connecting, surveying, planning.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use appliance_store::{FileStamp, Holder, PinnedKey, Store, StoreError};
use bundles_format::{Arch, Release};
use bundles_store::{Bundle, JoinError, Parts, PublicKey, Sealed, Trust, VerifyError};
use installer_model::names::HostKeyFingerprint;
use installer_model::secret::Secret;
use installer_model::site::{Host, JumpHop, SecretRef, Site, SshLogin};
use installer_render::paths::ARMILLA_ROOT;
use installer_run::SiteWorld;
use installer_run::reader::Reader;
use installer_ssh::{Auth, Binary, BinarySource, Fingerprint, Hand, HandError, HostKeyPolicy, Sudo, Target};
use installer_wire::Claimant;

use crate::cli::{CliError, SiteArgs, StateArgs, chain};

/// A site of some thousand hosts has less than a MiB; what is longer is some other file.
const SITE_FILE_LIMIT: u64 = 4 << 20;

/// The site file, read and validated: nothing was connected to yet.
pub(crate) fn site(path: &Path) -> Result<Site, CliError> {
    let text = site_text(path)?;
    Site::parse(&text).map_err(|errors| {
        let problems = errors.0.iter().map(|error| format!("{}: {error}", path.display())).collect();
        CliError::all(5, problems).hint("mend the site file; no host was connected to")
    })
}

fn site_text(path: &Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| {
        let (code, hint) = match error.kind() {
            std::io::ErrorKind::NotFound => (3, "`armilla init root@ADDRESS ...` writes one"),
            std::io::ErrorKind::PermissionDenied => (1, "who runs armilla must be allowed to read it"),
            _ => (5, "name the site file with -s FILE"),
        };
        CliError::new(code, format!("read {}: {error}", path.display())).hint(hint)
    };
    let wrong = |what: &str| {
        CliError::new(5, format!("understand {}: {what}", path.display()))
            .hint("name the site file with -s FILE")
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(SITE_FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SITE_FILE_LIMIT {
        return Err(wrong("it is longer than 4 MiB, which no site file is"));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not text in UTF-8"))
}

/// A host of the site by its name.
pub(crate) fn host<'a>(site: &'a Site, name: &str) -> Result<&'a Host, CliError> {
    site.hosts.iter().find(|host| host.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = site.hosts.iter().map(|host| host.name.as_str()).collect();
        CliError::new(3, format!("find host {name}: the site has {}", names.join(", ")))
    })
}

pub(crate) fn state_folder(args: &StateArgs) -> PathBuf {
    if let Some(folder) = &args.state {
        return folder.clone();
    }
    let base = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home =
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".local/state");
    base.unwrap_or_else(home).join("armilla")
}

/// This process, as hosts remember who claimed them.
pub(crate) fn claimant(state: &Path, verb: &str) -> Claimant {
    let Holder { user, pid, command, started_at, host } = Holder::this_process(verb, now_ms());
    let folder = std::path::absolute(state).unwrap_or_else(|_| state.to_owned()).display().to_string();
    Claimant { user, machine: host, pid, command, folder, since: started_at }
}

/// Who runs this, for people: the login behind a sudo, and this machine's name.
pub(crate) fn operator() -> String {
    let named = ["SUDO_USER", "LOGNAME", "USER"].into_iter().filter_map(|name| std::env::var(name).ok());
    let login = { named }.find(|login| !login.is_empty());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{}", login.as_deref().unwrap_or("root"), machine.trim())
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Sixteen random bytes in hex digits.
pub(crate) fn nonce() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Opens the store for this command alone. A verb that only reads has it open for a moment: that is waited for.
pub(crate) fn store(folder: &Path, command: &str) -> Result<Store, CliError> {
    let holder = Holder::this_process(command, now_ms());
    Store::open_within(folder, &holder, Duration::from_secs(2)).map_err(|error| {
        let (code, hint) = match error {
            StoreError::InUse { .. } => {
                (4, "wait for it to end; `armilla run follow` shows a run that goes on")
            }
            _ => (1, "name another folder with --state"),
        };
        CliError::from_error(code, "", &error).hint(hint)
    })
}

/// Reads runs and plans, whoever has the store open.
pub(crate) fn reader(args: &StateArgs, command: &str) -> Reader {
    Reader::new(&state_folder(args), Holder::this_process(command, now_ms()))
}

/// The bundle that the site file names; its path is meant from the site file on.
fn bundle_of_site(args: &SiteArgs, site: &Site) -> Option<PathBuf> {
    let folder = args.site.parent().unwrap_or(Path::new(""));
    site.bundle.as_ref().map(|choice| folder.join(home(&choice.path)))
}

/// The bundle, where it serves and is not needed: that the site file's is gone is no mistake.
pub(crate) fn bundle_if_there(
    args: &SiteArgs,
    site: &Site,
    store: &Store,
) -> Result<Option<Bundle<Sealed>>, CliError> {
    let there = args.bundle.is_some() || bundle_of_site(args, site).is_some_and(|path| path.exists());
    there.then(|| bundle(args, site, store)).transpose()
}

/// The bundle of the command line or of the site file, opened under a trusted key.
pub(crate) fn bundle(args: &SiteArgs, site: &Site, store: &Store) -> Result<Bundle<Sealed>, CliError> {
    let last = store.base(site.name.as_str()).map_err(|error| CliError::from_error(1, "", &error))?;
    let named = args.bundle.clone().or_else(|| bundle_of_site(args, site));
    let path = named.or_else(|| last.as_ref().map(|last| last.path.clone())).ok_or_else(|| {
        CliError::new(2, "choose a bundle: neither the command line nor the site file names one")
            .hint("add `-b FILE`, or `bundle.path` in the site file")
    })?;
    open_bundle(path, args, site, store, last.as_ref().map(|last| last.signer.as_str()))
}

/// Opens a bundle, or joins a folder of parts to one, under a trusted key. `known`: the key in PEM that was trusted for
/// this bundle the last time.
pub(crate) fn open_bundle(
    path: PathBuf,
    args: &SiteArgs,
    site: &Site,
    store: &Store,
    known: Option<&str>,
) -> Result<Bundle<Sealed>, CliError> {
    let path = if path.is_dir() { joined(&path, &state_folder(&args.state))? } else { path };
    let refused = |error: &dyn std::error::Error, hint: &str| {
        let code = if path.exists() { 5 } else { 3 };
        CliError::from_error(code, &format!("open bundle {}: ", path.display()), error).hint(hint)
    };
    let unverified = Bundle::inspect(&path).map_err(|error| {
        refused(&error, "name a whole bundle with -b FILE; copy it again if this one was cut off on the way")
    })?;
    let trust = trust(args, site, store, unverified.signer(), known, &path)?;
    let sealed = unverified
        .seal(&trust)
        .map_err(|error| refused(&error, "the key comes with whoever made the bundle: --trust FILE"))?;
    verify(&sealed, store).map_err(|error| {
        refused(&error, "the file changed after it was sealed: copy it again from where it was made")
    })?;
    Ok(sealed)
}

/// The bundle whose parts lie in a folder, joined in the state folder. A later call finds it there.
fn joined(folder: &Path, state: &Path) -> Result<PathBuf, CliError> {
    let what = format!("join the bundle in {}: ", folder.display());
    let refused = |error: JoinError| {
        CliError::from_error(5, &what, &error)
            .hint("name a bundle, or a folder with all parts of one, with -b")
    };
    let parts = Parts::find(&[folder.to_owned()]).map_err(refused)?;
    let place = state.join("joined");
    let path = place.join(format!("{}.bundle", parts.bundle().hex()));
    let whole = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == parts.size());
    if !whole {
        std::fs::create_dir_all(&place).map_err(|error| CliError::from_error(1, &what, &error))?;
        parts.join(&path, |_, _| {}).map_err(refused)?;
    }
    Ok(path)
}

/// Reads every byte before anything is connected to: a flipped bit that is found in the middle of an installation costs
/// more than this. A file in which all was right once, and which nobody touched since, is not read again.
fn verify(bundle: &Bundle<Sealed>, store: &Store) -> Result<(), VerifyError> {
    let id = bundle.id().to_string();
    let stamp = std::fs::metadata(bundle.path()).ok().map(|metadata| FileStamp::of(&metadata));
    if stamp.is_some() && store.verified(&id).ok().flatten() == stamp {
        return Ok(());
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    bundle.verify(threads, |_, _| {})?;
    if let Some(Err(error)) = stamp.map(|stamp| store.put_verified(&id, &stamp)) {
        tracing::warn!(%error, "the bundle will be read again the next time");
    }
    Ok(())
}

fn trust(
    args: &SiteArgs,
    site: &Site,
    store: &Store,
    signer: &PublicKey,
    known: Option<&str>,
    path: &Path,
) -> Result<Trust, CliError> {
    let named = args.trust.iter().map(|file| {
        let code = if file.exists() { 5 } else { 3 };
        Trust::read(file).map_err(|error| {
            CliError::from_error(code, "", &error)
                .hint("--trust wants the .pub file that `armilla bundle keygen` wrote")
        })
    });
    if let Some(trust) = named.reduce(|one, other| Ok(one?.and(other?))) {
        return trust;
    }
    if let Some(text) = site.bundle.as_ref().and_then(|choice| choice.trust.as_ref()) {
        return Trust::from_pem(text).ok_or_else(|| {
            CliError::new(5, "understand bundle.trust of the site file: it is no public key in PEM")
        });
    }
    if known.and_then(PublicKey::from_pem).is_some_and(|known| known == *signer) {
        return Ok(Trust::key(signer.clone()));
    }
    let pinned = store.bundle_keys().map_err(|error| CliError::from_error(1, "", &error))?;
    let fingerprint = signer.fingerprint().to_string();
    if pinned.iter().any(|key| key.fingerprint == fingerprint) {
        return Ok(Trust::key(signer.clone()));
    }
    if let Some(known) = pinned.first() {
        return Err(CliError::new(
            5,
            format!(
                "trust bundle {}: it is sealed by {fingerprint}, known is {}",
                path.display(),
                known.fingerprint
            ),
        )
        .hint("if both are yours, name the new key with --trust FILE"));
    }
    let question = format!(
        "{} is sealed by {fingerprint}, seen for the first time. Trust it from now on?",
        path.display()
    );
    if !confirm(args.yes, &question) {
        return Err(CliError::new(
            5,
            format!("trust bundle {}: nobody vouched for {fingerprint}", path.display()),
        )
        .hint("name its public key with --trust FILE"));
    }
    let key = PinnedKey { fingerprint, key: signer.to_pem(), pinned_at: now_ms() };
    store.pin_bundle_key(&key).map_err(|error| CliError::from_error(1, "", &error))?;
    Ok(Trust::key(signer.clone()))
}

/// Asks on the terminal; without one the answer is no.
#[expect(clippy::print_stderr, reason = "questions go to the terminal")]
pub(crate) fn confirm(yes: bool, question: &str) -> bool {
    if yes {
        eprintln!("{question} yes (--yes)");
        return true;
    }
    if !std::io::stdin().is_terminal() {
        return false;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// `~/` is the home of whoever runs armilla.
pub(crate) fn home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.to_owned(),
    }
}

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
const SECRETS: &str = "the site file refers to these as {file: PATH}, {env: NAME} or {prompt: true}: make each one readable here; no host was connected to";

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

/// The binaries that become hands: this one for its own architecture, the bundle's for others.
pub(crate) fn hand_binaries(bundle: Option<&Bundle<Sealed>>, state: &Path) -> Result<BinarySource, CliError> {
    let unreadable = |error: HandError| CliError::new(1, error.to_string());
    let own =
        std::env::current_exe().map_err(|error| CliError::new(1, format!("find this program: {error}")))?;
    let own_arch = Arch::from_machine(std::env::consts::ARCH);
    let mut binaries = Vec::new();
    if let Some(arch) = own_arch {
        binaries.push((arch, Binary::read(&own).map_err(unreadable)?));
    }
    if let Some(bundle) = bundle {
        for arch in Arch::ALL.into_iter().filter(|arch| Some(*arch) != own_arch) {
            if let Some(path) = extract_hand(bundle, arch, state)? {
                binaries.push((arch, Binary::read(&path).map_err(unreadable)?));
            }
        }
    }
    Ok(BinarySource::new(binaries))
}

fn extract_hand(bundle: &Bundle<Sealed>, arch: Arch, state: &Path) -> Result<Option<PathBuf>, CliError> {
    let Some(file) = bundle.release().file("armilla", arch) else { return Ok(None) };
    let path = state.join("hands").join(format!("armilla-{arch}-{}", file.content.short()));
    if path.exists() {
        return Ok(Some(path));
    }
    let failed = |error: std::io::Error| CliError::new(1, format!("unpack armilla for {arch}: {error}"));
    std::fs::create_dir_all(state.join("hands")).map_err(failed)?;
    let Some(content) = bundle.content(file) else { return Ok(None) };
    let mut content = content.map_err(failed)?;
    let partial = path.with_extension("partial");
    let mut out = std::fs::File::create(&partial).map_err(failed)?;
    std::io::copy(&mut content, &mut out).map_err(failed)?;
    std::fs::rename(&partial, &path).map_err(failed)?;
    Ok(Some(path))
}

/// A hand on every host, for verbs that only ask. All hosts that cannot be reached are named at once.
pub(crate) async fn hands(
    site: &Site,
    state: &Path,
    verb: &str,
) -> Result<BTreeMap<String, Arc<Hand>>, CliError> {
    let store = Arc::new(store(state, verb)?);
    let targets = targets(site, &store, false)?;
    let world = SiteWorld::new(targets, hand_binaries(None, state)?, None, String::new());
    let mut hands = BTreeMap::new();
    let mut problems = Vec::new();
    let mut code = 0;
    for (name, hand) in world.connect().await {
        match hand {
            Ok(hand) => drop(hands.insert(name, hand)),
            Err(error) => {
                code = code.max(u8::try_from(error.exit_code()).unwrap_or(1));
                problems.push(format!("{name}: failed to {}\nhint: {}", chain(&error), error.hint()));
            }
        }
    }
    if problems.is_empty() { Ok(hands) } else { Err(CliError::all(code, problems)) }
}

/// A hand on the site's control plane, for verbs that only ask.
pub(crate) async fn control_plane_hand(site: &Site, state: &Path, verb: &str) -> Result<Arc<Hand>, CliError> {
    let host = site.control_planes().next().expect("a valid site has a control plane");
    let store = Arc::new(store(state, verb)?);
    let keys = HostKeys::Kept(Arc::clone(&store));
    let target = target(host, &mut Secrets::default(), &keys, false)
        .map_err(|problem| CliError::new(7, format!("{}: {problem}", host.name)).hint(SECRETS))?;
    let failed = |error: HandError| {
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        CliError::from_error(code, &format!("{}: ", host.name), &error).hint(error.hint())
    };
    let hand = Hand::start(&target, &hand_binaries(None, state)?, ARMILLA_ROOT).await.map_err(failed)?;
    // What this state folder knows of the site is old from then on.
    let held = crate::planning::owner(&hand).await.map_err(failed)?;
    match held.filter(|held| held.taken_from.as_deref() == Some(store.ledger())) {
        Some(held) => {
            let why = crate::planning::belongs(&held, store.ledger());
            Err(CliError::all(4, vec![format!("{}: {why}", host.name)])
                .hint("go on from the state folder that took the site over"))
        }
        None => Ok(Arc::new(hand)),
    }
}

/// One line about the bundle, for people.
pub(crate) fn about(release: &Release) -> String {
    let archs: Vec<&str> = release.architectures.iter().map(|arch| arch.as_str()).collect();
    format!("{} {} ({})", release.name, release.version, archs.join(", "))
}
