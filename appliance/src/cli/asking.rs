//! What the verbs share that ask a server: whole lists, tables, times, passwords.

use std::io::{IsTerminal, Read};

use appliance_client::{Client, ClientError, escaped};
use clap::Args;
use installer_model::{Utc, plain};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{CliError, Output};
use crate::wiring::{ServerArgs, failed};

/// Items of a page, at most what a server gives.
const PAGE: usize = 1000;
/// Longer than any password or token; what is longer is some file.
const SECRET_LIMIT: u64 = 4096;
/// The longest secret that a server takes.
const TEXT_LIMIT: u64 = 64 << 10;

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    #[serde(rename = "continue")]
    go_on: Option<String>,
}

/// Whom to ask, and how the answer is printed.
#[derive(Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub(super) output: Output,
}

/// Every item of a list. `path` may have parameters already.
pub(crate) async fn list(client: &Client, path: &str) -> Result<Vec<Value>, CliError> {
    pages(client, path, PAGE).await
}

/// The same from a server that gives at most so many items at a time.
pub(super) async fn pages(client: &Client, path: &str, page: usize) -> Result<Vec<Value>, CliError> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let mut items = Vec::new();
    let mut go_on = String::new();
    loop {
        let got: Page = get(client, &format!("{path}{joint}limit={page}{go_on}")).await?;
        items.extend(got.items);
        match got.go_on {
            Some(next) => go_on = format!("&continue={}", escaped(&next)),
            None => return Ok(items),
        }
    }
}

/// The items of an answer that has them all.
pub(super) fn items(listed: &Value) -> &[Value] {
    listed["items"].as_array().map_or(&[], Vec::as_slice)
}

pub(super) async fn get<T: serde::de::DeserializeOwned>(client: &Client, path: &str) -> Result<T, CliError> {
    client.get(path).await.map(|answer| answer.value).map_err(|error| failed(&error))
}

/// For `map_err`.
pub(super) fn told(error: ClientError) -> CliError {
    failed(&error)
}

/// Column titles with the field that each shows.
pub(super) type Columns<'a> = &'a [(&'a str, &'a str)];

/// A list, for people or for programs.
pub(super) fn show(items: &[Value], columns: Columns<'_>, output: Output) {
    match output {
        Output::Json => print_json(&items),
        Output::Text => table(items, columns).iter().for_each(|line| println!("{line}")),
    }
}

pub(super) fn print_json(value: &impl serde::Serialize) {
    println!("{}", serde_json::to_string_pretty(value).expect("invariant: plain data"));
}

fn table(items: &[Value], columns: Columns<'_>) -> Vec<String> {
    let head = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let rows =
        items.iter().map(|item| columns.iter().map(|(_, field)| cell(field, at(item, field))).collect());
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The field itself, or with `a.b` a field of a field.
fn at<'a>(item: &'a Value, field: &str) -> &'a Value {
    field.split('.').fold(item, |value, name| &value[name])
}

/// Times are fields whose names end so; what is missing is a dash.
fn cell(field: &str, value: &Value) -> String {
    let is_time = field == "at" || field.ends_with("At");
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) if is_time => Utc(number.as_u64().unwrap_or_default()).to_string(),
        Value::String(text) => plain(text).replace('\n', " "),
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}={}", cell(name, value))).collect();
            fields.join(" ")
        }
        Value::Array(parts) => parts.iter().map(|part| cell("", part)).collect::<Vec<_>>().join(","),
        Value::Number(_) => value.to_string(),
    }
}

/// A secret from standard input, without the line's end; or asked for on the terminal.
pub(super) fn secret(from_stdin: bool, question: &str) -> Result<Zeroizing<String>, CliError> {
    let unread = |error: std::io::Error| CliError::new(1, format!("read a secret: {error}"));
    if from_stdin {
        let mut text = Zeroizing::new(String::new());
        std::io::stdin().take(SECRET_LIMIT).read_to_string(&mut text).map_err(unread)?;
        let trimmed = text.strip_suffix('\n').unwrap_or(&text);
        return Ok(Zeroizing::new(trimmed.strip_suffix('\r').unwrap_or(trimmed).to_owned()));
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new(2, "ask for a secret: there is no terminal")
            .hint("give it through standard input: see --help"));
    }
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(unread)
}

/// A text from standard input as it is: a private key, a certificate, or a password without the line's end.
pub(super) fn text_from_stdin() -> Result<Zeroizing<String>, CliError> {
    let unread = |error: std::io::Error| CliError::new(1, format!("read a secret: {error}"));
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().take(TEXT_LIMIT).read_to_string(&mut text).map_err(unread)?;
    match text.strip_suffix('\n') {
        Some(line) if !line.contains('\n') => Ok(Zeroizing::new(line.trim_end_matches('\r').to_owned())),
        Some(_) | None => Ok(text),
    }
}

/// A new password, on the terminal typed twice.
pub(super) fn new_password(from_stdin: bool, user: &str) -> Result<Zeroizing<String>, CliError> {
    let password = secret(from_stdin, &format!("New password of {user}: "))?;
    if !from_stdin && *secret(false, "The same again: ")? != *password {
        return Err(CliError::new(5, "understand the password: it was not the same twice"));
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_columns_as_wide_as_what_is_in_them() {
        let items = [
            serde_json::json!({"name": "anna", "disabled": false, "createdAt": 0}),
            serde_json::json!({"name": "ben-the-second", "disabled": true}),
        ];
        let columns = [("NAME", "name"), ("DISABLED", "disabled"), ("SINCE", "createdAt")];
        let lines = table(&items, &columns);
        assert_eq!(lines[0], "NAME            DISABLED  SINCE");
        assert!(lines[1].starts_with("anna            no        1970-01-01"), "{lines:?}");
        assert_eq!(lines[2], "ben-the-second  yes       -");
    }
}
