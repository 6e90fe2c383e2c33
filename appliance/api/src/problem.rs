//! What an answer that is not the wished one looks like: problem documents, RFC 9457.
//!
//! ```text
//!  {"type": "urn:armilla:problem:invalid", "title": "…", "status": 422, "detail": "…", "hint": "…",
//!   "errors": [{"pointer": "/hosts/0/address", "detail": "…"}]}
//! ```

use std::time::Duration;

use appliance_control::ControlError;
use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::trouble;

/// Every kind of problem. Clients tell problems apart by the kind's URN, never by words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not HTTP, JSON or parameters as they must be.
    Malformed,
    /// It can be read and says what may not be: `errors` has every place.
    Invalid,
    /// What is asked for makes no sense as it stands: something was not said that has to be.
    Usage,
    /// Nobody is logged in, or no longer.
    LoginNeeded,
    /// The name or password is wrong, or the setup code.
    LoginRefused,
    /// Somebody is logged in who may not do this.
    Forbidden,
    /// The request was sent by a page of another origin.
    CrossOrigin,
    NotFound,
    MethodNotAllowed,
    /// What is there does not allow it.
    Conflict,
    /// `If-Match` names a revision that is no longer the present one.
    Stale,
    /// The Idempotency-Key was used for another request.
    KeyReused,
    TooLarge,
    /// The body is in a form that is not read here.
    MediaType,
    /// Too many wrong guesses; `Retry-After` says when the next is looked at.
    TooManyGuesses,
    /// The caller follows as much at once as one may.
    TooManyStreams,
    /// There is more to do than the server takes on at once.
    Busy,
    /// The request did not arrive in time.
    SlowRequest,
    /// The answer was not there in time.
    TookTooLong,
    /// Nothing can be written: the disk is full or broken. Reading goes on.
    StorageFull,
    /// The hosts, the cluster or another server did not do their part.
    Upstream,
    /// A host does not let us in: its key, a login or sudo.
    NotLetIn,
    /// It is spoken over another protocol.
    UpgradeNeeded,
    /// Our own fault.
    Internal,
}

impl Kind {
    /// Every kind, for the documentation.
    pub const ALL: [Kind; 24] = [
        Kind::Malformed,
        Kind::Invalid,
        Kind::Usage,
        Kind::LoginNeeded,
        Kind::LoginRefused,
        Kind::Forbidden,
        Kind::CrossOrigin,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::Conflict,
        Kind::Stale,
        Kind::KeyReused,
        Kind::TooLarge,
        Kind::MediaType,
        Kind::TooManyGuesses,
        Kind::TooManyStreams,
        Kind::Busy,
        Kind::SlowRequest,
        Kind::TookTooLong,
        Kind::StorageFull,
        Kind::Upstream,
        Kind::NotLetIn,
        Kind::UpgradeNeeded,
        Kind::Internal,
    ];

