//! Foreign text on a terminal.

use std::borrow::Cow;

/// The text without what would steer a terminal: control characters other than tab and line feed, and those that turn the
/// direction of reading, are written as `\u{1b}`. What a host says is foreign: it must not move the cursor over our own words,
/// name a window or answer for a keyboard.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if steers(char) { plain.extend(char.escape_unicode()) } else { plain.push(char) }
    }
    Cow::Owned(plain)
}

fn steers(char: char) -> bool {
    let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (char.is_control() && char != '\n' && char != '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_does_not_steer_a_terminal() {
        let title = "\u{1b}]0;owned\u{7}";
        assert_eq!(plain(title), "\\u{1b}]0;owned\\u{7}");
        assert_eq!(plain("a\rb\u{9b}2J\u{202e}c"), "a\\u{d}b\\u{9b}2J\\u{202e}c");
    }

    #[test]
    fn what_people_write_stays() {
        let text = "内核\t6.6 – «ok»\nline two";
        assert!(matches!(plain(text), Cow::Borrowed(same) if same == text));
    }
}
