//! `armilla support collect`.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use appliance_control::here::now_ms;
use appliance_control::site_file;
use appliance_control::supporting::{self, Index, Wanted};
use appliance_store::Holder;
use clap::{Args, Subcommand};

use super::asking::told;
use super::of_site::OfSite;
use super::{CliError, Output};
use crate::wiring::{self, Secrets};

#[derive(Debug, Subcommand)]
pub(super) enum Support {
    /// Collect versions, plan, events, output, findings and logs into one archive, without secrets
    Collect(Collect),
}

/// Works whatever has failed: hosts that are down, a run that goes on, no cluster at all. What could not be had stands with
/// its reason in index.json of the archive. Secrets are taken out; look through it before you give it away.
#[derive(Debug, Args)]
pub(super) struct Collect {
    #[command(flatten)]
    site: OfSite,
    /// The archive to write [default: armilla-support-SITE-TIME.tar.gz]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seconds that each host is given
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Trust host keys that are seen for the first time
    #[arg(short = 'y', long)]
    yes: bool,
    /// json: the index of the archive
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn run(command: &Support) -> Result<u8, CliError> {
    let Support::Collect(args) = command;
    let (path, index) = match args.site.server.server()? {
        Some(_) => by_server(args).await?,
        None => here(args).await?,
    };
    for missing in &index.missing {
        eprintln!("not had: {}: {}", missing.what, missing.why.replace('\n', "\n  "));
    }
    eprintln!(
        "{}: {} files, {} secrets taken out, {} things could not be had.",
        path.display(),
        index.files.len(),
        index.redacted,
        index.missing.len()
    );
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&index).expect("plain data")),
        Output::Text => println!("{}", path.display()),
    }
    Ok(0)
}

/// By a server, which knows what happened and reaches the hosts.
async fn by_server(args: &Collect) -> Result<(PathBuf, Index), CliError> {
    let name = args.site.name("support collect").await?;
    let (client, place) = args.site.place("support collect").await?;
    eprintln!("{} asks the hosts, {} s each at most ...", client.server(), args.timeout);
    let wish = serde_json::json!({"timeout": args.timeout});
    let archive = client.post_for_bytes(&format!("{place}/support"), &wish).await.map_err(told)?.value;
    let index = index_in(&archive)
        .map_err(|error| CliError::new(1, format!("understand the archive of the server: {error}")))?;
    let path = path(args, Some(&name), index.at);
    let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let written = written.and_then(|mut file| file.write_all(&archive).and_then(|()| file.sync_all()));
    written.map_err(|error| unwritten(&path, &error))?;
    Ok((path, index))
}

/// The first file of the archive, which says what the others are.
fn index_in(archive: &[u8]) -> std::io::Result<Index> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let first = tar.entries()?.next();
    let mut first = first.ok_or_else(|| std::io::Error::other("it is empty"))??;
    let mut text = String::new();
    first.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// By this process.
async fn here(args: &Collect) -> Result<(PathBuf, Index), CliError> {
    let at = now_ms();
    let site = site_file::read(&args.site.file().unwrap_or_else(|| PathBuf::from("site.yaml")));
    let state = wiring::state_folder(&args.site.server.state);
    let secrets = Secrets::default();
    let registries = site.as_ref().map(|site| site.registries.clone()).unwrap_or_default();
    // What pods pull with is looked for as well, where it can be read without asking.
    let known = || {
        let logins = registries.iter().filter_map(|registry| registry.credentials.as_ref());
        let pulled = logins.filter_map(|login| Secrets::read_unasked(&login.password));
        secrets.known().into_iter().chain(pulled).collect()
    };
    let wanted = Wanted {
        by: Holder::this_process("support collect", at).to_string(),
        site: site.as_ref().map_err(ToString::to_string),
        reader: &wiring::reader(&args.site.server.state, "support collect"),
        state: &state,
        secrets: &secrets,
        known: &known,
        limit: Duration::from_secs(args.timeout),
        trust_new: args.yes,
        tell: &|said| eprintln!("{said}"),
    };
    let archive = supporting::collect(&wanted, at).await;
    let name = site.as_ref().ok().map(|site| site.name.to_string());
    let path = path(args, name.as_deref(), at);
    archive
        .write(&path, &supporting::folder(name.as_deref(), at))
        .map_err(|error| unwritten(&path, &error))?;
    Ok((path, archive.index))
}

fn path(args: &Collect, site: Option<&str>, at: u64) -> PathBuf {
    args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.tar.gz", supporting::folder(site, at))))
}

fn unwritten(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(1, format!("write {}: {error}", path.display()))
}