    /// What follows `urn:armilla:problem:`; the title; the status.
    fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Kind::Malformed => ("malformed", "The request cannot be read", StatusCode::BAD_REQUEST),
            Kind::Invalid => {
                ("invalid", "The request says what may not be", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Kind::Usage => ("usage", "The request leaves something open", StatusCode::UNPROCESSABLE_ENTITY),
            Kind::LoginNeeded => ("login-needed", "A login is needed", StatusCode::UNAUTHORIZED),
            Kind::LoginRefused => ("login-refused", "The login is wrong", StatusCode::UNAUTHORIZED),
            Kind::Forbidden => ("forbidden", "The role does not allow this", StatusCode::FORBIDDEN),
            Kind::CrossOrigin => {
                ("cross-origin", "The request comes from another origin", StatusCode::FORBIDDEN)
            }
            Kind::NotFound => ("not-found", "There is no such thing", StatusCode::NOT_FOUND),
            Kind::MethodNotAllowed => {
                ("method-not-allowed", "The path does not take this method", StatusCode::METHOD_NOT_ALLOWED)
            }
            Kind::Conflict => ("conflict", "What is there does not allow this", StatusCode::CONFLICT),
            Kind::Stale => ("stale", "It was changed in between", StatusCode::PRECONDITION_FAILED),
            Kind::KeyReused => {
                ("key-reused", "The Idempotency-Key was used for another request", StatusCode::CONFLICT)
            }
            Kind::TooLarge => ("too-large", "There is no place for that much", StatusCode::PAYLOAD_TOO_LARGE),
            Kind::MediaType => {
                ("media-type", "The body is in another form", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Kind::TooManyGuesses => {
                ("too-many-guesses", "Too many wrong logins", StatusCode::TOO_MANY_REQUESTS)
            }
            Kind::TooManyStreams => {
                ("too-many-streams", "Too many streams are open", StatusCode::TOO_MANY_REQUESTS)
            }
            Kind::Busy => ("busy", "The server has too much to do", StatusCode::SERVICE_UNAVAILABLE),
            Kind::SlowRequest => {
                ("slow-request", "The request did not arrive in time", StatusCode::REQUEST_TIMEOUT)
            }
            Kind::TookTooLong => {
                ("took-too-long", "The answer was not there in time", StatusCode::SERVICE_UNAVAILABLE)
            }
            Kind::StorageFull => ("storage-full", "Nothing can be written", StatusCode::INSUFFICIENT_STORAGE),
            Kind::Upstream => ("upstream", "Another machine did not do its part", StatusCode::BAD_GATEWAY),
            Kind::NotLetIn => ("not-let-in", "A host does not let us in", StatusCode::BAD_GATEWAY),
            Kind::UpgradeNeeded => {
                ("upgrade-needed", "Another protocol is needed", StatusCode::UPGRADE_REQUIRED)
            }
            Kind::Internal => ("internal", "The server failed", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    pub fn status(self) -> StatusCode {
        self.parts().2
    }

    pub fn urn(self) -> String {
        format!("urn:armilla:problem:{}", self.parts().0)
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Flaw {
    /// JSON pointer into the request's body, RFC 6901; for a parameter, `?name`.
    pub pointer: String,
    pub detail: String,
}

/// A request's end that is not the wished one. Handlers return it as their error.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    detail: String,
    hint: Option<String>,
    errors: Vec<Flaw>,
    bundle_key: Option<BundleKeyBody>,
    wait: Option<Duration>,
    allow: Option<HeaderValue>,
}

/// The body of a problem, as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// `urn:armilla:problem:` and the kind.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// As the answer's status.
    status: u16,
    /// What happened this time.
    detail: String,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Each thing that is wrong with the request, and where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Flaw>,
    /// Where a bundle is sealed by a key that no administrator trusts.
    #[serde(rename = "bundleKey", skip_serializing_if = "Option::is_none")]
    bundle_key: Option<BundleKeyBody>,
}

/// The public key that sealed a bundle. An administrator who holds the fingerprint against that of its maker trusts the key by
/// `POST /api/v1/bundle-keys`, after which the same request may succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UntrustedBundleKey)]
pub(crate) struct BundleKeyBody {
    /// `sha256:` and 64 hex digits.
    pub(crate) fingerprint: String,
    /// The key itself, as `POST /api/v1/bundle-keys` takes it.
    pub(crate) pem: String,
}

impl Problem {
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// `detail` is a sentence for people.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let (errors, bundle_key) = (Vec::new(), None);
        Problem(Box::new(Parts { kind, detail, hint: None, errors, bundle_key, wait: None, allow: None }))
    }

    /// There is no such `what`, such as `user anna`.
    pub fn not_found(what: impl std::fmt::Display) -> Problem {
        Problem::new(Kind::NotFound, format!("There is no {what}."))
    }

    /// One place of the request is wrong.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem::flaws(vec![Flaw { pointer: pointer.into(), detail: detail.into() }])
    }

    /// Several places of the request are wrong. The list is not empty.
    pub fn flaws(errors: Vec<Flaw>) -> Problem {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} things are wrong.", many.len()),
        };
        let mut problem = Problem::new(Kind::Invalid, detail);
        problem.0.errors = errors;
        problem
    }

    /// Our own fault: the cause goes to the log, the caller learns that it happened.
    pub fn internal(error: &dyn std::error::Error) -> Problem {
        tracing::error!(error = %installer_model::chain(error), "a request failed");
        Problem::new(Kind::Internal, "The server failed to do this; its log says why.")
    }

    /// With each thing that is wrong, and where.
    #[must_use]
    pub(crate) fn with(mut self, errors: Vec<Flaw>) -> Problem {
        self.0.errors = errors;
        self
    }

    /// With the key that sealed a bundle and that nobody vouched for.
    #[must_use]
    pub(crate) fn bundle_key(mut self, key: Option<BundleKeyBody>) -> Problem {
        self.0.bundle_key = key;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.0.hint = Some(hint.into());
        self
    }

    /// When to come again. Whole seconds, rounded up.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Problem {
        self.0.wait = Some(wait);
        self
    }

    /// The methods that a path takes.
    #[must_use]
    pub(crate) fn allow(mut self, allow: Option<HeaderValue>) -> Problem {
        self.0.allow = allow;
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Problem {
        trouble::problem(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { kind, detail, hint, errors, bundle_key, wait, allow } = *self.0;
        let (_, title, status) = kind.parts();
        let (kind_urn, code) = (kind.urn(), status.as_u16());
        let body = ProblemBody { kind: kind_urn, title, status: code, detail, hint, errors, bundle_key };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = wait {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        if kind == Kind::LoginNeeded {
            // RFC 9110, 15.5.2: a 401 names a way to log in.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"armilla\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_urn_of_its_own_and_an_error_status() {
        let mut urns: Vec<String> = Kind::ALL.iter().map(|kind| kind.urn()).collect();
        urns.sort();
        urns.dedup();
        assert_eq!(urns.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        }
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_nothing() {
        let after = |wait| {
            let response = Problem::new(Kind::Busy, "").wait(wait).into_response();
            response.headers()[RETRY_AFTER].to_str().unwrap().to_owned()
        };
        assert_eq!(after(Duration::from_millis(1)), "1");
        assert_eq!(after(Duration::from_millis(2001)), "3");
        assert_eq!(after(Duration::ZERO), "1");
    }
}
