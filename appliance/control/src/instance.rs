//! The state folder that this process has open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use appliance_store::ledger::{Actor, Command, Expected, SiteCommand, SiteRow};
use appliance_store::{Holder, Store, StoreError};
use installer_wire::Claimant;

use crate::error::{ControlError, Kind};
use crate::here::{now_ms, operator};

/// A store and its folder, and what this process is called.
#[derive(Clone)]
pub struct Instance {
    pub store: Arc<Store>,
    pub state: PathBuf,
    /// This process, as others are told of it.
    pub holder: Holder,
}

impl Instance {
    /// Opens the store for this process alone; `verb` is what it does, such as `apply` or `serve`. A verb that only reads has
    /// it open for a moment: that is waited for.
    pub fn open(folder: &Path, verb: &str) -> Result<Instance, ControlError> {
        let holder = Holder::this_process(verb, now_ms());
        let store = Store::open_within(folder, &holder, Duration::from_secs(2)).map_err(|error| {
            let (kind, hint) = match error {
                StoreError::InUse { .. } => {
                    (Kind::Conflict, "wait for it to end; `armilla run follow` shows a run that goes on")
                }
                _ => (Kind::Failed, "name another folder with --state"),
            };
            ControlError::of(kind, "", &error).hint(hint)
        })?;
        Ok(Instance { store: Arc::new(store), state: folder.to_owned(), holder })
    }

    /// Writes a site down as its file has it, beside the bundle that was chosen for it: what a server of this folder goes on
    /// from, and what verbs find by its name.
    pub fn know(&self, name: &str, text: &str) -> Result<(), ControlError> {
        let failed = |error| ControlError::store("keep the site: ", &error);
        let before: Option<SiteRow> = self.store.row(name).map_err(failed)?;
        if before.as_ref().is_some_and(|before| before.text == text) {
            return Ok(());
        }
        let bundle = before.and_then(|before| before.bundle);
        let (name, text, expected) = (name.to_owned(), text.to_owned(), Expected::Any);
        let put = Command::Sites(SiteCommand::Put { name, text, bundle, expected });
        self.store.submit(&Actor::Local { name: operator() }, &put).map(drop).map_err(failed)
    }

    /// This process, as hosts remember who claimed them.
    pub fn claimant(&self) -> Claimant {
        let Holder { user, pid, command, started_at, host } = self.holder.clone();
        let folder = std::path::absolute(&self.state).unwrap_or_else(|_| self.state.clone());
        Claimant {
            user,
            machine: host,
            pid,
            command,
            folder: folder.display().to_string(),
            since: started_at,
        }
    }
}
