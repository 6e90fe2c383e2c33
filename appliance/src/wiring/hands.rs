//! Hands for verbs that only ask, and the programs that become hands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bundles_format::Arch;
use bundles_store::{Bundle, Sealed};
use installer_model::site::Site;
use installer_render::paths::ARMILLA_ROOT;
use installer_run::SiteWorld;
use installer_ssh::{Binary, BinarySource, Hand, HandError};

use super::logins::{HostKeys, SECRETS, Secrets, target, targets};
use super::store;
use crate::cli::{CliError, chain};

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
