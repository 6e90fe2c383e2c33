//! `armilla user` and `armilla passwd`.

use appliance_client::Client;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::asking::{self, escaped, told};
use super::{CliError, Output};
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List users
    Ls(Ls),
    /// Add a user
    Add(Add),
    /// Change a user: the role, or whether they may log in
    Set(Set),
    /// Remove a user, with their sessions and tokens
    Rm(Rm),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleName {
    /// Reads
    Viewer,
    /// Changes sites and runs
    Operator,
    /// Changes users, settings and trust
    Admin,
}

impl RoleName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            RoleName::Viewer => "viewer",
            RoleName::Operator => "operator",
            RoleName::Admin => "admin",
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    name: String,
    #[arg(long, value_enum, default_value = "viewer")]
    role: RoleName,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    name: String,
    #[arg(long, value_enum)]
    role: Option<RoleName>,
    /// Let nobody in by this name, and end what is open
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let them in again
    #[arg(long)]
    enable: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct Rm {
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Sets a password: one's own, or as an administrator anybody's. On the server's machine root needs no login for it.
#[derive(Debug, Args)]
pub(super) struct Passwd {
    /// Whose; without it one's own
    name: Option<String>,
    /// Read the new password from standard input instead of asking for it
    #[arg(long, requires = "name")]
    password_stdin: bool,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: asking::Columns<'static> =
    &[("NAME", "name"), ("ROLE", "role"), ("DISABLED", "disabled"), ("SINCE", "createdAt")];

pub(super) async fn run(command: &UserCommand) -> Result<u8, CliError> {
    match command {
        UserCommand::Ls(args) => {
            let client = args.server.client("user ls")?;
            asking::show(&asking::list(&client, "/api/v1/users").await?, COLUMNS, args.output);
        }
        UserCommand::Add(args) => {
            let client = args.server.client("user add")?;
            let password = asking::new_password(args.password_stdin, &args.name)?;
            let wish = json!({"name": args.name, "role": args.role.as_str(), "password": *password});
            client.post::<Value>("/api/v1/users", &wish).await.map_err(told)?;
            println!("added user {} as {}", args.name, args.role.as_str());
        }
        UserCommand::Set(args) => set(args).await?,
        UserCommand::Rm(args) => {
            let client = args.server.client("user rm")?;
            client.delete(&place(&args.name)).await.map_err(told)?;
            println!("removed user {}", args.name);
        }
    }
    Ok(0)
}

fn place(name: &str) -> String {
    format!("/api/v1/users/{}", escaped(name))
}

async fn set(args: &Set) -> Result<(), CliError> {
    let client = args.server.client("user set")?;
    let disabled = (args.disable || args.enable).then_some(args.disable);
    if args.role.is_none() && disabled.is_none() {
        return Err(CliError::new(2, "change a user: nothing is said to be changed")
            .hint("--role, --disable or --enable"));
    }
    if let Some(role) = args.role {
        change(&client, &args.name, &json!({"role": role.as_str()})).await?;
        println!("user {} is {} now", args.name, role.as_str());
    }
    if let Some(disabled) = disabled {
        change(&client, &args.name, &json!({"disabled": disabled})).await?;
        println!("user {} is {} now", args.name, if disabled { "shut out" } else { "let in" });
    }
    Ok(())
}

async fn change(client: &Client, name: &str, wish: &Value) -> Result<(), CliError> {
    let changed = client.change::<Value>(hyper::Method::PATCH, &place(name), wish, None).await;
    changed.map(drop).map_err(told)
}

pub(super) async fn passwd(args: &Passwd) -> Result<u8, CliError> {
    let client = args.server.client("passwd")?;
    let (path, wish) = match &args.name {
        Some(name) => {
            let password = asking::new_password(args.password_stdin, name)?;
            (format!("{}/password", place(name)), json!({"password": *password}))
        }
        None => {
            let current = asking::secret(false, "Your password of now: ")?;
            let password = asking::new_password(false, "yours")?;
            let wish = json!({"current": *current, "password": *password});
            ("/api/v1/me/password".to_owned(), wish)
        }
    };
    client.change::<()>(hyper::Method::PUT, &path, &wish, None).await.map_err(told)?;
    println!("the password is set; other sessions of that user have ended");
    Ok(0)
}
