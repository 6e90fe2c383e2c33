//! How the instance is set.

use std::collections::BTreeMap;

use appliance_store::ledger::{Command, CredentialCommand, Oidc, Settings, SettingsCommand};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use super::users::RoleName;
use crate::access::{Hidden, Needs};
use crate::app::App;
use crate::extract::{Changing, etag};
use crate::problem::Problem;
use crate::refusal;

/// Where the identity provider's secret for this instance is sealed to.
pub(super) const OIDC_SECRET: &str = "oidc";

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Admin, routes!(show_settings, put_settings)).add(Needs::Admin, routes!(put_oidc_secret))
}

/// Every setting.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Settings)]
struct SettingsBody {
    /// How long a session lasts, however busy.
    #[schema(minimum = 1, maximum = 720)]
    session_hours: u32,
    /// How long a session lasts without a request.
    #[schema(minimum = 1, maximum = 43200)]
    idle_minutes: u32,
    /// Runs at once; more wait.
    #[schema(minimum = 1, maximum = 64)]
    runs_at_once: u32,
    /// `https://HOST:PORT` by which browsers and other machines reach the instance, where it is not what they typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^https://.+")]
    public_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oidc: Option<OidcBody>,
}

/// An identity provider that speaks OpenID Connect.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Oidc)]
struct OidcBody {
    /// Such as `https://id.example.com/realms/ops`.
    issuer: String,
    /// What this instance is called there.
    #[schema(min_length = 1)]
    client_id: String,
    /// Claim whose value is the user's name here.
    #[serde(default = "name_claim")]
    name_claim: String,
    /// Claim that lists groups.
    #[serde(default = "groups_claim")]
    groups_claim: String,
    /// Group → role. Who is in none of them does not get in.
    #[serde(default)]
    roles: BTreeMap<String, RoleName>,
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

impl From<Settings> for SettingsBody {
    fn from(settings: Settings) -> SettingsBody {
        let Settings { session_hours, idle_minutes, runs_at_once, public_url, oidc, revision: _ } = settings;
        let oidc = oidc.map(|Oidc { issuer, client_id, name_claim, groups_claim, roles }| OidcBody {
            issuer,
            client_id,
            name_claim,
            groups_claim,
            roles: roles.into_iter().map(|(group, role)| (group, role.into())).collect(),
        });
        SettingsBody { session_hours, idle_minutes, runs_at_once, public_url, oidc }
    }
}

impl From<SettingsBody> for Settings {
    fn from(body: SettingsBody) -> Settings {
        let SettingsBody { session_hours, idle_minutes, runs_at_once, public_url, oidc } = body;
        let oidc = oidc.map(|OidcBody { issuer, client_id, name_claim, groups_claim, roles }| Oidc {
            issuer,
            client_id,
            name_claim,
            groups_claim,
            roles: roles.into_iter().map(|(group, role)| (group, role.into())).collect(),
        });
        Settings { session_hours, idle_minutes, runs_at_once, public_url, oidc, revision: 0 }
    }
}

/// Every setting
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, body = SettingsBody)))]
async fn show_settings(State(app): State<App>) -> Result<Response, Problem> {
    shown(&app)
}

/// Set the instance: what is not said is as it was at the beginning
#[utoipa::path(put, path = "/api/v1/settings", tag = "settings", request_body = SettingsBody,
    responses((status = 200, body = SettingsBody)))]
async fn put_settings(State(app): State<App>, wish: Changing<SettingsBody>) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let command = SettingsCommand::Put { settings: body.into(), expected: mutation.expected };
    app.submit(&mutation, Command::Settings(command)).await?;
    shown(&app)
}

fn shown(app: &App) -> Result<Response, Problem> {
    let settings = app.settings()?;
    Ok(([(ETAG, etag(settings.revision))], Json(SettingsBody::from(settings))).into_response())
}

/// A secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecretBody {
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 4096)]
    secret: Hidden,
}

/// Keep the secret that the identity provider gave this instance. It is sealed, and shown to nobody
#[utoipa::path(put, path = "/api/v1/settings/oidc-secret", tag = "settings", request_body = SecretBody,
    responses((status = 204)))]
async fn put_oidc_secret(State(app): State<App>, wish: Changing<SecretBody>) -> Result<StatusCode, Problem> {
    let Changing { mutation, body } = wish;
    if !(1..=4096).contains(&body.secret.0.len()) {
        return Err(Problem::invalid("/secret", "1 to 4096 bytes are wanted"));
    }
    let sealed = app.store().seal(OIDC_SECRET, body.secret.0.as_bytes()).map_err(refusal::problem)?;
    let command = CredentialCommand::PutSecret { name: OIDC_SECRET.to_owned(), sealed };
    app.submit(&mutation, Command::Credentials(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}
