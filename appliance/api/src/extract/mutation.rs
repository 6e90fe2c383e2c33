//! What every change has in common: its actor, a dry run, an expected revision, an idempotency key.

use appliance_control::control::Asker;
use appliance_store::Store;
use appliance_store::ledger::{Actor, Expected, Keyed};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::parameters::Query;
use super::{body, condition};
use crate::access::{Caller, Known, Peer};
use crate::app::App;
use crate::problem::{Kind, Problem};

/// How long the answer to a request under an idempotency key is remembered.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;
const LONGEST_KEY: usize = 255;

/// A request that changes something.
#[derive(Debug, Clone)]
pub(crate) struct Mutation {
    pub(crate) actor: Actor,
    /// Decide, and change nothing.
    pub(crate) dry_run: bool,
    /// What `If-Match` wants.
    pub(crate) expected: Expected,
    key: Option<String>,
    /// sha256 of method, path and body.
    digest: Sha256,
}

#[derive(Deserialize)]
struct DryRun {
    #[serde(rename = "dryRun")]
    dry_run: Option<String>,
}

impl Mutation {
    /// The request's idempotency key, if it has one. A dry run is carried out as often as it comes.
    pub(crate) fn keyed(&self, store: &Store, now_ms: u64) -> Option<Keyed> {
        let key = self.key.clone().filter(|_| !self.dry_run)?;
        let request = store.mark(&self.digest.clone().finalize().into());
        Some(Keyed { key, request, expires_at: now_ms.saturating_add(REMEMBERED_MS) })
    }
}

impl Mutation {
    /// Who asks a control for something.
    pub(crate) fn asker(&self, app: &App) -> Asker {
        Asker { actor: self.actor.clone(), dry: self.dry_run, keyed: app.keyed(self) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Mutation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Mutation, Problem> {
        let Query(DryRun { dry_run }) = Query::from_request_parts(parts, state).await?;
        let dry_run = match dry_run.as_deref() {
            None => false,
            Some("All") => true,
            Some(_) => return Err(Problem::invalid("?dryRun", "the only value is All")),
        };
        let revision = condition::expected(&parts.headers)?;
        let expected = revision.map_or(Expected::Any, Expected::Revision);
        let key = match parts.headers.get("idempotency-key") {
            None => None,
            Some(key) => Some(fit_key(key.as_bytes())?),
        };
        let mut digest = Sha256::new();
        digest.update(parts.method.as_str());
        digest.update(b" ");
        digest.update(parts.uri.path_and_query().map_or("", |path| path.as_str()));
        digest.update(b"\n");
        Ok(Mutation { actor: actor(parts, state).await?, dry_run, expected, key, digest })
    }
}

fn fit_key(key: &[u8]) -> Result<String, Problem> {
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.iter().all(|byte| (b' '..=b'~').contains(byte));
    match String::from_utf8(key.to_vec()) {
        Ok(key) if fits => Ok(key),
        Ok(_) | Err(_) => {
            let detail = format!("The Idempotency-Key is not 1 to {LONGEST_KEY} characters of ASCII.");
            Err(Problem::new(Kind::Malformed, detail))
        }
    }
}

async fn actor<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Actor, Problem> {
    match parts.extensions.get::<Caller>() {
        Some(Caller::Known(Known { actor, .. })) => Ok(actor.clone()),
        Some(Caller::Nobody { .. }) | None => {
            let peer = Peer::from_request_parts(parts, state).await?;
            Ok(Actor::Nobody { address: peer.address() })
        }
    }
}

/// A change and what its body says.
#[derive(Debug)]
pub(crate) struct Changing<T> {
    pub(crate) mutation: Mutation,
    pub(crate) body: T,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Changing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Changing<T>, Problem> {
        let (mut parts, body) = request.into_parts();
        // First the body: who is refused in the middle of it may not get to read why.
        let is_known = matches!(parts.extensions.get::<Caller>(), Some(Caller::Known(_)));
        let most = if is_known { body::JSON_LIMIT } else { body::STRANGERS_LIMIT };
        let patience = parts.extensions.get::<body::Patience>().copied().unwrap_or_default();
        let bytes = body::read(body, most, patience).await?;
        let mut mutation = Mutation::from_request_parts(&mut parts, state).await?;
        mutation.digest.update(&bytes);
        Ok(Changing { mutation, body: body::parse(&parts.headers, &bytes)? })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn mutation(path: &str, key: &str, body: &str) -> Result<Mutation, Problem> {
        let request = Request::post(path)
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        Changing::<serde_json::Value>::from_request(request, &()).await.map(|changing| changing.mutation)
    }

    async fn request_digest(path: &str, body: &str) -> String {
        hex::encode(mutation(path, "k", body).await.unwrap().digest.finalize())
    }

    #[tokio::test]
    async fn a_key_holds_for_one_request() {
        let first = request_digest("/a", "{}").await;
        assert_eq!(request_digest("/a", "{}").await, first);
        assert_ne!(request_digest("/a", "[]").await, first);
        assert_ne!(request_digest("/b", "{}").await, first);
    }

    #[tokio::test]
    async fn a_dry_run_is_all_or_not_at_all() {
        assert!(mutation("/a?dryRun=All", "k", "{}").await.unwrap().dry_run);
        assert!(!mutation("/a", "k", "{}").await.unwrap().dry_run);
        assert_eq!(mutation("/a?dryRun=", "k", "{}").await.unwrap_err().kind(), Kind::Invalid);
        assert_eq!(mutation("/a?dryRun=all", "k", "{}").await.unwrap_err().kind(), Kind::Invalid);
    }

    #[tokio::test]
    async fn keys_are_short_plain_text() {
        assert!(mutation("/a", &"k".repeat(255), "{}").await.is_ok());
        for key in ["", &"k".repeat(256), "ä"] {
            assert_eq!(mutation("/a", key, "{}").await.unwrap_err().kind(), Kind::Malformed);
        }
    }
}
