//! `armilla site`: the sites that a server keeps, their drafts, and the waivers that hold.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::asking::{self, Asking, print_json, told};
use super::of_site::OfSite;
use super::{CliError, Output, escaped, init};
use crate::wiring::{ServerArgs, confirm};

#[derive(Debug, Subcommand)]
pub(super) enum SiteCommand {
    /// List sites
    Ls(Asking),
    /// Print a site's file as it is kept
    Show(Show),
    /// Add a site from its file
    Add(Write),
    /// Put a site's file in the place of the one that is kept
    Put(Write),
    /// Read a file as a site, say all that is wrong with it, and keep nothing
    Validate(Validate),
    /// Make a draft of files of KubeKey, k0sctl or kubeadm, and list what it does not carry
    Import(Import),
    /// Forget a site; its runs stay
    Rm(Rm),
    /// List what is gone on with in spite of checks
    Waivers(Waivers),
    /// Keep, print or throw away what somebody still writes
    #[command(subcommand)]
    Draft(DraftCommand),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    site: OfSite,
    /// text: the file; json: with its bundle, its plan and who wrote it last
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Write {
    /// The site file; `-` is standard input
    #[arg(default_value = "site.yaml")]
    file: PathBuf,
    /// Id of a bundle of the server that it is installed from; without it the one that was chosen before stays
    #[arg(long, value_name = "ID")]
    bundle: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The site file; `-` is standard input
    #[arg(default_value = "site.yaml")]
    file: PathBuf,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// Files of one installation, such as an inventory and a config
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Args)]
pub(super) struct Rm {
    name: String,
    /// Also where its cluster stands: it is given up
    #[arg(long)]
    abandon: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Waivers {
    #[command(flatten)]
    site: OfSite,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Subcommand)]
pub(super) enum DraftCommand {
    /// Print a draft
    Show(DraftOf),
    /// Keep a file as the draft of a site; nothing in it need be right
    Put(DraftPut),
    /// Throw a draft away
    Rm(DraftOf),
}

#[derive(Debug, Args)]
pub(super) struct DraftOf {
    /// The site, which need not be there
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct DraftPut {
    /// The site, which need not be there
    name: String,
    /// JSON is kept as it is, everything else as text; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: asking::Columns<'static> = &[
    ("NAME", "name"),
    ("HOSTS", "hosts"),
    ("FOUNDED", "founded"),
    ("PLAN", "plan"),
    ("BUNDLE", "bundle"),
    ("CHANGED", "changedAt"),
    ("BY", "by"),
];

const WAIVERS: asking::Columns<'static> = &[
    ("CHECK", "check"),
    ("HOST", "host"),
    ("REASON", "reason"),
    ("BY", "by"),
    ("AT", "at"),
    ("IN FILE", "inText"),
];

pub(super) async fn run(command: &SiteCommand) -> Result<u8, CliError> {
    match command {
        SiteCommand::Ls(args) => {
            let client = args.server.client("site ls")?;
            let mut sites = asking::list(&client, "/api/v1/sites?sort=name").await?;
            if args.output == Output::Text {
                sites.iter_mut().for_each(shorten);
            }
            asking::show(&sites, COLUMNS, args.output);
        }
        SiteCommand::Show(args) => {
            let (client, place) = args.site.place("site show").await?;
            let site: Value = asking::get(&client, &place).await?;
            match args.output {
                Output::Json => print_json(&site),
                Output::Text => print!("{}", site["text"].as_str().unwrap_or_default()),
            }
        }
        SiteCommand::Add(args) => add(args).await?,
        SiteCommand::Put(args) => put(args).await?,
        SiteCommand::Validate(args) => validate(args).await?,
        SiteCommand::Import(args) => return import(args).await,
        SiteCommand::Rm(args) => rm(args).await?,
        SiteCommand::Waivers(args) => {
            let (client, place) = args.site.place("site waivers").await?;
            let listed: Value = asking::get(&client, &format!("{place}/waivers")).await?;
            asking::show(asking::items(&listed), WAIVERS, args.output);
        }
        SiteCommand::Draft(command) => draft(command).await?,
    }
    Ok(0)
}

/// Digests as people tell them apart.
fn shorten(site: &mut Value) {
    for field in ["plan", "bundle"] {
        let short =
            site[field].as_str().map(|id| id.trim_start_matches("sha256:").chars().take(12).collect());
        if let Some(short) = short {
            site[field] = Value::String(short);
        }
    }
}

fn read(file: &Path) -> Result<String, CliError> {
    let read = match file.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        Some(_) | None => std::fs::read_to_string(file),
    };
    read.map_err(|error| {
        let code = if error.kind() == std::io::ErrorKind::NotFound { 3 } else { 1 };
        CliError::new(code, format!("read {}: {error}", file.display()))
    })
}

