//! Lists: filtered, sorted and cut into pages by the server.
//!
//! ```text
//!  ?filter=role=admin,name~an      every condition holds: = is, != is not, ~ contains, < and > compare
//!  ?sort=-createdAt,name           by these fields; - is downwards; the id decides what is equal
//!  ?limit=50&continue=…            a page, and what the last page said to go on with
//! ```
//!
//! A page goes on behind the last item of the one before, not at a position: what is added or removed meanwhile shifts nothing.

use std::borrow::Cow;
use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;

/// The parameters of every list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Conditions, all of which hold: `field=value`, `field!=value`, `field~part`, `field<value`, `field>value`, separated by
    /// commas. A backslash takes the comma after it as it is.
    #[param(max_length = 1000)]
    pub(crate) filter: Option<String>,
    /// Fields to sort by, separated by commas; `-` before one turns it around.
    #[param(max_length = 200)]
    pub(crate) sort: Option<String>,
    /// Items of a page, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) limit: Option<usize>,
    /// What the page before said in `continue`.
    #[param(max_length = 2000, pattern = "^[A-Za-z0-9_-]+$")]
    #[serde(rename = "continue")]
    pub(crate) go_on: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// Items on all pages together.
    pub(crate) total: usize,
    /// Asks for the next page; missing on the last one.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub(crate) go_on: Option<String>,
}

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
    fn order(&self, other: &Field<'_>) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }

    fn owned(&self) -> Field<'static> {
        match self {
            Field::None => Field::None,
            Field::Bool(flag) => Field::Bool(*flag),
            Field::Number(number) => Field::Number(*number),
            Field::Text(text) => Field::Text(Cow::Owned(text.clone().into_owned())),
        }
    }

    /// The text of a condition, as a value of the same kind as this one.
    fn like(&self, text: &str) -> Option<Field<'static>> {
        match self {
            // Without a value it is neither below nor above anything.
            Field::None => text.is_empty().then_some(Field::None),
            Field::Bool(_) => text.parse().ok().map(Field::Bool),
            Field::Number(_) => text.parse().ok().map(Field::Number),
            Field::Text(_) => Some(Field::Text(Cow::Owned(text.to_owned()))),
        }
    }

    fn contains(&self, part: &str) -> bool {
        match self {
            Field::None => false,
            Field::Bool(flag) => flag.to_string().contains(part),
            Field::Number(number) => number.to_string().contains(part),
            Field::Text(text) => text.to_lowercase().contains(&part.to_lowercase()),
        }
    }
}

/// What can stand in a list.
pub(crate) trait Listed {
    /// What it can be filtered and sorted by; every name is known to [`Listed::field`].
    const FIELDS: &'static [&'static str];

    /// Unlike that of every other item.
    fn id(&self) -> Cow<'_, str>;

    /// `name` is one of [`Listed::FIELDS`].
    fn field(&self, name: &str) -> Field<'_>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Is,
    IsNot,
    Contains,
    Below,
    Above,
}

struct Condition {
    field: &'static str,
    compare: Compare,
    value: String,
}

impl Condition {
    fn holds(&self, item: &impl Listed) -> bool {
        let field = item.field(self.field);
        let order = || field.like(&self.value).map(|value| field.order(&value));
        match self.compare {
            Compare::Is => order() == Some(Ordering::Equal),
            Compare::IsNot => order() != Some(Ordering::Equal),
            Compare::Contains => field.contains(&self.value),
            Compare::Below => order() == Some(Ordering::Less),
            Compare::Above => order() == Some(Ordering::Greater),
        }
    }
}

struct Order {
    field: &'static str,
    downwards: bool,
}

/// Where a page ended: the last item's fields by which it was sorted, and its id.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    sort: String,
    fields: Vec<Field<'static>>,
    id: String,
}

