//! A hand on every host, whose the hosts are, what they are, and the network between them. Every host is asked before
//! anything is said, so that all that is wrong is told at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use appliance_store::Store;
use installer_model::link::Link;
use installer_model::site::{Host, Site};
use installer_model::survey::{HostFacts, Survey, SurveyedHost, clock_skew_ms};
use installer_plan::preflight;
use installer_run::SiteWorld;
use installer_run::matrix::Matrix;
use installer_ssh::{Hand, HandError};
use installer_wire::{FailureKind, FenceRecord};

use super::Purpose;
use crate::cli::{CliError, chain};
use crate::wiring;

/// Where a host keeps whom it belongs to.
pub(crate) const FENCE: &str = "/var/lib/armilla/fence.json";

/// What keeps hosts from being looked at, gathered until all were asked: an exit code and what to say, for each.
#[derive(Default)]
pub(super) struct Problems(Vec<(u8, String)>);

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, host: &str, error: &HandError) {
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        self.0.push((code, format!("{host}: failed to {}\nhint: {}", chain(error), error.hint())));
    }

    /// Sorted by host; of several exit codes the highest. There is at least one problem.
    pub(super) fn into_error(mut self) -> CliError {
        self.0.sort_by(|(_, one), (_, other)| one.cmp(other));
        let code = self.0.iter().map(|(code, _)| *code).max().unwrap_or(1);
        CliError::all(code, self.0.into_iter().map(|(_, problem)| problem).collect())
    }
}

/// What came of looking.
pub(super) struct Seen {
    pub(super) world: SiteWorld,
    pub(super) hands: BTreeMap<String, Arc<Hand>>,
    /// Whether this ledger has claimed each host before.
    pub(super) ours: BTreeMap<String, bool>,
    pub(super) survey: Survey,
    pub(super) problems: Problems,
}

/// Looks at all hosts of the site at once, but for the network between them.
pub(super) async fn look(
    world: SiteWorld,
    site: &Site,
    store: &Store,
    take_over: &[String],
) -> Result<Seen, CliError> {
    let lineage = store.taken_from(site.name.as_str());
    let lineage = lineage.map_err(|error| CliError::from_error(1, "", &error))?;
    let mut problems = Problems::default();
    let hands = connect(&world, &mut problems).await;
    let (ours, inherited) = owned(&hands, store.ledger(), &lineage, take_over, &mut problems).await;
    let survey = survey(site, &hands, &ours, &mut problems).await;
    Ok(Seen { world: world.with_take_over(inherited), hands, ours, survey, problems })
}

/// A hand on every host that can be reached and lets us in.
async fn connect(world: &SiteWorld, problems: &mut Problems) -> BTreeMap<String, Arc<Hand>> {
    let mut hands = BTreeMap::new();
    for (name, hand) in world.connect().await {
        match hand {
            Ok(hand) => drop(hands.insert(name, hand)),
            Err(error) => problems.add(&name, &error),
        }
    }
    hands
}

/// Whether each host was claimed by this ledger before. One that another ledger holds is refused unless it is taken
/// over by name: to judge it as a stranger's leftovers would advise the operator to delete a cluster of ours. A host that
/// was down when the site was taken over is still held by the ledger before (`lineage`), and is taken now: those come second.
async fn owned(
    hands: &BTreeMap<String, Arc<Hand>>,
    ledger: &str,
    lineage: &[String],
    take_over: &[String],
    problems: &mut Problems,
) -> (BTreeMap<String, bool>, Vec<String>) {
    let asked = hands.iter().map(|(name, hand)| async move { (name, owner(hand).await) });
    let (mut ours, mut inherited) = (BTreeMap::new(), Vec::new());
    for (name, held) in futures_util::future::join_all(asked).await {
        let held = match held {
            Ok(held) => held,
            Err(error) => {
                problems.add(name, &error);
                continue;
            }
        };
        let inherits = held.as_ref().is_some_and(|held| lineage.contains(&held.ledger));
        inherited.extend(inherits.then(|| name.clone()));
        let by_name = inherits || take_over.contains(name);
        let claimed = held.is_some();
        match held.filter(|held| held.ledger != ledger && !by_name) {
            Some(held) => {
                problems.0.push((4, format!("{name}: {}\nhint: {FOREIGN}", belongs(&held, ledger))))
            }
            None => drop(ours.insert(name.clone(), claimed)),
        }
    }
    (ours, inherited)
}

