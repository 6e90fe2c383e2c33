//! Site files from disk, and hosts by their names.

use std::io::Read;
use std::path::Path;

use installer_model::site::{Host, Site};

use crate::error::{About, ControlError, Kind};

/// A site of some thousand hosts has less than a MiB; what is longer is some other file.
pub const SITE_FILE_LIMIT: u64 = 4 << 20;

/// The site file, read and validated: nothing was connected to yet.
pub fn read(path: &Path) -> Result<Site, ControlError> {
    let text = text(path)?;
    Site::parse(&text).map_err(|errors| {
        let mut error = ControlError::from(errors).hint("mend the site file; no host was connected to");
        for problem in &mut error.problems {
            problem.text = format!("{}: {problem}", path.display());
            problem.about = About::All;
        }
        error
    })
}

/// A site file as it is written, if it can be one.
pub fn text(path: &Path) -> Result<String, ControlError> {
    let failed = |error: std::io::Error| {
        let (kind, hint) = match error.kind() {
            std::io::ErrorKind::NotFound => (Kind::NotFound, "`armilla init root@ADDRESS ...` writes one"),
            std::io::ErrorKind::PermissionDenied => {
                (Kind::Failed, "who runs armilla must be allowed to read it")
            }
            _ => (Kind::Refused, "name the site file with -s FILE"),
        };
        ControlError::new(kind, format!("read {}: {error}", path.display())).hint(hint)
    };
    let wrong = |what: &str| {
        ControlError::new(Kind::Refused, format!("understand {}: {what}", path.display()))
            .hint("name the site file with -s FILE")
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(SITE_FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > SITE_FILE_LIMIT {
        return Err(wrong("it is longer than 4 MiB, which no site file is"));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not text in UTF-8"))
}

/// A host of the site by its name.
pub fn host<'a>(site: &'a Site, name: &str) -> Result<&'a Host, ControlError> {
    site.hosts.iter().find(|host| host.name.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = site.hosts.iter().map(|host| host.name.as_str()).collect();
        ControlError::new(Kind::NotFound, format!("find host {name}: the site has {}", names.join(", ")))
    })
}

/// The control plane that the others join.
pub fn founder(site: &Site) -> &Host {
    site.control_planes().next().expect("a valid site has a control plane")
}

/// "1 host", "3 hosts".
pub fn hosts_in_words(site: &Site) -> String {
    let count = site.hosts.len();
    format!("{count} host{}", if count == 1 { "" } else { "s" })
}
