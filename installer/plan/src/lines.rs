//! The difference of two texts, by lines.

/// Kept lines shown on each side of a changed one.
const CONTEXT: usize = 2;

/// The lines that differ, each with ` `, `-` or `+` in front and some kept ones around them; `…` stands for kept
/// lines left out.
pub(crate) fn diff(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let edits = edits(&old, &new);
    let near: Vec<bool> = (0..edits.len())
        .map(|at| {
            let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(edits.len());
            edits[around].iter().any(|(mark, _)| *mark != ' ')
        })
        .collect();
    let mut shown: Vec<String> = Vec::new();
    for ((mark, line), near) in edits.into_iter().zip(near) {
        if near {
            shown.push(format!("{mark}{line}"));
        } else if shown.last().is_none_or(|last| last != "…") {
            shown.push("…".to_owned());
        }
    }
    shown
}

/// Every line of both, in order, by the longest common subsequence. What both begin and end with is set aside first,
/// so the table stays small for the usual change.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let front = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[front..], &new[front..]);
    let back = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_mid, new_mid) = (&old_rest[..old_rest.len() - back], &new_rest[..new_rest.len() - back]);
    let kept =
        |lines: &[&'a str]| -> Vec<(char, &'a str)> { lines.iter().map(|line| (' ', *line)).collect() };
    let mut edits = kept(&old[..front]);
    edits.extend(middle(old_mid, new_mid));
    edits.extend(kept(&old_rest[old_rest.len() - back..]));
    edits
}

fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let width = new.len() + 1;
    // common[at * width + to]: length of the longest common subsequence of old[at..] and new[to..].
    let mut common = vec![0u32; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            common[at * width + to] = if old[at] == new[to] {
                common[(at + 1) * width + to + 1] + 1
            } else {
                common[(at + 1) * width + to].max(common[at * width + to + 1])
            };
        }
    }
    let (mut at, mut to, mut edits) = (0, 0, Vec::new());
    while at < old.len() || to < new.len() {
        if at < old.len() && to < new.len() && old[at] == new[to] {
            edits.push((' ', old[at]));
            (at, to) = (at + 1, to + 1);
        } else if to == new.len()
            || (at < old.len() && common[(at + 1) * width + to] >= common[at * width + to + 1])
        {
            edits.push(('-', old[at]));
            at += 1;
        } else {
            edits.push(('+', new[to]));
            to += 1;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_what_stands_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n";
        let new = "1\n2\n3\nfour\n5\n6\n7\n";
        assert_eq!(diff(old, new), ["…", " 2", " 3", "-4", "+four", " 5", " 6", "…"]);
    }

    #[test]
    fn equal_texts_have_nothing_to_show_but_that_lines_were_left_out() {
        assert_eq!(diff("a\n", "a\n"), ["…"]);
        assert_eq!(diff("", ""), Vec::<String>::new());
    }

    #[test]
    fn lines_that_came_or_went_are_single() {
        assert_eq!(diff("a\nb\nc", "a\nc"), [" a", "-b", " c"]);
        assert_eq!(diff("a\nc", "a\nb\nc\nd"), [" a", "+b", " c", "+d"]);
        assert_eq!(diff("", "new"), ["+new"]);
    }
}
