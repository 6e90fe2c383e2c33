//! What callers ask of a control.

use appliance_store::ledger::{
    Actor, Asked, BundleRow, Command, Founded, Keyed, PlanCommand, PlanRow, Reply, Request, RequestCommand,
    RequestState, RunRow, SiteCommand, SiteRow,
};
use appliance_store::{Committed, Store, StoreError};
use installer_model::event::{Event, Outcome, RunId};
use installer_model::finding::Finding;
use installer_model::plan::{Intent, Plan, PlanId};
use installer_model::view::WaivedView;
use installer_plan::preflight::waive::waive;
use installer_run::Level;
use serde::{Deserialize, Serialize};

use super::{Control, Inner, Job, stored};
use crate::addons::Import;
use crate::asked::Checked;
use crate::bundle;
use crate::error::{ControlError, Kind};
use crate::fixing::{Choice, Fix};
use crate::here::{nonce, now_ms};
use crate::hosts::Looked;
use crate::ready::waived;
use crate::wish::Wish;
use crate::{findings, site_file};

/// Who asks, and how.
#[derive(Debug, Clone)]
pub struct Asker {
    pub actor: Actor,
    /// Nothing is done, and the answer says whether it would be.
    pub dry: bool,
    /// What comes again under the same key is done once.
    pub keyed: Option<Keyed>,
}

impl From<Actor> for Asker {
    fn from(actor: Actor) -> Asker {
        Asker { actor, dry: false, keyed: None }
    }
}

impl Asker {
    /// As a part of what is asked, which is repeated with the whole.
    fn unkeyed(&self) -> Asker {
        Asker { keyed: None, ..self.clone() }
    }

    fn submit(&self, store: &Store, command: Command) -> Result<Committed, StoreError> {
        match &self.keyed {
            Some(keyed) if !self.dry => store.submit(&self.actor, &keyed.once(command)),
            None if !self.dry => store.submit(&self.actor, &command),
            Some(_) | None => store.dry_run(&self.actor, &command),
        }
    }
}

