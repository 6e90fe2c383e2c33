//! Sites: the text of `site.yaml`, kept, validated, drafted.

use std::borrow::Cow;

use appliance_store::ledger::{
    BundleRow, Command, Draft, DraftCommand, Expected, Founded, Key, SiteCommand, SiteRow, Target,
};
use appliance_store::{Store, StoreError};
use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use installer_model::site::Site;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Field, Kept, List, ListParams, Listed, Mutation, Path, Query, etag};
use crate::problem::Problem;
use crate::site_hosts::SiteHosts;
use crate::trouble;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Viewer, routes!(list_sites))
        .add(Needs::Operator, routes!(add_site))
        .add(Needs::Operator, routes!(validate_site))
        .add(Needs::Viewer, routes!(show_site))
        .add(Needs::Operator, routes!(put_site, remove_site))
        .add(Needs::Viewer, routes!(list_drafts))
        .add(Needs::Viewer, routes!(show_draft))
        .add(Needs::Operator, routes!(put_draft, remove_draft))
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Site)]
struct SiteBody {
    name: String,
    /// The text of `site.yaml`; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Id of the bundle that is chosen for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
    /// Hosts in the text.
    hosts: u64,
    /// Its cluster stands.
    founded: bool,
    /// The plan that it is meant to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// Unix times in milliseconds.
    created_at: u64,
    changed_at: u64,
    /// Who wrote it last.
    by: String,
    revision: u64,
}

impl SiteBody {
    fn of(row: SiteRow, store: &Store, hosts: &SiteHosts) -> Result<SiteBody, StoreError> {
        let plan = store.row::<Target>(row.name.as_str())?.map(|target| target.plan.0);
        let founded = store.has::<Founded>(row.name.as_str())?;
        let hosts = hosts.count(&row);
        let SiteRow { name, text, bundle, created_at, changed_at, by, revision } = row;
        Ok(SiteBody {
            name,
            text: Some(text),
            bundle,
            hosts,
            founded,
            plan,
            created_at,
            changed_at,
            by,
            revision,
        })
    }
}

impl Listed for SiteBody {
    const FIELDS: &'static [&'static str] = &["name", "bundle", "founded", "createdAt", "changedAt", "by"];

    fn id(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "name" => self.name.as_str().into(),
            "bundle" => self.bundle.as_deref().map_or(Field::None, Field::from),
            "founded" => self.founded.into(),
            "createdAt" => self.created_at.into(),
            "changedAt" => self.changed_at.into(),
            _ => self.by.as_str().into(),
        }
    }
}

impl Kept for SiteBody {
    type Row = SiteRow;
    const KEYED: Option<&'static str> = Some("name");

    fn key(id: &str) -> Option<Key> {
        Some(id.into())
    }
}

/// Every site
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", params(ListParams),
    responses((status = 200, body = List<SiteBody>)))]
async fn list_sites(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<SiteBody>>, Problem> {
    let this = app.clone();
    let site =
        move |store: &Store, row| Ok(SiteBody { text: None, ..SiteBody::of(row, store, this.site_hosts())? });
    Ok(Json(app.list(params, site).await?))
}

/// The text of a site, and the bundle it is installed from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SiteText {
    /// `site.yaml`.
    #[schema(max_length = 8388608)]
    text: String,
    /// Id of a bundle of this instance, instead of one that the text names.
    bundle: Option<String>,
}

/// What a text says, with every mistake named by a pointer into it.
fn parsed(text: &str) -> Result<Site, Problem> {
    Site::parse(text).map_err(|errors| trouble::problem(errors.into()))
}

/// Add a site under the name that its text gives it
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", request_body = SiteText,
    responses((status = 200, description = "A dry run: it would be added"), (status = 201, body = SiteBody)))]
async fn add_site(State(app): State<App>, wish: Changing<SiteText>) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let name = parsed(&body.text)?.name.to_string();
    write(&app, &mutation, &name, body, Expected::Absent).await?;
    if mutation.dry_run {
        return Ok(StatusCode::OK.into_response());
    }
    let place = HeaderValue::from_str(&format!("/api/v1/sites/{name}"));
    let place = place.map_err(|_| Problem::invalid("/text", "its name does not fit into an address"))?;
    let shown = shown(&app, &name).await?;
    Ok((StatusCode::CREATED, [(LOCATION, place)], shown).into_response())
}

async fn write(
    app: &App,
    mutation: &Mutation,
    name: &str,
    SiteText { text, bundle }: SiteText,
    expected: Expected,
) -> Result<(), Problem> {
    if let Some(id) = &bundle
        && app.row::<BundleRow>(id)?.is_none()
    {
        return Err(Problem::invalid("/bundle", format!("there is no bundle {id}")));
    }
    let put = SiteCommand::Put { name: name.to_owned(), text, bundle, expected };
    app.submit(mutation, Command::Sites(put)).await.map(drop)
}

/// What a text says.
#[derive(Debug, Serialize, ToSchema)]
struct Understood {
    name: String,
    /// Names of its hosts.
    hosts: Vec<String>,
    /// The site with every default written out.
    #[schema(value_type = Object)]
    site: Value,
}

/// Read a text as a site, and keep nothing
#[utoipa::path(post, path = "/api/v1/sites/validate", tag = "sites", request_body = SiteText,
    responses((status = 200, body = Understood)))]
async fn validate_site(wish: Changing<SiteText>) -> Result<Json<Understood>, Problem> {
    let site = parsed(&wish.body.text)?;
    let hosts = site.hosts.iter().map(|host| host.name.to_string()).collect();
    let value = serde_json::to_value(&site).map_err(|error| Problem::internal(&error))?;
    Ok(Json(Understood { name: site.name.to_string(), hosts, site: value }))
}

