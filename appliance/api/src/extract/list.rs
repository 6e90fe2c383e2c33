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

use appliance_store::Way;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::field::Field;
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

/// What can stand in a list.
pub(crate) trait Listed {
    /// What it can be filtered and sorted by; every name is known to [`Listed::field`].
    const FIELDS: &'static [&'static str];

    /// Unlike that of every other item.
    fn id(&self) -> Cow<'_, str>;

    /// `name` is one of [`Listed::FIELDS`].
    fn field(&self, name: &str) -> Field<'_>;

    /// Orders items as their ids do.
    fn place(&self) -> Field<'_> {
        Field::Text(self.id())
    }
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
    /// `value` without capitals.
    small: String,
}

impl Condition {
    fn holds(&self, item: &impl Listed) -> bool {
        let field = item.field(self.field);
        let order = || field.like(&self.value).map(|value| field.order(&value));
        match self.compare {
            Compare::Is => order() == Some(Ordering::Equal),
            Compare::IsNot => order() != Some(Ordering::Equal),
            Compare::Contains => field.contains(&self.small),
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

/// What a caller wants of a list, understood.
pub(super) struct Wish {
    conditions: Vec<Condition>,
    orders: Vec<Order>,
    /// The text of `orders`.
    sort: String,
    limit: usize,
    mark: Option<Mark>,
}

impl Wish {
    pub(super) fn of<T: Listed>(params: &ListParams) -> Result<Wish, Problem> {
        let conditions = conditions::<T>(params.filter.as_deref().unwrap_or_default())?;
        let sort = params.sort.clone().unwrap_or_default();
        let orders = orders::<T>(&sort)?;
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::invalid("?limit", format!("a page has 1 to {MOST} items")));
        }
        let mark = params.go_on.as_deref().map(|text| mark(text, &sort, orders.len())).transpose()?;
        Ok(Wish { conditions, orders, sort, limit, mark })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The id of the last item of the page before.
    pub(super) fn behind(&self) -> Option<&str> {
        self.mark.as_ref().map(|mark| mark.id.as_str())
    }

    /// Whether every item is wanted, in the order of this field or of ids, and if so which way.
    pub(super) fn is_all_by(&self, field: Option<&str>) -> Option<Way> {
        match self.orders.as_slice() {
            _ if !self.conditions.is_empty() => None,
            [] => Some(Way::Up),
            [Order { field: by, .. }] if Some(*by) != field => None,
            [Order { downwards, .. }] => Some(if *downwards { Way::Down } else { Way::Up }),
            [_, _, ..] => None,
        }
    }

    /// In which order of keys a page is likely to be complete early: what was made last has the highest number.
    pub(super) fn way(&self) -> Way {
        let downwards = self.orders.first().is_some_and(|order| order.downwards);
        if downwards { Way::Down } else { Way::Up }
    }

    /// The page of these items, of which there may be one more than fit.
    pub(super) fn cut<T: Listed>(&self, mut items: Vec<T>, total: usize) -> List<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let go_on = items.last().filter(|_| more).map(|last| {
            let fields = self.orders.iter().map(|order| last.field(order.field).owned()).collect();
            let mark = Mark { sort: self.sort.clone(), fields, id: last.id().into_owned() };
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&mark).expect("invariant: texts and numbers"))
        });
        List { items, total, go_on }
    }
}

/// A page in the making: it is offered every item and keeps a page of them, or two.
pub(super) struct Selection<T> {
    wish: Wish,
    total: usize,
    kept: Vec<T>,
    /// The first items up to the one at `limit` come before all that were let go.
    is_cut: bool,
}

impl<T: Listed> Selection<T> {
    pub(super) fn new(wish: Wish) -> Selection<T> {
        Selection { wish, total: 0, kept: Vec::new(), is_cut: false }
    }

    pub(super) fn offer(&mut self, item: T) {
        if self.wants(&item) {
            self.keep(item);
        }
    }

    /// Whether the page may have this item, of which not all need be known. To be asked once of every item.
    pub(super) fn wants<G: Listed>(&mut self, item: &G) -> bool {
        let Wish { conditions, orders, limit, mark, .. } = &self.wish;
        if !conditions.iter().all(|condition| condition.holds(item)) {
            return false;
        }
        self.total += 1;
        if mark.as_ref().is_some_and(|mark| against(item, mark, orders) != Ordering::Greater) {
            return false;
        }
        !self.is_cut || order(item, &self.kept[*limit], orders) == Ordering::Less
    }

    /// Takes an item that is wanted.
    pub(super) fn keep(&mut self, item: T) {
        let Wish { orders, limit, .. } = &self.wish;
        self.kept.push(item);
        // One more than a page: it says that there is a next one.
        if self.kept.len() > 2 * (limit + 1) {
            self.kept.select_nth_unstable_by(*limit, |one, other| order(one, other, orders));
            self.kept.truncate(limit + 1);
            self.is_cut = true;
        }
    }

    pub(super) fn page(mut self) -> List<T> {
        self.kept.sort_by(|one, other| order(one, other, &self.wish.orders));
        self.wish.cut(self.kept, self.total)
    }
}

impl<T: Listed> List<T> {
    /// The page that was asked for.
    pub(crate) fn page(items: impl IntoIterator<Item = T>, params: &ListParams) -> Result<List<T>, Problem> {
        let mut selection = Selection::new(Wish::of::<T>(params)?);
        items.into_iter().for_each(|item| selection.offer(item));
        Ok(selection.page())
    }
}

fn order(one: &impl Listed, other: &impl Listed, orders: &[Order]) -> Ordering {
    let by_fields = orders.iter().map(|order| {
        let ordering = one.field(order.field).order(&other.field(order.field));
        if order.downwards { ordering.reverse() } else { ordering }
    });
    { by_fields }.find(|ordering| ordering.is_ne()).unwrap_or_else(|| one.place().order(&other.place()))
}

fn against(item: &impl Listed, mark: &Mark, orders: &[Order]) -> Ordering {
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
    let value = text[at + sign.len()..].trim().to_owned();
    Ok(Condition { field, compare, small: value.to_lowercase(), value })
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
