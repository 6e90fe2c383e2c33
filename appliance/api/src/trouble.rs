//! What a control could not do, as a problem document.

use appliance_control::asks::UnknownBundleKey;
use appliance_control::error::{About, SITE_FILE};
use appliance_control::{ControlError, Kind as Trouble};

use crate::problem::{BundleKeyBody, Flaw, Kind, Problem};
use crate::refusal;

/// Every problem at once, each with a pointer: into the site file where it is about a place in it, `/hosts/NAME` for a host.
pub(crate) fn problem(error: ControlError) -> Problem {
    let kind = match error.kind {
        Trouble::Full => return refusal::storage_full(),
        Trouble::Failed => Kind::Internal,
        Trouble::Usage => Kind::Usage,
        Trouble::Refused => Kind::Invalid,
        Trouble::NotFound => Kind::NotFound,
        Trouble::Conflict => Kind::Conflict,
        Trouble::NotLetIn => Kind::NotLetIn,
        Trouble::Unreachable => Kind::Upstream,
        Trouble::Interrupted => Kind::Busy,
    };
    if kind == Kind::Internal {
        tracing::error!(%error, "a control failed");
    }
    let mut flaws: Vec<Flaw> = error.problems.iter().map(flaw).collect();
    flaws.extend(error.findings.iter().map(|finding| {
        let host = finding.host.as_ref().map_or_else(String::new, |host| format!("/hosts/{host}"));
        let title = finding.title.get(installer_model::finding::Language::En);
        let detail = format!("{title}: found {}; wanted {}", finding.observed, finding.wanted);
        Flaw { pointer: format!("{host}#{}", finding.id), detail }
    }));
    let detail = match error.problems.as_slice() {
        [one] => sentence(one),
        many => format!("{} things stand in the way.", many.len()),
    };
    let hint = error.hint.or_else(|| error.problems.iter().find_map(|problem| problem.hint.clone()));
    let key = error.asks.bundle_key;
    let key = key.map(|UnknownBundleKey { fingerprint, pem, .. }| BundleKeyBody { fingerprint, pem });
    let problem = Problem::new(kind, detail).with(flaws).bundle_key(key);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

pub(crate) fn flaw(problem: &appliance_control::Problem) -> Flaw {
    let pointer = match &problem.about {
        About::All => String::new(),
        About::Host(name) => format!("/hosts/{}", escaped(name)),
        // No place within it: the text as a whole.
        About::Path(path) if path == SITE_FILE => String::new(),
        About::Path(path) => pointer(path),
    };
    Flaw { pointer, detail: problem.text.clone() }
}

/// What is wrong at a place of the site file is a sentence about that place; all else completes "failed to".
fn sentence(problem: &appliance_control::Problem) -> String {
    let text = problem.text.trim_end_matches('.');
    match &problem.about {
        About::Path(path) => format!("{path}: {text}."),
        About::All | About::Host(_) => {
            format!("Failed to {}.", text.strip_prefix("failed to ").unwrap_or(text))
        }
    }
}

/// `hosts[1].address` as `/hosts/1/address`, RFC 6901.
pub(crate) fn pointer(path: &str) -> String {
    let parts = path.split(['.', '[']).map(|part| part.trim_end_matches(']'));
    parts.filter(|part| !part.is_empty()).map(|part| format!("/{}", escaped(part))).collect()
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_site_file_become_pointers() {
        assert_eq!(pointer("hosts[1].address"), "/hosts/1/address");
        assert_eq!(pointer("metadata.name"), "/metadata/name");
        assert_eq!(pointer(""), "");
        assert_eq!(flaw(&appliance_control::Problem::at(SITE_FILE, "is empty")).pointer, "");
        assert_eq!(pointer("hosts[a/b].labels"), "/hosts/a~1b/labels");
    }

    #[test]
    fn one_problem_is_a_sentence() {
        let said = |problem| sentence(&problem);
        let place = appliance_control::Problem::at("metadata.name", "line 3: is missing");
        assert_eq!(said(place), "metadata.name: line 3: is missing.");
        let host = appliance_control::Problem::of_host("h1", "failed to reach 10.0.0.1:22");
        assert_eq!(said(host), "Failed to reach 10.0.0.1:22.");
        assert_eq!(said(String::from("keep the plan: x").into()), "Failed to keep the plan: x.");
    }

    #[test]
    fn each_host_and_place_has_its_pointer() {
        let problems = vec![
            appliance_control::Problem::of_host("h1", "failed to reach 10.0.0.1:22"),
            appliance_control::Problem::at("network.podCIDR", "was a and is b"),
        ];
        let told = problem(ControlError::all(Trouble::Unreachable, problems));
        assert_eq!(told.kind(), Kind::Upstream);
        let text = format!("{told:?}");
        assert!(text.contains("/hosts/h1") && text.contains("/network/podCIDR"), "{text}");
    }
}
