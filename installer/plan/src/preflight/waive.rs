//! What somebody decided to go on in spite of. A waiver excuses one check, on one host or on all; what guards data is
//! excused by nobody.

use installer_model::finding::{Finding, Text};
use installer_model::waiver::{KeptWaiver, Waiver};

use super::{Words, checks};

/// Checks that stand between an operator and somebody's data, or without which nothing can be decided; and why.
const GUARDS: &[(&str, Words)] = &[
    (
        "host-surveyed",
        Words {
            en: "nothing is known of a host that was not looked at", zh: "未经勘察的主机一无所知"
        },
    ),
    (
        "architecture",
        Words {
            en: "the bundle carries nothing that this host could run",
            zh: "离线包中没有此主机可运行的内容",
        },
    ),
    (
        "address-unique",
        Words {
            en: "the same machine would be installed twice, over itself",
            zh: "同一台机器会被重复安装并覆盖自身",
        },
    ),
    ("leftovers", Words { en: "another cluster's data would be overwritten", zh: "其他集群的数据会被覆盖" }),
    (
        "container-runtime",
        Words {
            en: "another runtime's containers and images would be overwritten",
            zh: "其他运行时的容器与镜像会被覆盖",
        },
    ),
];

/// Why a check cannot be waived; `None`: it can.
pub fn guard(check: &str) -> Option<Words> {
    GUARDS.iter().find(|(id, _)| *id == check).map(|(_, why)| *why)
}

/// What is wrong with a waiver as it was said, for people; `None`: nothing.
pub fn problem(waiver: &Waiver) -> Option<String> {
    let id = &waiver.check;
    if waiver.reason.trim().is_empty() {
        return Some(format!("{id} is waived without a reason"));
    }
    if let Some(why) = guard(id) {
        return Some(format!("{id} guards data and cannot be waived: {}", why.en));
    }
    if checks().any(|check| check.id == *id) {
        return None;
    }
    // Another ledger's hold on a host is no check: it is asked for by name.
    if matches!(id.as_str(), "owner" | "ledger" | "fence") {
        return Some(
            "whose a host is cannot be waived: take it over by name with --take-over HOST".to_owned(),
        );
    }
    Some(match near(id) {
        Some(near) => format!("no check is called {id}; is {near} meant?"),
        None => format!("no check is called {id}; `armilla check` shows each one's id in brackets"),
    })
}

/// Why a finding of this check cannot be waived, whatever the reason given; `None`: it can.
pub fn guarded(check: &str) -> Option<Text> {
    let asked = Waiver { check: check.to_owned(), host: None, reason: "asked beforehand".to_owned() };
    let problem = problem(&asked)?;
    Some(guard(check).map_or_else(|| Text::new(&problem, &problem), Words::text))
}

/// The id that shares the longest beginning, when it is long enough to be meant.
fn near(id: &str) -> Option<&'static str> {
    let shared = |other: &str| other.chars().zip(id.chars()).take_while(|(one, two)| one == two).count();
    let best = checks().map(|check| check.id).max_by_key(|other| shared(other))?;
    (shared(best) >= 3).then_some(best)
}

/// Marks what is waived, the narrower waiver first, and gives the waivers that excused nothing.
pub fn waive(findings: &mut [Finding], waivers: &[KeptWaiver]) -> Vec<KeptWaiver> {
    let mut used = vec![false; waivers.len()];
    for finding in findings.iter_mut().filter(|finding| guard(&finding.id).is_none()) {
        let covering = waivers
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.waiver.covers(&finding.id, finding.host.as_ref()));
        for (at, kept) in covering {
            used[at] = true;
            if finding.waived.as_ref().is_none_or(|earlier| earlier.waiver.host.is_none()) {
                finding.waived = Some(kept.clone());
            }
        }
    }
    waivers.iter().zip(used).filter(|(_, used)| !used).map(|(kept, _)| kept.clone()).collect()
}

