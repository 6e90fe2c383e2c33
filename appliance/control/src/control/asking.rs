//! What callers ask of a control.

use appliance_store::ledger::{
    Actor, Asked, BundleRow, Command, Founded, PlanCommand, PlanRow, Request, RequestCommand, RequestState,
    RunRow, SiteCommand, SiteRow,
};
use installer_model::event::{Event, Outcome, RunId};
use installer_model::finding::Finding;
use installer_model::plan::{Intent, Plan, PlanId};
use installer_model::view::WaivedView;
use installer_plan::preflight::waive::waive;
use installer_run::Level;
use serde::{Deserialize, Serialize};

use super::{BundlePath, Control, Inner, Job, stored};
use crate::addons::Import;
use crate::asked::Checked;
use crate::error::{ControlError, Kind};
use crate::fixing::Fix;
use crate::here::{nonce, now_ms};
use crate::hosts::Looked;
use crate::ready::waived;
use crate::wish::Wish;
use crate::{findings, site_file};

/// What a start may say beside its plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Start {
    /// Hosts that are taken from the ledger that holds them.
    pub take_over: Vec<String>,
    /// Hosts that are left alone: they are lost.
    pub without: Vec<String>,
    /// A bundle that is brought to the site beside its own.
    pub import: Option<Imported>,
    /// Seconds after which a host is given up that does not answer.
    pub patience: Option<u64>,
}

/// A bundle of this instance that becomes an add-on of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Imported {
    /// Its id.
    pub bundle: String,
    /// Whether its manifests are applied too.
    #[serde(default)]
    pub apply: bool,
}

/// How a host is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// The run goes on, and the host takes part again.
    InRun(RunId),
    /// The run had ended: this request starts one of the same plan.
    Anew(String),
}

impl Control {
    /// Looks at a site's hosts and judges. The store has the check afterwards.
    pub async fn check(&self, actor: &Actor, site: &str) -> Result<Looked, ControlError> {
        let wish = self.0.wish_of(site, actor)?;
        self.0.hosts.look(&wish, None).await
    }

    /// Mends on a site's hosts what checks can mend by themselves; `dry` asks them what would change. Nobody else is at
    /// work on them meanwhile.
    pub async fn repair(
        &self,
        actor: &Actor,
        site: &str,
        move_data: bool,
        dry: bool,
    ) -> Result<Vec<Fix>, ControlError> {
        let wish = self.0.wish_of(site, actor)?;
        if self.0.lock().running.contains_key(site) {
            let why = format!("repair hosts of site {site}: a run goes on there");
            return Err(ControlError::new(Kind::Conflict, why).hint("wait for it to end"));
        }
        let fixes = self.0.hosts.repair(&wish, move_data, dry).await?;
        if !dry && !fixes.is_empty() {
            let mut hosts: Vec<String> = fixes.iter().map(|fix| fix.host.to_string()).collect();
            hosts.dedup();
            let repaired = SiteCommand::Repaired { name: site.to_owned(), hosts };
            self.0.store.submit(actor, &Command::Sites(repaired)).map_err(stored("note the repairs: "))?;
        }
        Ok(fixes)
    }

    /// Connects to a site's hosts. What stands in between comes back as the error.
    pub async fn scan(&self, actor: &Actor, site: &str) -> Result<(), ControlError> {
        let wish = self.0.wish_of(site, actor)?;
        self.0.hosts.scan(&wish).await
    }

    /// Looks, judges and makes a plan, which is kept for people to look at.
    pub async fn plan(
        &self,
        actor: &Actor,
        site: &str,
        intent: &Intent,
        options: &Start,
    ) -> Result<(Plan, Looked), ControlError> {
        let wish = self.0.wish_with(site, actor, options)?;
        self.0.refuse_import(site, options)?;
        let looked = self.0.hosts.look(&wish, Some(intent)).await?;
        let plan = looked.plan.clone().expect("invariant: one was asked for");
        let command = Command::Plans(PlanCommand::Keep { plan: Box::new(plan.clone()) });
        self.0.store.submit(actor, &command).map_err(stored("keep the plan: "))?;
        Ok((plan, looked))
    }

