//! The packet filter's listing, line by line.

use super::{Area, Snapshot};

/// From `nft -s list ruleset` (without counts): each line under the table and chain that it stands in, so that one that
/// comes or goes moves no other.
pub(super) fn add(snapshot: &mut Snapshot, listing: &str) {
    let (mut table, mut part) = (String::new(), String::new());
    for line in listing.lines() {
        let text = line.trim();
        let word = |at: usize| text.split_whitespace().nth(at).unwrap_or_default();
        // Comments are nft's own words about what it cannot translate.
        if text.is_empty() || text == "}" || text.starts_with('#') {
            continue;
        }
        if text.starts_with("table ") {
            table = format!("{} {}", word(1), word(2));
            part = String::new();
            snapshot.add(Area::Filter, &table, "table");
        } else if text.ends_with('{') && is_part(word(0)) {
            part = word(1).to_owned();
            snapshot.add(Area::Filter, format!("{table} {part}"), word(0));
        } else {
            snapshot.add(Area::Filter, format!("{table} {part}: {text}"), "");
        }
    }
}

fn is_part(word: &str) -> bool {
    matches!(word, "chain" | "set" | "map" | "flowtable" | "counter" | "quota" | "limit" | "ct")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_an_entry_of_its_chain() {
        let listing = "table inet site {\n\tset lan {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 }\n\t}\n\n\
            \tchain input {\n\t\ttype filter hook input priority filter; policy accept;\n\
            \t\ttcp dport 22 accept\n\t}\n}\n";
        let mut seen = Snapshot::default();
        add(&mut seen, listing);
        assert_eq!(seen.get(Area::Filter, "inet site"), Some("table"));
        assert_eq!(seen.get(Area::Filter, "inet site lan"), Some("set"));
        assert_eq!(seen.get(Area::Filter, "inet site input: tcp dport 22 accept"), Some(""));
        assert_eq!(seen.len(), 7);
    }
}
