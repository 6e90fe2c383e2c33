//! `armilla image`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use installer_model::plan::{Action, Plan};
use installer_run::images::HeldImage;
use serde::Serialize;
use serde_json::Value;

use super::of_site::OfSite;
use super::{CliError, Output, asking};
use crate::runs::Source;

#[derive(Debug, Subcommand)]
pub(super) enum ImageCommand {
    /// What each node holds, and which bundle it came with
    Ls(LsArgs),
}

/// Asks containerd on every host.
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    site: OfSite,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

/// One image under one name and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    image: String,
    digest: String,
    /// None for an image that a pod pulled, or somebody put there.
    bundle: Option<String>,
    held_by: Vec<String>,
    /// Hosts that the last plan gives it to and that do not hold it.
    missing_on: Vec<String>,
}

pub(super) async fn run(command: &ImageCommand) -> Result<u8, CliError> {
    match command {
        ImageCommand::Ls(args) => ls(args).await,
    }
}

async fn ls(args: &LsArgs) -> Result<u8, CliError> {
    let name = args.site.name("image ls").await?;
    let source = Source::of(&args.site.server, "image ls")?;
    let runs = source.runs().await?;
    let last = runs.iter().rfind(|run| run.site == name);
    let last = last.ok_or_else(|| CliError::new(3, format!("{name}: nothing was run yet")))?;
    let plan = source.plan(&last.plan).await;
    let plan = plan.ok_or_else(|| CliError::new(3, format!("find plan {}", last.plan.short())))?;
    let held = held(args).await?;
    let rows = rows(&plan, &held);
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&rows).expect("plain data")),
        Output::Text => print!("{}", table(&rows, held.len())),
    }
    Ok(if rows.iter().any(|row| !row.missing_on.is_empty()) { 6 } else { 0 })
}

async fn held(args: &LsArgs) -> Result<BTreeMap<String, Vec<HeldImage>>, CliError> {
    let (client, place) = args.site.place("image ls").await?;
    let mut held: Value = asking::get(&client, &format!("{place}/images")).await?;
    serde_json::from_value(held["hosts"].take())
        .map_err(|error| CliError::new(1, format!("understand what hosts hold: {error}")))
}

/// What is held and what should be, side by side, by bundle and name.
fn rows(plan: &Plan, held: &BTreeMap<String, Vec<HeldImage>>) -> Vec<Row> {
    let mut rows: BTreeMap<(Option<String>, String, String), Row> = BTreeMap::new();
    let mut planned = BTreeMap::new();
    for step in &plan.steps {
        let Action::Images { addon, images, .. } = &step.action else { continue };
        for image in images {
            let bundle = addon.clone().unwrap_or_else(|| SITE_BUNDLE.to_owned());
            let digest = image.target().digest.to_string();
            planned.insert((step.host.clone(), image.reference.clone(), digest), bundle);
        }
    }
    let mut row = |bundle: Option<&String>, image: &str, digest: &str, change: &mut dyn FnMut(&mut Row)| {
        let key = (bundle.cloned(), image.to_owned(), digest.to_owned());
        let (bundle, image, digest) = key.clone();
        let empty = Row { image, digest, bundle, held_by: Vec::new(), missing_on: Vec::new() };
        change(rows.entry(key).or_insert(empty));
    };
    for (host, images) in held {
        for image in images.iter().filter(|image| !is_second_name(plan, host, image)) {
            let bundle = planned.get(&(host.clone(), image.reference.clone(), image.digest.clone()));
            row(bundle, &image.reference, &image.digest, &mut |row| row.held_by.push(host.clone()));
        }
    }
    for ((host, reference, digest), bundle) in &planned {
        let has = held.get(host).is_some_and(|images| {
            images.iter().any(|image| image.reference == *reference && image.digest == *digest)
        });
        if !has && held.contains_key(host) {
            row(Some(bundle), reference, digest, &mut |row| row.missing_on.push(host.clone()));
        }
    }
    // Pulled images, which have no bundle, come last.
    let (bundled, pulled): (Vec<Row>, Vec<Row>) = rows.into_values().partition(|row| row.bundle.is_some());
    bundled.into_iter().chain(pulled).collect()
}

/// Whether containerd noted with it that a pod asked by digest for an image that the plan gives the host by its tag.
fn is_second_name(plan: &Plan, host: &str, held: &HeldImage) -> bool {
    let Some((repository, _)) = held.reference.split_once('@') else { return false };
    let given = plan.steps.iter().filter(|step| step.host == host).filter_map(|step| {
        if let Action::Images { images, .. } = &step.action { Some(images) } else { None }
    });
    given.flatten().any(|image| {
        let digests = [&image.target().digest, &image.manifest.digest];
        let same = image.reference.rsplit_once(':').is_some_and(|(other, _)| other == repository);
        same && digests.iter().any(|digest| digest.to_string() == held.digest)
    })
}

/// How the bundle is called that the site is installed from.
const SITE_BUNDLE: &str = "armilla";

fn table(rows: &[Row], hosts: usize) -> String {
    let on = |row: &Row| match (row.held_by.len(), row.missing_on.as_slice()) {
        (held, []) if held == hosts => "all hosts".to_owned(),
        (_, []) => row.held_by.join(", "),
        (0, missing) => format!("missing on {}", missing.join(", ")),
        (_, missing) => format!("{}; missing on {}", row.held_by.join(", "), missing.join(", ")),
    };
    let cells = |row: &Row| {
        let digest = row.digest.trim_start_matches("sha256:").chars().take(12).collect();
        let bundle = row.bundle.clone().unwrap_or_else(|| "-".to_owned());
        [bundle, row.image.clone(), digest, on(row)]
    };
    let mut lines = vec![["BUNDLE", "IMAGE", "DIGEST", "ON"].map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let line = |cells: &[String; 4]| {
        let [bundle, image, digest, on] = cells;
        format!("{bundle:0$}  {image:1$}  {digest:2$}  {on}\n", widths[0], widths[1], widths[2])
    };
    lines.iter().map(line).collect()
}