    /// Has the plan run. Gives the id of the request, which names the run as soon as there is one. With `dry` nothing is
    /// started, and the answer says whether it would be.
    pub fn start(
        &self,
        actor: &Actor,
        plan: &PlanId,
        options: &Start,
        dry: bool,
    ) -> Result<String, ControlError> {
        let row: Option<PlanRow> = self.0.store.row(plan.0.as_str()).map_err(stored(""))?;
        let row = row.ok_or_else(|| missing("plan", plan.short()))?;
        let site: Option<SiteRow> = self.0.store.row(row.site.as_str()).map_err(stored(""))?;
        let site = site.ok_or_else(|| missing("site", &row.site))?;
        // Both are ledger indices: a site that was written after the plan may be another one.
        if site.revision > row.revision {
            let why =
                format!("start plan {}: site {} was changed after it was made", plan.short(), site.name);
            return Err(ControlError::new(Kind::Conflict, why).hint("plan again"));
        }
        let wish = self.0.wish_with(&row.site, actor, options)?;
        if row.intent == Intent::Install {
            self.0.refuse_findings(&wish)?;
        }
        self.0.ask_start(actor, &row.site, plan, wish, dry)
    }

    /// Lets what has started end and starts nothing more. A run that is held ends at once.
    pub fn cancel(&self, actor: &Actor, run: &RunId, dry: bool) -> Result<(), ControlError> {
        let row = self.0.run(run)?;
        let asked = Asked::Cancel { run: run.clone() };
        self.0.ask(actor, &row.site, asked, dry)?;
        if dry {
            return Ok(());
        }
        let held = {
            let mut state = self.0.lock();
            if let Some(performed) = state.running.get(&row.site)
                && performed.run.as_ref().is_none_or(|live| live == run)
            {
                performed.canceller.ask(Level::Finish);
            }
            let is_run = |job: &Job| job.goes_on.as_ref() == Some(run);
            let before = state.held.len();
            state.held.retain(|(job, _)| !is_run(job));
            before != state.held.len()
        };
        if held { self.0.end_cancelled(run) } else { Ok(()) }
    }

    /// Takes a request back whose run did not begin.
    pub fn withdraw(&self, actor: &Actor, request: &str, dry: bool) -> Result<(), ControlError> {
        let row: Option<Request> = self.0.store.row(request).map_err(stored(""))?;
        let row = row.ok_or_else(|| missing("request", request))?;
        let mut state = self.0.lock();
        let begun = state.running.get(&row.site).is_some_and(|performed| performed.request == request);
        if row.state != RequestState::Waiting || begun {
            let why = format!("take request {request} back: it was taken up already");
            return Err(ControlError::new(Kind::Conflict, why).hint("cancel its run"));
        }
        let why = format!("{} took it back", actor.name());
        let command = RequestCommand::Answer { id: request.to_owned(), state: RequestState::Failed { why } };
        if dry {
            return self.0.store.dry_run(actor, &Command::Requests(command)).map(drop).map_err(stored(""));
        }
        state.queue.retain(|job| job.request != request);
        state.held.retain(|(job, _)| job.request != request);
        drop(state);
        self.0.store.submit(actor, &Command::Requests(command)).map_err(stored(""))?;
        self.0.tell();
        Ok(())
    }

    /// Lets a host that dropped out take part again: in the run, or in one of the same plan when that has ended.
    pub fn retry_host(
        &self,
        actor: &Actor,
        run: &RunId,
        host: &str,
        dry: bool,
    ) -> Result<Retried, ControlError> {
        let row = self.0.run(run)?;
        let view = self.0.store.view(run).map_err(stored(""))?;
        if !view.dropped.contains_key(host) {
            let why = format!("try {host} again: it did not drop out of {run}");
            return Err(ControlError::new(Kind::Conflict, why));
        }
        let request =
            self.0.ask(actor, &row.site, Asked::Retry { run: run.clone(), host: host.to_owned() }, dry)?;
        let canceller = {
            let state = self.0.lock();
            let performed = state.running.get(&row.site).filter(|live| live.run.as_ref() == Some(run));
            performed.map(|performed| performed.canceller.clone())
        };
        let retried = match canceller {
            Some(canceller) => {
                if !dry {
                    canceller.retry(host);
                }
                Retried::InRun(run.clone())
            }
            None => {
                let wish = match self.0.request_of(run)? {
                    Some((_, wish)) => Wish { by: actor.name(), ..wish },
                    None => self.0.wish_of(&row.site, actor)?,
                };
                Retried::Anew(self.0.ask_start(actor, &row.site, &row.plan, wish, dry)?)
            }
        };
        if !dry {
            self.0.answer(&request, RequestState::Taken { run: Some(run.clone()) });
        }
        Ok(retried)
    }
}

