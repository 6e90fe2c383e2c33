//! `armilla user` and `armilla passwd`.

use appliance_client::Client;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::asking::{self, Asking, told};
use super::{CliError, escaped};
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List users
    Ls(Asking),
    /// Add a user
    Add(Add),
    /// Change a user: the role, or whether they may log in
    Set(Set),
    /// Remove a user, with their sessions and tokens
    Rm(Rm),
    /// Look after sessions of browsers
    #[command(subcommand)]
    Session(SessionCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// List open sessions: one's own, or as an administrator everybody's
    Ls(Asking),
    /// End a session
    End(End),
}

#[derive(Debug, Args)]
pub(super) struct End {
    /// As `user session ls` lists it
    id: String,
    #[command(flatten)]
    server: ServerArgs,
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
    /// Read the new password from standard input instead of asking for it; before one's own a line with that of now
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: asking::Columns<'static> =
    &[("NAME", "name"), ("ROLE", "role"), ("DISABLED", "disabled"), ("SINCE", "createdAt")];

const SESSIONS: asking::Columns<'static> = &[
    ("ID", "id"),
    ("USER", "user"),
    ("FROM", "address"),
    ("SINCE", "createdAt"),
    ("SEEN", "seenAt"),
    ("ENDS", "expiresAt"),
];

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
        UserCommand::Session(SessionCommand::Ls(args)) => {
            let client = args.server.client("user session ls")?;
            asking::show(&asking::list(&client, "/api/v1/sessions").await?, SESSIONS, args.output);
        }
        UserCommand::Session(SessionCommand::End(args)) => {
            let client = args.server.client("user session end")?;
            client.delete(&format!("/api/v1/sessions/{}", escaped(&args.id))).await.map_err(told)?;
            println!("ended session {}", args.id);
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

/// The password of now and the new one.
fn own_passwords(from_stdin: bool) -> Result<(Zeroizing<String>, Zeroizing<String>), CliError> {
    if !from_stdin {
        let current = asking::secret(false, "Your password of now: ")?;
        return Ok((current, asking::new_password(false, "yours")?));
    }
    let both = asking::secret(true, "")?;
    let (current, new) = both.split_once('\n').ok_or_else(|| {
        CliError::new(2, "read two passwords: want a line with that of now and one with the new one")
    })?;
    Ok((Zeroizing::new(current.trim_end_matches('\r').to_owned()), Zeroizing::new(new.to_owned())))
}

pub(super) async fn passwd(args: &Passwd) -> Result<u8, CliError> {
    let client = args.server.client("passwd")?;
    let (path, wish) = match &args.name {
        Some(name) => {
            let password = asking::new_password(args.password_stdin, name)?;
            (format!("{}/password", place(name)), json!({"password": *password}))
        }
        None => {
            let (current, password) = own_passwords(args.password_stdin)?;
            let wish = json!({"current": *current, "password": *password});
            ("/api/v1/me/password".to_owned(), wish)
        }
    };
    client.change::<()>(hyper::Method::PUT, &path, &wish, None).await.map_err(told)?;
    println!("the password is set; other sessions of that user have ended");
    Ok(0)
}