/// A request that was written down.
pub(super) struct AskedFor {
    pub(super) id: String,
    /// It was there already.
    pub(super) repeated: bool,
}

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
    pub async fn check(&self, asker: &Asker, site: &str) -> Result<Looked, ControlError> {
        let wish = Wish { dry: asker.dry, ..self.0.wish_of(site, &asker.actor)? };
        self.0.hosts.look(&wish, None).await
    }

    /// Mends on a site's hosts what checks can mend by themselves; `dry` asks them what would change. Nobody else is at
    /// work on them meanwhile.
    pub async fn repair(
        &self,
        actor: &Actor,
        site: &str,
        choice: &Choice,
        dry: bool,
    ) -> Result<Vec<Fix>, ControlError> {
        let wish = self.0.wish_of(site, actor)?;
        if self.0.lock().running.contains_key(site) {
            let why = format!("repair hosts of site {site}: a run goes on there");
            return Err(ControlError::new(Kind::Conflict, why).hint("wait for it to end"));
        }
        let fixes = self.0.hosts.repair(&wish, choice, dry).await?;
        if !dry && !fixes.is_empty() {
            let mut hosts: Vec<String> = fixes.iter().map(|fix| fix.host.to_string()).collect();
            hosts.dedup();
            let repaired = SiteCommand::Repaired { name: site.to_owned(), hosts };
            self.0.store.submit(actor, &Command::Sites(repaired)).map_err(stored("note the repairs: "))?;
        }
        Ok(fixes)
    }

    /// Connects to a site's hosts, but for those that are lost. What stands in between comes back as the error.
    pub async fn scan(&self, actor: &Actor, site: &str, without: &[String]) -> Result<(), ControlError> {
        let mut wish = self.0.wish_without_bundle(site, actor)?;
        let parsed = wish.site()?;
        without.iter().try_for_each(|name| site_file::host(&parsed, name).map(drop))?;
        wish.without = without.to_vec();
        self.0.hosts.scan(&wish).await
    }

    /// Looks, judges and makes a plan, which is kept for people to look at.
    pub async fn plan(
        &self,
        asker: &Asker,
        site: &str,
        intent: &Intent,
        options: &Start,
    ) -> Result<(Plan, Looked), ControlError> {
        let wish = Wish { dry: asker.dry, ..self.0.wish_with(site, &asker.actor, options)? };
        self.0.refuse_import(site, options)?;
        let looked = self.0.hosts.look(&wish, Some(intent)).await?;
        let plan = looked.plan.clone().expect("invariant: one was asked for");
        let command = Command::Plans(PlanCommand::Keep { plan: Box::new(plan.clone()) });
        asker.submit(&self.0.store, command).map_err(stored("keep the plan: "))?;
        Ok((plan, looked))
    }

    /// Has the plan run. Gives the id of the request, which names the run as soon as there is one.
    pub fn start(&self, asker: &Asker, plan: &PlanId, options: &Start) -> Result<String, ControlError> {
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
        let wish = self.0.wish_with(&row.site, &asker.actor, options)?;
        self.0.refuse_newer_bundle(&row, &wish)?;
        if row.intent == Intent::Install {
            self.0.refuse_findings(&wish)?;
        }
        self.0.ask_start(asker, &row.site, plan, wish)
    }

    /// Lets what has started end and starts nothing more. A run that is held ends at once.
    pub fn cancel(&self, asker: &Asker, run: &RunId) -> Result<(), ControlError> {
        let row = self.0.run(run)?;
        let asked = Asked::Cancel { run: run.clone() };
        self.0.ask(asker, &row.site, asked)?;
        if asker.dry {
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
        if held {
            self.0.tell();
        }
        // An idle one has the store for itself: nobody performs the run.
        if held || self.0.idle { self.0.end_cancelled(run) } else { Ok(()) }
    }

    /// Takes a request back whose run did not begin.
    pub fn withdraw(&self, asker: &Asker, request: &str) -> Result<(), ControlError> {
        let row: Option<Request> = self.0.store.row(request).map_err(stored(""))?;
        let row = row.ok_or_else(|| missing("request", request))?;
        let mut state = self.0.lock();
        let begun = state.running.get(&row.site).is_some_and(|performed| performed.request == request);
        if row.state != RequestState::Waiting || begun {
            let why = format!("take request {request} back: it was taken up already");
            return Err(ControlError::new(Kind::Conflict, why).hint("cancel its run"));
        }
        let why = format!("{} took it back", asker.actor.name());
        let command = RequestCommand::Answer { id: request.to_owned(), state: RequestState::Failed { why } };
        let command = Command::Requests(command);
        if asker.dry {
            return asker.submit(&self.0.store, command).map(drop).map_err(stored(""));
        }
        state.queue.retain(|job| job.request != request);
        state.held.retain(|(job, _)| job.request != request);
        drop(state);
        asker.submit(&self.0.store, command).map_err(stored(""))?;
        self.0.tell();
        Ok(())
    }

    /// Lets a host that dropped out take part again: in the run, or in one of the same plan when that has ended.
    pub fn retry_host(&self, asker: &Asker, run: &RunId, host: &str) -> Result<Retried, ControlError> {
        let row = self.0.run(run)?;
        let view = self.0.store.view(run).map_err(stored(""))?;
        if !view.dropped.contains_key(host) {
            let why = format!("try {host} again: it did not drop out of {run}");
            return Err(ControlError::new(Kind::Conflict, why));
        }
        let canceller = {
            let state = self.0.lock();
            // A run that has ended is among them until its hosts have their copies, and takes nobody up any more.
            let is_open = row.outcome.is_none();
            let performed =
                state.running.get(&row.site).filter(|live| is_open && live.run.as_ref() == Some(run));
            performed.map(|performed| performed.canceller.clone())
        };
        let retry = Asked::Retry { run: run.clone(), host: host.to_owned() };
        let (retry, retried) = match canceller {
            Some(canceller) => {
                let retry = self.0.ask(asker, &row.site, retry)?;
                if !asker.dry && !retry.repeated {
                    canceller.retry(host);
                }
                (retry, Retried::InRun(run.clone()))
            }
            None => {
                let retry = self.0.ask(&asker.unkeyed(), &row.site, retry)?;
                let wish = match self.0.request_of(run)? {
                    Some((_, wish)) => wish.of(&asker.actor),
                    None => self.0.wish_of(&row.site, &asker.actor)?,
                };
                (retry, Retried::Anew(self.0.ask_start(asker, &row.site, &row.plan, wish)?))
            }
        };
        if !asker.dry && !retry.repeated {
            self.0.answer(&retry.id, RequestState::Taken { run: Some(run.clone()) });
        }
        Ok(retried)
    }

    /// How a host was tried again that a request named, or the start of a run that it came to.
    pub fn retried(&self, request: &str) -> Result<Retried, ControlError> {
        let row: Option<Request> = self.0.store.row(request).map_err(stored(""))?;
        match row.ok_or_else(|| missing("request", request))?.asked {
            Asked::Start { .. } => Ok(Retried::Anew(request.to_owned())),
            Asked::Retry { run, .. } | Asked::Cancel { run } => Ok(Retried::InRun(run)),
        }
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

    /// The site as it is written now, for who asks nothing of a bundle.
    pub(super) fn wish_without_bundle(&self, site: &str, actor: &Actor) -> Result<Wish, ControlError> {
        let row: Option<SiteRow> = self.store.row(site).map_err(stored(""))?;
        let row = row.ok_or_else(|| missing("site", site))?;
        Ok(Wish::new(row.text, actor))
    }

    /// The site as it is written now, with the bundle that was chosen for it.
    pub(super) fn wish_of(&self, site: &str, actor: &Actor) -> Result<Wish, ControlError> {
        let row: Option<SiteRow> = self.store.row(site).map_err(stored(""))?;
        let row = row.ok_or_else(|| missing("site", site))?;
        let wish = Wish::new(row.text, actor);
        let chosen = match &row.bundle {
            Some(id) => Some(self.bundle(id)?),
            None => bundle::taken_in(&self.store, &wish.site()?)?,
        };
        let (bundle, bundle_id) = chosen.map(|row| (row.path, row.id)).unzip();
        Ok(Wish { bundle, bundle_id, ..wish })
    }

    fn wish_with(&self, site: &str, actor: &Actor, options: &Start) -> Result<Wish, ControlError> {
        let mut wish = self.wish_of(site, actor)?;
        wish.take_over.clone_from(&options.take_over);
        wish.without.clone_from(&options.without);
        let parsed = wish.site()?;
        wish.without.iter().try_for_each(|name| site_file::host(&parsed, name).map(drop))?;
        if let Some(Imported { bundle, apply }) = &options.import {
            wish.import = Some(Import { path: self.bundle(bundle)?.path, apply: *apply });
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

    fn bundle(&self, id: &str) -> Result<BundleRow, ControlError> {
        let row: Option<BundleRow> = self.store.row(id).map_err(stored(""))?;
        row.ok_or_else(|| missing("bundle", id))
    }

    /// A path in the text of the site may lead to another bundle than it did when the plan was made.
    fn refuse_newer_bundle(&self, plan: &PlanRow, wish: &Wish) -> Result<(), ControlError> {
        let Some(id) = &wish.bundle_id else { return Ok(()) };
        if self.bundle(id)?.added_at <= plan.made_at {
            return Ok(());
        }
        let why = format!("start plan {}: the site's bundle was taken in after it was made", plan.id.short());
        Err(ControlError::new(Kind::Conflict, why).hint("plan again"))
    }

    /// What was found by the last look and stands in the way, after the waivers that hold now.
    fn refuse_findings(&self, wish: &Wish) -> Result<(), ControlError> {
        let found = self.judged(&wish.site()?)?;
        let stopping: Vec<Finding> = found.into_iter().filter(Finding::stops).collect();
        if stopping.is_empty() {
            return Ok(());
        }
        let why = match stopping.len() {
            1 => "start: 1 finding stands in the way".to_owned(),
            many => format!("start: {many} findings stand in the way"),
        };
        let mut error = ControlError::new(Kind::Refused, why)
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
        asker: &Asker,
        site: &str,
        plan: &PlanId,
        wish: Wish,
    ) -> Result<String, ControlError> {
        if self.idle {
            let why = "start a run: this process ends before it would";
            return Err(ControlError::new(Kind::Conflict, why).hint(
                "`armilla apply` performs runs itself; `armilla serve` performs those that are asked for",
            ));
        }
        let options = serde_json::to_value(&wish).expect("plain data");
        let asked = self.ask(asker, site, Asked::Start { plan: plan.clone(), options })?;
        if !asker.dry && !asked.repeated {
            let (request, site, plan) = (asked.id.clone(), site.to_owned(), plan.clone());
            self.lock().queue.push_back(Job { request, site, plan, wish, goes_on: None });
            self.pump();
        }
        Ok(asked.id)
    }

    pub(super) fn ask(&self, asker: &Asker, site: &str, asked: Asked) -> Result<AskedFor, ControlError> {
        let id = nonce().map_err(|error| ControlError::of(Kind::Failed, "get a random number: ", &error))?;
        let live = self.store.live_runs();
        let ask = RequestCommand::Ask { id: id.clone(), site: site.to_owned(), asked, live };
        let done = asker.submit(&self.store, Command::Requests(ask)).map_err(stored(""))?;
        let id = if let Reply::Made { id, .. } = done.reply { id } else { id };
        Ok(AskedFor { id, repeated: done.repeated })
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
