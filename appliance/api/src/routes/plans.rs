//! Plans: made from a look at the hosts, read, compared.

use std::borrow::Cow;

use appliance_control::control::{Imported, Start};
use appliance_store::ledger::PlanRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use installer_model::finding::Finding;
use installer_model::plan::{Intent, Plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Routes, checks, sites};
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Field, List, ListParams, Listed, Path, Query, etag};
use crate::problem::Problem;
use crate::trouble;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Viewer, routes!(list_plans))
        .add_stream(Needs::Operator, routes!(make_plan))
        .add(Needs::Viewer, routes!(show_plan))
        .add(Needs::Viewer, routes!(show_plan_text))
        .add(Needs::Viewer, routes!(show_plan_diff))
}

/// A plan in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Plan)]
struct PlanBody {
    id: String,
    site: String,
    /// The plan that the site followed when this one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// `install`, `reset` or `resetHosts`.
    intent: &'static str,
    /// Hosts of a `resetHosts`.
    hosts: Vec<String>,
    release: String,
    steps: u64,
    /// Unix times in milliseconds.
    made_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    adopted_at: Option<u64>,
    by: String,
    revision: u64,
}

/// What an intent is called in answers.
pub(super) fn word(intent: &Intent) -> &'static str {
    match intent {
        Intent::Install => "install",
        Intent::Reset => "reset",
        Intent::ResetHosts(_) => "resetHosts",
    }
}

impl From<PlanRow> for PlanBody {
    fn from(row: PlanRow) -> PlanBody {
        let intent = word(&row.intent);
        let hosts = match row.intent {
            Intent::Install | Intent::Reset => Vec::new(),
            Intent::ResetHosts(hosts) => hosts,
        };
        PlanBody {
            id: row.id.0,
            site: row.site,
            parent: row.parent.map(|parent| parent.0),
            intent,
            hosts,
            release: row.release,
            steps: row.steps,
            made_at: row.made_at,
            adopted_at: row.adopted_at,
            by: row.by,
            revision: row.revision,
        }
    }
}

impl Listed for PlanBody {
    const FIELDS: &'static [&'static str] = &["intent", "release", "steps", "madeAt", "adoptedAt", "by"];

    fn id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "intent" => self.intent.into(),
            "release" => self.release.as_str().into(),
            "steps" => self.steps.into(),
            "adoptedAt" => self.adopted_at.into(),
            "by" => self.by.as_str().into(),
            _ => self.made_at.into(),
        }
    }
}

/// A site's plans: those it followed, and the newest of those that were only looked at
#[utoipa::path(get, path = "/api/v1/sites/{name}/plans", tag = "plans", params(("name" = String, Path), ListParams),
    responses((status = 200, body = List<PlanBody>)))]
async fn list_plans(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<PlanBody>>, Problem> {
    sites::row(&app, &name)?;
    let of_site = move |row: PlanRow| (row.site == name).then(|| PlanBody::from(row));
    Ok(Json(app.list_some(params, of_site).await?))
}

/// What a plan is to bring about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum IntentName {
    /// The site as its text says.
    #[default]
    Install,
    /// Every host is cleaned.
    Reset,
    /// The named host leaves the cluster and is cleaned.
    ResetHosts,
}

/// A plan that is wished for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewPlan {
    #[serde(default)]
    intent: IntentName,
    /// With `resetHosts`: one host that is no control plane.
    #[serde(default)]
    hosts: Vec<String>,
    /// Hosts that are taken from the instance that holds them.
    #[serde(default)]
    take_over: Vec<String>,
    /// With `reset` and `resetHosts`: hosts that are lost and left alone.
    #[serde(default)]
    without: Vec<String>,
    /// With `install`: a bundle of this instance that is brought to the site beside its own.
    import: Option<NewImport>,
}

/// A bundle that becomes an add-on of a site.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewImport {
    /// Its id.
    bundle: String,
    /// Whether its manifests are applied too.
    #[serde(default)]
    apply: bool,
}

impl From<NewImport> for Imported {
    fn from(NewImport { bundle, apply }: NewImport) -> Imported {
        Imported { bundle, apply }
    }
}

/// A plan with what was found on the way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadePlan {
    /// What a run starts from.
    id: String,
    steps: u64,
    /// Why it is as it is, for people.
    report: Vec<String>,
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Value>,
    /// Findings that keep a run from starting.
    stopping: u64,
    /// Of a reset: hosts that hold nothing of this instance's, and are left as they are.
    strangers: Vec<String>,
    /// Of a reset: those of them on which something was repaired, which its run takes back.
    repaired: Vec<String>,
}

impl MadePlan {
    fn of(plan: Plan, found: &[Finding]) -> Result<MadePlan, Problem> {
        Ok(MadePlan {
            id: plan.id.0,
            steps: plan.steps.len() as u64,
            report: plan.report,
            findings: checks::findings(found)?,
            stopping: found.iter().filter(|finding| finding.stops()).count() as u64,
            strangers: Vec::new(),
            repaired: Vec::new(),
        })
    }
}

