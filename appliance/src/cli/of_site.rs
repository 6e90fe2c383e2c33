//! Which site a verb is about: by its name, by its file, or the only one that there is.

use std::path::{Path, PathBuf};

use appliance_client::Client;
use appliance_control::site_file;
use clap::Args;

use super::{CliError, asking, escaped};
use crate::served;
use crate::wiring::ServerArgs;

/// What a site file is called where nobody says otherwise.
const USUAL: &str = "site.yaml";

/// A site of whoever is asked.
#[derive(Debug, Args)]
pub(super) struct OfSite {
    /// The site: its name, or its file [default: site.yaml, else the only site that there is]
    #[arg(short = 's', long, value_name = "SITE")]
    site: Option<String>,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

impl OfSite {
    /// Whom to ask, and the path of the site there.
    pub(super) async fn place(&self, verb: &str) -> Result<(Client, String), CliError> {
        let (client, name) = self.named(verb).await?;
        Ok((client, format!("/api/v1/sites/{}", escaped(&name))))
    }

    /// Whom to ask, and the path of the site's cluster there.
    pub(super) async fn cluster(&self, verb: &str) -> Result<(Client, String), CliError> {
        let (client, name) = self.named(verb).await?;
        Ok((client, format!("/api/v1/clusters/{}", escaped(&name))))
    }

    /// The site's file, where it is meant by that.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.site {
            Some(site) => is_file(site).then(|| PathBuf::from(site)),
            None => Some(PathBuf::from(USUAL)).filter(|file| file.is_file()),
        }
    }

    /// The site's name. Nobody is asked unless it has to be.
    pub(super) async fn name(&self, verb: &str) -> Result<String, CliError> {
        match (self.file(), &self.site) {
            (Some(file), _) => Ok(site_file::read(&file)?.name.to_string()),
            (None, Some(name)) => Ok(name.clone()),
            (None, None) => only(&self.server.client(verb)?).await,
        }
    }

    /// Whom to ask, and the site's name. What its file refers to is given to whoever is asked, where they may need it.
    async fn named(&self, verb: &str) -> Result<(Client, String), CliError> {
        let name = self.name(verb).await?;
        let client = self.server.client(verb)?;
        if self.file().is_some() && self.server.server()?.is_some() {
            served::give_if_let(&client, &name).await?;
        }
        Ok((client, name))
    }
}

/// Names of sites have neither a slash nor an ending.
fn is_file(site: &str) -> bool {
    site.contains('/') || site.ends_with(".yaml") || site.ends_with(".yml") || Path::new(site).is_file()
}

async fn only(client: &Client) -> Result<String, CliError> {
    let sites = asking::list(client, "/api/v1/sites").await?;
    let names: Vec<&str> = sites.iter().filter_map(|site| site["name"].as_str()).collect();
    match names.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(CliError::new(3, "find a site: there is none yet")
            .hint("`armilla site add` or `armilla apply` brings one")),
        many => Err(CliError::new(2, format!("choose a site: there are {}", many.join(", ")))
            .hint("name one with -s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_file() {
        assert!(is_file("plant-7.yaml") && is_file("./site") && is_file("/etc/sites/a.yml"));
        assert!(!is_file("plant-7"));
    }
}
