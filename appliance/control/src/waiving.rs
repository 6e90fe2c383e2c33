//! Waivers of a site: from its file and from the command line, kept in the store.

use appliance_store::Store;
use installer_model::site::Site;
use installer_model::waiver::{KeptWaiver, Said, Waiver, WaiverTarget, merged};
use installer_plan::preflight::waive;

use crate::error::{ControlError, Kind, Problem};
use crate::here::now_ms;
use crate::options::Options;

/// What a command changes about the waivers of its site.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub add: Vec<Waiver>,
    pub remove: Vec<WaiverTarget>,
}

impl Change {
    /// Of the words of the command line. Each waiver has the one reason that was given.
    pub fn of(
        add: &[WaiverTarget],
        reason: Option<&str>,
        remove: &[WaiverTarget],
    ) -> Result<Change, ControlError> {
        let reason = reason.map(str::trim).unwrap_or_default();
        if !add.is_empty() && reason.is_empty() {
            return Err(ControlError::new(Kind::Usage, format!("waive {}: nobody said why", add[0]))
                .hint("add --reason \"…\": it is kept and printed wherever the waiver counts"));
        }
        if add.is_empty() && !reason.is_empty() {
            return Err(ControlError::new(Kind::Usage, "keep a reason: --reason belongs to --waive CHECK"));
        }
        let waiver = |target: &WaiverTarget| Waiver {
            check: target.check.clone(),
            host: target.host.clone(),
            reason: reason.to_owned(),
        };
        Ok(Change { add: add.iter().map(waiver).collect(), remove: remove.to_vec() })
    }
}

/// What is wrong with waivers, before anything connects.
pub fn refuse_wrong(site: &Site, change: &Change) -> Result<(), ControlError> {
    let file = site.waivers.iter().enumerate();
    let mut problems: Vec<Problem> = file
        .filter_map(|(at, waiver)| Some(Problem::at(format!("waivers[{at}].check"), waive::problem(waiver)?)))
        .collect();
    for waiver in &change.add {
        let wrong = waive::problem(waiver);
        problems.extend(wrong.map(|problem| format!("--waive {}: {problem}", waiver.target()).into()));
    }
    let hosts = change.add.iter().map(Waiver::target).chain(change.remove.iter().cloned());
    for host in hosts.filter_map(|target| target.host) {
        if site.host(&host).is_none() {
            problems.push(format!("{host} is no host of this site").into());
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ControlError::all(Kind::Refused, problems)) }
}

/// The waivers that hold now, after the change, kept for the next command.
pub fn settle(
    store: &Store,
    site: &Site,
    change: &Change,
    options: &Options,
) -> Result<Vec<KeptWaiver>, ControlError> {
    let failed = |error| ControlError::store("keep the waivers: ", &error);
    let (name, by) = (site.name.as_str(), options.by.as_str());
    let before = store.waivers(name).map_err(failed)?;
    let at = now_ms();
    let mut now = merged(&before, &site.waivers, by, at);
    for target in &change.remove {
        let held = now.len();
        now.retain(|kept| kept.said == Said::SiteFile || kept.waiver.target() != *target);
        if now.len() == held {
            let of_file = now.iter().any(|kept| kept.waiver.target() == *target);
            let problem =
                ControlError::new(Kind::NotFound, format!("take back the waiver of {target}: there is none"));
            return Err(match of_file {
                true => problem.hint("it stands in the site file: take it out there"),
                false => problem,
            });
        }
    }
    for waiver in &change.add {
        now.retain(|kept| kept.said == Said::SiteFile || !kept.waiver.is_for_the_same(waiver));
        now.push(KeptWaiver { waiver: waiver.clone(), by: by.to_owned(), at, said: Said::CommandLine });
    }
    if now != before && options.keep {
        store.by(&options.actor).put_waivers(name, &now).map_err(failed)?;
    }
    Ok(now)
}