impl<T: Listed> List<T> {
    /// The page that was asked for.
    pub(crate) fn page(items: Vec<T>, params: &ListParams) -> Result<List<T>, Problem> {
        let conditions = conditions::<T>(params.filter.as_deref().unwrap_or_default())?;
        let sort = params.sort.as_deref().unwrap_or_default();
        let orders = orders::<T>(sort)?;
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::invalid("?limit", format!("a page has 1 to {MOST} items")));
        }
        let mark = params.go_on.as_deref().map(|text| mark(text, sort, orders.len())).transpose()?;
        let mut items: Vec<T> =
            items.into_iter().filter(|item| conditions.iter().all(|holds| holds.holds(item))).collect();
        let total = items.len();
        items.sort_by(|one, other| order(one, other, &orders));
        if let Some(mark) = mark {
            let behind = items.partition_point(|item| against(item, &mark, &orders) != Ordering::Greater);
            items.drain(..behind);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let go_on = items.last().filter(|_| more).map(|last| {
            let fields = orders.iter().map(|order| last.field(order.field).owned()).collect();
            let mark = Mark { sort: sort.to_owned(), fields, id: last.id().into_owned() };
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&mark).expect("invariant: texts and numbers"))
        });
        Ok(List { items, total, go_on })
    }
}

fn order<T: Listed>(one: &T, other: &T, orders: &[Order]) -> Ordering {
    let by_fields = orders.iter().map(|order| {
        let ordering = one.field(order.field).order(&other.field(order.field));
        if order.downwards { ordering.reverse() } else { ordering }
    });
    { by_fields }.find(|ordering| ordering.is_ne()).unwrap_or_else(|| one.id().cmp(&other.id()))
}

fn against<T: Listed>(item: &T, mark: &Mark, orders: &[Order]) -> Ordering {
    let by_fields = orders.iter().zip(&mark.fields).map(|(order, field)| {
        let ordering = item.field(order.field).order(field);
        if order.downwards { ordering.reverse() } else { ordering }
    });
    { by_fields }
        .find(|ordering| ordering.is_ne())
        .unwrap_or_else(|| item.id().as_ref().cmp(mark.id.as_str()))
}

fn known<T: Listed>(name: &str, parameter: &str) -> Result<&'static str, Problem> {
    T::FIELDS.iter().copied().find(|field| *field == name).ok_or_else(|| {
        Problem::invalid(parameter, format!("there is no field {name:?}; there are {}", T::FIELDS.join(", ")))
    })
}

fn conditions<T: Listed>(text: &str) -> Result<Vec<Condition>, Problem> {
    let split = split(text);
    split.iter().filter(|part| !part.is_empty()).map(|part| condition::<T>(part)).collect()
}

fn condition<T: Listed>(text: &str) -> Result<Condition, Problem> {
    const SIGNS: [(&str, Compare); 5] = [
        ("!=", Compare::IsNot),
        ("=", Compare::Is),
        ("~", Compare::Contains),
        ("<", Compare::Below),
        (">", Compare::Above),
    ];
    let found = SIGNS.iter().filter_map(|(sign, compare)| Some((text.find(sign)?, *sign, *compare)));
    let Some((at, sign, compare)) = found.min_by_key(|(at, _, _)| *at) else {
        return Err(Problem::invalid("?filter", format!("{text:?} compares nothing: write `field=value`")));
    };
    let field = known::<T>(text[..at].trim(), "?filter")?;
    Ok(Condition { field, compare, value: text[at + sign.len()..].trim().to_owned() })
}

/// At commas that have no backslash before them.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let last = parts.last_mut().expect("invariant: begins with one and only grows");
        match letter {
            ',' => parts.push(String::new()),
            '\\' => last.extend(letters.next()),
            other => last.push(other),
        }
    }
    parts
}

fn orders<T: Listed>(text: &str) -> Result<Vec<Order>, Problem> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, downwards) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
            Ok(Order { field: known::<T>(name, "?sort")?, downwards })
        })
        .collect()
}

fn mark(text: &str, sort: &str, fields: usize) -> Result<Mark, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let mark: Option<Mark> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    mark.filter(|mark| mark.sort == sort && mark.fields.len() == fields).ok_or_else(|| {
        Problem::invalid(
            "?continue",
            "it is not what a page of this list, sorted like this, said to go on with",
        )
    })
}

#[cfg(test)]
#[path = "list_test.rs"]
mod tests;