fn missing(what: &str, id: &str) -> ControlError {
    ControlError::new(Kind::NotFound, format!("find {what} {id}: there is none"))
}

impl Inner {
    fn run(&self, run: &RunId) -> Result<RunRow, ControlError> {
        let row = self.store.run(run).map_err(stored(""))?;
        row.ok_or_else(|| missing("run", &run.0))
    }

    /// The site as it is written now, with the bundle that was chosen for it.
    pub(super) fn wish_of(&self, site: &str, actor: &Actor) -> Result<Wish, ControlError> {
        let row: Option<SiteRow> = self.store.row(site).map_err(stored(""))?;
        let row = row.ok_or_else(|| missing("site", site))?;
        let bundle = self.path_of(row.bundle.as_deref())?;
        Ok(Wish { bundle, ..Wish::new(row.text, actor.name()) })
    }

    fn wish_with(&self, site: &str, actor: &Actor, options: &Start) -> Result<Wish, ControlError> {
        let mut wish = self.wish_of(site, actor)?;
        wish.take_over.clone_from(&options.take_over);
        wish.without.clone_from(&options.without);
        let parsed = wish.site()?;
        wish.without.iter().try_for_each(|name| site_file::host(&parsed, name).map(drop))?;
        if let Some(Imported { bundle, apply }) = &options.import {
            let path = self.path_of(Some(bundle))?;
            wish.import = path.map(|path| Import { path, apply: *apply });
        }
        wish.patience = options.patience.unwrap_or(wish.patience);
        Ok(wish)
    }

    /// What is brought to a site needs nodes to be on.
    fn refuse_import(&self, site: &str, options: &Start) -> Result<(), ControlError> {
        let founded: Option<Founded> = self.store.row(site).map_err(stored(""))?;
        match options.import.is_none() || founded.is_some() {
            true => Ok(()),
            false => {
                let why = format!("import into site {site}: it is not installed");
                Err(ControlError::new(Kind::Conflict, why).hint("run `armilla apply` first"))
            }
        }
    }

    fn path_of(&self, bundle: Option<&str>) -> Result<BundlePath, ControlError> {
        let Some(id) = bundle else { return Ok(None) };
        let row: Option<BundleRow> = self.store.row(id).map_err(stored(""))?;
        row.map(|row| Some(row.path)).ok_or_else(|| missing("bundle", id))
    }

    /// What was found by the last look and stands in the way, after the waivers that hold now.
    fn refuse_findings(&self, wish: &Wish) -> Result<(), ControlError> {
        let found = self.judged(&wish.site()?)?;
        let stopping: Vec<Finding> = found.into_iter().filter(Finding::stops).collect();
        if stopping.is_empty() {
            return Ok(());
        }
        let stand = if stopping.len() == 1 { "finding stands" } else { "findings stand" };
        let mut error =
            ControlError::new(Kind::Refused, format!("start: {} {stand} in the way", stopping.len()))
                .hint("nothing was changed; mend them and plan again, or waive them");
        error.findings = stopping;
        Err(error)
    }

    fn judged(&self, site: &installer_model::site::Site) -> Result<Vec<Finding>, ControlError> {
        let name = site.name.as_str();
        let check: Option<Checked> = self.store.check(name).map_err(stored("read the check: "))?;
        let mut found = check.map(|check| check.findings).unwrap_or_default();
        found.iter_mut().for_each(|finding| finding.waived = None);
        waive(&mut found, &self.store.waivers(name).map_err(stored("read the waivers: "))?);
        findings::in_order(&mut found);
        Ok(found)
    }

