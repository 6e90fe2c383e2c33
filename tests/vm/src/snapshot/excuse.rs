//! What a host changes by itself: patterns with their reasons.

use super::{Area, Difference};
use std::collections::BTreeSet;

/// The patterns that are committed with the lab.
const COMMITTED: &str = include_str!("excuses.txt");
/// The most patterns that there may be: each is a place in which something could be left unseen.
const MOST: usize = 15;

/// A pattern and why what it matches may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excuse {
    area: Area,
    /// `*` stands for any text.
    pattern: String,
    reason: String,
}

impl Excuse {
    fn matches(&self, difference: &Difference) -> bool {
        self.area == difference.area && glob(&self.pattern, &difference.name)
    }

    /// As it stands in the file, without its reason.
    pub fn text(&self) -> String {
        format!("{} {}", self.area.as_str(), self.pattern)
    }
}

/// What is wrong with a list of excuses.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExcuseError {
    #[error("understand line {0} of the excuses: it is `AREA PATTERN: REASON`")]
    Line(usize),
    #[error("take {0} excuses: {MOST} at most")]
    TooMany(usize),
    #[error("take the excuse {0:?} twice")]
    Twice(String),
}

/// The list, in the order of its file.
#[derive(Debug, Clone)]
pub struct Excuses(Vec<Excuse>);

/// Differences, told apart.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// No excuse matches.
    pub left: Vec<Difference>,
    pub excused: usize,
    /// The excuses that were needed, as [`Excuse::text`] writes them.
    pub used: BTreeSet<String>,
}

impl Excuses {
    pub fn committed() -> Excuses {
        Excuses::from_text(COMMITTED).expect("a test reads the committed file")
    }

    /// A line each: `AREA PATTERN: REASON`. The reason is what follows the first colon and a space; empty lines and
    /// those that begin with `#` say nothing.
    pub fn from_text(text: &str) -> Result<Excuses, ExcuseError> {
        let mut excuses: Vec<Excuse> = Vec::new();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        for (at, line) in lines {
            let excuse = parse(line).ok_or(ExcuseError::Line(at + 1))?;
            if excuses.iter().any(|other| other.text() == excuse.text()) {
                return Err(ExcuseError::Twice(excuse.text()));
            }
            excuses.push(excuse);
        }
        if excuses.len() > MOST { Err(ExcuseError::TooMany(excuses.len())) } else { Ok(Excuses(excuses)) }
    }

    pub fn judge(&self, differences: Vec<Difference>) -> Judged {
        let mut judged = Judged::default();
        for difference in differences {
            match self.0.iter().find(|excuse| excuse.matches(&difference)) {
                Some(excuse) => {
                    judged.excused += 1;
                    judged.used.insert(excuse.text());
                }
                None => judged.left.push(difference),
            }
        }
        judged
    }

    /// The excuses that none of these needed, as [`Excuse::text`] writes them.
    pub fn unused(&self, used: &BTreeSet<String>) -> Vec<String> {
        self.0.iter().map(Excuse::text).filter(|text| !used.contains(text)).collect()
    }
}

fn parse(line: &str) -> Option<Excuse> {
    let (what, reason) = line.split_once(": ")?;
    let (area, pattern) = what.split_once(' ')?;
    let (pattern, reason) = (pattern.trim(), reason.trim());
    let area = area.parse().ok()?;
    let whole = !pattern.is_empty() && !reason.is_empty();
    whole.then(|| Excuse { area, pattern: pattern.to_owned(), reason: reason.to_owned() })
}

/// Whether the text is the pattern with any text in place of each `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    (0..=text.len()).filter(|&at| text.is_char_boundary(at)).any(|at| glob(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(area: Area, name: &str) -> Difference {
        Difference { area, name: name.to_owned(), before: None, after: Some(String::new()) }
    }

    #[test]
    fn the_committed_excuses_are_few_and_each_has_its_reason() {
        let excuses = Excuses::from_text(COMMITTED).unwrap();
        assert!(!excuses.0.is_empty());
        for excuse in &excuses.0 {
            assert!(excuse.reason.split(' ').count() >= 4, "{} needs a reason", excuse.text());
        }
    }

    #[test]
    fn an_excuse_without_a_reason_is_refused() {
        for line in
            ["file /var/log/*", "file /var/log/*: ", "file : why", "folder /var: why", "file/var: why"]
        {
            assert_eq!(Excuses::from_text(line).unwrap_err(), ExcuseError::Line(1), "{line}");
        }
        let twice = "file /a: one\nfile /a: two\n";
        assert_eq!(Excuses::from_text(twice).unwrap_err(), ExcuseError::Twice("file /a".into()));
        let many: String = (0..=MOST).map(|n| format!("file /{n}: because\n")).collect();
        assert_eq!(Excuses::from_text(&many).unwrap_err(), ExcuseError::TooMany(MOST + 1));
    }

    #[test]
    fn an_excuse_is_for_its_own_area_and_pattern() {
        let excuses =
            Excuses::from_text("# why\n\nfile /var/log/*.log: logs grow\nunit x: it comes and goes\n");
        let excuses = excuses.unwrap();
        let judged = excuses.judge(vec![
            came(Area::File, "/var/log/deep/er.log"),
            came(Area::File, "/var/log/er.log.1"),
            came(Area::Unit, "/var/log/a.log"),
        ]);
        let left: Vec<&str> = judged.left.iter().map(|left| left.name.as_str()).collect();
        assert_eq!(left, ["/var/log/er.log.1", "/var/log/a.log"]);
        assert_eq!(judged.excused, 1);
        assert_eq!(excuses.unused(&judged.used), ["unit x"]);
    }

    #[test]
    fn a_star_is_any_text_and_none() {
        for (pattern, text) in [("a*", "a"), ("*", ""), ("a*b*c", "a--b-b-c"), ("a", "a")] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*", "ba"), ("a*b", "a"), ("a", "ab"), ("a*c", "abd")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }
}
