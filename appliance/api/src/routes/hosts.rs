//! Hosts of sites: how they are reached, the keys they show, and the secrets that let us in.

use appliance_control::error::Obstacle;
use appliance_control::given::{Reference, ReferenceKind, references};
use appliance_control::{ControlError, Kind as Trouble};
use appliance_store::PinnedKey;
use appliance_store::ledger::{Command, CredentialCommand, HostKeyCommand, Sealed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use installer_model::site::Site;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::clusters::To;
use super::{Routes, sites};
use crate::access::{Hidden, Needs};
use crate::app::App;
use crate::extract::{Changing, List, ListParams, Mutation, Path, Query};
use crate::problem::{Flaw, Problem};
use crate::site_hosts::{self, HostBody};
use crate::{refusal, trouble};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Viewer, routes!(list_hosts))
        .add(Needs::Viewer, routes!(list_images))
        .add_stream(Needs::Operator, routes!(scan_hosts))
        .add(Needs::Viewer, routes!(list_credentials))
        .add(Needs::Operator, routes!(put_credential, remove_credential))
        .add(Needs::Viewer, routes!(list_host_keys))
        .add(Needs::Operator, routes!(trust_host_keys))
        .add(Needs::Operator, routes!(forget_host_key))
}

fn site(app: &App, name: &str) -> Result<Site, Problem> {
    let row = sites::row(app, name)?;
    Site::parse(&row.text).map_err(|errors| trouble::problem(errors.into()))
}

/// A site's hosts, in the order of its text unless they are sorted
#[utoipa::path(get, path = "/api/v1/sites/{name}/hosts", tag = "hosts", params(("name" = String, Path), ListParams),
    responses((status = 200, body = List<HostBody>)))]
async fn list_hosts(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, Problem> {
    let hosts = site_hosts::hosts(&app, &name).await?;
    Ok(Json(List::page(hosts.iter(), &params)?).into_response())
}

/// Images by the host that holds them.
#[derive(Debug, Serialize, ToSchema)]
struct ImagesBody {
    /// Of each host by its name: references and digests.
    #[schema(value_type = Object)]
    hosts: serde_json::Value,
}

/// What containerd holds on each of a site's hosts, as it says now
#[utoipa::path(get, path = "/api/v1/sites/{name}/images", tag = "hosts", params(("name" = String, Path)),
    responses((status = 200, body = ImagesBody)))]
async fn list_images(State(app): State<App>, Path(name): Path<String>) -> Result<Json<ImagesBody>, Problem> {
    let to = To::site(&app, name).await?;
    let held = app.clusters()?.images(&to.site).await?;
    let hosts = serde_json::to_value(held).map_err(|error| Problem::internal(&error))?;
    Ok(Json(ImagesBody { hosts }))
}

/// What stands between this instance and the hosts of a site.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Scan)]
struct ScanBody {
    /// Every host lets us in.
    reached: bool,
    /// Keys that were seen for the first time, of all hosts at once: compare them, then trust them.
    unknown_keys: Vec<HostKeyBody>,
    /// Secrets that nobody gave yet.
    secrets: Vec<String>,
    /// What keeps each host away.
    problems: Vec<ObstacleBody>,
}

/// What keeps a host away.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Obstacle)]
struct ObstacleBody {
    /// `/hosts/NAME`.
    pointer: String,
    detail: String,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// `unreachable`, `login`, `keyChanged`, `keyUnknown` or `secretMissing`, which are asked about beside it, or `other`.
    kind: &'static str,
    /// With `keyChanged`: the key that the host shows now.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<HostKeyBody>,
}

