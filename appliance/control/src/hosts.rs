//! How the hosts of a site are looked at and reached: over SSH in the product, simulated in tests.

use std::sync::Arc;

use installer_model::finding::Finding;
use installer_model::plan::{Intent, Plan};
use installer_model::waiver::KeptWaiver;
use installer_run::BoxFuture;

use crate::asked::Asked;
use crate::error::{ControlError, Kind};
use crate::fixing::{self, Choice, Fix};
use crate::given::Given;
use crate::hands::{Acquaintance, hands};
use crate::instance::Instance;
use crate::options::Purpose;
use crate::performing::{Reached, Running};
use crate::restoring::{self, Left};
use crate::secrets::SecretSource;
use crate::wish::Wish;

/// What came of a look.
pub struct Looked {
    /// Judged, waived and in order.
    pub findings: Vec<Finding>,
    /// Waivers that excused nothing.
    pub unused_waivers: Vec<KeptWaiver>,
    /// Where one was asked for.
    pub plan: Option<Plan>,
    /// What a reset has to do beside its plan.
    pub left: Left,
}

pub trait Hosts: Send + Sync {
    /// Looks at every host, judges, and makes the plan for what is intended. The store has the check afterwards.
    fn look<'a>(
        &'a self,
        wish: &'a Wish,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<Looked, ControlError>>;

    /// Whether every host lets us in; what is missing where not. Nothing is judged.
    fn scan<'a>(&'a self, wish: &'a Wish) -> BoxFuture<'a, Result<(), ControlError>>;

    /// Looks at every host and mends what checks can mend by themselves; `dry` asks the hosts what would change.
    fn repair<'a>(
        &'a self,
        wish: &'a Wish,
        choice: &'a Choice,
        dry: bool,
    ) -> BoxFuture<'a, Result<Vec<Fix>, ControlError>>;

    /// What a run of the plan needs. `whole`: a host that cannot be asked ends it; otherwise it is left to the run.
    fn reach<'a>(
        &'a self,
        wish: &'a Wish,
        plan: &'a Plan,
        whole: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Reached>, ControlError>>;
}

/// Hosts over SSH.
pub struct SshHosts {
    instance: Instance,
    /// None: what was given to the instance for each site.
    secrets: Option<Arc<dyn SecretSource>>,
}

impl SshHosts {
    /// With what was given to the instance for each site.
    pub fn new(instance: Instance) -> SshHosts {
        SshHosts { instance, secrets: None }
    }

    /// With the secrets of whoever runs this process.
    pub fn with_secrets(instance: Instance, secrets: Arc<dyn SecretSource>) -> SshHosts {
        SshHosts { instance, secrets: Some(secrets) }
    }

    /// Reads what is on this machine, which may be gigabytes, where it holds nobody up.
    async fn open(&self, wish: &Wish, purpose: Purpose) -> Result<crate::Opened, ControlError> {
        let asked = Asked::new(wish.site()?, wish.options(), purpose).without(&wish.without);
        let asked = match &wish.import {
            Some(import) => asked.importing(import.clone()),
            None => asked,
        };
        let instance = self.instance.clone();
        let opening = tokio::task::spawn_blocking(move || asked.open(&instance));
        opening.await.map_err(|error| ControlError::of(Kind::Failed, "read the bundle: ", &error))?
    }

    fn given(&self, wish: &Wish) -> Result<Arc<dyn SecretSource>, ControlError> {
        match &self.secrets {
            Some(secrets) => Ok(Arc::clone(secrets)),
            None => Ok(Arc::new(Given::new(&self.instance.store, wish.site()?.name.as_str()))),
        }
    }

    async fn looked(&self, wish: &Wish, intent: Option<&Intent>) -> Result<Looked, ControlError> {
        let purpose = if wish.import.is_some() { Purpose::Import } else { purpose(intent) };
        let opened = self.open(wish, purpose).await?;
        let ready = opened.look(&*self.given(wish)?).await?;
        let mut left = Left::default();
        let plan = match intent {
            None => None,
            Some(Intent::Install) => {
                ready.refuse_unsupported_changes()?;
                Some(ready.plan(&Intent::Install, &[])?)
            }
            Some(intent) => {
                // The state folder may lie on one of the hosts, and stays.
                let keep = std::path::absolute(&ready.state)
                    .map_err(|error| ControlError::of(Kind::Failed, "find the state folder: ", &error))?;
                left = ready.left(intent).await?;
                // Looking brought our program to hosts that may never see us again.
                restoring::sweep(&ready.world, &left.strangers, &ready.state).await?;
                Some(ready.plan(intent, &[keep.display().to_string()])?)
            }
        };
        Ok(Looked { findings: ready.findings, unused_waivers: ready.unused_waivers, plan, left })
    }
}

fn purpose(intent: Option<&Intent>) -> Purpose {
    match intent {
        None => Purpose::Check,
        Some(Intent::Install) => Purpose::Apply,
        Some(Intent::Reset | Intent::ResetHosts(_)) => Purpose::Reset,
    }
}

impl Hosts for SshHosts {
    fn look<'a>(
        &'a self,
        wish: &'a Wish,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<Looked, ControlError>> {
        Box::pin(self.looked(wish, intent))
    }

    fn scan<'a>(&'a self, wish: &'a Wish) -> BoxFuture<'a, Result<(), ControlError>> {
        Box::pin(async move {
            let (mut site, given) = (wish.site()?, self.given(wish)?);
            site.hosts.retain(|host| !wish.without.iter().any(|name| name == host.name.as_str()));
            hands(&site, &Acquaintance::of(&self.instance), &*given).await.map(drop)
        })
    }

    fn repair<'a>(
        &'a self,
        wish: &'a Wish,
        choice: &'a Choice,
        dry: bool,
    ) -> BoxFuture<'a, Result<Vec<Fix>, ControlError>> {
        Box::pin(async move {
            let opened = self.open(wish, Purpose::Check).await?;
            let ready = opened.look(&*self.given(wish)?).await?;
            let wanted = fixing::wanted(&ready.findings, choice);
            Ok(fixing::perform(&ready.world, wanted, dry).await)
        })
    }

    fn reach<'a>(
        &'a self,
        wish: &'a Wish,
        plan: &'a Plan,
        whole: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Reached>, ControlError>> {
        Box::pin(async move {
            let purpose = if wish.import.is_some() { Purpose::Import } else { purpose(Some(&plan.intent)) };
            let opened = self.open(wish, purpose).await?;
            let means = opened.reach(&*self.given(wish)?, whole).await?;
            Ok(Box::new(Running::new(means)) as Box<dyn Reached>)
        })
    }
}
