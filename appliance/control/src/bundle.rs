//! The bundle that a command works with, whole or in parts, and who is trusted to have sealed it.

use std::path::{Path, PathBuf};

use appliance_store::ledger::{Actor, BundleRow};
use appliance_store::{FileStamp, PinnedKey, Store};
use bundles_format::Release;
use bundles_store::{Bundle, JoinError, Parts, PublicKey, Sealed, Trust, VerifyError};
use installer_model::site::Site;

use crate::asks::UnknownBundleKey;
use crate::bundles;
use crate::error::{ControlError, Kind};
use crate::here::{home, now_ms};
use crate::instance::Instance;
use crate::options::{Options, Trusting};

/// The bundle that the site file names; its path is meant from the site file on. A text that somebody gave to a server names
/// none: whoever may write sites would have any file of the server's user opened. [`taken_in`] is what stands in for it.
fn bundle_of_site(options: &Options, site: &Site) -> Option<PathBuf> {
    match options.trust {
        Trusting::Operator(_) => site.bundle.as_ref().map(|choice| options.folder.join(home(&choice.path))),
        Trusting::Administrators => None,
    }
}

/// The bundle of this instance that lies where a site's text says, of several the newest. Refused where there is none.
pub fn taken_in(store: &Store, site: &Site) -> Result<Option<BundleRow>, ControlError> {
    let Some(choice) = &site.bundle else { return Ok(None) };
    let rows = store.rows::<BundleRow>(None, usize::MAX);
    let rows = rows.map_err(|error| ControlError::store("read the bundles: ", &error))?;
    let there = rows.into_iter().map(|(_, row)| row).filter(|row| row.path == choice.path);
    let newest = there.max_by_key(|row| row.added_at);
    newest.map(Some).ok_or_else(|| {
        let why = format!("use bundle {}: this instance has none of that path", choice.path.display());
        ControlError::new(Kind::Refused, why)
            .hint("an administrator takes in what lies on the server's machine: POST /api/v1/bundles; anything else is uploaded")
    })
}

/// The bundle, where it serves and is not needed: that the site file's is gone is no mistake.
pub fn bundle_if_there(
    options: &Options,
    site: &Site,
    instance: &Instance,
) -> Result<Option<Bundle<Sealed>>, ControlError> {
    let there = options.bundle.is_some() || bundle_of_site(options, site).is_some_and(|path| path.exists());
    there.then(|| bundle(options, site, instance)).transpose()
}

/// The bundle of the command line or of the site file, opened under a trusted key.
pub fn bundle(options: &Options, site: &Site, instance: &Instance) -> Result<Bundle<Sealed>, ControlError> {
    let last = instance.store.base(site.name.as_str()).map_err(|error| ControlError::store("", &error))?;
    let named = options.bundle.clone().or_else(|| bundle_of_site(options, site));
    let path = named.or_else(|| last.as_ref().map(|last| last.path.clone())).ok_or_else(|| {
        ControlError::new(
            Kind::Usage,
            "choose a bundle: neither the command line nor the site file names one",
        )
        .hint("choose one for the site: `-b FILE` on the command line, or `bundle.path` in the site file")
    })?;
    let bundle = open_bundle(path, options, site, instance, last.as_ref().map(|last| last.signer.as_str()))?;
    match &options.bundle_id {
        Some(wanted) if bundle.id().to_string() != *wanted => {
            let why = format!(
                "open bundle {}: another one lies there than was chosen: {}, not {wanted}",
                bundle.path().display(),
                bundle.id()
            );
            Err(ControlError::new(Kind::Conflict, why)
                .hint("put the one that was chosen back, or choose this one for the site and plan again"))
        }
        Some(_) | None => Ok(bundle),
    }
}

