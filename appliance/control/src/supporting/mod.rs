//! Collecting what somebody needs who helps: from this machine and from every host that answers.
//!
//! Nothing here fails because something else has failed already: what cannot be had is noted with its reason, and the rest is
//! collected.

mod archive;
mod hosts;
mod local;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use appliance_store::PinnedKey;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use installer_model::redact::Redactor;
use installer_model::secret::Secret;
use installer_model::site::Site;
use installer_model::{Utc, chain};
use installer_run::query::Request;
use installer_run::reader::Reader;
use installer_ssh::Target;

pub use self::archive::{Archive, Entry, Index, Missing};
pub(crate) use self::local::of_instance;
use crate::hands::hand_binaries;
use crate::logins::{HostKeys, Logins};
use crate::secrets::SecretSource;

/// What is collected from, and how long that may take.
pub struct Wanted<'a> {
    /// Who collects.
    pub by: String,
    /// Or what is wrong with its file.
    pub site: Result<&'a Site, String>,
    pub reader: &'a Reader,
    pub state: &'a Path,
    pub secrets: &'a dyn SecretSource,
    /// Every secret that may stand in what is collected: asked for when hosts were logged in to.
    pub known: &'a (dyn Fn() -> Vec<Secret> + Sync),
    /// For each host.
    pub limit: Duration,
    /// Trust host keys that are seen for the first time.
    pub trust_new: bool,
    /// Is told how far it is.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// What the folder in an archive of this site and moment is called.
pub fn folder(site: Option<&str>, at: u64) -> String {
    let stamp = Utc(at).to_string().replace([' ', ':'], "-").replace("-UTC", "");
    format!("armilla-support-{}-{stamp}", site.unwrap_or("unknown"))
}

/// Collects everything that can be had.
pub async fn collect(wanted: &Wanted<'_>, at: u64) -> Archive {
    let index = Index {
        armilla: env!("CARGO_PKG_VERSION").to_owned(),
        by: wanted.by.clone(),
        at,
        site: wanted.site.as_ref().ok().map(|site| site.name.to_string()),
        ..Index::default()
    };
    let mut archive = Archive::new(Redactor::default(), index);
    archive.put_json("version.json", &versions(wanted.state));
    (wanted.tell)(&format!("Reading {} ...", wanted.state.display()));
    match &wanted.site {
        Ok(site) => {
            archive.put("site.yaml", installer_render::yaml::document(&site.to_file()).as_bytes());
            local::collect(wanted.reader, site.name.as_str(), &mut archive);
            from_hosts(wanted, site, &mut archive).await;
        }
        // Without the site there are no hosts to ask; what is wrong with the file is a finding.
        Err(problem) => {
            archive.missing("site.yaml and hosts", problem);
            for site in sites_that_ran(wanted.reader) {
                local::collect(wanted.reader, &site, &mut archive);
            }
        }
    }
    archive
}

/// Of this program, and of the machine that it runs on.
fn versions(state: &Path) -> serde_json::Value {
    let kernel = rustix::system::uname();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system =
        system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(|name| name.trim_matches('"'));
    let room = rustix::fs::statvfs(state).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    serde_json::json!({
        "armilla": env!("CARGO_PKG_VERSION"),
        "protocol": installer_wire::PROTOCOL,
        "machine": std::env::consts::ARCH,
        "kernel": kernel.release().to_string_lossy(),
        "system": system,
        "stateFolder": {"path": state, "bytesLeft": room},
    })
}

fn sites_that_ran(reader: &Reader) -> Vec<String> {
    let mut names: Vec<String> = reader.runs().unwrap_or_default().into_iter().map(|run| run.site).collect();
    names.sort();
    names.dedup();
    names
}

/// All hosts at once; each that has ended is told.
async fn from_hosts(wanted: &Wanted<'_>, site: &Site, archive: &mut Archive) {
    let binaries = match hand_binaries(None, wanted.state) {
        Ok(binaries) => binaries,
        Err(error) => return archive.missing("hosts", &error.to_string()),
    };
    let targets = targets(wanted, site, archive);
    archive.redact_with(Redactor::new((wanted.known)()));
    let all = site.hosts.len();
    let (asked, seconds) = (targets.len(), wanted.limit.as_secs());
    (wanted.tell)(&format!("Asking {asked} of {all} hosts, {seconds} s each at most ..."));
    let mut asked: FuturesUnordered<_> = site
        .hosts
        .iter()
        .filter_map(|host| targets.get(host.name.as_str()).map(|target| (host, target)))
        .map(|(host, target)| {
            let binaries = &binaries;
            async move {
                let begun = Instant::now();
                (host, hosts::ask(site, host, target, binaries, wanted.limit).await, begun.elapsed())
            }
        })
        .collect();
    let mut done = all - targets.len();
    while let Some((host, given, took)) = asked.next().await {
        done += 1;
        let (files, missing) = (given.files.len(), given.missing.len());
        (wanted.tell)(&format!(
            "{done}/{all} {}: {files} files, {missing} could not be had, {:.1} s",
            host.name,
            took.as_secs_f64()
        ));
        let folder = format!("hosts/{}", host.name);
        given.files.iter().for_each(|(file, bytes)| archive.put(&format!("{folder}/{file}"), bytes));
        for (file, why) in &given.missing {
            archive.missing(format!("{folder}/{file}").trim_end_matches('/'), why);
        }
    }
}

/// How each host is reached, as far as that is known.
fn targets(wanted: &Wanted<'_>, site: &Site, archive: &mut Archive) -> BTreeMap<String, Target> {
    let pinned = wanted.reader.json(&Request::HostKeys).map_err(|error| chain(&error));
    let pinned = pinned.and_then(|keys| {
        serde_json::from_value::<BTreeMap<String, PinnedKey>>(keys).map_err(|error| error.to_string())
    });
    let pinned = pinned.unwrap_or_else(|why| {
        archive.missing("the keys of hosts that were trusted", &why);
        BTreeMap::new()
    });
    let keys = HostKeys::read(pinned, wanted.trust_new);
    let logins = Logins::new(wanted.secrets, &keys);
    let mut targets = BTreeMap::new();
    for host in &site.hosts {
        match logins.target(host) {
            Ok(target) => drop(targets.insert(host.name.to_string(), target)),
            Err(why) => archive.missing(&format!("hosts/{}", host.name), &why.to_string()),
        }
    }
    targets
}
