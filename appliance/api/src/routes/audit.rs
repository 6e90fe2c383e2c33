//! The audit: who did what, in a chain that shows where it was broken.

use std::borrow::Cow;
use std::collections::BTreeMap;

use appliance_store::ledger::{AuditEntry, Key};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Field, Glanced, Kept, List, ListParams, Listed, Query};
use crate::problem::Problem;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Admin, routes!(list_audit)).add(Needs::Admin, routes!(verify_audit))
}

/// An entry. `hash` is the sha256 of the hash before it and of the entry's canonical JSON without `hash`: keys in the order of
/// the alphabet, no white space.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryBody {
    /// Such as `user.add`.
    action: String,
    actor: String,
    /// Unix time in milliseconds.
    at: u64,
    /// What was chosen, never a secret.
    detail: BTreeMap<String, String>,
    /// What it was done to, such as the name of a user.
    id: String,
    /// The ledger index of the entry.
    index: u64,
    /// From 1, without gaps.
    number: u64,
    /// What the actor came in with.
    via: String,
    /// 64 hex digits.
    hash: String,
}

impl From<AuditEntry> for EntryBody {
    fn from(AuditEntry { said, hash }: AuditEntry) -> EntryBody {
        let appliance_store::ledger::audit::Said { action, actor, at, detail, id, index, number, via } = said;
        EntryBody { action, actor, at, detail, id, index, number, via, hash }
    }
}

impl Listed for EntryBody {
    const FIELDS: &'static [&'static str] = &["action", "actor", "at", "id", "number", "via"];

    fn id(&self) -> Cow<'_, str> {
        id_of(self.number)
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "action" => self.action.as_str().into(),
            "actor" => self.actor.as_str().into(),
            "at" => self.at.into(),
            "id" => self.id.as_str().into(),
            "number" => self.number.into(),
            _ => self.via.as_str().into(),
        }
    }

    fn place(&self) -> Field<'_> {
        self.number.into()
    }
}

/// What an entry is chosen by. Most of them are long in what this leaves out.
#[derive(Debug, Deserialize)]
struct EntryGlance<'a> {
    #[serde(borrow)]
    said: SaidGlance<'a>,
}

#[derive(Debug, Deserialize)]
struct SaidGlance<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    at: u64,
    #[serde(borrow)]
    id: Cow<'a, str>,
    number: u64,
    #[serde(borrow)]
    via: Cow<'a, str>,
}

impl Listed for EntryGlance<'_> {
    const FIELDS: &'static [&'static str] = EntryBody::FIELDS;

    fn id(&self) -> Cow<'_, str> {
        id_of(self.said.number)
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "action" => self.said.action.as_ref().into(),
            "actor" => self.said.actor.as_ref().into(),
            "at" => self.said.at.into(),
            "id" => self.said.id.as_ref().into(),
            "number" => self.said.number.into(),
            _ => self.said.via.as_ref().into(),
        }
    }

    fn place(&self) -> Field<'_> {
        self.said.number.into()
    }
}

impl Glanced for EntryBody {
    type Glance<'a> = EntryGlance<'a>;
}

/// With leading zeros: the order of texts is that of numbers then.
fn id_of(number: u64) -> Cow<'static, str> {
    format!("{number:020}").into()
}

impl Kept for EntryBody {
    type Row = AuditEntry;
    const KEYED: Option<&'static str> = Some("number");

    fn key(id: &str) -> Option<Key> {
        id.parse().ok().map(Key::Number)
    }
}

/// Who did what, the oldest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(ListParams),
    responses((status = 200, body = List<EntryBody>)))]
async fn list_audit(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<EntryBody>>, Problem> {
    Ok(Json(app.list_at_a_glance(params).await?))
}

/// What following the chain came to.
#[derive(Debug, Serialize, ToSchema)]
struct Verified {
    intact: bool,
    /// Entries of an intact chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
    /// Where it is broken first.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<String>,
}

/// Follow the audit's chain from its beginning
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", responses((status = 200, body = Verified)))]
async fn verify_audit(State(app): State<App>) -> Result<Json<Verified>, Problem> {
    let verified = app.reading(appliance_store::Store::verify_audit).await?;
    Ok(Json(match verified {
        Ok(entries) => Verified { intact: true, entries: Some(entries), broken: None },
        Err(broken) => Verified { intact: false, entries: None, broken: Some(broken.to_string()) },
    }))
}
