//! The site file.

use installer_model::site::Site;

/// Any text is a site or a list of mistakes, never both and never neither; a site survives being stored.
pub fn site_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Site::parse(text) {
        Ok(site) => super::keeps_through_json(&site),
        Err(errors) => {
            assert!(!errors.0.is_empty(), "a refusal without a reason");
            // To YAML a carriage return alone ends a line too.
            let lines = text.matches(['\n', '\r']).count() + 2;
            for error in &errors.0 {
                assert!(!error.message.is_empty(), "a mistake without a word");
                let line = error.place.position.map_or(1, |position| position.line);
                assert!((1..=lines).contains(&line), "{error}: no such line");
            }
        }
    }
}
