//! `armilla audit`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::asking::{self, print_json};
use super::{CliError, Output, escaped};
use crate::wiring::ServerArgs;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List who did what, in order
    Ls(Ls),
    /// Follow the chain from the first entry to the last: whether none was changed or taken out
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    /// Conditions such as actor=anna or action~user; several are separated by commas
    #[arg(long, value_name = "CONDITIONS")]
    filter: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    server: ServerArgs,
    #[arg(short = 'o', long, value_enum, default_value_t)]
    output: Output,
}

const COLUMNS: asking::Columns<'static> = &[
    ("NUMBER", "number"),
    ("AT", "at"),
    ("ACTOR", "actor"),
    ("ACTION", "action"),
    ("ID", "id"),
    ("DETAIL", "detail"),
];

pub(super) async fn run(command: &AuditCommand) -> Result<u8, CliError> {
    match command {
        AuditCommand::Ls(args) => {
            let client = args.server.client("audit ls")?;
            let filter = args.filter.as_ref().map(|filter| format!("&filter={}", escaped(filter)));
            let path = format!("/api/v1/audit?sort=number{}", filter.unwrap_or_default());
            asking::show(&asking::list(&client, &path).await?, COLUMNS, args.output);
            Ok(0)
        }
        AuditCommand::Verify(args) => {
            let client = args.server.client("audit verify")?;
            let verified: Value = asking::get(&client, "/api/v1/audit/verify").await?;
            let intact = verified["intact"] == Value::Bool(true);
            match args.output {
                Output::Json => print_json(&verified),
                Output::Text if intact => println!("{} entries, unbroken", verified["entries"]),
                Output::Text => println!("broken: {}", verified["broken"].as_str().unwrap_or_default()),
            }
            Ok(if intact { 0 } else { 1 })
        }
    }
}