/// What helps when a host belongs to somebody else.
const FOREIGN: &str = "name the state folder that it was installed from with --state; if that is lost, take the site over with `armilla take-over`, or one host with --take-over HOST";

/// To whom a host belongs that is not this ledger's, for people.
pub(crate) fn belongs(held: &FenceRecord, ledger: &str) -> String {
    let taken = held.taken_from.as_deref() == Some(ledger);
    let mut text = match taken {
        true => format!(
            "it was taken over from this state folder (ledger {ledger}) and belongs to ledger {} now (its run r-{})",
            held.ledger, held.run
        ),
        false => format!(
            "it belongs to ledger {} (its run r-{}), this state folder is ledger {ledger}",
            held.ledger, held.run
        ),
    };
    if let Some(by) = &held.by {
        text.push_str(&format!("; the last one there was {by}"));
    }
    text
}

/// The facts of every host.
async fn survey(
    site: &Site,
    hands: &BTreeMap<String, Arc<Hand>>,
    ours: &BTreeMap<String, bool>,
    problems: &mut Problems,
) -> Survey {
    let mut survey = Survey::default();
    let looks = site.hosts.iter().filter_map(|host| {
        let name = host.name.as_str();
        let (hand, ours) = (hands.get(name)?, *ours.get(name)?);
        Some(async move { (host, facts_of(site, host, hand, ours).await) })
    });
    for (host, looked) in futures_util::future::join_all(looks).await {
        match looked {
            Ok(surveyed) => drop(survey.hosts.insert(host.name.clone(), surveyed)),
            Err(error) => problems.add(host.name.as_str(), &error),
        }
    }
    survey
}

async fn facts_of(site: &Site, host: &Host, hand: &Hand, ours: bool) -> Result<SurveyedHost, HandError> {
    let questions = serde_json::to_value(preflight::questions(site, host, ours)).expect("plain data");
    let ping = std::time::Instant::now();
    hand.ping().await?;
    let rtt = ping.elapsed();
    let facts = hand.facts(questions).await?;
    let now = wiring::now_ns();
    let facts: HostFacts = serde_json::from_value(facts).map_err(|error| HandError::Protocol {
        address: host.address.to_string(),
        reason: format!("its facts: {error}"),
    })?;
    let rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
    let clock_skew_ms = facts.clock_unix_ns.map(|clock| clock_skew_ms(clock, now, rtt_us));
    Ok(SurveyedHost { facts, surveyed_unix_ns: now, ssh_rtt_us: Some(rtt_us), clock_skew_ms, ours })
}

/// The network between the hosts. Hosts that form a cluster already are measured only by `check`, where that is the
/// question; a host that is cleaned needs no network.
pub(super) async fn measure(
    site: &Site,
    hands: &BTreeMap<String, Arc<Hand>>,
    survey: &Survey,
    purpose: Purpose,
) -> Result<Vec<Link>, CliError> {
    let ours = |host: &Host| survey.hosts.get(&host.name).is_some_and(|surveyed| surveyed.ours);
    let wanted = |one: &Host, other: &Host| match purpose {
        Purpose::Reset => false,
        Purpose::Check => true,
        Purpose::Plan | Purpose::Apply | Purpose::Import => !ours(one) || !ours(other),
    };
    let nonce = wiring::nonce()
        .map_err(|error| CliError::new(1, format!("get a random number from the kernel: {error}")))?;
    Ok(Matrix { site, hands, survey, nonce, wanted: &wanted }.measure().await)
}

/// Which ledger and run the host was last claimed for.
pub(crate) async fn owner(hand: &Hand) -> Result<Option<FenceRecord>, HandError> {
    match hand.read(FENCE, 4096).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.failure().is_some_and(|failure| failure.kind == FailureKind::Missing) => Ok(None),
        Err(error) => Err(error),
    }
}