/// Opens a bundle, or joins a folder of parts to one, under a trusted key. `known`: the key in PEM that was trusted for
/// this bundle the last time.
pub fn open_bundle(
    path: PathBuf,
    options: &Options,
    site: &Site,
    instance: &Instance,
    known: Option<&str>,
) -> Result<Bundle<Sealed>, ControlError> {
    let path = whole(path, &instance.state)?;
    let refused = |error: &dyn std::error::Error, hint: &str| {
        let kind = if path.exists() { Kind::Refused } else { Kind::NotFound };
        ControlError::of(kind, &format!("open bundle {}: ", path.display()), error).hint(hint)
    };
    let unverified = Bundle::inspect(&path).map_err(|error| {
        refused(&error, "name a whole bundle with -b FILE; copy it again if this one was cut off on the way")
    })?;
    let trust = trust(options, site, instance, unverified.signer(), known, &path)?;
    let sealed = unverified
        .seal(&trust)
        .map_err(|error| refused(&error, "the key comes with whoever made the bundle: --trust FILE"))?;
    verify(&sealed, &instance.store, options.keep).map_err(|error| {
        let hint = match error.was_sealed_so() {
            true => "it was sealed like this: whoever made it must make it again",
            false => "the file changed after it was sealed: copy it again from where it was made",
        };
        refused(&error, hint)
    })?;
    Ok(sealed)
}

/// A bundle, or what the parts in a folder are joined to.
pub fn whole(path: PathBuf, state: &Path) -> Result<PathBuf, ControlError> {
    if path.is_dir() { joined(&path, state) } else { Ok(path) }
}

/// The bundle whose parts lie in a folder, joined in the state folder. A later call finds it there.
fn joined(folder: &Path, state: &Path) -> Result<PathBuf, ControlError> {
    let what = format!("join the bundle in {}: ", folder.display());
    let refused = |error: JoinError| {
        ControlError::of(Kind::Refused, &what, &error)
            .hint("name a bundle, or a folder with all parts of one, with -b")
    };
    let parts = Parts::find(&[folder.to_owned()]).map_err(refused)?;
    let place = state.join("joined");
    let path = place.join(format!("{}.bundle", parts.bundle().hex()));
    let whole = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == parts.size());
    if !whole {
        std::fs::create_dir_all(&place).map_err(|error| ControlError::of(Kind::Failed, &what, &error))?;
        parts.join(&path, |_, _| {}).map_err(refused)?;
    }
    Ok(path)
}

/// Reads every byte before anything is connected to: a flipped bit that is found in the middle of an installation costs
/// more than this. A file in which all was right once, and which nobody touched since, is not read again; `keep` remembers it.
pub(crate) fn verify(bundle: &Bundle<Sealed>, store: &Store, keep: bool) -> Result<(), VerifyError> {
    let stamp = stamp(bundle);
    if stamp.is_some() && store.verified(&bundle.id().to_string()).ok().flatten() == stamp {
        return Ok(());
    }
    read_whole(bundle, store, keep)
}

fn stamp(bundle: &Bundle<Sealed>) -> Option<FileStamp> {
    std::fs::metadata(bundle.path()).ok().map(|metadata| FileStamp::of(&metadata))
}

/// Reads every byte, whatever was found before: a disk may lose what nobody touched.
pub(crate) fn read_whole(bundle: &Bundle<Sealed>, store: &Store, keep: bool) -> Result<(), VerifyError> {
    /// Of no file.
    const NEVER: FileStamp = FileStamp { device: 0, inode: 0, size: 0, changed_ns: 0 };
    let stamp = stamp(bundle);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let read = bundle.verify(threads, |_, _| {});
    let found = if read.is_ok() { stamp } else { Some(NEVER) };
    if let Some(Err(error)) =
        found.filter(|_| keep).map(|stamp| store.put_verified(&bundle.id().to_string(), &stamp))
    {
        tracing::warn!(%error, "what was found in the bundle is not remembered");
    }
    read
}

