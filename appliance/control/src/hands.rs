//! Hands on hosts, and the programs that become hands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appliance_store::PinnedKey;
use bundles_format::Arch;
use bundles_store::{Bundle, Sealed};
use installer_model::site::{Host, Site};
use installer_render::paths::ARMILLA_ROOT;
use installer_run::SiteWorld;
use installer_run::query::Request;
use installer_run::reader::Reader;
use installer_ssh::{Binary, BinarySource, Hand, HandError};

use crate::asks::Asks;
use crate::error::{ControlError, Kind, Problem};
use crate::instance::Instance;
use crate::logins::{HostKeys, Logins, targets};
use crate::owner::{belongs, owner};
use crate::secrets::SecretSource;
use crate::site_file::founder;

/// The binaries that become hands: this one for its own architecture, the bundle's for others.
pub fn hand_binaries(bundle: Option<&Bundle<Sealed>>, state: &Path) -> Result<BinarySource, ControlError> {
    let unreadable = |error: HandError| ControlError::new(Kind::Failed, error.to_string());
    let own = std::env::current_exe()
        .map_err(|error| ControlError::new(Kind::Failed, format!("find this program: {error}")))?;
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

fn extract_hand(bundle: &Bundle<Sealed>, arch: Arch, state: &Path) -> Result<Option<PathBuf>, ControlError> {
    let Some(file) = bundle.release().file("armilla", arch) else { return Ok(None) };
    let path = state.join("hands").join(format!("armilla-{arch}-{}", file.content.short()));
    if path.exists() {
        return Ok(Some(path));
    }
    let failed = |error: std::io::Error| {
        ControlError::new(Kind::Failed, format!("unpack armilla for {arch}: {error}"))
    };
    std::fs::create_dir_all(state.join("hands")).map_err(failed)?;
    let Some(content) = bundle.content(file) else { return Ok(None) };
    let mut content = content.map_err(failed)?;
    let partial = path.with_extension("partial");
    let mut out = std::fs::File::create(&partial).map_err(failed)?;
    std::io::copy(&mut content, &mut out).map_err(failed)?;
    std::fs::rename(&partial, &path).map_err(failed)?;
    Ok(Some(path))
}

/// What keeps hosts from being spoken to, gathered until all were asked.
#[derive(Default)]
pub struct Kept(Vec<(Kind, Problem)>);

impl Kept {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, host: &str, error: &HandError) {
        self.0.push((Kind::of_hand(error), Problem::of_hand(host, error)));
    }

    pub(crate) fn push(&mut self, kind: Kind, problem: Problem) {
        self.0.push((kind, problem));
    }

    /// Sorted by host; of several kinds the highest. There is at least one problem.
    pub fn into_error(mut self, keys: &HostKeys) -> ControlError {
        self.0.sort_by_key(|(_, problem)| problem.to_string());
        let kind = self.0.iter().map(|(kind, _)| *kind).max().unwrap_or(Kind::Failed);
        let problems = self.0.into_iter().map(|(_, problem)| problem).collect();
        let mut error = ControlError::all(kind, problems);
        *error.asks = Asks { host_keys: keys.seen(), ..Asks::default() };
        error
    }
}

/// A hand on every host that can be reached and lets us in; what keeps the others away.
pub async fn connect(world: &SiteWorld, kept: &mut Kept) -> BTreeMap<String, Arc<Hand>> {
    let mut hands = BTreeMap::new();
    for (name, hand) in world.connect().await {
        match hand {
            Ok(hand) => drop(hands.insert(name, hand)),
            Err(error) => kept.add(&name, &error),
        }
    }
    hands
}

/// What a state folder knows of hosts, for those who only ask them: no claim is made, and another process may have the
/// folder's store.
pub struct Acquaintance {
    keys: HostKeys,
    /// Whose the hosts are, if they are ours.
    ledger: String,
    state: PathBuf,
}

impl Acquaintance {
    /// Of a store that this process has open.
    pub fn of(instance: &Instance) -> Acquaintance {
        let keys = HostKeys::kept(&instance.store, false);
        Acquaintance { keys, ledger: instance.store.ledger().to_owned(), state: instance.state.clone() }
    }

    /// Of the store in `state`, whoever has it open.
    pub fn read(reader: &Reader, state: &Path) -> Result<Acquaintance, ControlError> {
        let failed = |error: &dyn std::error::Error| ControlError::of(Kind::Failed, "", error);
        let keys = reader.json(&Request::HostKeys).map_err(|error| failed(&error))?;
        let keys: BTreeMap<String, PinnedKey> =
            serde_json::from_value(keys).map_err(|error| failed(&error))?;
        let ledger = reader.json(&Request::Ledger).map_err(|error| failed(&error))?;
        let ledger = ledger.as_str().unwrap_or_default().to_owned();
        Ok(Acquaintance { keys: HostKeys::read(keys, false), ledger, state: state.to_owned() })
    }
}

/// A hand on every host, for those who only ask. All hosts that cannot be reached are named at once.
pub async fn hands(
    site: &Site,
    known: &Acquaintance,
    secrets: &dyn SecretSource,
) -> Result<BTreeMap<String, Arc<Hand>>, ControlError> {
    let targets = targets(site, secrets, &known.keys)?;
    let world = SiteWorld::new(targets, hand_binaries(None, &known.state)?, None, String::new());
    let mut kept = Kept::default();
    let hands = connect(&world, &mut kept).await;
    if kept.is_empty() { Ok(hands) } else { Err(kept.into_error(&known.keys)) }
}

/// A hand on the site's control plane, for those who only ask.
pub async fn control_plane_hand(
    site: &Site,
    known: &Acquaintance,
    secrets: &dyn SecretSource,
) -> Result<Arc<Hand>, ControlError> {
    hand_on(founder(site), known, secrets).await
}

/// A hand on one host of a site, for those who only ask.
pub async fn hand_on(
    host: &Host,
    known: &Acquaintance,
    secrets: &dyn SecretSource,
) -> Result<Arc<Hand>, ControlError> {
    let name = host.name.as_str();
    let logins = Logins::new(secrets, &known.keys);
    let target = logins.target(host).map_err(|error| {
        ControlError::all(Kind::NotLetIn, vec![Problem::of_secret(name, &error)]).hint(logins.hint())
    })?;
    let failed = |error: HandError| {
        let mut failed = ControlError::of_hand(&format!("{name}: "), &error);
        failed.asks.host_keys = known.keys.seen();
        failed
    };
    let binaries = hand_binaries(None, &known.state)?;
    let hand = Hand::start(&target, &binaries, ARMILLA_ROOT).await.map_err(failed)?;
    // What this state folder knows of the site is old from then on.
    let held = owner(&hand).await.map_err(failed)?;
    match held.filter(|held| held.taken_from.as_deref() == Some(known.ledger.as_str())) {
        Some(held) => {
            let why = belongs(&held, &known.ledger);
            Err(ControlError::all(Kind::Conflict, vec![Problem::of_host(name, why)])
                .hint("go on from the state folder that took the site over"))
        }
        None => Ok(Arc::new(hand)),
    }
}
