//! Bundles that a server keeps: `armilla bundle add`, `ls`, `rm`, `key` and `upload`, and `show` and `verify` by id.

use std::path::PathBuf;

use appliance_client::Client;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::asking::{self, Asking, print_json, told};
use super::super::{CliError, Output, escaped};
use crate::bringing::Bringing;
use crate::wiring::{ServerArgs, failed};

/// A file on the server's own machine is named to it; from elsewhere it is sent in chunks, and goes on where it was cut off.
/// What the server has already is not sent again.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    /// The bundle, or a folder with its parts
    file: PathBuf,
    /// A public key that may have sealed it; may be given again
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// The path is one on the server's machine; nothing is sent
    #[arg(long)]
    there: bool,
    /// Trust a key that is seen for the first time
    #[arg(short = 'y', long)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RmArgs {
    /// Its id, or the beginning of it
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeyCommand {
    /// List the keys that may seal bundles
    Ls(Asking),
    /// Trust whoever holds this key to seal bundles
    Trust(KeyTrust),
    /// Trust a key no longer
    Rm(KeyRm),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct KeyTrust {
    /// The .pub file that `bundle keygen` wrote
    file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct KeyRm {
    /// As `bundle key ls` lists it
    fingerprint: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UploadCommand {
    /// List uploads that were cut off; `bundle add` of the same file goes on with one
    Ls(Asking),
    /// Give an upload up
    Rm(UploadRm),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct UploadRm {
    /// As `bundle upload ls` lists it
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

const BUNDLES: asking::Columns<'static> = &[
    ("ID", "id"),
    ("RELEASE", "release"),
    ("VERSION", "version"),
    ("ARCHITECTURES", "architectures"),
    ("BYTES", "size"),
    ("UPLOADED", "uploaded"),
    ("ADDED", "addedAt"),
    ("BY", "by"),
];
const KEYS: asking::Columns<'static> = &[("FINGERPRINT", "fingerprint"), ("SINCE", "trustedAt")];
const UPLOADS: asking::Columns<'static> = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("BYTES", "size"),
    ("RECEIVED", "received"),
    ("BY", "by"),
    ("ENDS", "expiresAt"),
];

pub(super) async fn add(args: &AddArgs) -> Result<u8, CliError> {
    let client = args.asking.server.client("bundle add")?;
    let state = &args.asking.server.state;
    let bringing = Bringing { client: &client, trust: &args.trust, yes: args.yes, state };
    let id = match args.there {
        true => bringing.add(&args.file).await.map_err(|error| failed(&error))?,
        false => bringing.bring(&args.file).await?,
    };
    let bundle = read(&client, &id).await?;
    match args.asking.output {
        Output::Json => print_json(&bundle),
        Output::Text => println!("{id}"),
    }
    Ok(0)
}

pub(super) async fn ls(server: &ServerArgs, output: Output) -> Result<u8, CliError> {
    let client = server.client("bundle ls")?;
    let mut bundles = asking::list(&client, "/api/v1/bundles").await?;
    if output == Output::Text {
        for bundle in &mut bundles {
            let short =
                bundle["id"].as_str().map(|id| id.trim_start_matches("sha256:").chars().take(12).collect());
            bundle["id"] = Value::String(short.unwrap_or_default());
        }
    }
    asking::show(&bundles, BUNDLES, output);
    Ok(0)
}

pub(super) async fn rm(args: &RmArgs) -> Result<u8, CliError> {
    let client = args.server.client("bundle rm")?;
    let id = found(&client, &args.id).await?;
    client.delete(&format!("/api/v1/bundles/{}", escaped(&id))).await.map_err(told)?;
    println!("removed bundle {id}");
    Ok(0)
}

/// Of a bundle that is kept: what it is, or with `contents` all that is in it.
pub(super) async fn show(server: &ServerArgs, id: &str, contents: bool) -> Result<u8, CliError> {
    let client = server.client("bundle show")?;
    let id = found(&client, id).await?;
    match contents {
        true => print_json(
            &asking::get::<Value>(&client, &format!("/api/v1/bundles/{}/contents", escaped(&id))).await?,
        ),
        false => print_json(&read(&client, &id).await?),
    }
    Ok(0)
}

pub(super) async fn verify(server: &ServerArgs, id: &str, output: Output) -> Result<u8, CliError> {
    let client = server.client("bundle verify")?;
    let id = found(&client, id).await?;
    let path = format!("/api/v1/bundles/{}/verify", escaped(&id));
    let bundle: Value = client.post(&path, &json!({})).await.map_err(told)?.value;
    match output {
        Output::Json => print_json(&bundle),
        Output::Text => println!(
            "good: {} bytes, sealed by {}",
            bundle["size"],
            bundle["signer"].as_str().unwrap_or_default()
        ),
    }
    Ok(0)
}

pub(super) async fn key(command: &KeyCommand) -> Result<u8, CliError> {
    match command {
        KeyCommand::Ls(args) => {
            let client = args.server.client("bundle key ls")?;
            let listed: Value = asking::get(&client, "/api/v1/bundle-keys").await?;
            asking::show(asking::items(&listed), KEYS, args.output);
        }
        KeyCommand::Trust(args) => {
            let client = args.server.client("bundle key trust")?;
            let pem = std::fs::read_to_string(&args.file)
                .map_err(|error| CliError::new(3, format!("read {}: {error}", args.file.display())))?;
            let key: Value =
                client.post("/api/v1/bundle-keys", &json!({"pem": pem})).await.map_err(told)?.value;
            println!("{} may seal bundles", key["fingerprint"].as_str().unwrap_or_default());
        }
        KeyCommand::Rm(args) => {
            let client = args.server.client("bundle key rm")?;
            let path = format!("/api/v1/bundle-keys/{}", escaped(&args.fingerprint));
            client.delete(&path).await.map_err(told)?;
            println!("{} is trusted no longer", args.fingerprint);
        }
    }
    Ok(0)
}

pub(super) async fn upload(command: &UploadCommand) -> Result<u8, CliError> {
    match command {
        UploadCommand::Ls(args) => {
            let client = args.server.client("bundle upload ls")?;
            let listed: Value = asking::get(&client, "/api/v1/uploads").await?;
            asking::show(asking::items(&listed), UPLOADS, args.output);
        }
        UploadCommand::Rm(args) => {
            let client = args.server.client("bundle upload rm")?;
            client.delete(&format!("/api/v1/uploads/{}", escaped(&args.id))).await.map_err(told)?;
            println!("gave upload {} up", args.id);
        }
    }
    Ok(0)
}

async fn read(client: &Client, id: &str) -> Result<Value, CliError> {
    asking::get(client, &format!("/api/v1/bundles/{}", escaped(id))).await
}

/// The whole id of the one bundle whose id begins so.
async fn found(client: &Client, begins: &str) -> Result<String, CliError> {
    let bundles = asking::list(client, "/api/v1/bundles").await?;
    let ids = bundles.iter().filter_map(|bundle| bundle["id"].as_str());
    let fits = |id: &&str| id.starts_with(begins) || id.trim_start_matches("sha256:").starts_with(begins);
    match ids.filter(fits).collect::<Vec<_>>().as_slice() {
        [one] => Ok((*one).to_owned()),
        // The server says that there is none.
        [] => Ok(begins.to_owned()),
        many => Err(CliError::new(2, format!("choose a bundle: {} begin with {begins}", many.len()))
            .hint("`armilla bundle ls -o json` has the whole ids")),
    }
}
