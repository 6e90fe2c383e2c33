//! How the instance is: for those who watch over it.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::metrics;
use crate::problem::{Kind, Problem};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Nobody, routes!(livez))
        .add(Needs::Nobody, routes!(readyz))
        .add(Needs::Nobody, routes!(ca))
        .add(Needs::Viewer, routes!(metrics_text))
        .add(Needs::Viewer, routes!(version))
}

/// The process answers
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
async fn livez() -> &'static str {
    "ok\n"
}

/// The store answers: requests may be sent here. Where its disk is full, it says so: reading goes on
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if *app.closing().borrow() {
        return Err(Problem::new(Kind::Busy, "The server is closing."));
    }
    match app.store().last_run() {
        Ok(_) if app.is_writable() => Ok("ok\n"),
        Ok(_) => Ok("ok, but the disk of the state folder is full: nothing can be written\n"),
        Err(error) => {
            let detail = format!("The store does not answer: {}.", installer_model::chain(&error));
            Err(Problem::new(Kind::Busy, detail))
        }
    }
}

/// The certificate authority of this instance, in PEM. Compare its fingerprint before you trust it
#[utoipa::path(get, path = "/ca.pem", tag = "health",
    responses((status = 200, body = String, content_type = "application/x-pem-file")))]
async fn ca(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/x-pem-file")], app.authority().to_owned())
}

/// Numbers about the instance, in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics_text(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::text(&app))
}

/// What this instance is.
#[derive(Debug, Serialize, ToSchema)]
struct Version {
    /// Of the program.
    version: String,
    /// The id of its ledger: hosts keep it as their owner.
    ledger: String,
    /// Whether anything can be written: not while the disk of its state folder is full.
    writable: bool,
}

/// What this instance is
#[utoipa::path(get, path = "/api/v1/version", tag = "health", responses((status = 200, body = Version)))]
async fn version(State(app): State<App>) -> Json<Version> {
    let (version, ledger) = (app.version().to_owned(), app.store().ledger().to_owned());
    Json(Version { version, ledger, writable: app.is_writable() })
}
