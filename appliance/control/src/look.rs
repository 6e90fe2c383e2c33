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

use crate::error::{ControlError, Kind, Problem};
use crate::hands::{Kept, connect};
use crate::here;
use crate::options::Purpose;
use crate::owner::{FOREIGN, belongs, owner};

/// What came of looking.
pub(super) struct Seen {
    pub(super) world: SiteWorld,
    pub(super) hands: BTreeMap<String, Arc<Hand>>,
    /// Whether this ledger has claimed each host before.
    pub(super) ours: BTreeMap<String, bool>,
    pub(super) survey: Survey,
    /// What keeps hosts from being looked at.
    pub(super) kept: Kept,
}

/// Looks at all hosts of the site at once, but for the network between them.
pub(super) async fn look(
    world: SiteWorld,
    site: &Site,
    store: &Store,
    take_over: &[String],
) -> Result<Seen, ControlError> {
    let lineage = store.taken_from(site.name.as_str());
    let lineage = lineage.map_err(|error| ControlError::store("", &error))?;
    let mut kept = Kept::default();
    let hands = connect(&world, &mut kept).await;
    let (ours, inherited) = owned(&hands, store.ledger(), &lineage, take_over, &mut kept).await;
    let survey = survey(site, &hands, &ours, &mut kept).await;
    Ok(Seen { world: world.with_take_over(inherited), hands, ours, survey, kept })
}

/// To whom the hosts belong, and nothing more: what is needed before a run of a plan that is there. With the world come the
/// hosts that hold nothing of this ledger's.
pub(super) async fn belong(
    world: SiteWorld,
    site: &Site,
    store: &Store,
    take_over: &[String],
) -> Result<(SiteWorld, Vec<String>, Kept), ControlError> {
    let lineage = store.taken_from(site.name.as_str());
    let lineage = lineage.map_err(|error| ControlError::store("", &error))?;
    let mut kept = Kept::default();
    let hands = connect(&world, &mut kept).await;
    let (ours, inherited) = owned(&hands, store.ledger(), &lineage, take_over, &mut kept).await;
    let strangers = ours.into_iter().filter_map(|(name, ours)| (!ours).then_some(name)).collect();
    Ok((world.with_take_over(inherited), strangers, kept))
}

/// Whether each host was claimed by this ledger before. One that another ledger holds is refused unless it is taken
/// over by name: to judge it as a stranger's leftovers would advise the operator to delete a cluster of ours. A host that
/// was down when the site was taken over is still held by the ledger before (`lineage`), and is taken now: those come second.
async fn owned(
    hands: &BTreeMap<String, Arc<Hand>>,
    ledger: &str,
    lineage: &[String],
    take_over: &[String],
    kept: &mut Kept,
) -> (BTreeMap<String, bool>, Vec<String>) {
    let asked = hands.iter().map(|(name, hand)| async move { (name, owner(hand).await) });
    let (mut ours, mut inherited) = (BTreeMap::new(), Vec::new());
    for (name, held) in futures_util::future::join_all(asked).await {
        let held = match held {
            Ok(held) => held,
            Err(error) => {
                kept.add(name, &error);
                continue;
            }
        };
        let inherits = held.as_ref().is_some_and(|held| lineage.contains(&held.ledger));
        inherited.extend(inherits.then(|| name.clone()));
        let by_name = inherits || take_over.contains(name);
        let claimed = held.is_some();
        match held.filter(|held| held.ledger != ledger && !by_name) {
            Some(held) => {
                let problem = Problem::of_host(name, belongs(&held, ledger)).hint(FOREIGN);
                kept.push(Kind::Conflict, problem);
            }
            None => drop(ours.insert(name.clone(), claimed)),
        }
    }
    (ours, inherited)
}

/// The facts of every host.
async fn survey(
    site: &Site,
    hands: &BTreeMap<String, Arc<Hand>>,
    ours: &BTreeMap<String, bool>,
    kept: &mut Kept,
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
            Err(error) => kept.add(host.name.as_str(), &error),
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
    let now = here::now_ns();
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
) -> Result<Vec<Link>, ControlError> {
    let ours = |host: &Host| survey.hosts.get(&host.name).is_some_and(|surveyed| surveyed.ours);
    let wanted = |one: &Host, other: &Host| match purpose {
        Purpose::Reset => false,
        Purpose::Check => true,
        Purpose::Plan | Purpose::Apply | Purpose::Import => !ours(one) || !ours(other),
    };
    let nonce = here::nonce().map_err(|error| {
        ControlError::new(Kind::Failed, format!("get a random number from the kernel: {error}"))
    })?;
    Ok(Matrix { site, hands, survey, nonce, wanted: &wanted }.measure().await)
}
