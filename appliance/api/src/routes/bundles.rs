//! Bundles that sites are installed from: by a path on this machine, or uploaded in chunks.

use std::borrow::Cow;
use std::path::{Path as FilePath, PathBuf};

use appliance_control::{ControlError, bundles};
use appliance_store::PinnedKey;
use appliance_store::ledger::{BundleCommand, BundleRow, Command, Expected, HostKeyCommand};
use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Field, List, ListParams, Listed, Mutation, Path, Query, etag};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::trouble;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Viewer, routes!(list_bundles))
        .add_stream(Needs::Admin, routes!(add_bundle))
        .add(Needs::Viewer, routes!(show_bundle))
        .add(Needs::Operator, routes!(remove_bundle))
        .add_stream(Needs::Operator, routes!(verify_bundle))
        .add(Needs::Viewer, routes!(show_contents))
        .add(Needs::Viewer, routes!(list_bundle_keys))
        .add(Needs::Admin, routes!(trust_bundle_key))
        .add(Needs::Admin, routes!(forget_bundle_key))
}

/// A bundle.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Bundle)]
pub(super) struct BundleBody {
    /// Its digest.
    id: String,
    /// On this instance's machine.
    path: String,
    release: String,
    version: String,
    architectures: Vec<String>,
    /// Bytes.
    size: u64,
    /// Fingerprint of the key that sealed it.
    signer: String,
    uploaded: bool,
    /// When every byte was found right; Unix times in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<u64>,
    added_at: u64,
    by: String,
    revision: u64,
}

impl From<BundleRow> for BundleBody {
    fn from(row: BundleRow) -> BundleBody {
        BundleBody {
            id: row.id,
            path: row.path.display().to_string(),
            release: row.release,
            version: row.version,
            architectures: row.architectures,
            size: row.size,
            signer: row.signer,
            uploaded: row.uploaded,
            verified_at: row.verified_at,
            added_at: row.added_at,
            by: row.by,
            revision: row.revision,
        }
    }
}

impl Listed for BundleBody {
    const FIELDS: &'static [&'static str] = &["release", "version", "size", "uploaded", "addedAt", "by"];

    fn id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "release" => self.release.as_str().into(),
            "version" => self.version.as_str().into(),
            "size" => self.size.into(),
            "uploaded" => self.uploaded.into(),
            "addedAt" => self.added_at.into(),
            _ => self.by.as_str().into(),
        }
    }
}

/// Every bundle
#[utoipa::path(get, path = "/api/v1/bundles", tag = "bundles", params(ListParams),
    responses((status = 200, body = List<BundleBody>)))]
async fn list_bundles(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<BundleBody>>, Problem> {
    let rows = app.rows::<BundleRow>().await?;
    Ok(Json(List::page(rows.into_iter().map(BundleBody::from), &params)?))
}

/// A bundle on this instance's machine.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBundle {
    /// Absolute.
    #[schema(value_type = String, pattern = "^/")]
    path: PathBuf,
}

/// Take a bundle in that lies on this instance's machine; every byte of it is read
///
/// For administrators: who names paths has the server's user look at them. Others upload.
#[utoipa::path(post, path = "/api/v1/bundles", tag = "bundles", request_body = NewBundle,
    responses((status = 200, description = "A dry run", body = BundleBody), (status = 201, body = BundleBody),
        (status = 404, description = "Nothing lies at this path", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn add_bundle(State(app): State<App>, wish: Changing<NewBundle>) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    if !body.path.is_absolute() {
        return Err(Problem::invalid("/path", "a path that begins with / is wanted"));
    }
    let row = admit(&app, body.path, false, &mutation).await?;
    if mutation.dry_run {
        return Ok(Json(BundleBody::from(row)).into_response());
    }
    let id = row.id.clone();
    // Where it was taken in first is where runs and sites know it, as long as it lies there.
    if let Some(known) = app.row::<BundleRow>(&id)?
        && known.path != row.path
        && lies_there(&app, known).await
    {
        return created(&app, &id);
    }
    let put = BundleCommand::Put { bundle: row, expected: Expected::Any };
    app.submit(&mutation, Command::Bundles(put)).await?;
    created(&app, &id)
}

async fn lies_there(app: &App, BundleRow { id, path, .. }: BundleRow) -> bool {
    let opened = off_thread(app, move |app| Ok(bundles::open(app.store(), &path)?.id().to_string())).await;
    opened.is_ok_and(|found| found == id)
}

pub(super) async fn admit(
    app: &App,
    path: PathBuf,
    uploaded: bool,
    mutation: &Mutation,
) -> Result<BundleRow, Problem> {
    let keep = !mutation.dry_run;
    off_thread(app, move |app| bundles::admit(app.store(), &path, uploaded, keep)).await
}

async fn off_thread<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&App) -> Result<T, ControlError> + Send + 'static,
) -> Result<T, Problem> {
    let app = app.clone();
    let worked = tokio::task::spawn_blocking(move || work(&app)).await;
    worked.map_err(|error| Problem::internal(&error))?.map_err(trouble::problem)
}

pub(super) fn created(app: &App, id: &str) -> Result<Response, Problem> {
    let place = HeaderValue::from_str(&format!("/api/v1/bundles/{id}"));
    let place = place.map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::CREATED, [(LOCATION, place)], shown(app, id)?).into_response())
}

