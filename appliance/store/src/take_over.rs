//! Giving a site away as a copy, and taking one over from a copy.

use std::path::Path;

use appliance_ledger::{Command, Lineage, RunRow, TakenOver, Target};
use installer_model::site::Site;

use crate::holder::Holder;
use crate::site_copy::SiteCopy;
use crate::store::{Store, StoreError};

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
            addons: self.addons(name)?,
        };
        Ok(Some(copy.bounded()))
    }

    /// Ledgers that the site was taken from, the last one first. Hosts that one of them still holds are this ledger's to
    /// take: the operator said so once.
    pub fn taken_from(&self, site: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.row::<Lineage>(site)?.unwrap_or_default().0)
    }

    /// Takes a site over into this store, which must be new: its site with its add-ons, its plan, its last run with the
    /// events, and the keys that were pinned. A run that was left open stays open, and goes on here.
    pub fn take_over(&self, copy: &SiteCopy) -> Result<(), StoreError> {
        if self.last_run()? > 0 || !self.rows::<Target>(None, 1)?.is_empty() {
            return Err(StoreError::Occupied { path: self.folder().to_owned() });
        }
        let founded = copy.founded.as_ref().map(|site| {
            serde_json::to_value(site).expect("invariant: a site has text keys and no fallible serializer")
        });
        let taken = TakenOver {
            site: copy.site.name.as_str().to_owned(),
            founded,
            plan: copy.plan.clone(),
            run: copy.run.clone(),
            events: copy.events.clone(),
            host_keys: copy.host_keys.clone(),
            bundle_keys: copy.bundle_keys.clone(),
            lineage: [&copy.ledger].into_iter().chain(&copy.taken_from).cloned().collect(),
            addons: copy.addons.clone(),
        };
        self.submit_own(&Command::TakeOver(Box::new(taken))).map(drop)
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.dir
    }
}
