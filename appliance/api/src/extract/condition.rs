//! Revisions over HTTP: `ETag: "7"` and `If-Match: "7"`, RFC 9110, sections 8.8.3 and 13.1.1.

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::header::IF_MATCH;

use crate::problem::{Kind, Problem};

/// The ETag of a resource whose last change has this ledger index.
pub(crate) fn etag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).expect("invariant: digits between quotes")
}

/// The revision that the caller has seen, if it says so. `*` says nothing: what is not there is not found anyway.
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let revision = revision.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match revision.and_then(|digits| digits.parse().ok()) {
        Some(revision) => Ok(Some(revision)),
        // A weak tag, a list, or a tag of some other server: none of them is the present one.
        None => Err(Problem::new(Kind::Stale, "If-Match does not name a revision of this resource.")
            .hint("send the ETag of a GET as it was")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_comes_back_as_it_was_sent_and_nothing_else_passes() {
        let of = |text: &str| {
            expected(&HeaderMap::from_iter([(IF_MATCH, text.parse().unwrap())]))
                .map_err(|problem| problem.kind())
        };
        assert_eq!(of(etag(7).to_str().unwrap()), Ok(Some(7)));
        assert_eq!(of("*"), Ok(None));
        for other in ["7", "W/\"7\"", "\"7\", \"8\"", "\"+7\"", "\"x\"", "", "\"99999999999999999999999\""] {
            assert_eq!(of(other), Err(Kind::Stale), "{other}");
        }
        assert_eq!(expected(&HeaderMap::new()).unwrap(), None);
    }
}