fn row(app: &App, id: &str) -> Result<BundleRow, Problem> {
    app.row(id)?.ok_or_else(|| Problem::not_found(format!("bundle {id}")))
}

fn shown(app: &App, id: &str) -> Result<Response, Problem> {
    let row = row(app, id)?;
    Ok(([(ETAG, etag(row.revision))], Json(BundleBody::from(row))).into_response())
}

/// A bundle
#[utoipa::path(get, path = "/api/v1/bundles/{id}", tag = "bundles", params(("id" = String, Path)),
    responses((status = 200, body = BundleBody)))]
async fn show_bundle(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    shown(&app, &id)
}

/// Forget a bundle that no site uses; the file goes with it if it was uploaded
#[utoipa::path(delete, path = "/api/v1/bundles/{id}", tag = "bundles", params(("id" = String, Path)),
    responses((status = 204)))]
async fn remove_bundle(
    State(app): State<App>,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    if app.answered(&mutation).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let bundle = row(&app, &id)?;
    let remove = BundleCommand::Remove { id, expected: mutation.expected };
    app.submit(&mutation, Command::Bundles(remove)).await?;
    if bundle.uploaded && !mutation.dry_run {
        remove_file(&bundle.path).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A file that stays behind takes room, and is no reason to fail.
pub(super) async fn remove_file(path: &FilePath) {
    if let Err(error) = tokio::fs::remove_file(path).await {
        tracing::warn!(%error, path = %path.display(), "a file was not removed");
    }
}

/// Read every byte of a bundle again
#[utoipa::path(post, path = "/api/v1/bundles/{id}/verify", tag = "bundles", params(("id" = String, Path)),
    responses((status = 200, body = BundleBody)))]
async fn verify_bundle(
    State(app): State<App>,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<Response, Problem> {
    let before = row(&app, &id)?;
    let (path, keep) = (before.path.clone(), !mutation.dry_run);
    off_thread(&app, move |app| bundles::read_again(app.store(), &path, keep)).await?;
    let found = admit(&app, before.path.clone(), before.uploaded, &mutation).await?;
    if found.id != id {
        let detail = format!("Another bundle lies at {}: {}.", before.path.display(), found.id);
        return Err(Problem::new(Kind::Conflict, detail));
    }
    let put = BundleCommand::Put { bundle: found, expected: mutation.expected };
    app.submit(&mutation, Command::Bundles(put)).await?;
    shown(&app, &id)
}

/// What a bundle offers: components, files and images with their digests
#[utoipa::path(get, path = "/api/v1/bundles/{id}/contents", tag = "bundles", params(("id" = String, Path)),
    responses((status = 200, body = Object)))]
async fn show_contents(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let path = row(&app, &id)?.path;
    let release =
        off_thread(&app, move |app| Ok(bundles::open(app.store(), &path)?.release().clone())).await?;
    Ok(Json(serde_json::to_value(release).map_err(|error| Problem::internal(&error))?))
}

/// A key that may seal bundles.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BundleKey)]
struct BundleKeyBody {
    fingerprint: String,
    /// Unix time in milliseconds.
    trusted_at: u64,
}

/// Keys that may seal bundles.
#[derive(Debug, Serialize, ToSchema)]
struct BundleKeyList {
    items: Vec<BundleKeyBody>,
}

/// The keys that may seal bundles
#[utoipa::path(get, path = "/api/v1/bundle-keys", tag = "bundles", responses((status = 200, body = BundleKeyList)))]
async fn list_bundle_keys(State(app): State<App>) -> Result<Json<BundleKeyList>, Problem> {
    let keys = app.reading(|store| store.bundle_keys()).await?.into_iter();
    let items = keys.map(|key| BundleKeyBody { fingerprint: key.fingerprint, trusted_at: key.pinned_at });
    Ok(Json(BundleKeyList { items: items.collect() }))
}

/// A public key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBundleKey {
    /// The `.pub` file that `armilla bundle keygen` wrote.
    #[schema(max_length = 4096)]
    pem: String,
}

/// Trust whoever holds this key to seal bundles
#[utoipa::path(post, path = "/api/v1/bundle-keys", tag = "bundles", request_body = NewBundleKey,
    responses((status = 200, description = "A dry run", body = BundleKeyBody), (status = 201, body = BundleKeyBody)))]
async fn trust_bundle_key(
    State(app): State<App>,
    wish: Changing<NewBundleKey>,
) -> Result<(StatusCode, Json<BundleKeyBody>), Problem> {
    let Changing { mutation, body } = wish;
    let fingerprint = bundles::fingerprint(&body.pem)
        .ok_or_else(|| Problem::invalid("/pem", "it is no public key in PEM that seals bundles"))?;
    let trusted_at = app.now_ms();
    let key = PinnedKey { fingerprint: fingerprint.clone(), key: body.pem, pinned_at: trusted_at };
    app.submit(&mutation, Command::HostKeys(HostKeyCommand::PinBundleKey { key })).await?;
    let status = if mutation.dry_run { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(BundleKeyBody { fingerprint, trusted_at })))
}

/// Trust a key no longer
#[utoipa::path(delete, path = "/api/v1/bundle-keys/{fingerprint}", tag = "bundles",
    params(("fingerprint" = String, Path)), responses((status = 204)))]
async fn forget_bundle_key(
    State(app): State<App>,
    Path(fingerprint): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    let command = HostKeyCommand::ForgetBundleKey { fingerprint };
    app.submit(&mutation, Command::HostKeys(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}