#[cfg(test)]
mod tests {
    use installer_model::waiver::Said;

    use super::super::trips::World;
    use super::super::{preflight, refuses};
    use super::*;

    fn kept(check: &str, host: Option<&str>) -> KeptWaiver {
        let host = host.map(|host| host.parse().unwrap());
        KeptWaiver {
            waiver: Waiver { check: check.to_owned(), host, reason: "known".to_owned() },
            by: "anna@x".to_owned(),
            at: 0,
            said: Said::CommandLine,
        }
    }

    fn swapping() -> Vec<Finding> {
        let mut world = World::sound();
        for name in ["control", "worker"] {
            world.host(name).facts.memory.as_mut().unwrap().swap_total = 1 << 30;
        }
        world.worker().cpu.count = Some(1);
        preflight(&world.site, &world.release, None, &world.survey)
    }

    #[test]
    fn what_cannot_be_waived_says_why_beforehand() {
        assert!(
            guarded("leftovers").is_some_and(|why| why.en.contains("overwritten") && why.zh.contains("覆盖"))
        );
        assert!(guarded("owner").is_some_and(|why| why.en.contains("--take-over")));
        assert_eq!(guarded("swap"), None);
    }

    #[test]
    fn one_waiver_excuses_one_check_on_one_host() {
        let mut findings = swapping();
        assert_eq!(waive(&mut findings, &[kept("swap", Some("worker"))]), []);
        let waived: Vec<&str> = findings
            .iter()
            .filter(|f| f.waived.is_some())
            .map(|f| f.host.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(waived, ["worker"]);
        assert!(refuses(&findings), "the other host's swap still stands in the way");
        assert_eq!(waive(&mut findings, &[kept("swap", None)]), []);
        assert!(!refuses(&findings));
    }

    #[test]
    fn a_waiver_for_what_is_well_is_named_as_unused() {
        let mut findings = swapping();
        let unused =
            waive(&mut findings, &[kept("swap", None), kept("memory", None), kept("swap", Some("gone"))]);
        let names: Vec<String> = unused.iter().map(|kept| kept.waiver.target().to_string()).collect();
        assert_eq!(names, ["memory", "swap@gone"]);
    }

    #[test]
    fn the_narrower_waiver_is_the_one_that_is_shown() {
        let mut findings = swapping();
        waive(&mut findings, &[kept("swap", Some("worker")), kept("swap", None)]);
        let of = |host: &str| {
            let found = findings.iter().find(|f| f.id == "swap" && f.host.as_ref().unwrap().as_str() == host);
            found.unwrap().waived.as_ref().unwrap().waiver.target().to_string()
        };
        assert_eq!((of("worker"), of("control")), ("swap@worker".to_owned(), "swap".to_owned()));
    }

    #[test]
    fn what_guards_data_is_excused_by_nobody() {
        for (id, why) in GUARDS {
            assert!(checks().any(|check| check.id == *id), "{id} is no check");
            let told = problem(&kept(id, None).waiver).unwrap();
            assert!(told.contains("guards data") && told.contains(why.en), "{told}");
        }
        let mut world = World::sound();
        world.survey.hosts.remove(&"worker".parse().unwrap());
        let mut findings = preflight(&world.site, &world.release, None, &world.survey);
        waive(&mut findings, &[kept("host-surveyed", None)]);
        assert!(refuses(&findings));
    }

    #[test]
    fn a_waiver_says_what_it_is_for_and_why() {
        let mut waiver = kept("swap", None).waiver;
        assert_eq!(problem(&waiver), None);
        waiver.reason = "  ".to_owned();
        assert!(problem(&waiver).unwrap().contains("without a reason"));
        assert!(problem(&kept("swaps", None).waiver).unwrap().contains("is swap meant?"));
        assert!(problem(&kept("owner", None).waiver).unwrap().contains("--take-over"));
    }
}
