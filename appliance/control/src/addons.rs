//! The add-on bundles of a site: an application's images and manifests, beside the bundle that the site is installed from.
//!
//! The store keeps what each one holds, so a plan can be made without the file; the file is needed when a host lacks
//! something of it.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use appliance_store::KeptBundle;
use bundles_format::{Digest, FileArtifact, Release};
use bundles_store::{Bundle, Sealed};
use installer_model::site::Site;
use installer_plan::planner::{self, AddOn};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::bundle::open_bundle;
use crate::error::{ControlError, Kind, Problem};
use crate::instance::Instance;
use crate::options::Options;

/// Kubernetes takes no object that is larger than a fraction of this.
const MANIFEST_LIMIT: u64 = 4 << 20;

/// An add-on as the store keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addon {
    /// The digest of its index.
    pub id: Digest,
    pub file: KeptBundle,
    pub release: Release,
    /// Name and text, in the order in which they are applied; none unless the operator asked for them.
    pub manifests: Vec<(String, String)>,
}

impl Addon {
    pub fn planned(&self) -> AddOn<'_> {
        AddOn { release: &self.release, manifests: &self.manifests }
    }
}

/// An add-on to be brought to the site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub path: PathBuf,
    /// Whether its manifests are applied too.
    pub apply: bool,
}

/// The add-ons of a site, and those of their files that are there.
#[derive(Default)]
pub struct Opened {
    pub addons: Vec<Addon>,
    pub bundles: Vec<Arc<Bundle<Sealed>>>,
    /// The name of the one that is being imported.
    pub imported: Option<String>,
    /// What it brings, unless the site has that bundle already: hosts need room for it.
    pub coming: Option<Release>,
    /// Name and place of those whose file is not there any more: a host that lacks something of one cannot be given it.
    pub gone: Vec<(String, PathBuf)>,
}

/// Opens every add-on of the site, and the one that is to become one.
pub fn open(
    site: &Site,
    instance: &Instance,
    options: &Options,
    base: &Release,
    import: Option<&Import>,
) -> Result<Opened, ControlError> {
    let failed = |error| ControlError::store("read the site's add-ons: ", &error);
    let kept = instance.store.addons::<Addon>(site.name.as_str()).map_err(failed)?;
    let mut opened = Opened::default();
    let known = |id: &Digest| kept.iter().any(|(_, addon)| addon.id == *id);
    let mut new = import.map(|import| bring(import, site, instance, options)).transpose()?;
    opened.coming = new.as_ref().filter(|(new, _)| !known(&new.id)).map(|(new, _)| images_of(&new.release));
    for (name, addon) in kept {
        if let Some((new, _)) = new.as_mut().filter(|(new, _)| new.release.name == name) {
            // The same bundle from another place: what was asked for stays.
            if new.id == addon.id && new.manifests.is_empty() {
                new.manifests = addon.manifests;
            }
            continue;
        }
        match reopen(&addon, site, instance, options)? {
            Some(bundle) => opened.bundles.push(Arc::new(bundle)),
            None => opened.gone.push((name, addon.file.path.clone())),
        }
        opened.addons.push(addon);
    }
    if let Some((addon, bundle)) = new {
        opened.imported = Some(addon.release.name.clone());
        opened.addons.push(addon);
        opened.bundles.push(Arc::new(bundle));
    }
    opened.addons.sort_by(|a, b| a.release.name.cmp(&b.release.name));
    let planned: Vec<AddOn<'_>> = opened.addons.iter().map(Addon::planned).collect();
    match planner::clashes(base, &planned) {
        clashes if clashes.is_empty() => Ok(opened),
        clashes => Err(ControlError::all(Kind::Refused, clashes.into_iter().map(Problem::from).collect())
            .hint("give one of the images another tag, or build one bundle from what the other has")),
    }
}

fn bring(
    import: &Import,
    site: &Site,
    instance: &Instance,
    options: &Options,
) -> Result<(Addon, Bundle<Sealed>), ControlError> {
    let bundle = open_bundle(import.path.clone(), options, site, instance, None)?;
    let release = bundle.release().clone();
    if release.is_base() {
        return Err(ControlError::new(
            Kind::Refused,
            format!("import {}: sites are installed from this bundle", import.path.display()),
        )
        .hint("`armilla apply -b` takes it; import takes what `bundle build --image` or `--archive` made"));
    }
    let wanted = if import.apply { release.manifests() } else { Vec::new() };
    let texts = wanted.into_iter().map(|file| Ok((file.name.clone(), text(&bundle, file)?)));
    let manifests = texts.collect::<Result<_, ControlError>>()?;
    let file = kept(&bundle)?;
    Ok((Addon { id: bundle.id().clone(), file, release, manifests }, bundle))
}

/// The file of an add-on, if it still is that bundle. One that became damaged is refused.
fn reopen(
    addon: &Addon,
    site: &Site,
    instance: &Instance,
    options: &Options,
) -> Result<Option<Bundle<Sealed>>, ControlError> {
    let there = Bundle::inspect(&addon.file.path).is_ok_and(|found| *found.id() == addon.id);
    if !there {
        return Ok(None);
    }
    let signer = Some(addon.file.signer.as_str());
    open_bundle(addon.file.path.clone(), &options.without_trust(), site, instance, signer).map(Some)
}

/// Where a bundle lies and whose it is, to find it again from any folder.
pub fn kept(bundle: &Bundle<Sealed>) -> Result<KeptBundle, ControlError> {
    let path = std::path::absolute(bundle.path()).map_err(|error| {
        ControlError::new(Kind::Failed, format!("find {}: {error}", bundle.path().display()))
    })?;
    Ok(KeptBundle { path, signer: bundle.signer_pem() })
}

/// A manifest's text, held against its digest.
fn text(bundle: &Bundle<Sealed>, file: &FileArtifact) -> Result<String, ControlError> {
    let failed =
        |why: String| ControlError::new(Kind::Refused, format!("read {} of the bundle: {why}", file.name));
    let content = bundle.content(file).ok_or_else(|| failed("it is not there".to_owned()))?;
    let mut text = String::new();
    content
        .and_then(|content| content.take(MANIFEST_LIMIT + 1).read_to_string(&mut text))
        .map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > MANIFEST_LIMIT {
        return Err(failed("it is longer than 4 MiB".to_owned()));
    }
    let found = Digest::from_sha256(sha2::Sha256::digest(&text).into());
    if found == file.content { Ok(text) } else { Err(failed(format!("its content is {found}"))) }
}

/// The release and its add-ons as one, for questions about room: what a host holds in the end.
pub fn together(base: &Release, addons: &[Addon]) -> Release {
    let mut all = base.clone();
    all.components.extend(addons.iter().flat_map(|addon| images_of(&addon.release).components));
    all
}

/// An add-on as hosts get it: its files are not for them.
fn images_of(release: &Release) -> Release {
    let mut images = release.clone();
    images.components.iter_mut().for_each(|component| component.files.clear());
    images
}
