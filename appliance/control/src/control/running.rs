//! How runs come out of the queue, are performed, and end.

use std::sync::{Arc, Weak};

use appliance_store::ledger::{Actor, Asked, Request, RequestState, RunRow, SiteRow};
use installer_model::event::{Event, Record, RunId};
use installer_model::plan::Plan;
use installer_model::view::View;
use installer_run::hub::Hub;
use installer_run::{Cancel, Canceller, Ended, Level, Observer, Progress};

use super::{Held, Inner, Job, Performed, stored};
use crate::error::{ControlError, Kind, Problem};
use crate::performing::{self, Performance};
use crate::wish::Wish;

impl Inner {
    /// Reads what was asked and has not ended: runs that are open go on first, then those that waited.
    pub(super) fn take_up(&self) -> Result<(), ControlError> {
        let requests = self.requests()?;
        let runs = self.store.runs().map_err(stored("read the runs: "))?;
        let open: Vec<_> = runs.into_iter().filter(|row| row.outcome.is_none()).collect();
        let mut state = self.lock();
        for row in open {
            // Of several requests that name it the newest: a run may have been taken up by a later one.
            let named = requests.iter().rfind(|request| starts(request, Some(&row.run)));
            let waits = || requests.iter().rfind(|request| is_for(request, &row.site, &row.plan));
            match named.or_else(waits).and_then(job) {
                Some(job) => state.queue.push_back(Job { goes_on: Some(row.run), ..job }),
                None => match self.ask_to_go_on(&row) {
                    Ok(Some(job)) => state.queue.push_back(job),
                    Ok(None) => state.left.push((row.run, row.site)),
                    Err(error) => {
                        tracing::warn!(run = %row.run, %error, "a run that was left open does not go on");
                        state.left.push((row.run, row.site));
                    }
                },
            }
        }
        let waiting = requests.iter().filter(|request| starts(request, None)).filter_map(job);
        for job in waiting {
            if !state.queue.iter().any(|queued| queued.request == job.request) {
                state.queue.push_back(job);
            }
        }
        Ok(())
    }

    /// A run that was begun from the command line and left open goes on as the site is written now, with the bundle that
    /// it began with. `None` where the site was never written down here.
    fn ask_to_go_on(&self, row: &RunRow) -> Result<Option<Job>, ControlError> {
        let site: Option<SiteRow> = self.store.row(row.site.as_str()).map_err(stored(""))?;
        if site.is_none() {
            return Ok(None);
        }
        let base = self.store.base(&row.site).map_err(stored(""))?;
        let wish = match base {
            Some(base) => {
                let wish = self.wish_without_bundle(&row.site, &Actor::Instance)?;
                Wish { bundle: Some(base.path), ..wish }
            }
            None => self.wish_of(&row.site, &Actor::Instance)?,
        };
        let options = serde_json::to_value(&wish).expect("plain data");
        let asked = Asked::Start { plan: row.plan.clone(), options };
        let request = self.ask(&Actor::Instance.into(), &row.site, asked)?.id;
        let (site, plan, goes_on) = (row.site.clone(), row.plan.clone(), Some(row.run.clone()));
        Ok(Some(Job { request, site, plan, wish, goes_on }))
    }

    /// Performs what there is room for: one run of each site, so many in all.
    pub(super) fn pump(self: &Arc<Inner>) {
        let limit = self.limit();
        let mut state = self.lock();
        while !state.closing && state.running.len() < limit {
            let free = state.queue.iter().position(|job| !state.running.contains_key(&job.site));
            let Some(job) = free.and_then(|at| state.queue.remove(at)) else { break };
            let (canceller, cancel) = Canceller::new();
            let hub = Arc::new(Hub::default());
            let (site, request, run) = (job.site.clone(), job.request.clone(), job.goes_on.clone());
            let task = tokio::spawn(Arc::clone(self).carry_out(job, canceller.clone(), cancel, hub.clone()));
            state.running.insert(site, Performed { request, run, canceller, hub, task: Some(task) });
        }
        drop(state);
        self.tell();
    }

    async fn carry_out(self: Arc<Inner>, job: Job, canceller: Canceller, cancel: Cancel, hub: Arc<Hub>) {
        let done = self.perform(&job, &canceller, cancel, hub).await;
        let begun = self.lock().running.remove(&job.site).and_then(|performed| performed.run);
        match done {
            Ok(ended) => self.answer_cancels(&ended.run),
            // Left open on purpose: the instance closes.
            Err(error) if error.kind == Kind::Interrupted => {}
            Err(error) => self.hold_or_fail(job, begun, error),
        }
        self.pump();
    }

