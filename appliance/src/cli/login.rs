//! `armilla login`, `logout`, `whoami`: which servers this user's commands may ask, and as whom.

use std::io::IsTerminal;

use appliance_client::{Address, Client, Context, Contexts, Fingerprint, Pin, Transport, look};
use appliance_control::here::operator;
use clap::Args;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use serde_json::{Value, json};

use super::asking::{self, print_json, told};
use super::{CliError, Output, escaped};
use crate::wiring::{ServerArgs, confirm, contexts, contexts_path};

/// Logs in to a server. Its certificate authority is shown at the first time, and pinned; what is kept is an API token,
/// in ~/.config/armilla/contexts.json, for this user alone. The commands that follow ask that server.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// Such as https://10.0.0.5:9443
    server: Address,
    /// The fingerprint that its console shows: nothing is asked when it is this one
    #[arg(long, value_name = "SHA256")]
    ca_fingerprint: Option<Fingerprint>,
    #[arg(long, default_value = "admin")]
    user: String,
    /// Make this user the first administrator, by the code that the server printed
    #[arg(long, value_name = "CODE")]
    setup_code: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
    /// Take an API token from standard input instead of a password
    #[arg(long, conflicts_with_all = ["password_stdin", "setup_code"])]
    token_stdin: bool,
    /// The login lasts so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u32,
    /// What to call it here, instead of HOST:PORT
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Revokes the token of a login and forgets the server.
#[derive(Debug, Args)]
pub(super) struct Logout {
    /// Which login; the current one without it
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Says who the server takes this user for.
#[derive(Debug, Args)]
pub(super) struct Whoami {
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn login(args: &Login) -> Result<u8, CliError> {
    let path = contexts_path();
    let mut all = contexts(&path)?;
    let name = args.context.clone().unwrap_or_else(|| args.server.authority());
    let known = all.contexts.get(&name).map(|context| Pin::new(context.authority.clone()).fingerprint());
    let pin = look(&args.server).await.map_err(told)?;
    trust(args, known, pin.fingerprint())?;
    let client = Client::new(Transport::pinned(&args.server, &pin).map_err(told)?);
    let (token_id, token) = if args.token_stdin {
        (String::new(), asking::secret(true, "")?.to_string())
    } else {
        token(args, &client).await?
    };
    let me: Value = asking::get(&client.with_token(&token), "/api/v1/me").await?;
    let user = me["name"].as_str().unwrap_or(&args.user).to_owned();
    println!("logged in to {} as {user}, {}", args.server, me["role"].as_str().unwrap_or_default());
    let authority = pin.der().to_vec();
    let context = Context { server: args.server.clone(), authority, user, token_id, token };
    all.contexts.insert(name.clone(), context);
    all.current = Some(name);
    all.write(&path).map_err(|error| CliError::from_error(1, "", &error))?;
    Ok(0)
}

/// Whether this authority may be trusted: it was named, it was pinned before, or somebody says so now.
fn trust(args: &Login, known: Option<Fingerprint>, shown: Fingerprint) -> Result<(), CliError> {
    let told = format!("{} shows the certificate authority\n  SHA-256 {shown}", args.server);
    match (args.ca_fingerprint, known) {
        (Some(wanted), _) if wanted == shown => Ok(()),
        (Some(wanted), _) => {
            Err(CliError::new(7, format!("trust the server: {told}\nwhich is not\n  SHA-256 {wanted}"))
                .hint("somebody may stand between; compare with what the server's console shows"))
        }
        (None, Some(known)) if known == shown => Ok(()),
        (None, Some(known)) => {
            Err(CliError::new(7, format!("trust the server: {told}\nbefore it was\n  SHA-256 {known}"))
                .hint("if that is right, name the new one with --ca-fingerprint"))
        }
        (None, None) => {
            let question = format!("{told}\nIs this what the server's console shows?");
            if confirm(false, &question) {
                return Ok(());
            }
            let why = if std::io::stdin().is_terminal() {
                "it was not said to be right"
            } else {
                "nobody was there to ask"
            };
            Err(CliError::new(7, format!("trust the server: {told}\n{why}"))
                .hint("give the fingerprint that the server printed with --ca-fingerprint"))
        }
    }
}

/// Logs in by password and turns the session into a token, which can be revoked by itself.
async fn token(args: &Login, client: &Client) -> Result<(String, String), CliError> {
    let password = match &args.setup_code {
        None => asking::secret(args.password_stdin, &format!("Password of {}: ", args.user))?,
        Some(code) => {
            let password = asking::new_password(args.password_stdin, &args.user)?;
            let wish = json!({"code": code, "user": args.user, "password": *password});
            client.post::<()>("/api/v1/setup", &wish).await.map_err(told)?;
            password
        }
    };
    let wish = json!({"user": args.user, "password": *password});
    let session = client.post::<Value>("/api/v1/sessions", &wish).await.map_err(told)?;
    let cookie = session_cookie(&session.headers)
        .ok_or_else(|| CliError::new(1, "log in: the server gave no session"))?;
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, cookie);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let wish = json!({"name": format!("armilla login of {}", operator()), "expiresInDays": args.days});
    let wish = serde_json::to_vec(&wish).expect("invariant: plain data");
    let made = client.ask(hyper::Method::POST, "/api/v1/tokens", headers.clone(), Some(wish.into())).await;
    // The session was for the token alone. If it stays, it ends by itself.
    let _ = client.ask(hyper::Method::POST, "/api/v1/logout", headers, None).await;
    let made: Value = serde_json::from_slice(&made.map_err(told)?.value)
        .map_err(|error| CliError::new(1, format!("understand the server: {error}")))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok((text(&made["token"]["id"]), text(&made["secret"])))
}

/// `NAME=VALUE` of what the server set.
fn session_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    let set = headers.get(SET_COOKIE)?.to_str().ok()?;
    let mut cookie = HeaderValue::from_str(set.split(';').next()?.trim()).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

pub(super) async fn logout(args: &Logout) -> Result<u8, CliError> {
    let path = contexts_path();
    let mut all: Contexts = contexts(&path)?;
    let name = args.context.clone().or(all.current.clone());
    let missing = || CliError::new(3, "find a login").hint("`armilla login` makes one");
    let name = name.ok_or_else(missing)?;
    let context = all.contexts.remove(&name).ok_or_else(missing)?;
    if all.current.as_ref() == Some(&name) {
        all.current = None;
    }
    let revoked = async {
        let client = context.client()?;
        client.delete(&format!("/api/v1/tokens/{}", escaped(&context.token_id))).await
    };
    let revoked = if context.token_id.is_empty() { Ok(()) } else { revoked.await };
    all.write(&path).map_err(|error| CliError::from_error(1, "", &error))?;
    println!("forgot {name}");
    // The token may be gone already: then it opens nothing.
    match revoked {
        Err(error) if !matches!(error.exit_code(), 3 | 7) => Err(told(error)
            .hint("the token was not revoked: `armilla token revoke` does it once the server is reached")),
        Ok(()) | Err(_) => Ok(0),
    }
}

pub(super) async fn whoami(args: &Whoami) -> Result<u8, CliError> {
    let client = args.server.client("whoami")?;
    let me: Value = asking::get(&client, "/api/v1/me").await?;
    match args.output {
        Output::Json => print_json(&me),
        Output::Text => {
            let text = |field: &str| me[field].as_str().unwrap_or_default().to_owned();
            println!("{}, {} of {}", text("name"), text("role"), client.server());
        }
    }
    Ok(0)
}
