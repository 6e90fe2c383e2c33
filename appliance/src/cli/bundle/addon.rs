//! `armilla bundle build` from an application's own images: an add-on for sites that are there already.

use std::path::PathBuf;

use bundles_build::{Access, AddonOptions, build_addon, default_cache};
use bundles_format::{Arch, Reference};
use bundles_store::KeyPair;
use clap::Args;
use serde_json::json;

use super::super::{CliError, Output};
use super::{Draw, bytes, clock, failed, say};

/// What makes a bundle an add-on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Add-on bundles, for `bundle import`")]
pub(super) struct AddonArgs {
    /// Build an add-on of this name from the images that follow, not a bundle that sites are installed from.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["catalog", "files", "programs", "update_lock"])]
    name: Option<String>,
    /// The add-on's version.
    #[arg(long, value_name = "VERSION", default_value = "1", requires = "name")]
    release: String,
    /// The licences of what is in it, as an SPDX expression.
    #[arg(long, value_name = "SPDX", default_value = "NOASSERTION", requires = "name")]
    license: String,
    /// An archive of images, from `docker save` or with an OCI image layout; NAME= for one that names none.
    #[arg(long = "archive", value_name = "[NAME=]FILE", value_parser = parse_archive, requires = "name")]
    archives: Vec<(Option<Reference>, PathBuf)>,
    /// An image of a registry, by its digest; logins are those of `docker login`.
    #[arg(long = "image", value_name = "NAME@sha256:HEX", requires = "name")]
    images: Vec<Reference>,
    /// A file of Kubernetes objects; `bundle import --apply` applies them in this order.
    #[arg(long = "manifest", value_name = "FILE", requires = "name")]
    manifests: Vec<PathBuf>,
    /// An image that manifests name and that nodes have from elsewhere, such as from the site's own bundle.
    #[arg(long = "elsewhere", value_name = "IMAGE", requires = "name")]
    elsewhere: Vec<Reference>,
}

fn parse_archive(text: &str) -> Result<(Option<Reference>, PathBuf), String> {
    match text.split_once('=') {
        None => Ok((None, PathBuf::from(text))),
        Some((name, path)) => match name.parse() {
            Ok(name) => Ok((Some(name), PathBuf::from(path))),
            Err(error) => Err(format!("{error}")),
        },
    }
}

impl AddonArgs {
    pub(super) fn is_meant(&self) -> bool {
        self.name.is_some()
    }
}

/// What both kinds of bundle are built with.
pub(super) struct Common {
    pub(super) file: PathBuf,
    pub(super) key: PathBuf,
    pub(super) architectures: Vec<Arch>,
    pub(super) cache: Option<PathBuf>,
    pub(super) access: Access,
    pub(super) output: Output,
}

pub(super) fn build(args: AddonArgs, common: Common) -> Result<(), CliError> {
    let options = AddonOptions {
        name: args.name.expect("an add-on has a name"),
        version: args.release,
        license: args.license,
        architectures: common.architectures,
        archives: args.archives,
        images: args.images,
        access: common.access,
        manifests: args.manifests,
        elsewhere: args.elsewhere,
        cache: common.cache.unwrap_or_else(default_cache),
        output: common.file,
        key: KeyPair::read(&common.key).map_err(failed)?,
    };
    let draw = Draw::new();
    let built = build_addon(&options, &|event| draw.event(event)).map_err(failed)?;
    draw.done();
    let images: usize = built.release.components.iter().map(|component| component.images.len()).sum();
    match common.output {
        Output::Json => say(&json!({
            "bundle": options.output, "id": built.written.id, "size": built.written.size,
            "images": images, "seconds": built.took.as_secs_f64(),
        })
        .to_string()),
        Output::Text => say(&format!(
            "{}: {}, {images} images, {} manifests, {}, sealed by {}",
            options.output.display(),
            bytes(built.written.size),
            built.release.manifests().len(),
            clock(built.took),
            options.key.public().fingerprint(),
        )),
    }
    Ok(())
}
