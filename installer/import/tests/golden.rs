//! Every file in `files` and what becomes of it, as text that a person reviews: `NAME.yaml` (or several, `NAME-1.yaml`
//! and so on) gives the draft `NAME.site` and the report `NAME.report`. `UPDATE_GOLDEN=1` writes both anew.
#![expect(clippy::disallowed_methods, reason = "fixtures are files")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use installer_import::{Draft, SourceFile, import};
use installer_model::site::Site;

/// No secret of the fixtures is without this word.
const CANARY: &str = "canary";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// Files that belong together, by their name without `-1`, `-2`.
fn cases() -> BTreeMap<String, Vec<(String, String)>> {
    let mut cases: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let case = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
            let case = if case.len() + 2 == name.len() { case } else { name };
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            cases.entry(case.to_owned()).or_default().push((file, std::fs::read_to_string(&path).unwrap()));
        }
    }
    cases.values_mut().for_each(|files| files.sort());
    cases
}

fn draft(files: &[(String, String)]) -> Draft {
    let files: Vec<_> = files.iter().map(|(name, text)| SourceFile { name, text }).collect();
    import(&files, None).unwrap_or_else(|error| panic!("{}: {error}", files[0].name))
}

fn report(draft: &Draft) -> String {
    let mut text = String::new();
    for lack in &draft.lacks {
        writeln!(text, "the draft lacks: {lack}").unwrap();
    }
    for one in &draft.report {
        writeln!(text, "{one}").unwrap();
    }
    text
}

#[test]
fn drafts_and_reports_are_those_that_were_reviewed() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, files) in cases() {
        let draft = draft(&files);
        for (kind, text) in [("site", draft.site_yaml.clone()), ("report", report(&draft))] {
            let path = folder().join(format!("{name}.{kind}"));
            if update {
                std::fs::write(&path, &text).unwrap();
            }
            if std::fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(format!("{name}.{kind} differs; UPDATE_GOLDEN=1 writes it anew:\n{text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_fields_is_that_of_the_rules() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../IMPORTS.md");
    let page = installer_import::manual();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "installer/IMPORTS.md differs; UPDATE_GOLDEN=1 writes it anew");
}

/// Whatever was in the files, a draft has only keys that a site file has, and a complete one is a site.
#[test]
fn a_draft_is_a_site_or_says_what_it_lacks() {
    for (name, files) in cases() {
        let draft = draft(&files);
        assert_eq!(Site::parse(&draft.site_yaml).is_ok(), draft.is_complete(), "{name}");
        for lack in &draft.lacks {
            assert!(!lack.message.contains("unknown key"), "{name}: {lack}");
            assert!(!lack.message.contains("where"), "{name}: {lack} (a value of the wrong kind)");
        }
    }
}

#[test]
fn no_secret_gets_into_a_draft_or_a_report() {
    let mut secrets = 0;
    for (name, files) in cases() {
        let told = serde_json::to_string(&draft(&files)).unwrap();
        assert!(!told.contains(CANARY), "{name} repeats a secret");
        secrets += files.iter().map(|(_, text)| text.matches(CANARY).count()).sum::<usize>();
    }
    assert!(secrets >= 5, "the fixtures hold {secrets} secrets");
}