fn trust(
    options: &Options,
    site: &Site,
    instance: &Instance,
    signer: &PublicKey,
    known: Option<&str>,
    path: &Path,
) -> Result<Trust, ControlError> {
    let key_of_site =
        || site.bundle.as_ref().and_then(|choice| choice.trust.as_ref()).map(|text| key_in(text));
    match &options.trust {
        Trusting::Operator(files) => {
            if let Some(trust) =
                files.iter().map(|file| key_file(file)).reduce(|one, other| Ok(one?.and(other?)))
            {
                return trust;
            }
            if let Some(trust) = key_of_site() {
                return trust;
            }
            if known.and_then(PublicKey::from_pem).is_some_and(|known| known == *signer) {
                return Ok(Trust::key(signer.clone()));
            }
            pinned(&instance.store, signer, path)
        }
        Trusting::Administrators => {
            let settled = bundles::vouched(&instance.store, signer, path)?;
            match key_of_site().transpose()? {
                Some(narrower) if !narrower.has(signer) => Err(ControlError::new(
                    Kind::Refused,
                    format!(
                        "open bundle {}: it is sealed by {}, and the site takes another key alone",
                        path.display(),
                        signer.fingerprint()
                    ),
                )
                .hint("choose another bundle, or change `bundle.trust` in the site")),
                Some(_) | None => Ok(settled),
            }
        }
    }
}

fn key_file(file: &Path) -> Result<Trust, ControlError> {
    let kind = if file.exists() { Kind::Refused } else { Kind::NotFound };
    Trust::read(file).map_err(|error| {
        ControlError::of(kind, "", &error)
            .hint("--trust wants the .pub file that `armilla bundle keygen` wrote")
    })
}

fn key_in(text: &str) -> Result<Trust, ControlError> {
    Trust::from_pem(text).ok_or_else(|| {
        ControlError::new(
            Kind::Refused,
            "understand bundle.trust of the site file: it is no public key in PEM",
        )
    })
}

/// The key that was trusted at first use, if this is it. Where there is none yet, it is asked about.
fn pinned(store: &Store, signer: &PublicKey, path: &Path) -> Result<Trust, ControlError> {
    let pinned = store.bundle_keys().map_err(|error| ControlError::store("", &error))?;
    let fingerprint = signer.fingerprint().to_string();
    if pinned.iter().any(|key| key.fingerprint == fingerprint) {
        return Ok(Trust::key(signer.clone()));
    }
    if let Some(known) = pinned.first() {
        return Err(ControlError::new(
            Kind::Refused,
            format!(
                "trust bundle {}: it is sealed by {fingerprint}, known is {}",
                path.display(),
                known.fingerprint
            ),
        )
        .hint("if both are yours, name the new key with --trust FILE"));
    }
    let mut error = ControlError::new(
        Kind::Refused,
        format!("trust bundle {}: nobody vouched for {fingerprint}", path.display()),
    )
    .hint("name its public key with --trust FILE");
    error.asks.bundle_key =
        Some(UnknownBundleKey { path: path.to_owned(), fingerprint, pem: signer.to_pem() });
    Err(error)
}

/// Trusts a bundle's key from now on.
pub fn trust_key(store: &Store, key: &UnknownBundleKey) -> Result<(), ControlError> {
    let UnknownBundleKey { fingerprint, pem, .. } = key.clone();
    let key = PinnedKey { fingerprint, key: pem, pinned_at: now_ms() };
    store.pin_bundle_key(&key).map_err(|error| ControlError::store("", &error))
}

/// Whoever has a bundle run on hosts out of this state folder vouches for its key: a server of the folder goes on with it.
pub(crate) fn vouch(store: &Store, actor: &Actor, bundle: &Bundle<Sealed>) -> Result<(), ControlError> {
    let fingerprint = bundle.signer().to_string();
    let known = store.bundle_keys().map_err(|error| ControlError::store("", &error))?;
    if known.iter().any(|key| key.fingerprint == fingerprint) {
        return Ok(());
    }
    let key = PinnedKey { fingerprint, key: bundle.signer_pem(), pinned_at: now_ms() };
    store.by(actor).pin_bundle_key(&key).map_err(|error| ControlError::store("", &error))
}

/// One line about the bundle, for people.
pub fn about(release: &Release) -> String {
    let archs: Vec<&str> = release.architectures.iter().map(|arch| arch.as_str()).collect();
    format!("{} {} ({})", release.name, release.version, archs.join(", "))
}
