//! Collecting what somebody needs who helps: from this machine and from every host that answers.
//!
//! Nothing here fails because something else has failed already: what cannot be had is noted with its reason, and the rest is
//! collected.
#![expect(clippy::print_stderr, reason = "tells the operator how far it is")]

pub(crate) mod archive;
mod hosts;
mod local;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use appliance_control::hands::hand_binaries;
use appliance_control::here::now_ms;
use appliance_control::logins::{HostKeys, Logins};
use appliance_control::site_file;
use appliance_store::{Holder, PinnedKey};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use installer_model::Utc;
use installer_model::redact::Redactor;
use installer_model::secret::Secret;
use installer_model::site::Site;
use installer_run::query::Request;
use installer_run::reader::Reader;
use installer_ssh::Target;

use crate::cli::{CliError, StateArgs, chain};
use crate::wiring::{self, Secrets};
use archive::{Archive, Index};

/// What is collected from, and how long that may take.
pub(crate) struct Wanted<'a> {
    pub(crate) site: &'a Path,
    pub(crate) state: &'a StateArgs,
    pub(crate) out: Option<&'a Path>,
    /// For each host.
    pub(crate) limit: Duration,
    pub(crate) yes: bool,
}

/// Where the archive lies, and what is in it.
pub(crate) struct Collected {
    pub(crate) path: PathBuf,
    pub(crate) index: Index,
}

pub(crate) async fn collect(wanted: &Wanted<'_>) -> Result<Collected, CliError> {
    let now = now_ms();
    let site = site_file::read(wanted.site).map_err(CliError::from);
    let name = site.as_ref().map_or("unknown", |site| site.name.as_str()).to_owned();
    let stamp = Utc(now).to_string().replace([' ', ':'], "-").replace("-UTC", "");
    let folder = format!("armilla-support-{name}-{stamp}");
    let path = wanted.out.map_or_else(|| PathBuf::from(format!("{folder}.tar.gz")), Path::to_owned);
    let by = Holder::this_process("support collect", now);
    let index = Index {
        armilla: env!("CARGO_PKG_VERSION").to_owned(),
        by: by.to_string(),
        at: now,
        site: site.as_ref().ok().map(|site| site.name.to_string()),
        ..Index::default()
    };
    let mut archive = Archive::new(Redactor::default(), index);
    archive.put_json("version.json", &versions());
    eprintln!("Reading {} ...", wiring::state_folder(wanted.state).display());
    let reader = wiring::reader(wanted.state, "support collect");
    match &site {
        Ok(site) => {
            archive.put("site.yaml", installer_render::yaml::document(&site.to_file()).as_bytes());
            local::collect(&reader, site.name.as_str(), &mut archive);
            from_hosts(wanted, site, &reader, &mut archive).await;
        }
        // Without the site there are no hosts to ask; what is wrong with the file is a finding.
        Err(error) => {
            archive.missing("site.yaml and hosts", &error.to_string());
            for site in sites_that_ran(&reader) {
                local::collect(&reader, &site, &mut archive);
            }
        }
    }
    archive
        .write(&path, &folder)
        .map_err(|error| CliError::new(1, format!("write {}: {error}", path.display())))?;
    Ok(Collected { path, index: archive.index })
}

fn versions() -> serde_json::Value {
    let kernel = rustix::system::uname();
    serde_json::json!({
        "armilla": env!("CARGO_PKG_VERSION"),
        "protocol": installer_wire::PROTOCOL,
        "machine": std::env::consts::ARCH,
        "kernel": kernel.release().to_string_lossy(),
    })
}

fn sites_that_ran(reader: &Reader) -> Vec<String> {
    let mut names: Vec<String> = reader.runs().unwrap_or_default().into_iter().map(|run| run.site).collect();
    names.sort();
    names.dedup();
    names
}

/// All hosts at once; each that has ended is told.
async fn from_hosts(wanted: &Wanted<'_>, site: &Site, reader: &Reader, archive: &mut Archive) {
    let state = wiring::state_folder(wanted.state);
    let binaries = match hand_binaries(None, &state) {
        Ok(binaries) => binaries,
        Err(error) => return archive.missing("hosts", &CliError::from(error).to_string()),
    };
    let (targets, known) = targets(wanted, site, reader, archive);
    archive.redact_with(Redactor::new(known));
    let all = site.hosts.len();
    eprintln!("Asking {} of {all} hosts, {} s each at most ...", targets.len(), wanted.limit.as_secs());
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
        eprintln!(
            "{done}/{all} {}: {files} files, {missing} could not be had, {:.1} s",
            host.name,
            took.as_secs_f64()
        );
        let folder = format!("hosts/{}", host.name);
        given.files.iter().for_each(|(file, bytes)| archive.put(&format!("{folder}/{file}"), bytes));
        for (file, why) in &given.missing {
            archive.missing(format!("{folder}/{file}").trim_end_matches('/'), why);
        }
    }
}

/// How each host is reached, as far as that is known, and every secret that was read on the way.
fn targets(
    wanted: &Wanted<'_>,
    site: &Site,
    reader: &Reader,
    archive: &mut Archive,
) -> (BTreeMap<String, Target>, Vec<Secret>) {
    let pinned = reader.json(&Request::HostKeys).map_err(|error| chain(&error));
    let pinned = pinned.and_then(|keys| {
        serde_json::from_value::<BTreeMap<String, PinnedKey>>(keys).map_err(|error| error.to_string())
    });
    let pinned = pinned.unwrap_or_else(|why| {
        archive.missing("the keys of hosts that were trusted", &why);
        BTreeMap::new()
    });
    let (keys, secrets) = (HostKeys::read(pinned, wanted.yes), Secrets::default());
    let logins = Logins::new(&secrets, &keys);
    let mut targets = BTreeMap::new();
    for host in &site.hosts {
        match logins.target(host) {
            Ok(target) => drop(targets.insert(host.name.to_string(), target)),
            Err(why) => archive.missing(&format!("hosts/{}", host.name), &why),
        }
    }
    let mut known: Vec<Secret> = secrets.known();
    // What pods pull with is looked for as well, where it can be read without asking.
    let logins = site.registries.iter().filter_map(|registry| registry.credentials.as_ref());
    known.extend(logins.filter_map(|login| Secrets::read_unasked(&login.password)));
    (targets, known)
}