/// A site
#[utoipa::path(get, path = "/api/v1/sites/{name}", tag = "sites", params(("name" = String, Path)),
    responses((status = 200, body = SiteBody)))]
async fn show_site(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    shown(&app, &name).await
}

async fn shown(app: &App, name: &str) -> Result<Response, Problem> {
    let (this, wanted) = (app.clone(), name.to_owned());
    let site = app.reading(move |store| {
        let row = store.row::<SiteRow>(wanted.as_str())?;
        row.map(|row| SiteBody::of(row, store, this.site_hosts())).transpose()
    });
    let site = site.await?.ok_or_else(|| Problem::not_found(format!("site {name}")))?;
    Ok(([(ETAG, etag(site.revision))], Json(site)).into_response())
}

pub(super) fn row(app: &App, name: &str) -> Result<SiteRow, Problem> {
    app.row(name)?.ok_or_else(|| Problem::not_found(format!("site {name}")))
}

/// Write a site
#[utoipa::path(put, path = "/api/v1/sites/{name}", tag = "sites", params(("name" = String, Path)),
    request_body = SiteText, responses((status = 200, body = SiteBody)))]
async fn put_site(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<SiteText>,
) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let site = parsed(&body.text)?;
    if site.name.as_str() != name {
        return Err(Problem::invalid("/text", format!("it names the site {}", site.name)));
    }
    write(&app, &mutation, &name, body, mutation.expected).await?;
    if mutation.dry_run {
        return Ok(StatusCode::OK.into_response());
    }
    shown(&app, &name).await
}

/// How a site is removed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// Its cluster stands and is given up.
    #[serde(default)]
    abandon: bool,
}

/// Forget a site; its runs stay
#[utoipa::path(delete, path = "/api/v1/sites/{name}", tag = "sites", params(("name" = String, Path), Removal),
    responses((status = 204)))]
async fn remove_site(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(Removal { abandon }): Query<Removal>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    let remove = SiteCommand::Remove { name, expected: mutation.expected, abandon };
    app.submit(&mutation, Command::Sites(remove)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A site that somebody is still writing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Draft)]
struct DraftBody {
    site: String,
    /// What the writer wants kept.
    #[schema(value_type = Object)]
    content: Value,
    /// Unix time in milliseconds.
    changed_at: u64,
    by: String,
    revision: u64,
}

/// A draft in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DraftLine)]
struct DraftLine {
    site: String,
    /// Unix time in milliseconds.
    changed_at: u64,
    by: String,
    revision: u64,
}

impl Listed for DraftLine {
    const FIELDS: &'static [&'static str] = &["site", "changedAt", "by"];

    fn id(&self) -> Cow<'_, str> {
        self.site.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "site" => self.site.as_str().into(),
            "changedAt" => self.changed_at.into(),
            _ => self.by.as_str().into(),
        }
    }
}

impl Kept for DraftLine {
    type Row = Draft;
    const KEYED: Option<&'static str> = Some("site");

    fn key(id: &str) -> Option<Key> {
        Some(id.into())
    }
}

/// Every draft
#[utoipa::path(get, path = "/api/v1/drafts", tag = "sites", params(ListParams),
    responses((status = 200, body = List<DraftLine>)))]
async fn list_drafts(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<DraftLine>>, Problem> {
    let line = |_: &Store, Draft { site, changed_at, by, revision, content: _ }| {
        Ok(DraftLine { site, changed_at, by, revision })
    };
    Ok(Json(app.list(params, line).await?))
}

/// A site's draft
#[utoipa::path(get, path = "/api/v1/sites/{name}/draft", tag = "sites", params(("name" = String, Path)),
    responses((status = 200, body = DraftBody)))]
async fn show_draft(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    draft(&app, &name)
}

fn draft(app: &App, name: &str) -> Result<Response, Problem> {
    let draft: Draft = app.row(name)?.ok_or_else(|| Problem::not_found(format!("draft of site {name}")))?;
    let Draft { site, content, changed_at, by, revision } = draft;
    Ok(([(ETAG, etag(revision))], Json(DraftBody { site, content, changed_at, by, revision }))
        .into_response())
}

/// What a draft holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DraftContent {
    /// The text of a site, the page of a wizard: nothing in it need be right.
    #[schema(value_type = Object)]
    content: Value,
}

/// Keep a draft; there need be no site of that name
#[utoipa::path(put, path = "/api/v1/sites/{name}/draft", tag = "sites", params(("name" = String, Path)),
    request_body = DraftContent,
    responses((status = 200, body = DraftBody), (status = 204, description = "A dry run: it would be kept")))]
async fn put_draft(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<DraftContent>,
) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    if name.parse::<installer_model::names::SiteName>().is_err() {
        return Err(Problem::not_found(format!("site that could be called {name}")));
    }
    let put = DraftCommand::Put { site: name.clone(), content: body.content, expected: mutation.expected };
    app.submit(&mutation, Command::Drafts(put)).await?;
    if mutation.dry_run {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    draft(&app, &name)
}

/// Throw a draft away
#[utoipa::path(delete, path = "/api/v1/sites/{name}/draft", tag = "sites", params(("name" = String, Path)),
    responses((status = 204)))]
async fn remove_draft(
    State(app): State<App>,
    Path(name): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    let remove = DraftCommand::Remove { site: name, expected: mutation.expected };
    app.submit(&mutation, Command::Drafts(remove)).await?;
    Ok(StatusCode::NO_CONTENT)
}
