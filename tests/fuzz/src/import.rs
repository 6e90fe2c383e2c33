//! Files of other installers.

use installer_import::{SourceFile, import};
use installer_model::site::Site;

/// Any texts, parted by zero bytes, become a draft or an error with words. A draft is a text that the site file's reader
/// understands key by key; when nothing is lacking it is a site. Whatever is reported stands in the file.
pub fn import_files(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let files: Vec<SourceFile<'_>> = text.split('\0').map(|text| SourceFile { name: "file", text }).collect();
    let draft = match import(&files, None) {
        Ok(draft) => draft,
        Err(error) => return assert!(!error.to_string().is_empty(), "a refusal without a word"),
    };
    assert_eq!(Site::parse(&draft.site_yaml).is_ok(), draft.is_complete());
    for lack in &draft.lacks {
        for slip in [
            "unknown key",
            "is not valid YAML",
            " stands where ",
            "second document",
            "is written twice",
            "leave out the quotes",
        ] {
            assert!(
                !lack.message.contains(slip),
                "the draft is written wrongly: {lack}\n{}",
                draft.site_yaml
            );
        }
    }
    // To YAML a carriage return alone ends a line too.
    let lines = files.iter().map(|file| file.text.matches(['\n', '\r']).count() + 2).max().unwrap_or(2);
    for one in &draft.report {
        assert!((1..=lines).contains(&one.line), "{one}: no such line");
        assert!(!one.reason.is_empty(), "{one}: without a reason");
    }
    super::keeps_through_json(&draft);
}
