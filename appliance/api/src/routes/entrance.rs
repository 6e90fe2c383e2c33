//! What somebody needs to know before they log in.

use appliance_store::ledger::User;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::problem::Problem;
use crate::tls::fingerprint_of_pem;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Nobody, routes!(entrance))
}

/// The way in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Entrance {
    /// There is nobody yet: the first administrator is made with the setup code.
    setup: bool,
    /// One may log in by an identity provider, too.
    identity_provider: bool,
    /// SHA-256 of this instance's certificate authority, as the server prints it at its start: `AB:CD:…`. Missing where
    /// there is no server.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

/// How one gets in here: for those who are not logged in
#[utoipa::path(get, path = "/api/v1/entrance", tag = "sessions", responses((status = 200, body = Entrance)))]
async fn entrance(State(app): State<App>) -> Result<Json<Entrance>, Problem> {
    let users = app.reading(|store| store.rows::<User>(None, 1)).await?;
    Ok(Json(Entrance {
        setup: users.is_empty(),
        identity_provider: app.settings()?.oidc.is_some(),
        fingerprint: fingerprint_of_pem(app.authority()),
    }))
}
