//! A part of a bundle: a piece of the file behind one block that says which piece of which bundle it is.
//!
//! Parts need no list beside them and no order: each names its bundle, its place and the sum of its content. They are
//! carriers and vouch for nothing; what they are joined to is held against its seal like any bundle.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// Bytes before a part's content.
pub const HEADER: u64 = 512;

/// The least that a part file may take: smaller ones would be more headers than content.
pub const LEAST: u64 = 4096;

/// More parts than anybody carries about: the bound on a joiner's memory.
pub const MOST: u32 = 9999;

/// One part, as its header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The bundle's name: the digest of its index.
    pub bundle: Digest,
    /// Bytes of the whole bundle.
    pub size: u64,
    /// From 1.
    pub number: u32,
    pub of: u32,
    /// Where the content belongs in the bundle.
    pub offset: u64,
    /// Bytes of content.
    pub length: u64,
    /// sha256 of the content.
    pub content: Digest,
}

impl Part {
    /// The one header that says this: lines of text, their own sum in the last one, zeros up to [`HEADER`].
    pub fn header(&self) -> [u8; HEADER as usize] {
        let Part { bundle, size, number, of, offset, length, content } = self;
        let text = format!(
            "armilla bundle part\nformat 1\nbundle {bundle}\nsize {size}\npart {number} of {of}\n\
             offset {offset}\nlength {length}\ncontent {content}\n"
        );
        let text = format!("{text}header {}\n", Digest::from_sha256(Sha256::digest(&text).into()));
        let mut block = [0; HEADER as usize];
        block[..text.len()].copy_from_slice(text.as_bytes());
        block
    }

    /// What a header says; `None` where it is not exactly the one that says it.
    pub fn parse(block: &[u8; HEADER as usize]) -> Option<Part> {
        let text = std::str::from_utf8(block).ok()?;
        let mut lines = text.lines();
        let mut after = |word: &str| lines.next()?.strip_prefix(word);
        after("armilla bundle part").filter(|rest| rest.is_empty())?;
        after("format 1")?;
        let bundle = after("bundle ")?.parse().ok()?;
        let size = after("size ")?.parse().ok()?;
        let (number, of) = after("part ")?.split_once(" of ")?;
        let part = Part {
            bundle,
            size,
            number: number.parse().ok()?,
            of: of.parse().ok()?,
            offset: after("offset ")?.parse().ok()?,
            length: after("length ")?.parse().ok()?,
            content: after("content ")?.parse().ok()?,
        };
        let end = part.offset.checked_add(part.length)?;
        let sound = end <= part.size && (1..=part.of).contains(&part.number) && part.of <= MOST;
        (sound && part.header() == *block).then_some(part)
    }

    /// Whether a block claims to be a part's header, damaged or not.
    pub fn is_meant(block: &[u8]) -> bool {
        block.starts_with(b"armilla bundle part\n")
    }
}

/// Offset and length of each part of a bundle of `size` bytes, when a part file may take `most` bytes.
///
/// `None` when `most` is less than [`LEAST`] or there would be more than [`MOST`] parts.
pub fn cut(size: u64, most: u64) -> Option<Vec<(u64, u64)>> {
    let step = most.checked_sub(HEADER).filter(|_| most >= LEAST)?;
    if size.div_ceil(step) > u64::from(MOST) {
        return None;
    }
    Some((0..size.div_ceil(step)).map(|at| (at * step, step.min(size - at * step))).collect())
}

/// Why parts do not make a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{name} belongs to bundle {} and the others to {}", .bundle.short(), .others.short())]
    Foreign { name: String, bundle: Digest, others: Digest },
    #[error("part {number} of {of} is missing")]
    Missing { number: u32, of: u32 },
    #[error("{name} and {other} both say that they are part {number}, and are not the same")]
    Differ { name: String, other: String, number: u32 },
    #[error("{name} does not fit to the other parts of its bundle")]
    Odd { name: String },
}

