//! Single values: checked, and noted with their place when wrong.

use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::super::Place;
use super::super::reader::{Errors, Located, Text, join};
use super::super::shape::SecretFile;
use crate::site::SecretRef;

/// Takes values out of fields; what is wrong goes to the errors and comes back as `None`.
pub(super) struct Checker<'e> {
    pub(super) errors: &'e mut Errors,
}

impl Checker<'_> {
    pub(super) fn note(&mut self, place: &Place, message: impl Into<String>) {
        self.errors.note(place, message);
    }

    /// Notes that the map at `place` lacks `key`.
    pub(super) fn missing<T>(&mut self, place: &Place, key: &str) -> Option<T> {
        let place = Place { path: join_all(&place.path, key), position: place.position };
        self.note(&place, "is missing");
        None
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, text: &str, place: &Place) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.note(place, error.to_string())).ok()
    }

    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, field: &Option<Located<Text>>) -> Option<T> {
        let located = field.as_ref()?;
        self.parse(&located.value.text, &located.place)
    }

    pub(super) fn required<T: FromStr<Err: Display>>(
        &mut self,
        field: &Option<Located<Text>>,
        parent: &Place,
        key: &str,
    ) -> Option<T> {
        if field.is_none() {
            return self.missing(parent, key);
        }
        self.optional(field)
    }

    pub(super) fn with<T>(
        &mut self,
        field: &Option<Located<Text>>,
        read: impl FnOnce(&Text) -> Result<T, String>,
    ) -> Option<T> {
        let located = field.as_ref()?;
        read(&located.value).map_err(|message| self.note(&located.place, message)).ok()
    }

    pub(super) fn required_with<T>(
        &mut self,
        field: &Option<Located<Text>>,
        parent: &Place,
        key: &str,
        read: impl FnOnce(&Text) -> Result<T, String>,
    ) -> Option<T> {
        if field.is_none() {
            return self.missing(parent, key);
        }
        self.with(field, read)
    }

    /// Every item of a list, without the wrong ones; an item that stands there twice is wrong.
    pub(super) fn each<T: FromStr<Err: Display> + PartialEq>(&mut self, items: &[Located<Text>]) -> Vec<T> {
        self.each_with(items, |text| text.text.parse().map_err(|error: T::Err| error.to_string()))
    }

    pub(super) fn each_with<T: PartialEq>(
        &mut self,
        items: &[Located<Text>],
        read: impl Fn(&Text) -> Result<T, String>,
    ) -> Vec<T> {
        let mut found = Vec::new();
        for item in items {
            match read(&item.value) {
                Ok(value) if found.contains(&value) => {
                    self.note(&item.place, format!("{:?} stands in this list twice", item.value.text));
                }
                Ok(value) => found.push(value),
                Err(message) => self.note(&item.place, message),
            }
        }
        found
    }

    /// Exactly one of `file`, `env` and `prompt: true`.
    pub(super) fn secret(&mut self, field: &Option<Located<SecretFile>>) -> Option<SecretRef> {
        let Located { value, place } = field.as_ref()?;
        let written = [&value.file, &value.env, &value.prompt].into_iter().flatten().count();
        if written != 1 {
            self.note(place, "needs exactly one of file, env and prompt");
            return None;
        }
        let file = self.with(&value.file, local_path).map(SecretRef::File);
        let env = self.with(&value.env, variable).map(SecretRef::Env);
        let prompt = self.with(&value.prompt, |text| match truth(text)? {
            true => Ok(SecretRef::Prompt),
            false => Err("is false: leave the secret out instead".to_owned()),
        });
        file.or(env).or(prompt)
    }
}

fn join_all(path: &str, keys: &str) -> String {
    keys.split('.').fold(path.to_owned(), |path, key| join(&path, key))
}

/// A port number, written without quotes.
pub(super) fn port(text: &Text) -> Result<u16, String> {
    if !text.plain {
        return Err("is text, but a number belongs here: leave out the quotes".to_owned());
    }
    let number = text.text.parse::<u16>().ok().filter(|port| *port > 0 && !text.text.starts_with('+'));
    number.ok_or_else(|| format!("{:?} is not a port (1 to 65535)", text.text))
}

pub(super) fn truth(text: &Text) -> Result<bool, String> {
    match text.text.as_str() {
        "true" if text.plain => Ok(true),
        "false" if text.plain => Ok(false),
        "true" | "false" => Err("is text, but true or false belongs here: leave out the quotes".to_owned()),
        other => Err(format!("{other:?} is not true or false")),
    }
}

pub(super) fn ip(text: &Text) -> Result<IpAddr, String> {
    text.text.parse().map_err(|_| format!("{:?} is not an IP address", text.text))
}

pub(super) fn not_empty(text: &Text) -> Result<String, String> {
    if text.text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text.text.clone()) }
}

/// A path on the machine that runs Armilla.
pub(super) fn local_path(text: &Text) -> Result<PathBuf, String> {
    not_empty(text).map(PathBuf::from)
}

fn variable(text: &Text) -> Result<String, String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.text.starts_with(|c: char| c.is_ascii_digit())
        && !text.text.is_empty()
        && text.text.chars().all(inner)
    {
        return Ok(text.text.clone());
    }
    Err("is not the name of an environment variable (letters, digits and _)".to_owned())
}
