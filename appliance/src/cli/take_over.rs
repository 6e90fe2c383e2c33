//! `armilla take-over`.

use std::path::PathBuf;

use clap::Args;
use installer_model::site_file::Login;

use super::{CliError, StateArgs};
use crate::taking_over;

/// Every host keeps a copy of its site, the plan and the record of the last run, without secrets. From the newest of them a
/// new state folder goes on: with the run that was left open, if there is one. The state folder from before is refused by
/// the hosts from then on. Secrets are asked for, or read, where the site file says.
#[derive(Debug, Args)]
pub(crate) struct TakeOver {
    /// A host of the site, such as root@10.0.0.1; the others are found from it. More than one where one may be down
    #[arg(required = true, value_name = "[USER@]ADDRESS[:PORT]", value_parser = login)]
    pub(crate) from: Vec<Login>,
    /// The site file: written if it is not there; one that is there says how to log in
    #[arg(short = 's', long, value_name = "FILE", default_value = "site.yaml")]
    pub(crate) site: PathBuf,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// The private key that lets us in at every host, instead of the one on the machine that was lost
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Ask for the password of the user, at the hosts named here, for login and sudo
    #[arg(long)]
    pub(crate) ask_password: bool,
    /// Confirm with the site's name instead of typing it
    #[arg(long, value_name = "SITE")]
    pub(crate) confirm: Option<String>,
    /// Trust host keys that are seen for the first time
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
}

fn login(text: &str) -> Result<Login, String> {
    text.parse().map_err(|error: installer_model::site_file::InitError| error.to_string())
}

pub(super) async fn run(args: &TakeOver) -> Result<u8, CliError> {
    taking_over::take_over(args).await?;
    Ok(0)
}
