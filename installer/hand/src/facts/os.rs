//! The distribution.

use installer_model::survey::OsRelease;

use super::Root;

pub(super) fn read(root: &Root) -> Option<OsRelease> {
    let text = root.text("/etc/os-release").or_else(|| root.text("/usr/lib/os-release"))?;
    Some(parse(&text))
}

/// os-release(5): shell-like assignments. Quotes are taken off however they were put on: some distributions ship
/// doubled ones.
fn parse(text: &str) -> OsRelease {
    let value = |wanted: &str| {
        let mut pairs = text.lines().filter_map(|line| line.trim().split_once('='));
        let last = pairs.rfind(|(key, _)| *key == wanted);
        last.map(|(_, value)| unquote(value)).unwrap_or_default()
    };
    OsRelease {
        id: value("ID"),
        id_like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
        name: value("NAME"),
        version: value("VERSION"),
        version_id: value("VERSION_ID"),
        pretty_name: value("PRETTY_NAME"),
    }
}

fn unquote(value: &str) -> String {
    let inner = value.trim().trim_matches(['"', '\'']);
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_go_and_the_case_of_the_id_stays() {
        let read = parse(
            "NAME=\"openEuler\"\nID=\"openEuler\"\nVERSION_ID=\"22.03\"\nPRETTY_NAME=\"\"openEuler 22.03 LTS\"\"\n# ID=x\n",
        );
        assert_eq!((read.id.as_str(), read.version_id.as_str()), ("openEuler", "22.03"));
        assert_eq!(read.pretty_name, "openEuler 22.03 LTS");
        assert!(read.id_like.is_empty());
    }

    #[test]
    fn a_kylin_has_no_id_like_and_names_its_service_pack_in_the_version() {
        let read = parse(
            "NAME=\"Kylin Linux Advanced Server\"\nVERSION=\"V10 (Lance)\"\nID=\"kylin\"\nVERSION_ID=\"V10\"\n",
        );
        assert_eq!((read.id.as_str(), read.version.as_str()), ("kylin", "V10 (Lance)"));
        assert_eq!(parse("ID_LIKE='rhel \\\"fedora'\n").id_like, ["rhel", "\"fedora"]);
    }
}
