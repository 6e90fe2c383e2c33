//! How every step of a plan stands, kept up to date event by event: what [`crate::next`] answers from.

use std::collections::{BTreeSet, HashMap};

use installer_model::event::{Event, Outcome};
use installer_model::plan::{Plan, StepId};
use installer_model::view::{StepState, View};

use crate::next::{HaltReason, Limits, Next, Reason, Waiting};

/// A step by its place in the plan.
type At = usize;

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Not begun, or begun by an engine that is gone: it starts when nothing before it is open.
    Waiting,
    InFlight,
    Succeeded,
    /// It failed.
    Failed,
    /// It can no longer run, because its host dropped out when this step failed.
    Dropped(At),
    /// It can no longer run, because it comes after this step, which failed, perhaps by way of others.
    Blocked(At),
}

impl Stand {
    fn is_out(self) -> bool {
        match self {
            Stand::Failed | Stand::Dropped(_) | Stand::Blocked(_) => true,
            Stand::Waiting | Stand::InFlight | Stand::Succeeded => false,
        }
    }
}

/// What a host has in flight and whether it dropped out.
#[derive(Debug, Clone, Default)]
struct HostStand {
    steps: Vec<At>,
    in_flight: BTreeSet<At>,
    dropped: Option<At>,
}

/// The standing of a run: its plan with the events so far folded in.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    plan: &'a Plan,
    by_id: HashMap<&'a str, At>,
    /// Of each step, those that come after it.
    followers: Vec<Vec<At>>,
    /// Of each step, its host in `hosts`.
    host_of: Vec<usize>,
    hosts: Vec<HostStand>,
    stands: Vec<Stand>,
    /// Of each step, how many of those it comes after have not succeeded.
    open: Vec<usize>,
    /// Waiting steps with nothing open before them, in plan order.
    ready: BTreeSet<At>,
    in_flight: usize,
    hosts_at_work: usize,
    succeeded: usize,
    /// Quorum-critical steps that failed.
    critical: BTreeSet<At>,
    cancelled: bool,
}

impl<'a> Order<'a> {
    /// The standing of a run that went as far as `view`; `in_flight` is what this engine is performing.
    pub fn of(plan: &'a Plan, view: &View, in_flight: &BTreeSet<StepId>) -> Order<'a> {
        let mut order = Order::untouched(plan);
        order.cancelled = view.cancelled;
        for (id, step) in &view.steps {
            let Some(at) = order.at(id) else { continue };
            match &step.state {
                StepState::Met | StepState::Done => order.succeed(at),
                // Begun and not in flight: the engine that began it is gone.
                StepState::Started | StepState::Failed(_) => {}
            }
        }
        for id in in_flight {
            if let Some(at) = order.at(id) {
                order.start(at);
            }
        }
        // Only now: what came after a failed step and succeeded all the same, or is in flight, is not out.
        for (host, step) in &view.dropped {
            let host = plan.steps.iter().position(|of| of.host == *host).map(|at| order.host_of[at]);
            if let (Some(host), Some(at)) = (host, order.at(step)) {
                order.drop_host(host, at);
            }
        }
        // A failed step drops its host even when the power went between the two events.
        for (id, step) in &view.steps {
            if let (StepState::Failed(_), Some(at)) = (&step.state, order.at(id)) {
                order.fail(at);
            }
        }
        order
    }

    fn untouched(plan: &'a Plan) -> Order<'a> {
        let steps = plan.steps.len();
        let by_id: HashMap<&str, At> =
            plan.steps.iter().enumerate().map(|(at, step)| (step.id.0.as_str(), at)).collect();
        let mut followers = vec![Vec::new(); steps];
        let mut open = vec![0; steps];
        let (mut host_of, mut hosts) = (Vec::with_capacity(steps), Vec::<HostStand>::new());
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (at, step) in plan.steps.iter().enumerate() {
            open[at] = step.after.len();
            for before in step.after.iter().filter_map(|id| by_id.get(id.0.as_str())) {
                followers[*before].push(at);
            }
            let host = *known.entry(&step.host).or_insert_with(|| {
                hosts.push(HostStand::default());
                hosts.len() - 1
            });
            hosts[host].steps.push(at);
            host_of.push(host);
        }
        let ready = (0..steps).filter(|at| open[*at] == 0).collect();
        Order {
            plan,
            by_id,
            followers,
            host_of,
            hosts,
            stands: vec![Stand::Waiting; steps],
            open,
            ready,
            in_flight: 0,
            hosts_at_work: 0,
            succeeded: 0,
            critical: BTreeSet::new(),
            cancelled: false,
        }
    }

    fn at(&self, id: &StepId) -> Option<At> {
        self.by_id.get(id.0.as_str()).copied()
    }

    /// Takes in what this engine's run did. A run that is resumed begins with [`Order::of`].
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::StepStarted { step, .. } => {
                if let Some(at) = self.at(step) {
                    self.start(at);
                }
            }
            Event::StepMet { step, .. } | Event::StepDone { step, .. } => {
                if let Some(at) = self.at(step) {
                    self.land(at);
                    self.succeed(at);
                }
            }
            Event::StepFailed { step, .. } => {
                if let Some(at) = self.at(step) {
                    self.land(at);
                    self.fail(at);
                }
            }
            Event::HostRetried { host, steps } => self.retry(host, steps),
            Event::RunCancelled => self.cancelled = true,
            // A host drops with its failed step, which was taken in just before.
            Event::HostDropped { .. }
            | Event::RunStarted { .. }
            | Event::FindingWaived { .. }
            | Event::RunResumed
            | Event::RunEnded { .. }
            | Event::Unknown => {}
        }
    }