impl From<&appliance_control::Problem> for ObstacleBody {
    fn from(problem: &appliance_control::Problem) -> ObstacleBody {
        let Flaw { pointer, detail } = trouble::flaw(problem);
        let (kind, key) = match &problem.obstacle {
            Obstacle::Unreachable => ("unreachable", None),
            Obstacle::Login => ("login", None),
            Obstacle::KeyChanged { place, fingerprint } => {
                ("keyChanged", Some(HostKeyBody { place: place.clone(), fingerprint: fingerprint.clone() }))
            }
            Obstacle::KeyUnknown => ("keyUnknown", None),
            Obstacle::SecretMissing => ("secretMissing", None),
            Obstacle::Other => ("other", None),
        };
        ObstacleBody { pointer, detail, hint: problem.hint.clone(), kind, key }
    }
}

impl From<ControlError> for ScanBody {
    fn from(error: ControlError) -> ScanBody {
        let keys = error.asks.host_keys.iter();
        ScanBody {
            reached: false,
            unknown_keys: keys
                .map(|key| HostKeyBody { place: key.place.clone(), fingerprint: key.fingerprint.clone() })
                .collect(),
            secrets: error.asks.secrets.iter().map(|secret| secret.what.clone()).collect(),
            problems: error.problems.iter().map(ObstacleBody::from).collect(),
        }
    }
}

/// The key of a host.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HostKey)]
struct HostKeyBody {
    /// Where it answers, such as `10.0.0.1:22`.
    #[schema(min_length = 1, max_length = 300)]
    place: String,
    /// As `ssh-keygen -lf` prints it.
    #[schema(pattern = "^SHA256:[A-Za-z0-9+/]{43}$")]
    fingerprint: String,
}

/// Which hosts are connected to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ScanParams {
    /// Not to these, which are lost: names, separated by commas.
    #[param(max_length = 4000)]
    without: Option<String>,
}

/// Connect to a site's hosts and say what is missing: keys to confirm, secrets to give, hosts that do not answer
#[utoipa::path(post, path = "/api/v1/sites/{name}/scan", tag = "hosts",
    params(("name" = String, Path), ScanParams), responses((status = 200, body = ScanBody)))]
async fn scan_hosts(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(ScanParams { without }): Query<ScanParams>,
    mutation: Mutation,
) -> Result<Json<ScanBody>, Problem> {
    sites::row(&app, &name)?;
    let control = app.control()?;
    if mutation.dry_run {
        return Ok(Json(ScanBody::default()));
    }
    let without: Vec<String> = without.iter().flat_map(|names| names.split(',')).map(str::to_owned).collect();
    match control.scan(&mutation.actor, &name, &without).await {
        Ok(()) => Ok(Json(ScanBody { reached: true, ..ScanBody::default() })),
        Err(error) if matches!(error.kind, Trouble::Failed | Trouble::Full) => Err(trouble::problem(error)),
        Err(error) => Ok(Json(error.into())),
    }
}

/// A secret that a site refers to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SiteCredential)]
struct CredentialBody {
    id: String,
    /// `secret`, `privateKey` or `certificate`.
    kind: &'static str,
    /// As the site's text has it.
    from: String,
    /// What it is for.
    what: String,
    /// Somebody gave it.
    given: bool,
}

/// Secrets of a site.
#[derive(Debug, Serialize, ToSchema)]
struct CredentialList {
    items: Vec<CredentialBody>,
}

/// What a site refers to: passwords, keys, certificates, and whether they were given; never themselves
#[utoipa::path(get, path = "/api/v1/sites/{name}/credentials", tag = "hosts", params(("name" = String, Path)),
    responses((status = 200, body = CredentialList)))]
async fn list_credentials(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<CredentialList>, Problem> {
    let site = site(&app, &name)?;
    let items = references(&site).into_iter().map(|reference| {
        let given = app.row::<Sealed>(&reference.place(&name))?.is_some();
        let kind = match reference.kind {
            ReferenceKind::Secret => "secret",
            ReferenceKind::PrivateKey => "privateKey",
            ReferenceKind::Certificate => "certificate",
        };
        let Reference { id, from, what, .. } = reference;
        Ok(CredentialBody { id, kind, from, what, given })
    });
    Ok(Json(CredentialList { items: items.collect::<Result<_, Problem>>()? }))
}

/// A secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCredential {
    /// The password, or the text of the key or certificate.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 65536)]
    secret: Hidden,
}