/// The parts in the order of the bundle, each once, or all that is wrong with them.
///
/// Where parts of several bundles lie together, the bundle with the most parts is meant and the rest is foreign.
pub fn arrange(parts: &[(String, Part)]) -> Result<Vec<usize>, Vec<Problem>> {
    let mut votes: BTreeMap<(&Digest, u64, u32), usize> = BTreeMap::new();
    for (_, part) in parts {
        *votes.entry((&part.bundle, part.size, part.of)).or_default() += 1;
    }
    let Some((&meant, _)) = votes.iter().max_by_key(|(_, count)| **count) else {
        return Err(vec![Problem::Missing { number: 1, of: 1 }]);
    };
    let mut problems = Vec::new();
    let mut by_number: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, (name, part)) in parts.iter().enumerate() {
        if part.bundle != *meant.0 {
            let (bundle, others) = (part.bundle.clone(), meant.0.clone());
            problems.push(Problem::Foreign { name: name.clone(), bundle, others });
        } else if (part.size, part.of) != (meant.1, meant.2) {
            problems.push(Problem::Odd { name: name.clone() });
        } else if let Some(&first) = by_number.get(&part.number) {
            if parts[first].1 != *part {
                let (name, other, number) = (name.clone(), parts[first].0.clone(), part.number);
                problems.push(Problem::Differ { name, other, number });
            }
        } else {
            by_number.insert(part.number, at);
        }
    }
    let there: BTreeSet<u32> = by_number.keys().copied().collect();
    let missing = (1..=meant.2).filter(|number| !there.contains(number));
    problems.extend(missing.map(|number| Problem::Missing { number, of: meant.2 }));
    if problems.is_empty() {
        let mut end = 0;
        for (name, part) in by_number.values().map(|&at| &parts[at]) {
            if part.offset != end {
                problems.push(Problem::Odd { name: name.clone() });
            }
            end = part.offset + part.length;
        }
        if problems.is_empty() && end != meant.1 {
            let last = by_number.values().last().map(|&at| parts[at].0.clone()).unwrap_or_default();
            problems.push(Problem::Odd { name: last });
        }
    }
    if problems.is_empty() { Ok(by_number.into_values().collect()) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bundle: u8, size: u64, most: u64) -> Vec<(String, Part)> {
        let cuts = cut(size, most).unwrap();
        let of = u32::try_from(cuts.len()).unwrap();
        let part = |(at, (offset, length)): (usize, (u64, u64))| {
            let number = u32::try_from(at).unwrap() + 1;
            let [bundle, content] = [[bundle; 32], [number as u8; 32]].map(Digest::from_sha256);
            (format!("{bundle:?}-{number}"), Part { bundle, size, number, of, offset, length, content })
        };
        cuts.into_iter().enumerate().map(part).collect()
    }

    fn problems(parts: &[(String, Part)]) -> Vec<String> {
        arrange(parts).unwrap_err().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_header_says_what_it_was_made_of_and_no_byte_of_it_may_change() {
        let (_, part) = parts(7, 10_000, 4096).remove(1);
        let good = part.header();
        assert_eq!(Part::parse(&good), Some(part));
        for at in 0..good.len() {
            let mut bad = good;
            bad[at] ^= 1;
            assert_eq!(Part::parse(&bad), None, "byte {at}");
        }
    }

    #[test]
    fn the_largest_numbers_fit_a_header() {
        let [bundle, content] = [[0xff; 32]; 2].map(Digest::from_sha256);
        let (size, offset) = (u64::MAX, u64::MAX - 1);
        let part = Part { bundle, size, number: MOST, of: MOST, offset, length: 1, content };
        assert_eq!(Part::parse(&part.header()), Some(part));
    }

    #[test]
    fn cuts_cover_the_bundle_and_no_part_is_larger_than_asked() {
        assert_eq!(cut(3584, 4096).unwrap(), [(0, 3584)]);
        assert_eq!(cut(3585, 4096).unwrap(), [(0, 3584), (3584, 1)]);
        assert_eq!(cut(1, 4095), None);
        assert_eq!(cut(3584 * 10_000, 4096), None);
    }

    #[test]
    fn parts_come_in_any_order_and_twice() {
        let mut all = parts(1, 20_000, 4096);
        all.reverse();
        all.push(all[2].clone());
        assert_eq!(arrange(&all).unwrap(), [5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let mut all = parts(1, 20_000, 4096);
        all.extend(parts(2, 20_000, 4096).drain(..1));
        all.remove(3);
        all[1].1.size += 1;
        let mut other = all[0].clone();
        (other.0, other.1.content) = ("copy".into(), Digest::from_sha256([9; 32]));
        all.push(other);
        let said = problems(&all);
        assert_eq!(said.len(), 5, "{said:?}");
        for wanted in ["belongs to bundle 020202", "part 4 of 6 is missing", "copy and", "does not fit"] {
            assert!(said.iter().any(|line| line.contains(wanted)), "{wanted}: {said:?}");
        }
    }

    #[test]
    fn parts_that_overlap_do_not_fit() {
        let mut all = parts(1, 20_000, 4096);
        all[2].1.offset -= 1;
        assert!(problems(&all).iter().all(|line| line.contains("does not fit")));
    }
}