    /// What a run goes on in spite of.
    pub(super) fn waived(&self, wish: &Wish) -> Result<Vec<WaivedView>, ControlError> {
        Ok(waived(&self.judged(&wish.site()?)?))
    }

    fn ask_start(
        self: &std::sync::Arc<Inner>,
        actor: &Actor,
        site: &str,
        plan: &PlanId,
        wish: Wish,
        dry: bool,
    ) -> Result<String, ControlError> {
        let options = serde_json::to_value(&wish).expect("plain data");
        let request = self.ask(actor, site, Asked::Start { plan: plan.clone(), options }, dry)?;
        if !dry {
            let (site, plan) = (site.to_owned(), plan.clone());
            self.lock().queue.push_back(Job { request: request.clone(), site, plan, wish, goes_on: None });
            self.pump();
        }
        Ok(request)
    }

    pub(super) fn ask(
        &self,
        actor: &Actor,
        site: &str,
        asked: Asked,
        dry: bool,
    ) -> Result<String, ControlError> {
        let id = nonce().map_err(|error| ControlError::of(Kind::Failed, "get a random number: ", &error))?;
        let live = self.store.live_runs();
        let ask = RequestCommand::Ask { id: id.clone(), site: site.to_owned(), asked, live };
        let command = Command::Requests(ask);
        let done = if dry { self.store.dry_run(actor, &command) } else { self.store.submit(actor, &command) };
        done.map_err(stored(""))?;
        Ok(id)
    }

    pub(super) fn answer(&self, request: &str, state: RequestState) {
        let command = Command::Requests(RequestCommand::Answer { id: request.to_owned(), state });
        if let Err(error) = self.store.submit(&Actor::Instance, &command) {
            tracing::warn!(%error, request, "what became of a request was not written down");
        }
    }

    /// Every request, the oldest first.
    pub(super) fn requests(&self) -> Result<Vec<Request>, ControlError> {
        let rows = self.store.rows::<Request>(None, usize::MAX).map_err(stored("read the requests: "))?;
        let mut requests: Vec<Request> = rows.into_iter().map(|(_, request)| request).collect();
        requests.sort_by_key(|request| (request.at, request.revision));
        Ok(requests)
    }

    /// The request that started a run, and what it wished.
    pub(super) fn request_of(&self, run: &RunId) -> Result<Option<(String, Wish)>, ControlError> {
        let of_run = |request: &Request| {
            matches!(&request.asked, Asked::Start { .. })
                && request.state == RequestState::Taken { run: Some(run.clone()) }
        };
        let found = self.requests()?.into_iter().rfind(of_run);
        Ok(found.and_then(|request| match request.asked {
            Asked::Start { options, .. } => Some((request.id, serde_json::from_value(options).ok()?)),
            Asked::Cancel { .. } | Asked::Retry { .. } => None,
        }))
    }

    /// Ends a run that nobody performs.
    pub(super) fn end_cancelled(&self, run: &RunId) -> Result<(), ControlError> {
        let end = vec![Event::RunCancelled, Event::RunEnded { outcome: Outcome::Cancelled }];
        self.store.append(run, now_ms(), end).map_err(stored("end the run: "))?;
        self.answer_cancels(run);
        self.tell();
        Ok(())
    }

    /// Whether somebody asked to cancel the run.
    pub(super) fn is_cancelled(&self, run: &RunId) -> bool {
        let asked = Asked::Cancel { run: run.clone() };
        let requests = self.requests().unwrap_or_default();
        requests.iter().any(|request| request.asked == asked && request.state == RequestState::Waiting)
    }

    /// Once the run has ended.
    pub(super) fn answer_cancels(&self, run: &RunId) {
        let asked = Asked::Cancel { run: run.clone() };
        let waiting = self.requests().unwrap_or_default().into_iter();
        let waiting = waiting.filter(|request| request.state == RequestState::Waiting);
        for request in waiting.filter(|request| request.asked == asked) {
            self.answer(&request.id, RequestState::Taken { run: Some(run.clone()) });
        }
    }
}
