//! Values that items of lists have: what they are filtered and sorted by.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// What a list is filtered and sorted by.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) enum Field<'a> {
    /// Has no value: comes first.
    None,
    Bool(bool),
    Number(u64),
    Text(Cow<'a, str>),
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Field<'a> {
        Field::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Field<'_> {
    fn from(text: String) -> Self {
        Field::Text(Cow::Owned(text))
    }
}

impl From<u64> for Field<'_> {
    fn from(number: u64) -> Self {
        Field::Number(number)
    }
}

impl From<Option<u64>> for Field<'_> {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Field::None, Field::Number)
    }
}

impl From<bool> for Field<'_> {
    fn from(flag: bool) -> Self {
        Field::Bool(flag)
    }
}

impl Field<'_> {
    pub(super) fn order(&self, other: &Field<'_>) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }

    pub(super) fn owned(&self) -> Field<'static> {
        match self {
            Field::None => Field::None,
            Field::Bool(flag) => Field::Bool(*flag),
            Field::Number(number) => Field::Number(*number),
            Field::Text(text) => Field::Text(Cow::Owned(text.clone().into_owned())),
        }
    }

    /// The text of a condition, as a value of the same kind as this one.
    pub(super) fn like<'a>(&self, text: &'a str) -> Option<Field<'a>> {
        match self {
            // Without a value it is neither below nor above anything.
            Field::None => text.is_empty().then_some(Field::None),
            Field::Bool(_) => text.parse().ok().map(Field::Bool),
            Field::Number(_) => text.parse().ok().map(Field::Number),
            Field::Text(_) => Some(text.into()),
        }
    }

    /// Capitals count as small letters; `part` has none.
    pub(super) fn contains(&self, part: &str) -> bool {
        match self {
            Field::None => false,
            Field::Bool(flag) => flag.to_string().contains(part),
            Field::Number(number) => number.to_string().contains(part),
            Field::Text(text) => text.to_lowercase().contains(part),
        }
    }
}
