//! Hosts of sites as lists show them, read out of their texts once: a text of thousands of hosts takes longer to read than
//! an answer may take.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use appliance_store::ledger::{Row, SiteRow, Table};
use appliance_store::{Store, StoreError};
use installer_model::names::HostName;
use installer_model::site::Site;
use installer_model::site_file::SiteErrors;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::extract::{Field, Listed};
use crate::problem::Problem;
use crate::trouble;

/// Hosts that are kept in memory for all sites together; each takes some 200 bytes. Above it, all are read anew.
const KEPT: usize = 20_000;

/// A host of a site.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Host)]
pub(crate) struct HostBody {
    name: String,
    address: String,
    port: u16,
    user: String,
    control_plane: bool,
    worker: bool,
    /// Its facts are in the survey of the last check.
    surveyed: bool,
    /// At the last check it belonged to this instance.
    ours: bool,
    /// In the text of the site, from 0.
    #[serde(skip)]
    position: usize,
}

impl Listed for &HostBody {
    const FIELDS: &'static [&'static str] =
        &["name", "address", "port", "user", "controlPlane", "worker", "surveyed", "ours"];

    /// In the order of the text.
    fn id(&self) -> Cow<'_, str> {
        format!("{:08}", self.position).into()
    }

    fn place(&self) -> Field<'_> {
        (self.position as u64).into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "name" => self.name.as_str().into(),
            "address" => self.address.as_str().into(),
            "port" => u64::from(self.port).into(),
            "user" => self.user.as_str().into(),
            "controlPlane" => self.control_plane.into(),
            "worker" => self.worker.into(),
            "surveyed" => self.surveyed.into(),
            _ => self.ours.into(),
        }
    }
}

/// What was read, by the name of its site.
#[derive(Debug, Default)]
pub(crate) struct SiteHosts {
    lists: Mutex<HashMap<String, Read>>,
    /// Revision of a site → hosts in its text.
    counts: Mutex<HashMap<String, (u64, u64)>>,
}

#[derive(Debug)]
struct Read {
    /// Of the tables that it was read from.
    writings: u64,
    hosts: Arc<[HostBody]>,
}

const WHOLE: &str = "invariant: nothing panics while it holds what was read";

impl SiteHosts {
    fn list(&self, name: &str, writings: u64) -> Option<Arc<[HostBody]>> {
        let lists = self.lists.lock().expect(WHOLE);
        lists.get(name).filter(|read| read.writings == writings).map(|read| read.hosts.clone())
    }

    fn keep(&self, name: &str, read: Read) {
        let mut lists = self.lists.lock().expect(WHOLE);
        lists.retain(|_, kept| kept.writings == read.writings);
        if lists.values().map(|read| read.hosts.len()).sum::<usize>() + read.hosts.len() > KEPT {
            lists.clear();
        }
        lists.insert(name.to_owned(), read);
    }

    /// Hosts in the text of a site; 0 when it is none any more to this version.
    pub(crate) fn count(&self, row: &SiteRow) -> u64 {
        let known = self.counts.lock().expect(WHOLE).get(&row.name).copied();
        if let Some((_, count)) = known.filter(|(revision, _)| *revision == row.revision) {
            return count;
        }
        let count = Site::parse(&row.text).map_or(0, |site| site.hosts.len() as u64);
        self.counts.lock().expect(WHOLE).insert(row.name.clone(), (row.revision, count));
        count
    }
}

/// A site's hosts.
pub(crate) async fn hosts(app: &App, name: &str) -> Result<Arc<[HostBody]>, Problem> {
    // Before the rows are read: what is written meanwhile counts as a change.
    let writings = app.store().writings(&[Table::SiteFiles, Table::Checks]);
    if let Some(hosts) = app.site_hosts().list(name, writings) {
        return Ok(hosts);
    }
    let wanted = name.to_owned();
    let read = app.reading(move |store| read(store, &wanted)).await?;
    let Some((site, checked)) = read else { return Err(Problem::not_found(format!("site {name}"))) };
    let site = site.map_err(|errors| trouble::problem(errors.into()))?;
    let hosts: Arc<[HostBody]> = bodies(&site, &checked.unwrap_or_default()).collect();
    app.site_hosts().keep(name, Read { writings, hosts: hosts.clone() });
    Ok(hosts)
}

/// What of a check lists show: the rest of it, by far the most, is passed over.
#[derive(Debug, Default, Serialize, Deserialize)]
struct CheckedHosts {
    survey: SurveyedHosts,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct SurveyedHosts {
    hosts: BTreeMap<HostName, SurveyedHost>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SurveyedHost {
    ours: bool,
}

impl Row for CheckedHosts {
    const TABLE: Table = Table::Checks;
    const KIND: &'static str = "check of site";
}

type SiteAndCheck = (Result<Site, SiteErrors>, Option<CheckedHosts>);

fn read(store: &Store, name: &str) -> Result<Option<SiteAndCheck>, StoreError> {
    let Some(row) = store.row::<SiteRow>(name)? else { return Ok(None) };
    Ok(Some((Site::parse(&row.text), store.row(name)?)))
}

fn bodies(site: &Site, checked: &CheckedHosts) -> impl Iterator<Item = HostBody> {
    site.hosts.iter().enumerate().map(|(position, host)| {
        let surveyed = checked.survey.hosts.get(&host.name);
        HostBody {
            name: host.name.to_string(),
            address: host.address.to_string(),
            port: host.ssh.port,
            user: host.ssh.user.to_string(),
            control_plane: host.roles.control_plane,
            worker: host.roles.worker,
            surveyed: surveyed.is_some(),
            ours: surveyed.is_some_and(|surveyed| surveyed.ours),
            position,
        }
    })
}
