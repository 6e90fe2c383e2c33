//! How findings are shown: the same ones in the same order for people and for programs.

use installer_model::finding::{Finding, Language, Severity};
use installer_model::plain;
use installer_model::waiver::KeptWaiver;

use appliance_control::words::who_when_why;

/// The exit code of a check that found this.
pub(crate) fn exit_code(findings: &[Finding]) -> u8 {
    let worst = findings.iter().filter(|f| f.waived.is_none()).map(|finding| finding.severity).max();
    match worst {
        Some(Severity::Refuse) => 5,
        Some(Severity::Warn) => 6,
        Some(Severity::Info) | None => 0,
    }
}

/// The language of findings: that of the operator's terminal.
pub(crate) fn language() -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(std::env::var_os).unwrap_or_default();
    if set.to_string_lossy().starts_with("zh") { Language::Zh } else { Language::En }
}

/// One block per finding.
pub(crate) fn text(findings: &[Finding], language: Language) -> String {
    if findings.is_empty() {
        return "Nothing stands in the way.\n".to_owned();
    }
    let blocks: String = findings.iter().map(|finding| block(finding, language)).collect();
    plain(&blocks).into_owned()
}

fn block(finding: &Finding, language: Language) -> String {
    let host = finding.host.as_ref().map_or("site", |name| name.as_str());
    let (title, why) = (finding.title.get(language), finding.text.get(language));
    let word = match finding.waived {
        Some(_) => "waived".to_owned(),
        None => finding.severity.to_string(),
    };
    let mut text = format!("{word:<6} {host}: {title} ({})\n", finding.id);
    text.push_str(&format!("       found {}; wanted {}\n       {why}\n", finding.observed, finding.wanted));
    if let Some(kept) = &finding.waived {
        text.push_str(&format!("       waived {}\n", who_when_why(kept)));
        return text;
    }
    if let Some(fix) = &finding.fix {
        text.push_str(&format!("       fix: {}\n", fix.get(language)));
    }
    for repair in &finding.repairs {
        let word = if repair.touches_data() { "--fix --move-data" } else { "--fix" };
        text.push_str(&format!("       {word}: {}\n", repair.text().get(language)));
    }
    text
}

/// Waivers that excused nothing: whoever gave them may take them back.
pub(crate) fn unused_text(unused: &[KeptWaiver]) -> String {
    let line = |kept: &KeptWaiver| {
        format!("unused waiver: {} objects to nothing; waived {}\n", kept.waiver.target(), who_when_why(kept))
    };
    unused.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use appliance_control::findings::in_order;
    use installer_model::finding::Text;
    use installer_model::repair::Repair;
    use installer_model::waiver::{Said, Waiver};

    use super::*;

    fn finding(id: &str, severity: Severity, host: &str) -> Finding {
        Finding {
            id: id.to_owned(),
            severity,
            host: Some(host.parse().unwrap()),
            title: Text::new("Swap is off", "交换分区已关闭"),
            observed: "1 GiB".to_owned(),
            wanted: "0 B".to_owned(),
            text: Text::new("Why.", "原因。"),
            fix: Some(Text::new("swapoff -a", "swapoff -a")),
            repairs: vec![Repair::SwapOff],
            waived: None,
        }
    }

    fn waiver() -> KeptWaiver {
        KeptWaiver {
            waiver: Waiver { check: "swap".to_owned(), host: None, reason: "lab".to_owned() },
            by: "anna@x".to_owned(),
            at: 1_795_219_200_000,
            said: Said::CommandLine,
        }
    }

    #[test]
    fn what_stands_in_the_way_is_read_first_and_what_is_waived_last() {
        let mut findings = vec![
            Finding { waived: Some(waiver()), ..finding("swap", Severity::Refuse, "a") },
            finding("fsync", Severity::Warn, "a"),
            finding("swap", Severity::Refuse, "b"),
            finding("ports", Severity::Refuse, "c"),
        ];
        in_order(&mut findings);
        let order: Vec<&str> = findings.iter().map(|f| f.host.as_ref().unwrap().as_str()).collect();
        assert_eq!(order, ["c", "b", "a", "a"]);
        assert!(findings[3].waived.is_some());
        assert_eq!(exit_code(&findings), 5);
        assert_eq!(exit_code(&findings[2..]), 6);
        assert_eq!(exit_code(&findings[3..]), 0);
    }

    #[test]
    fn a_waived_finding_says_who_when_and_why_and_no_longer_how_to_mend_it() {
        let waived = Finding { waived: Some(waiver()), ..finding("swap", Severity::Refuse, "a") };
        let told = text(&[waived], Language::En);
        assert!(told.starts_with("waived a: Swap is off (swap)\n"), "{told}");
        assert!(told.contains("waived by anna@x on 2026-11-21 (command line): lab"), "{told}");
        assert!(!told.contains("fix"), "{told}");
        assert!(
            text(&[finding("swap", Severity::Refuse, "a")], Language::Zh).contains("--fix: 关闭交换分区")
        );
    }
}
