//! YAML as text, line by line.

use std::fmt::Display;

use crate::site_draft::SecretName;

/// The text as it grows, line by line; two blanks a level.
#[derive(Default)]
pub(crate) struct Page(pub(crate) String);

impl Page {
    pub(crate) fn line(&mut self, depth: usize, line: &str) {
        self.0.push_str(&"  ".repeat(depth));
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub(crate) fn comment(&mut self, depth: usize, text: &str) {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.line(depth, &format!("# {plain}"));
    }

    pub(crate) fn gap(&mut self) {
        self.0.push('\n');
    }

    pub(crate) fn open(&mut self, depth: usize, key: &str) {
        self.line(depth, &format!("{key}:"));
    }

    pub(crate) fn pair(&mut self, depth: usize, key: &str, value: &(impl ToString + ?Sized)) {
        self.line(depth, &format!("{key}: {}", scalar(&value.to_string())));
    }

    pub(crate) fn given(&mut self, depth: usize, key: &str, value: Option<&impl Scalar>) {
        if let Some(value) = value {
            self.line(depth, &format!("{key}: {}", value.scalar()));
        }
    }

    /// A key that a site cannot be without.
    pub(crate) fn wanted<T: Display>(&mut self, depth: usize, key: &str, value: Option<&T>, what: &str) {
        self.line(depth, &wanted(key, value, what));
    }

    pub(crate) fn list(&mut self, depth: usize, key: &str, items: &[impl ToString]) {
        if !items.is_empty() {
            let items: Vec<String> = items.iter().map(|item| scalar(&item.to_string())).collect();
            self.line(depth, &format!("{key}: [{}]", items.join(", ")));
        }
    }

    pub(crate) fn secret(&mut self, depth: usize, key: &str, name: &SecretName) {
        self.line(depth, &format!("{key}: {{env: {}}}", name.0));
    }
}

pub(crate) fn wanted<T: Display>(key: &str, value: Option<&T>, what: &str) -> String {
    match value {
        Some(value) => format!("{key}: {}", scalar(&value.to_string())),
        None => format!("{key}:  # fill in: {what}"),
    }
}

/// A port is a number and stands without quotes; all else is text.
pub(crate) trait Scalar {
    fn scalar(&self) -> String;
}

impl Scalar for u16 {
    fn scalar(&self) -> String {
        self.to_string()
    }
}

macro_rules! texts {
    ($($name:ty),*) => {
        $(impl Scalar for $name {
            fn scalar(&self) -> String {
                scalar(&self.to_string())
            }
        })*
    };
}

texts!(
    String,
    std::net::IpAddr,
    installer_model::names::UserName,
    installer_model::names::DnsName,
    installer_model::site::ApiEndpoint,
    installer_model::site::PortRange
);

/// A text as YAML: bare where every reader takes it for the same text, in double quotes with escapes otherwise.
pub(crate) fn scalar(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@' | '+' | '~');
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        || (text.starts_with("~/") && text.len() > 2);
    let word = text.to_ascii_lowercase();
    let special =
        matches!(word.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null");
    let number = text.parse::<f64>().is_ok() || ["0x", "0o", "0b"].iter().any(|base| word.starts_with(base));
    // Some readers take digits with underscores for a number too.
    let digits = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | '-' | '+'));
    let plain_digits = text.contains('.') && text.split('.').count() > 2 || !digits;
    if starts && text.chars().all(inner) && !special && !number && plain_digits {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_bare_and_what_may_be_read_as_something_else_in_quotes() {
        for bare in
            ["node-1", "10.0.0.1", "10.0.0.0/16", "~/.ssh/id", "/data", "1.37.1", "a@b", "k8s.example.com"]
        {
            assert_eq!(scalar(bare), bare);
        }
        for quoted in
            ["true", "NO", "30", "1.5", "1e3", "0x1f", "1_000", "", "-a", "a b", "a: b", "#x", "2026-11-21"]
        {
            assert_eq!(scalar(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(scalar("a\n\"b\\"), r#""a\U0000000A\"b\\""#);
    }
}
