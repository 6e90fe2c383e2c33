//! What a site and its options were when somebody asked: kept with the request for a run, so that the run goes on from it
//! whatever happened to the process that was asked.

use std::path::PathBuf;
use std::time::Duration;

use appliance_store::ledger::Actor;
use installer_model::site::Site;
use serde::{Deserialize, Serialize};

use crate::addons::Import;
use crate::error::ControlError;
use crate::options::{Options, Trusting};

fn usual_patience() -> u64 {
    180
}

/// Everything that a look or a run needs beside the plan and the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    /// The text of `site.yaml`.
    pub text: String,
    /// Where the bundle lies that was chosen; the text names none that would be opened.
    #[serde(default)]
    pub bundle: Option<PathBuf>,
    /// Its id: another one that lies there meanwhile is refused.
    #[serde(default)]
    pub bundle_id: Option<String>,
    /// Hosts that are taken from the ledger that holds them.
    #[serde(default)]
    pub take_over: Vec<String>,
    /// Hosts that are left alone.
    #[serde(default)]
    pub without: Vec<String>,
    /// A bundle that is brought to the site beside its own.
    #[serde(default)]
    pub import: Option<Import>,
    /// Seconds after which a host is given up that does not answer.
    #[serde(default = "usual_patience")]
    pub patience: u64,
    /// Who asked, in words.
    pub by: String,
    /// Who asked; requests of before it was kept do not say it.
    #[serde(default)]
    pub actor: Option<Actor>,
    /// Look and judge, and write nothing down.
    #[serde(default)]
    pub dry: bool,
}

impl Wish {
    pub fn new(text: String, actor: &Actor) -> Wish {
        let (take_over, without) = (Vec::new(), Vec::new());
        let (bundle, bundle_id, import) = (None, None, None);
        let (patience, by, actor) = (usual_patience(), actor.name(), Some(actor.clone()));
        Wish { text, bundle, bundle_id, take_over, without, import, patience, by, actor, dry: false }
    }

    /// The same, asked by somebody else.
    #[must_use]
    pub fn of(self, actor: &Actor) -> Wish {
        Wish { by: actor.name(), actor: Some(actor.clone()), ..self }
    }

    /// In whose name it is done.
    pub fn actor(&self) -> Actor {
        self.actor.clone().unwrap_or(Actor::Instance)
    }

    pub fn site(&self) -> Result<Site, ControlError> {
        Ok(Site::parse(&self.text)?)
    }

    /// Paths in the text are meant from the root: a server has no folder that its callers know.
    pub fn options(&self) -> Options {
        Options {
            by: self.by.clone(),
            actor: self.actor(),
            folder: PathBuf::from("/"),
            bundle: self.bundle.clone(),
            bundle_id: self.bundle_id.clone(),
            trust: Trusting::Administrators,
            take_over: self.take_over.clone(),
            patience: Duration::from_secs(self.patience),
            trust_new_hosts: false,
            keep: !self.dry,
        }
    }
}
