//! Giving a site away as a copy, and taking one over from a copy.

use std::path::Path;

use installer_model::plan::PlanId;
use installer_model::site::Site;
use redb::ReadableTable;

use crate::holder::Holder;
use crate::notes::PinnedKey;
use crate::runs::{RunRow, event_place, number};
use crate::site_copy::SiteCopy;
use crate::store::{Store, StoreError, json};
use crate::tables::{BUNDLE_KEYS, EVENTS, HOST_KEYS, META, PLANS, RUN_EVENTS, RUNS, SITES, TARGETS};

impl Store {
    /// What another machine needs to go on with this site; `None` before it has a plan.
    pub fn copy_of(&self, site: &Site, by: &Holder, now: u64) -> Result<Option<SiteCopy>, StoreError> {
        let name = site.name.as_str();
        let Some(plan) = self.target(name)? else { return Ok(None) };
        let run: Option<RunRow> = self.runs()?.into_iter().rfind(|row| row.site == name);
        let events = match &run {
            Some(row) => self.records(&row.run, 0, usize::MAX)?,
            None => Vec::new(),
        };
        let folder = std::path::absolute(self.folder()).unwrap_or_else(|_| self.folder().to_owned());
        let copy = SiteCopy {
            ledger: self.ledger().to_owned(),
            taken_from: self.taken_from(name)?,
            written_at: now,
            by: by.clone(),
            folder: folder.display().to_string(),
            site: site.clone(),
            founded: self.site(name)?,
            plan: (*plan).clone(),
            run,
            events,
            host_keys: self.host_keys()?,
            bundle_keys: self.bundle_keys()?,
        };
        Ok(Some(copy.bounded()))
    }

    /// Ledgers that the site was taken from, the last one first. Hosts that one of them still holds are this ledger's to
    /// take: the operator said so once.
    pub fn taken_from(&self, site: &str) -> Result<Vec<String>, StoreError> {
        let meta = self.reading()?.open_table(META)?;
        let ledgers = meta.get(lineage_key(site).as_str())?.map(|ledgers| ledgers.value().to_owned());
        Ok(ledgers.iter().flat_map(|ledgers| ledgers.split(' ')).map(str::to_owned).collect())
    }

    /// Takes a site over into this store, which must be new: its site, its plan, its last run with the events, and the
    /// keys that were pinned. A run that was left open stays open, and goes on here.
    pub fn take_over(&self, copy: &SiteCopy) -> Result<(), StoreError> {
        let transaction = self.writing()?;
        {
            let mut targets = transaction.open_table(TARGETS)?;
            let mut runs = transaction.open_table(RUNS)?;
            if targets.first()?.is_some() || runs.first()?.is_some() {
                return Err(StoreError::Occupied { path: self.folder().to_owned() });
            }
            let name = copy.site.name.as_str();
            if let Some(founded) = &copy.founded {
                transaction.open_table(SITES)?.insert(name, json(founded).as_slice())?;
            }
            let PlanId(id) = &copy.plan.id;
            targets.insert(name, id.as_str())?;
            transaction.open_table(PLANS)?.insert(id.as_str(), json(&copy.plan).as_slice())?;
            if let Some(row) = &copy.run {
                let number = number(&row.run)?;
                runs.insert(number, json(row).as_slice())?;
                let (mut events, mut of_run) =
                    (transaction.open_table(EVENTS)?, transaction.open_table(RUN_EVENTS)?);
                for record in copy.events.iter().filter(|record| record.run == row.run) {
                    let sealed = self.vault.seal(&event_place(record.index), &json(record))?;
                    events.insert(record.index, sealed.as_slice())?;
                    of_run.insert((number, record.index), ())?;
                }
            }
            let mut host_keys = transaction.open_table(HOST_KEYS)?;
            for (address, key) in &copy.host_keys {
                if host_keys.get(address.as_str())?.is_none() {
                    host_keys.insert(address.as_str(), json(key).as_slice())?;
                }
            }
            let mut bundle_keys = transaction.open_table(BUNDLE_KEYS)?;
            for key @ PinnedKey { fingerprint, .. } in &copy.bundle_keys {
                bundle_keys.insert(fingerprint.as_str(), json(key).as_slice())?;
            }
            let lineage: Vec<&str> =
                [&copy.ledger].into_iter().chain(&copy.taken_from).map(String::as_str).collect();
            transaction.open_table(META)?.insert(lineage_key(name).as_str(), lineage.join(" ").as_str())?;
        }
        Ok(transaction.commit()?)
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.dir
    }
}

fn lineage_key(site: &str) -> String {
    format!("taken_from/{site}")
}
