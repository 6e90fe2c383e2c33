//! `site.yaml`: from text to a [`Site`], with every mistake named by its path, all at once.
//!
//! ```text
//!  &str ──yaml──▶ tree with positions ──shape──▶ SiteFile (as written) ──validate──▶ Site
//!            syntax: first error only      unknown keys, kinds        values and how they fit together
//! ```
//!
//! The second and third stage note what is wrong and go on, so that one reading shows everything.

mod init;
mod reader;
mod schema;
mod schema_words;
mod shape;
mod validate;
mod write;

use std::fmt;

pub use init::{InitError, Login, init};
pub use reader::{Errors, Located, Text, join, nearest};
pub use schema::schema;
pub use shape::SiteFile;
pub use validate::{decided_of_api_server, decided_of_kubelet};

use crate::site::Site;
pub use crate::yaml::Position;

/// Where in the file something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Such as `hosts[1].address`; empty for the file as a whole.
    pub path: String,
    /// Of the value; of the map it belongs in when it is missing.
    pub position: Option<Position>,
}

/// One mistake, written `hosts[1].address: line 12: "10.0.0.300" is not an IP address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteError {
    pub place: Place,
    pub message: String,
}

impl std::error::Error for SiteError {}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.place.path.is_empty() { "site file" } else { &self.place.path };
        match self.place.position {
            Some(position) => write!(f, "{path}: line {}: {}", position.line, self.message),
            None => write!(f, "{path}: {}", self.message),
        }
    }
}

/// All mistakes of a file in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteErrors(pub Vec<SiteError>);

impl std::error::Error for SiteErrors {}

impl fmt::Display for SiteErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl Site {
    /// Reads and validates the text of a site file.
    pub fn parse(text: &str) -> Result<Site, SiteErrors> {
        let mut errors = Errors::default();
        let site = SiteFile::read(text, &mut errors).and_then(|file| validate::validate(&file, &mut errors));
        match site {
            Some(site) if errors.0.is_empty() => Ok(site),
            _ => {
                errors.0.sort_by_key(|error| error.place.position);
                Err(SiteErrors(errors.0))
            }
        }
    }
}

#[cfg(test)]
#[path = "site_file_test.rs"]
mod tests;