    fn start(&mut self, at: At) {
        if self.stands[at] != Stand::Waiting {
            return;
        }
        self.stands[at] = Stand::InFlight;
        self.ready.remove(&at);
        self.in_flight += 1;
        let host = &mut self.hosts[self.host_of[at]];
        self.hosts_at_work += usize::from(host.in_flight.is_empty());
        host.in_flight.insert(at);
    }

    fn land(&mut self, at: At) {
        if self.stands[at] != Stand::InFlight {
            return;
        }
        self.stands[at] = Stand::Waiting;
        self.in_flight -= 1;
        let host = &mut self.hosts[self.host_of[at]];
        host.in_flight.remove(&at);
        self.hosts_at_work -= usize::from(host.in_flight.is_empty());
    }

    fn succeed(&mut self, at: At) {
        if self.stands[at] == Stand::Succeeded {
            return;
        }
        self.stands[at] = Stand::Succeeded;
        self.ready.remove(&at);
        self.succeeded += 1;
        for follower in &self.followers[at] {
            self.open[*follower] -= 1;
            if self.open[*follower] == 0 && self.stands[*follower] == Stand::Waiting {
                self.ready.insert(*follower);
            }
        }
    }

    fn fail(&mut self, at: At) {
        self.stands[at] = Stand::Failed;
        self.ready.remove(&at);
        if self.plan.steps[at].quorum_critical {
            self.critical.insert(at);
        }
        self.drop_host(self.host_of[at], at);
        self.block_followers(vec![at], at);
    }

    /// What the host has in flight is let end; nothing else of it runs.
    fn drop_host(&mut self, host: usize, failed: At) {
        let failed = *self.hosts[host].dropped.get_or_insert(failed);
        let waiting = |at: &At| self.stands[*at] == Stand::Waiting;
        let out: Vec<At> = self.hosts[host].steps.iter().copied().filter(waiting).collect();
        for at in &out {
            self.stands[*at] = Stand::Dropped(failed);
            self.ready.remove(at);
        }
        self.block_followers(out, failed);
    }

    /// Lets the host take part again. What was out on account of any failure is judged anew: a step may have been out for
    /// more than one reason, of which only the first was noted.
    fn retry(&mut self, host: &str, steps: &[StepId]) {
        for at in steps.iter().filter_map(|id| self.at(id)).collect::<Vec<_>>() {
            if self.stands[at] == Stand::Failed {
                self.stands[at] = Stand::Waiting;
                self.critical.remove(&at);
            }
        }
        let back = self.plan.steps.iter().position(|step| step.host == host).map(|at| self.host_of[at]);
        if let Some(back) = back {
            self.hosts[back].dropped = None;
        }
        for at in 0..self.stands.len() {
            if matches!(self.stands[at], Stand::Dropped(_) | Stand::Blocked(_)) {
                self.stands[at] = Stand::Waiting;
            }
            if self.stands[at] == Stand::Waiting && self.open[at] == 0 {
                self.ready.insert(at);
            }
        }
        for at in 0..self.hosts.len() {
            if let Some(failed) = self.hosts[at].dropped {
                self.drop_host(at, failed);
            }
        }
        for at in 0..self.stands.len() {
            if self.stands[at] == Stand::Failed {
                self.fail(at);
            }
        }
    }

    /// The steps of a host that failed.
    pub fn failed_on(&self, host: &str) -> Vec<StepId> {
        let steps = self.plan.steps.iter().zip(&self.stands);
        let failed = steps.filter(|(step, stand)| step.host == host && **stand == Stand::Failed);
        failed.map(|(step, _)| step.id.clone()).collect()
    }

    /// Takes out what comes after these steps, by way of others too, and has neither begun nor succeeded.
    fn block_followers(&mut self, mut out: Vec<At>, failed: At) {
        while let Some(before) = out.pop() {
            for follower in &self.followers[before] {
                if self.stands[*follower] == Stand::Waiting {
                    self.stands[*follower] = Stand::Blocked(failed);
                    self.ready.remove(follower);
                    out.push(*follower);
                }
            }
        }
    }

