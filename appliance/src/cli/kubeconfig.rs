//! `armilla kubeconfig`.

use std::path::{Path, PathBuf};

use appliance_control::hands::control_plane_hand;
use appliance_control::kubeconfig;
use appliance_control::site_file;
use clap::Args;
use installer_model::site::Site;
use serde_json::Value;

use super::CliError;
use super::asking::told;
use super::of_site::OfSite;
use crate::wiring::{self, Secrets};

/// Its server is a name or address that is reachable from outside and in the API server's certificate.
#[derive(Debug, Args)]
pub(super) struct Kubeconfig {
    #[command(flatten)]
    site: OfSite,
    /// Merge into this file (default $KUBECONFIG or ~/.kube/config) instead of printing; nothing in it is lost
    #[arg(long, value_name = "FILE")]
    merge: Option<Option<PathBuf>>,
    /// Make the merged context the current one
    #[arg(long, requires = "merge")]
    switch: bool,
    /// Another API server than the site's own, such as https://127.0.0.1:16443
    #[arg(long = "server", value_name = "URL")]
    endpoint: Option<String>,
}

pub(super) async fn run(args: &Kubeconfig) -> Result<u8, CliError> {
    let ours = match (args.site.server.server()?, args.site.file()) {
        (None, Some(file)) => of_host(args, &site_file::read(&file)?).await?,
        (Some(_), _) | (None, None) => of_server(args).await?,
    };
    match &args.merge {
        None => print!("{}", kubeconfig::to_yaml(&ours)),
        Some(path) => merge(&merge_path(path.as_deref()), &ours, args.switch)?,
    }
    Ok(0)
}

/// As the server has it: for administrators, and it is noted who took it.
async fn of_server(args: &Kubeconfig) -> Result<Value, CliError> {
    let (client, place) = args.site.cluster("kubeconfig").await?;
    let text = client.get_bytes(&format!("{place}/kubeconfig")).await.map_err(told)?.value;
    let understood = std::str::from_utf8(&text).map_err(|error| error.to_string());
    let understood = understood.and_then(|text| kubeconfig::through(text, args.endpoint.as_deref()));
    understood.map_err(|why| CliError::new(1, format!("understand the kubeconfig of the server: {why}")))
}

/// As a control plane has it, asked by this process.
async fn of_host(args: &Kubeconfig, site: &Site) -> Result<Value, CliError> {
    let admin = fetch(args, site).await?;
    let server = args.endpoint.clone().unwrap_or_else(|| format!("https://{}", site.kubeconfig_endpoint()));
    kubeconfig::for_people(&admin, site.name.as_str(), &server)
        .map_err(|why| CliError::new(1, format!("understand the cluster's admin.conf: {why}")))
}

async fn fetch(args: &Kubeconfig, site: &Site) -> Result<String, CliError> {
    let known = wiring::acquaintance(&args.site.server.state, "kubeconfig")?;
    let hand = control_plane_hand(site, &known, &Secrets::default()).await?;
    let bytes = hand.read("/etc/kubernetes/admin.conf", 1 << 20).await.map_err(|error| {
        CliError::from_error(3, "read /etc/kubernetes/admin.conf: ", &error)
            .hint("is the site installed? `armilla apply`")
    })?;
    String::from_utf8(bytes)
        .map_err(|_| CliError::new(1, "understand the cluster's admin.conf: it is not text"))
}

/// Where kubectl would look; behind a link, the file itself, so that the link stays one.
fn merge_path(named: Option<&Path>) -> PathBuf {
    let path = named.map_or_else(usual_path, Path::to_owned);
    std::fs::canonicalize(&path).unwrap_or(path)
}

fn usual_path() -> PathBuf {
    let first = std::env::var_os("KUBECONFIG").and_then(|list| std::env::split_paths(&list).next());
    let home =
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".kube/config");
    first.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(home)
}

fn merge(path: &Path, ours: &Value, switch: bool) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::new(1, format!("merge into {}: {error}", path.display()));
    let before = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let merged = kubeconfig::merge(before.as_deref(), ours, switch).map_err(|why| {
        CliError::new(5, format!("merge into {}: {why}", path.display())).hint("the file was left as it is")
    })?;
    // A second merge finds its own work: the copy of the file as it was before Armilla came stays.
    if before.as_ref() != Some(&merged.text) {
        if let Some(before) = before {
            let mut copy = path.as_os_str().to_owned();
            copy.push(".before-armilla");
            kubeconfig::write_private(Path::new(&copy), &before).map_err(failed)?;
        }
        kubeconfig::write_private(path, &merged.text).map_err(failed)?;
    }
    eprintln!("Merged context {} into {}.", merged.context, path.display());
    Ok(())
}
