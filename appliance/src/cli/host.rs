//! `armilla host`: the hosts of a site, what they are, what lets us in, and a shell on them.

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::asking::{self, Asking, print_json, told};
use super::of_site::OfSite;
use super::{CliError, Output, escaped, terminal};
use crate::served::{self, Scan};
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum HostCommand {
    /// List the hosts of a site
    Ls(ListOf),
    /// Connect to every host and say what is missing: keys to confirm, secrets to give, hosts that do not answer
    Scan(ScanArgs),
    /// Print what a host was at the last check
    Facts(Facts),
    /// Open a shell of root on a host
    Shell(Shell),
    /// Keep the keys by which hosts are known
    #[command(subcommand)]
    Key(KeyCommand),
    /// Keep the secrets that a site refers to; they are sealed and never shown
    #[command(subcommand)]
    Credential(CredentialCommand),
}

#[derive(Debug, Args)]
pub(super) struct ListOf {
    #[command(flatten)]
    site: OfSite,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    #[command(flatten)]
    site: OfSite,
    /// Trust the keys that are seen for the first time
    #[arg(short = 'y', long)]
    yes: bool,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Facts {
    /// The host's name in the site
    host: String,
    #[command(flatten)]
    site: OfSite,
}

/// It is noted in the audit who opens it; what is typed and shown is not kept.
#[derive(Debug, Args)]
pub(super) struct Shell {
    /// The host's name in the site
    host: String,
    #[command(flatten)]
    site: OfSite,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// List the keys that are trusted
    Ls(Asking),
    /// Trust a key, in the place of the one that was trusted before
    Trust(Trust),
    /// Trust the key of a place no longer
    Rm(Forget),
}

#[derive(Debug, Args)]
pub(super) struct Trust {
    /// Where the host answers, such as 10.0.0.1:22
    place: String,
    /// As `ssh-keygen -lf` prints it, such as SHA256:…
    fingerprint: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Forget {
    /// Where the host answers, such as 10.0.0.1:22
    place: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// List what a site refers to, and whether it was given
    Ls(ListOf),
    /// Give a secret: from standard input, or asked for
    Give(Give),
    /// Forget a secret that was given
    Rm(Withhold),
}

#[derive(Debug, Args)]
pub(super) struct Give {
    /// As `host credential ls` lists it
    id: String,
    /// Read the secret from standard input: a private key or certificate always comes this way
    #[arg(long)]
    secret_stdin: bool,
    #[command(flatten)]
    site: OfSite,
}

#[derive(Debug, Args)]
pub(super) struct Withhold {
    /// As `host credential ls` lists it
    id: String,
    #[command(flatten)]
    site: OfSite,
}

const HOSTS: asking::Columns<'static> = &[
    ("NAME", "name"),
    ("ADDRESS", "address"),
    ("PORT", "port"),
    ("USER", "user"),
    ("CONTROL PLANE", "controlPlane"),
    ("WORKER", "worker"),
    ("SURVEYED", "surveyed"),
    ("OURS", "ours"),
];
const KEYS: asking::Columns<'static> = &[("PLACE", "place"), ("FINGERPRINT", "fingerprint")];
const CREDENTIALS: asking::Columns<'static> =
    &[("ID", "id"), ("KIND", "kind"), ("GIVEN", "given"), ("WHAT", "what"), ("FROM", "from")];

pub(super) async fn run(command: &HostCommand) -> Result<u8, CliError> {
    match command {
        HostCommand::Ls(args) => {
            let (client, place) = args.site.place("host ls").await?;
            let listed: Value = asking::get(&client, &format!("{place}/hosts")).await?;
            asking::show(asking::items(&listed), HOSTS, args.output);
        }
        HostCommand::Scan(args) => return scan(args).await,
        HostCommand::Facts(args) => {
            let (client, place) = args.site.place("host facts").await?;
            let survey: Value = asking::get(&client, &format!("{place}/survey")).await?;
            let facts = survey["hosts"].get(&args.host);
            print_json(facts.ok_or_else(|| {
                CliError::new(3, format!("find {} in the last check", args.host))
                    .hint("`armilla host ls` lists the hosts, `armilla check` looks at them")
            })?);
        }
        HostCommand::Shell(args) => {
            let (client, place) = args.site.place("host shell").await?;
            let path = format!("{place}/hosts/{}/shell?term={}", escaped(&args.host), terminal::term());
            return terminal::attend(&client, &path).await;
        }
        HostCommand::Key(command) => key(command).await?,
        HostCommand::Credential(command) => credential(command).await?,
    }
    Ok(0)
}

async fn scan(args: &ScanArgs) -> Result<u8, CliError> {
    let (client, place) = args.site.place("host scan").await?;
    let path = format!("{place}/scan");
    let mut scan: Scan = client.post(&path, &json!({})).await.map_err(told)?.value;
    if !scan.unknown_keys.is_empty() && served::vouched(args.yes, &scan.unknown_keys) {
        served::trust(&client, &scan.unknown_keys).await?;
        scan = client.post(&path, &json!({})).await.map_err(told)?.value;
    }
    match args.output {
        Output::Json => print_json(&scan),
        Output::Text if scan.reached => println!("every host lets us in"),
        Output::Text => {}
    }
    if scan.reached { Ok(0) } else { Err(scan.refused()) }
}

async fn key(command: &KeyCommand) -> Result<(), CliError> {
    match command {
        KeyCommand::Ls(args) => {
            let client = args.server.client("host key ls")?;
            let listed: Value = asking::get(&client, "/api/v1/host-keys").await?;
            asking::show(asking::items(&listed), KEYS, args.output);
        }
        KeyCommand::Trust(args) => {
            let client = args.server.client("host key trust")?;
            served::trust(&client, &[json!({"place": args.place, "fingerprint": args.fingerprint})]).await?;
            println!("{} is known by {}", args.place, args.fingerprint);
        }
        KeyCommand::Rm(args) => {
            let client = args.server.client("host key rm")?;
            client.delete(&format!("/api/v1/host-keys/{}", escaped(&args.place))).await.map_err(told)?;
            println!("the key of {} is trusted no longer", args.place);
        }
    }
    Ok(())
}

async fn credential(command: &CredentialCommand) -> Result<(), CliError> {
    match command {
        CredentialCommand::Ls(args) => {
            let (client, place) = args.site.place("host credential ls").await?;
            let listed: Value = asking::get(&client, &format!("{place}/credentials")).await?;
            asking::show(asking::items(&listed), CREDENTIALS, args.output);
        }
        CredentialCommand::Give(args) => {
            let (client, place) = args.site.place("host credential give").await?;
            let secret = if args.secret_stdin {
                asking::text_from_stdin()?
            } else {
                asking::secret(false, &format!("Secret {}: ", args.id))?
            };
            let path = format!("{place}/credentials/{}", escaped(&args.id));
            let given = client.change::<()>(Method::PUT, &path, &json!({"secret": *secret}), None).await;
            given.map_err(told)?;
            println!("{} is given", args.id);
        }
        CredentialCommand::Rm(args) => {
            let (client, place) = args.site.place("host credential rm").await?;
            client.delete(&format!("{place}/credentials/{}", escaped(&args.id))).await.map_err(told)?;
            println!("{} is forgotten", args.id);
        }
    }
    Ok(())
}
