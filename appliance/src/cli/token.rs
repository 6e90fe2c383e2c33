//! `armilla token`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::asking::{self, Asking, print_json, told};
use super::user::RoleName;
use super::{CliError, Output, escaped};
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// List API tokens, without what opens
    Ls(Asking),
    /// Make an API token and print it: it is shown this once
    Create(Create),
    /// Revoke an API token
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What it is for
    name: String,
    /// Whose it is; an administrator names others, too
    #[arg(long)]
    user: Option<String>,
    /// At most this role; without it that of who makes it
    #[arg(long, value_enum)]
    role: Option<RoleName>,
    /// It ends after so many days
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// As `token ls` lists it
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: asking::Columns<'static> = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("USER", "user"),
    ("ROLE", "role"),
    ("SINCE", "createdAt"),
    ("ENDS", "expiresAt"),
    ("USED", "usedAt"),
];

pub(super) async fn run(command: &TokenCommand) -> Result<u8, CliError> {
    match command {
        TokenCommand::Ls(args) => {
            let client = args.server.client("token ls")?;
            asking::show(&asking::list(&client, "/api/v1/tokens").await?, COLUMNS, args.output);
        }
        TokenCommand::Create(args) => {
            let client = args.server.client("token create")?;
            let mut wish = json!({"name": args.name});
            let role = args.role.map(|role| Value::from(role.as_str()));
            let wanted = [
                ("user", args.user.clone().map(Value::from)),
                ("role", role),
                ("expiresInDays", args.expires_in_days.map(Value::from)),
            ];
            for (field, value) in wanted {
                if let Some(value) = value {
                    wish[field] = value;
                }
            }
            let made: Value = client.post("/api/v1/tokens", &wish).await.map_err(told)?.value;
            match args.output {
                Output::Json => print_json(&made),
                Output::Text => println!("{}", made["secret"].as_str().unwrap_or_default()),
            }
        }
        TokenCommand::Revoke(args) => {
            let client = args.server.client("token revoke")?;
            client.delete(&format!("/api/v1/tokens/{}", escaped(&args.id))).await.map_err(told)?;
            println!("revoked token {}", args.id);
        }
    }
    Ok(0)
}