    async fn perform(
        self: &Arc<Inner>,
        job: &Job,
        canceller: &Canceller,
        cancel: Cancel,
        hub: Arc<Hub>,
    ) -> Result<Ended, ControlError> {
        let plan = self.store.plan(&job.plan).map_err(stored("read the plan: "))?;
        let plan =
            plan.ok_or_else(|| ControlError::new(Kind::NotFound, format!("find plan {}", job.plan)))?;
        if job.goes_on.as_ref().is_some_and(|run| self.is_cancelled(run)) {
            canceller.ask(Level::Finish);
        }
        let fresh = job.goes_on.is_none();
        let reached = tokio::select! {
            reached = self.hosts.reach(&job.wish, &plan, fresh) => reached?,
            () = aborted(cancel.clone()) => {
                return Err(ControlError::new(Kind::Interrupted, "reach the hosts: the instance closes"));
            }
        };
        let begins = Arc::new(Begins { inner: Arc::downgrade(self), job: job.clone() });
        let performance = Performance {
            store: Arc::clone(&self.store),
            // A run that goes on does so of itself, whoever began it.
            actor: if fresh { job.wish.actor() } else { Actor::Instance },
            plan,
            waived: self.waived(&job.wish)?,
            observers: vec![begins, hub],
            claim: fresh,
        };
        performing::perform(&*reached, performance, cancel).await
    }

    /// A start that was refused is answered; what somebody can give an answer to, what a full disk keeps back, and a run that
    /// has begun, is held.
    fn hold_or_fail(&self, job: Job, begun: Option<RunId>, error: ControlError) {
        let run = begun.or_else(|| job.goes_on.clone());
        tracing::warn!(request = job.request, error = %error, "a run does not go on");
        if run.is_none() && error.asks.is_empty() && error.kind != Kind::Full {
            return self.answer(&job.request, RequestState::Failed { why: error.to_string() });
        }
        if let Some(run) = run.as_ref().filter(|run| self.is_cancelled(run)) {
            if let Err(error) = self.end_cancelled(run) {
                tracing::warn!(%run, %error, "a cancelled run was not ended");
            }
            return;
        }
        let held = Held {
            request: job.request.clone(),
            run: run.clone(),
            kind: error.kind,
            problems: error.problems,
            hint: error.hint,
            secrets: error.asks.secrets,
        };
        self.lock().held.push((Job { goes_on: run, ..job }, held));
    }
}

async fn aborted(mut cancel: Cancel) {
    while cancel.level() < Level::Abort {
        let seen = cancel.level();
        cancel.above(seen).await;
    }
}

/// Whether the request asked for a run: this one, or one that did not begin.
fn starts(request: &Request, run: Option<&RunId>) -> bool {
    let state = match run {
        Some(run) => RequestState::Taken { run: Some(run.clone()) },
        None => RequestState::Waiting,
    };
    matches!(request.asked, Asked::Start { .. }) && request.state == state
}

/// Whether the request waits for a run of this plan: it began, and the power went before that was written down.
fn is_for(request: &Request, site: &str, of: &installer_model::plan::PlanId) -> bool {
    let same = matches!(&request.asked, Asked::Start { plan, .. } if plan == of);
    same && request.site == site && request.state == RequestState::Waiting
}

fn job(request: &Request) -> Option<Job> {
    let Asked::Start { plan, options } = &request.asked else { return None };
    match serde_json::from_value(options.clone()) {
        Ok(wish) => {
            let (request, site, plan) = (request.id.clone(), request.site.clone(), plan.clone());
            Some(Job { request, site, plan, wish, goes_on: None })
        }
        Err(error) => {
            tracing::warn!(%error, request = request.id, "a request cannot be understood");
            None
        }
    }
}

/// Names the run as soon as there is one.
struct Begins {
    inner: Weak<Inner>,
    job: Job,
}

impl Observer for Begins {
    fn began(&self, _: &Plan, view: &View) {
        let Some(inner) = self.inner.upgrade() else { return };
        if let Some(performed) = inner.lock().running.get_mut(&self.job.site) {
            performed.run = Some(view.run.clone());
        }
        inner.answer(&self.job.request, RequestState::Taken { run: Some(view.run.clone()) });
        inner.tell();
    }

    fn record(&self, record: &Record) {
        if let (Event::RunEnded { .. }, Some(inner)) = (&record.event, self.inner.upgrade()) {
            inner.tell();
        }
    }

    fn progress(&self, progress: &Progress) {
        if let Some(inner) = self.inner.upgrade()
            && let Some(tell) = inner.progress.get()
        {
            tell(progress);
        }
    }
}

/// What holds a run, in words.
impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let problems: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&problems.join("; "))
    }
}
