//! Lists, a page at a time. Kubernetes counts and cuts them; what it says is passed on.

use kube::api::ListParams;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ClusterError;

/// How many items a page has unless somebody says.
pub(crate) const USUAL_LIMIT: u32 = 100;
/// How many items a page has at most: at this number, a page of pods has some MB.
pub(crate) const MOST: u32 = 500;

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Query {
    /// This namespace alone, else all.
    pub namespace: Option<String>,
    /// A label selector of Kubernetes, such as `app=web`.
    pub labels: Option<String>,
    /// A field selector of Kubernetes, such as `spec.nodeName=h2`.
    pub fields: Option<String>,
    /// How many items at most; 100 unless given, never more than 500.
    pub limit: Option<u32>,
    /// Where to go on: `continue` of the page before.
    #[serde(rename = "continue")]
    pub token: Option<String>,
}

impl Query {
    pub(crate) fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL_LIMIT).clamp(1, MOST)
    }
}

impl From<&Query> for ListParams {
    fn from(query: &Query) -> ListParams {
        ListParams {
            label_selector: query.labels.clone(),
            field_selector: query.fields.clone(),
            limit: Some(query.limit()),
            continue_token: query.token.clone(),
            ..ListParams::default()
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// How many there are in all, where the cluster says so: it does on the first page of a list without selectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Where the next page begins; none: this is the last one.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn map<U>(self, item: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(item).collect(), total: self.total, token: self.token }
    }
}

/// A name of Kubernetes, fit to stand in a path: nothing in it leads elsewhere.
pub(crate) fn checked<'a>(what: &str, name: &'a str) -> Result<&'a str, ClusterError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let whole = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 253;
    if whole && name.chars().all(fits) && !name.contains("..") {
        return Ok(name);
    }
    let reason = format!("{name:?} is no name of Kubernetes: those have a-z, 0-9, - and .");
    Err(ClusterError::Invalid { what: what.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["web-76b7964457-mfv2t", "h1.plant.example", "0a"] {
            assert_eq!(checked("x", name).unwrap(), name);
        }
        let long = "a".repeat(254);
        for name in ["", "..", "a/b", "../secrets", "a?b", "A", "a b", "a%2fb", "-a", "a..b", &long] {
            assert!(checked("x", name).is_err(), "{name}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        let limit = |limit| Query { limit, ..Query::default() }.limit();
        assert_eq!((limit(None), limit(Some(0)), limit(Some(7)), limit(Some(90_000))), (100, 1, 7, 500));
    }
}