/// Give a secret that a site refers to; it is sealed in the store and never shown
#[utoipa::path(put, path = "/api/v1/sites/{name}/credentials/{id}", tag = "hosts",
    params(("name" = String, Path), ("id" = String, Path)), request_body = NewCredential,
    responses((status = 204)))]
async fn put_credential(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    wish: Changing<NewCredential>,
) -> Result<StatusCode, Problem> {
    let Changing { mutation, body } = wish;
    let place = reference(&app, &name, &id)?.place(&name);
    let sealed = app.store().seal(&place, body.secret.0.as_bytes()).map_err(refusal::problem)?;
    let command = CredentialCommand::PutSecret { name: place, sealed };
    app.submit(&mutation, Command::Credentials(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn reference(app: &App, name: &str, id: &str) -> Result<Reference, Problem> {
    let found = references(&site(app, name)?).into_iter().find(|reference| reference.id == id);
    found.ok_or_else(|| Problem::not_found(format!("credential {id} of site {name}")))
}

/// Forget a secret that was given
#[utoipa::path(delete, path = "/api/v1/sites/{name}/credentials/{id}", tag = "hosts",
    params(("name" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn remove_credential(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    if app.answered(&mutation).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let place = reference(&app, &name, &id)?.place(&name);
    let command = CredentialCommand::RemoveSecret { name: place };
    app.submit(&mutation, Command::Credentials(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Keys of hosts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HostKeyList {
    items: Vec<HostKeyBody>,
}

/// The keys of hosts that are trusted
#[utoipa::path(get, path = "/api/v1/host-keys", tag = "hosts", responses((status = 200, body = HostKeyList)))]
async fn list_host_keys(State(app): State<App>) -> Result<Json<HostKeyList>, Problem> {
    let keys = app.reading(|store| store.host_keys()).await?.into_iter();
    let items = keys.map(|(place, key)| HostKeyBody { place, fingerprint: key.fingerprint }).collect();
    Ok(Json(HostKeyList { items }))
}

/// Trust the keys of hosts, in the place of those that were trusted before
#[utoipa::path(post, path = "/api/v1/host-keys", tag = "hosts", request_body = HostKeyList,
    responses((status = 204)))]
async fn trust_host_keys(State(app): State<App>, wish: Changing<HostKeyList>) -> Result<StatusCode, Problem> {
    let Changing { mutation, body } = wish;
    let flaw = |(at, key): (usize, &HostKeyBody)| {
        let wrong = key.fingerprint.parse::<installer_model::names::HostKeyFingerprint>().err()?;
        Some(Flaw { pointer: format!("/items/{at}/fingerprint"), detail: wrong.to_string() })
    };
    let flaws: Vec<Flaw> = body.items.iter().enumerate().filter_map(flaw).collect();
    if !flaws.is_empty() {
        return Err(Problem::flaws(flaws));
    }
    let pinned_at = app.now_ms();
    let pin = |HostKeyBody { place, fingerprint }: HostKeyBody| {
        (place, PinnedKey { fingerprint, key: String::new(), pinned_at })
    };
    let command = HostKeyCommand::Pin { keys: body.items.into_iter().map(pin).collect() };
    app.submit(&mutation, Command::HostKeys(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Trust a host's key no longer
#[utoipa::path(delete, path = "/api/v1/host-keys/{place}", tag = "hosts", params(("place" = String, Path)),
    responses((status = 204)))]
async fn forget_host_key(
    State(app): State<App>,
    Path(place): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    app.submit(&mutation, Command::HostKeys(HostKeyCommand::Forget { address: place })).await?;
    Ok(StatusCode::NO_CONTENT)
}
