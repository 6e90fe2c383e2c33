//! `check --fix`, for people.

use appliance_control::fixing::Fix;
use installer_model::finding::Language;

/// One block per repair: what it does, then each thing before and after.
pub(crate) fn text(fixes: &[Fix], dry: bool, language: Language) -> String {
    let mut text = String::new();
    for fix in fixes {
        let word = match (&fix.failed, fix.changes.is_empty(), dry) {
            (Some(_), _, _) => "FAILED",
            (None, true, _) => "as is",
            (None, false, true) => "would",
            (None, false, false) => "fixed",
        };
        let what = fix.repair.text();
        text.push_str(&format!("{word:<6} {}: {} ({})\n", fix.host, what.get(language), fix.check));
        for change in &fix.changes {
            text.push_str(&format!("       {change}\n"));
        }
        if let Some(failed) = &fix.failed {
            text.push_str(&format!("       failed to {failed}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use installer_model::repair::{Change, Repair};

    use super::*;

    #[test]
    fn what_changed_is_told_with_before_and_after() {
        let mut fixes = vec![Fix {
            host: "a".parse().unwrap(),
            check: "swap".to_owned(),
            repair: Repair::SwapOff,
            changes: Vec::new(),
            failed: None,
        }];
        let change =
            |what: &str| Change { what: what.to_owned(), before: "on".to_owned(), after: "off".to_owned() };
        fixes[0].changes = vec![change("swap on /swapfile")];
        let told = text(&fixes, false, Language::En);
        assert!(told.starts_with("fixed  a: switch swap off"), "{told}");
        assert!(told.contains("swap on /swapfile: on → off"), "{told}");
        assert!(text(&fixes, true, Language::En).starts_with("would"));
        fixes[0].failed = Some("swapoff: no".to_owned());
        assert!(text(&fixes, false, Language::En).contains("failed to swapoff: no"));
    }
}