    fn halt(&self) -> Option<HaltReason> {
        match self.critical.first() {
            Some(at) => Some(HaltReason::QuorumCritical { step: self.plan.steps[*at].id.clone() }),
            None => self.cancelled.then_some(HaltReason::Cancelled),
        }
    }

    /// What the engine does next.
    pub fn next(&self, limits: Limits) -> Next {
        let halt = self.halt();
        let start = if halt.is_none() { self.choose(limits) } else { Vec::new() };
        if !start.is_empty() {
            return Next::Perform(start.into_iter().map(|at| self.plan.steps[at].id.clone()).collect());
        }
        match halt {
            _ if self.in_flight == 0 => Next::Complete { outcome: self.outcome() },
            Some(why) => Next::Halt { why },
            None => Next::Wait,
        }
    }

    /// The ready steps for which there is room, in plan order: those chosen take room from those after them.
    fn choose(&self, limits: Limits) -> Vec<At> {
        let mut start = Vec::new();
        let mut more: HashMap<usize, usize> = HashMap::new();
        let mut hosts_at_work = self.hosts_at_work;
        for at in &self.ready {
            let host = self.host_of[*at];
            let at_work = self.hosts[host].in_flight.len() + more.get(&host).copied().unwrap_or(0);
            if at_work >= limits.steps_per_host || (at_work == 0 && hosts_at_work >= limits.hosts) {
                continue;
            }
            hosts_at_work += usize::from(at_work == 0);
            *more.entry(host).or_default() += 1;
            start.push(*at);
        }
        start
    }

    /// Every step that has not succeeded and does not start now, and why, in plan order.
    pub fn waiting(&self, limits: Limits) -> Vec<Waiting> {
        let halt = self.halt();
        let start: BTreeSet<At> = match &halt {
            Some(_) => BTreeSet::new(),
            None => self.choose(limits).into_iter().collect(),
        };
        let why = |at: At| -> Option<Reason> {
            let id = |at: At| self.plan.steps[at].id.clone();
            Some(match (self.stands[at], &halt) {
                (Stand::Succeeded, _) => return None,
                (Stand::InFlight, _) => Reason::InFlight,
                (Stand::Failed, _) => Reason::Failed,
                (Stand::Dropped(failed), _) => Reason::HostDropped { failed: id(failed) },
                (Stand::Blocked(failed), _) => Reason::Blocked { failed: id(failed) },
                (Stand::Waiting, Some(why)) => Reason::Halted { why: why.clone() },
                (Stand::Waiting, None) if start.contains(&at) => return None,
                (Stand::Waiting, None) if self.open[at] > 0 => Reason::After { steps: self.before(at) },
                (Stand::Waiting, None) => self.room(at, limits, &start),
            })
        };
        let steps = self.plan.steps.iter().enumerate();
        steps.filter_map(|(at, step)| Some(Waiting { step: step.id.clone(), reason: why(at)? })).collect()
    }

    /// The steps that this one comes after and that have not succeeded.
    fn before(&self, at: At) -> Vec<StepId> {
        let open = |id: &&StepId| self.at(id).is_none_or(|at| self.stands[at] != Stand::Succeeded);
        self.plan.steps[at].after.iter().filter(open).cloned().collect()
    }

    /// Why a ready step that does not start has no room.
    fn room(&self, at: At, limits: Limits, start: &BTreeSet<At>) -> Reason {
        let host = self.host_of[at];
        let begun = start.iter().filter(|chosen| self.host_of[**chosen] == host && **chosen < at);
        let busy: Vec<At> = self.hosts[host].in_flight.iter().chain(begun).copied().collect();
        if busy.is_empty() {
            return Reason::HostLimit { hosts: limits.hosts };
        }
        Reason::HostBusy { steps: busy.into_iter().map(|at| self.plan.steps[at].id.clone()).collect() }
    }

    fn outcome(&self) -> Outcome {
        // Without one of these there is no cluster, whether it failed or could not be tried.
        let critical = self
            .plan
            .steps
            .iter()
            .zip(&self.stands)
            .any(|(step, stand)| step.quorum_critical && stand.is_out());
        let all_out = self.hosts.iter().all(|host| host.dropped.is_some());
        if self.succeeded == self.plan.steps.len() {
            Outcome::Healthy
        } else if critical || all_out {
            Outcome::Failed
        } else if self.cancelled {
            Outcome::Cancelled
        } else if self.stands.contains(&Stand::Waiting) {
            // Nothing failed that they wait for: a cycle, which lint refuses.
            Outcome::Failed
        } else {
            Outcome::Degraded
        }
    }
}

#[cfg(test)]
#[path = "order_test.rs"]
mod tests;