/// Look at a site's hosts and make a plan
///
/// Changes nothing on the hosts. A dry run looks and judges as well, and keeps no plan.
#[utoipa::path(post, path = "/api/v1/sites/{name}/plans", tag = "plans", params(("name" = String, Path)),
    request_body = NewPlan, responses((status = 200, description = "A dry run", body = MadePlan), (status = 201, body = MadePlan)))]
async fn make_plan(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<NewPlan>,
) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let intent = intent(&app, &name, &body)?;
    if let Some(id) = app.made_before(&mutation).await? {
        let found = checks::last(&app, &name).await?.findings;
        let body = MadePlan::of(plan(&app, &id).await?, &found)?;
        return Ok((StatusCode::CREATED, Json(body)).into_response());
    }
    let NewPlan { take_over, without, import, .. } = body;
    if !without.is_empty() && intent == Intent::Install {
        return Err(Problem::invalid("/without", "an installation does without no host"));
    }
    let options = Start { take_over, without, import: import.map(Imported::from), patience: None };
    let made = app.control_that_keeps()?.plan(&mutation.asker(&app), &name, &intent, &options).await;
    let (plan, looked) = made.map_err(trouble::problem)?;
    let status = if mutation.dry_run { StatusCode::OK } else { StatusCode::CREATED };
    let body = MadePlan {
        strangers: looked.left.strangers,
        repaired: looked.left.repaired,
        ..MadePlan::of(plan, &looked.findings)?
    };
    Ok((status, Json(body)).into_response())
}

fn intent(app: &App, name: &str, wish: &NewPlan) -> Result<Intent, Problem> {
    let row = sites::row(app, name)?;
    match wish.intent {
        IntentName::Install => Ok(Intent::Install),
        IntentName::Reset => Ok(Intent::Reset),
        IntentName::ResetHosts => {
            let site = installer_model::site::Site::parse(&row.text);
            let site = site.map_err(|errors| trouble::problem(errors.into()))?;
            let [host] = wish.hosts.as_slice() else {
                return Err(Problem::invalid("/hosts", "one host at a time leaves the cluster"));
            };
            match site.hosts.iter().find(|known| known.name.as_str() == host) {
                None => Err(Problem::invalid("/hosts/0", format!("the site has no host {host}"))),
                Some(host) if host.roles.control_plane => {
                    Err(Problem::invalid("/hosts/0", "it is the only control plane"))
                }
                Some(_) => Ok(Intent::ResetHosts(wish.hosts.clone())),
            }
        }
    }
}

/// A plan, complete
#[utoipa::path(get, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = String, Path)),
    responses((status = 200, body = Object)))]
async fn show_plan(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let row: PlanRow = app.row(&id)?.ok_or_else(|| Problem::not_found(format!("plan {id}")))?;
    Ok(([(ETAG, etag(row.revision))], Json(plan(&app, &id).await?)).into_response())
}

async fn plan(app: &App, id: &str) -> Result<Plan, Problem> {
    let (wanted, named) = (installer_model::plan::PlanId(id.to_owned()), id.to_owned());
    let plan = app.reading(move |store| store.plan(&wanted)).await?;
    plan.ok_or_else(|| Problem::not_found(format!("plan {named}")))
}

/// Text for people.
#[derive(Debug, Serialize, ToSchema)]
struct Told {
    text: String,
}

/// A plan as people read it
#[utoipa::path(get, path = "/api/v1/plans/{id}/text", tag = "plans", params(("id" = String, Path)),
    responses((status = 200, body = Told)))]
async fn show_plan_text(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Told>, Problem> {
    Ok(Json(Told { text: installer_plan::diff::render_plan(&plan(&app, &id).await?) }))
}

/// What a plan changes against the one before it.
#[derive(Debug, Serialize, ToSchema)]
struct DiffBody {
    /// The plan before; missing where there was none, or it is no longer kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<String>,
    same: bool,
    text: String,
}

/// What a plan changes against its parent
#[utoipa::path(get, path = "/api/v1/plans/{id}/diff", tag = "plans", params(("id" = String, Path)),
    responses((status = 200, body = DiffBody)))]
async fn show_plan_diff(State(app): State<App>, Path(id): Path<String>) -> Result<Json<DiffBody>, Problem> {
    let new = plan(&app, &id).await?;
    let old = match &new.parent {
        Some(parent) => plan(&app, &parent.0).await.ok(),
        None => None,
    };
    Ok(Json(match old {
        Some(old) => {
            let diff = installer_plan::diff::diff(&old, &new);
            DiffBody { against: Some(old.id.0), same: diff.is_empty(), text: diff.to_string() }
        }
        None => DiffBody { against: None, same: false, text: installer_plan::diff::render_plan(&new) },
    }))
}