/// `?dryRun=All` where nothing is to be done.
fn dry(args: &Write) -> &'static str {
    if args.dry_run { "?dryRun=All" } else { "" }
}

async fn add(args: &Write) -> Result<(), CliError> {
    let client = args.server.client("site add")?;
    let wish = json!({"text": read(&args.file)?, "bundle": args.bundle});
    let path = format!("/api/v1/sites{}", dry(args));
    let added: Option<Value> = client.post(&path, &wish).await.map_err(told)?.value;
    match added {
        Some(site) => println!("added site {}", site["name"].as_str().unwrap_or_default()),
        None => println!("it would be added"),
    }
    Ok(())
}

async fn put(args: &Write) -> Result<(), CliError> {
    let client = args.server.client("site put")?;
    let text = read(&args.file)?;
    let site = installer_model::site::Site::parse(&text);
    let name = site.map_err(|errors| CliError::from(appliance_control::ControlError::from(errors)))?.name;
    let place = format!("/api/v1/sites/{}", escaped(name.as_str()));
    let before = client.get::<Value>(&place).await.map_err(told)?;
    let bundle = args.bundle.clone().map_or_else(|| before.value["bundle"].clone(), Value::from);
    let wish = json!({"text": text, "bundle": bundle});
    let path = format!("{place}{}", dry(args));
    client.change::<Value>(Method::PUT, &path, &wish, before.etag()).await.map_err(told)?;
    println!(
        "{}",
        if args.dry_run { "it would be changed".to_owned() } else { format!("changed site {name}") }
    );
    Ok(())
}

async fn validate(args: &Validate) -> Result<(), CliError> {
    let client = args.asking.server.client("site validate")?;
    let wish = json!({"text": read(&args.file)?});
    let site: Value = client.post("/api/v1/sites/validate", &wish).await.map_err(told)?.value;
    match args.asking.output {
        Output::Json => print_json(&site),
        Output::Text => println!(
            "good: site {} with {} hosts",
            site["name"].as_str().unwrap_or_default(),
            site["hosts"].as_array().map_or(0, Vec::len)
        ),
    }
    Ok(())
}

/// The draft goes to standard output and can be a file; what it does not carry is for people.
async fn import(args: &Import) -> Result<u8, CliError> {
    let client = args.asking.server.client("site import")?;
    let files =
        args.files.iter().map(|file| Ok(json!({"name": file.display().to_string(), "text": read(file)?})));
    let files: Vec<Value> = files.collect::<Result<_, CliError>>()?;
    let wish = json!({"files": files});
    let draft: installer_import::Draft =
        client.post("/api/v1/sites/import", &wish).await.map_err(told)?.value;
    init::tell(&draft);
    print!("{}", init::text_of(&draft, args.asking.output)?);
    Ok(init::exit_code(&draft))
}

async fn rm(args: &Rm) -> Result<(), CliError> {
    let client = args.server.client("site rm")?;
    if args.abandon {
        let question = format!("Give up the cluster of site {}? Its hosts stay as they are.", args.name);
        if !confirm(args.yes, &question) {
            return Err(CliError::new(1, "go on without a yes").hint("answer the question, or add --yes"));
        }
    }
    let abandon = if args.abandon { "?abandon=true" } else { "" };
    client.delete(&format!("/api/v1/sites/{}{abandon}", escaped(&args.name))).await.map_err(told)?;
    println!("removed site {}", args.name);
    Ok(())
}

async fn draft(command: &DraftCommand) -> Result<(), CliError> {
    let place = |name: &str| format!("/api/v1/sites/{}/draft", escaped(name));
    match command {
        DraftCommand::Show(args) => {
            let client = args.server.client("site draft show")?;
            let draft: Value = asking::get(&client, &place(&args.name)).await?;
            match &draft["content"] {
                Value::String(text) => print!("{text}"),
                content => print_json(content),
            }
        }
        DraftCommand::Put(args) => {
            let client = args.server.client("site draft put")?;
            let text = read(&args.file)?;
            let content: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let wish = json!({"content": content});
            let kept = client.change::<Value>(Method::PUT, &place(&args.name), &wish, None).await;
            kept.map_err(told)?;
            println!("kept the draft of site {}", args.name);
        }
        DraftCommand::Rm(args) => {
            let client = args.server.client("site draft rm")?;
            client.delete(&place(&args.name)).await.map_err(told)?;
            println!("threw the draft of site {} away", args.name);
        }
    }
    Ok(())
}
