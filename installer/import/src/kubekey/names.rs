//! Host names in groups, one by one or as `node[2:10]`.

use std::collections::{BTreeMap, HashMap};

use crate::field::Field;
use crate::outcome::Why;

/// More ranges than this in one file are not expanded.
const MOST_RANGES: usize = 100;

/// The names of a file's hosts, to be found by name and by range.
pub(super) struct HostNames {
    by_name: HashMap<String, usize>,
    /// `node10` is number 10 of `node`. KubeKey pads with no zeros, so `node01` is in no range.
    by_number: HashMap<String, BTreeMap<u64, usize>>,
    ranges: usize,
}

impl HostNames {
    pub(super) fn new<'a>(names: impl Iterator<Item = Option<&'a str>>) -> HostNames {
        let mut found = HostNames { by_name: HashMap::new(), by_number: HashMap::new(), ranges: 0 };
        for (index, name) in names.enumerate() {
            let Some(name) = name else { continue };
            found.by_name.entry(name.to_owned()).or_insert(index);
            let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = &name[prefix.len()..];
            if let Ok(number) = digits.parse::<u64>()
                && (digits == "0" || !digits.starts_with('0'))
            {
                found.by_number.entry(prefix.to_owned()).or_default().entry(number).or_insert(index);
            }
        }
        found
    }

    /// The hosts of one item of a group, as indexes. What names none is noted.
    pub(super) fn members(&mut self, item: &Field<'_>) -> Vec<usize> {
        let Some(text) = item.text() else { return Vec::new() };
        if let Some(index) = self.by_name.get(text) {
            return vec![*index];
        }
        let Some((prefix, first, last)) = range(text) else {
            item.note(Why::Invalid, "names no host of the file");
            return Vec::new();
        };
        self.ranges += 1;
        if self.ranges > MOST_RANGES {
            item.note(Why::Invalid, "is one range of hosts too many: not expanded");
            return Vec::new();
        }
        let found: Vec<usize> = match self.by_number.get(prefix) {
            Some(numbers) if first <= last => numbers.range(first..=last).map(|(_, index)| *index).collect(),
            _ => Vec::new(),
        };
        let named = last.checked_sub(first).map_or(0, |more| more.saturating_add(1));
        let missing = named - found.len() as u64;
        if missing > 0 {
            item.note(Why::Invalid, format!("is a range with {missing} names of no host in the file"));
        } else if found.is_empty() {
            item.note(Why::Invalid, "names no host of the file");
        }
        found
    }
}

/// `node[2:10]` is from 2 to 10, both included.
fn range(text: &str) -> Option<(&str, u64, u64)> {
    let (prefix, rest) = text.strip_suffix(']')?.split_once('[')?;
    let (first, last) = rest.split_once(':')?;
    Some((prefix, first.trim().parse().ok()?, last.trim().parse().ok()?))
}
