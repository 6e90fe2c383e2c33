//! `armilla settings`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{self, print_json, told};
use super::{CliError, Output};
use crate::wiring::ServerArgs;

const PATH: &str = "/api/v1/settings";

#[derive(Debug, Subcommand)]
pub(super) enum SettingsCommand {
    /// Print every setting, or one
    Get(Get),
    /// Change settings; what is not named stays
    Set(Set),
    /// Keep the secret that the identity provider gave this server; it is sealed and never shown
    OidcSecret(OidcSecret),
}

#[derive(Debug, Args)]
pub(super) struct Get {
    /// Such as sessionHours or oidc.issuer
    key: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Such as sessionHours=8; a value is JSON where it is, else text; `KEY=null` takes one away
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = pair)]
    pairs: Vec<(String, Value)>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct OidcSecret {
    /// Read it from standard input instead of asking for it
    #[arg(long)]
    secret_stdin: bool,
    #[command(flatten)]
    server: ServerArgs,
}

fn pair(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text.split_once('=').ok_or("want KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((key.to_owned(), value))
}

pub(super) async fn run(command: &SettingsCommand) -> Result<u8, CliError> {
    match command {
        SettingsCommand::Get(args) => {
            let client = args.server.client("settings get")?;
            let settings: Value = client.get(PATH).await.map_err(told)?.value;
            let found = match &args.key {
                None => &settings,
                Some(key) => settings
                    .pointer(&pointer(key))
                    .ok_or_else(|| CliError::new(3, format!("find setting {key}: it is not set")))?,
            };
            match args.output {
                Output::Json => print_json(found),
                Output::Text => lines("", found).iter().for_each(|line| println!("{line}")),
            }
        }
        SettingsCommand::Set(args) => {
            let client = args.server.client("settings set")?;
            let before = client.get::<Value>(PATH).await.map_err(told)?;
            let etag = before.etag().map(str::to_owned);
            let mut settings = before.value;
            for (key, value) in &args.pairs {
                put(&mut settings, key, value.clone());
            }
            let changed = client.change::<Value>(hyper::Method::PUT, PATH, &settings, etag.as_deref()).await;
            changed.map_err(told)?;
            args.pairs.iter().for_each(|(key, value)| println!("{key}={value}"));
        }
        SettingsCommand::OidcSecret(args) => {
            let client = args.server.client("settings oidc-secret")?;
            let secret = asking::secret(args.secret_stdin, "Secret of the identity provider: ")?;
            let wish = serde_json::json!({"secret": *secret});
            let path = "/api/v1/settings/oidc-secret";
            client.change::<()>(hyper::Method::PUT, path, &wish, None).await.map_err(told)?;
            println!("the secret is kept");
        }
    }
    Ok(0)
}

fn pointer(key: &str) -> String {
    key.split('.').map(|part| format!("/{part}")).collect()
}

/// Puts a value at `a.b`, making what is missing on the way; `null` removes.
fn put(settings: &mut Value, key: &str, value: Value) {
    let (parents, last) = key.rsplit_once('.').map_or((None, key), |(parents, last)| (Some(parents), last));
    let mut place = settings;
    for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
        if !place[part].is_object() {
            place[part] = Value::Object(serde_json::Map::new());
        }
        place = &mut place[part];
    }
    match (value, place.as_object_mut()) {
        (Value::Null, Some(fields)) => drop(fields.shift_remove(last)),
        (value, _) => place[last] = value,
    }
}

/// `a.b=value`, a line each.
fn lines(prefix: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                let joint = if prefix.is_empty() { "" } else { "." };
                lines(&format!("{prefix}{joint}{name}"), value)
            })
            .collect(),
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            vec![if prefix.is_empty() { text } else { format!("{prefix}={text}") }]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_and_shown_by_their_path() {
        let mut settings = serde_json::json!({"sessionHours": 12});
        for text in
            ["sessionHours=8", "oidc.issuer=https://id.example", "oidc.roles.ops=\"admin\"", "publicUrl=x"]
        {
            let (key, value) = pair(text).unwrap();
            put(&mut settings, &key, value);
        }
        put(&mut settings, "publicUrl", Value::Null);
        let shown = lines("", &settings);
        assert_eq!(shown, ["sessionHours=8", "oidc.issuer=https://id.example", "oidc.roles.ops=admin"]);
        assert_eq!(settings.pointer(&pointer("oidc.roles.ops")), Some(&Value::from("admin")));
        assert!(pair("sessionHours").is_err());
    }
}
