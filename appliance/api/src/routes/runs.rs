//! Runs: started from plans, followed, cancelled; and the requests that ask for them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use appliance_control::Control;
use appliance_control::control::{Held, Imported, Retried, Start};
use appliance_store::ledger::{Asked, Key, PlanRow, Request, RequestState};
use appliance_store::{RunRow, Store, StoreError};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use installer_model::event::RunId;
use installer_model::plan::{PlanId, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::plans::NewImport;
use super::{Routes, plans};
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Field, Kept, List, ListParams, Listed, Mutation, Path, Query, etag};
use crate::problem::{Flaw, Problem};
use crate::trouble;

/// Bytes of output in one answer, about.
const OUTPUT_PAGE: usize = 256 << 10;
/// How long an answer to a start waits for the run's name.
const NAMED_WITHIN: std::time::Duration = std::time::Duration::from_millis(1500);

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Viewer, routes!(list_runs))
        .add(Needs::Operator, routes!(start_run))
        .add(Needs::Viewer, routes!(show_run))
        .add(Needs::Viewer, routes!(list_run_events))
        .add(Needs::Viewer, routes!(show_output))
        .add(Needs::Operator, routes!(cancel_run))
        .add(Needs::Operator, routes!(retry_host))
        .add(Needs::Viewer, routes!(list_requests))
        .add(Needs::Viewer, routes!(show_request))
        .add(Needs::Operator, routes!(withdraw_request))
}

/// A run in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Run)]
pub(super) struct RunBody {
    /// Such as `r-7`.
    id: String,
    site: String,
    plan: String,
    /// What its plan brings about: `install`, `reset` or `resetHosts`; missing when the plan is no longer kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'static str>,
    /// `open`, `healthy`, `degraded`, `failed`, `cancelled` or `abandoned`.
    state: String,
    /// It is performed right now.
    live: bool,
    /// Unix times in milliseconds.
    started_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<u64>,
    /// Why it does not go on, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldBody>,
    revision: u64,
}

/// What the engines do at a moment, for lists of what they are asked.
struct Engines {
    live: BTreeSet<RunId>,
    held: Vec<Held>,
}

impl Engines {
    fn now(app: &App) -> Engines {
        let control = app.control().ok();
        let live = control.map(|control| control.live().into_values().collect()).unwrap_or_default();
        Engines { live, held: control.map(Control::held).unwrap_or_default() }
    }

    fn held(&self, is_it: impl Fn(&Held) -> bool) -> Option<HeldBody> {
        self.held.iter().find(|held| is_it(held)).cloned().map(HeldBody::from)
    }
}

impl RunBody {
    fn of(row: RunRow, store: &Store, engines: &Engines) -> Result<RunBody, StoreError> {
        let plan: Option<PlanRow> = store.row(row.plan.0.as_str())?;
        Ok(RunBody {
            intent: plan.map(|plan| plans::word(&plan.intent)),
            live: engines.live.contains(&row.run),
            held: engines.held(|held| held.run.as_ref() == Some(&row.run)),
            id: row.run.0,
            site: row.site,
            plan: row.plan.0,
            state: row.outcome.map_or_else(|| "open".to_owned(), |outcome| outcome.to_string()),
            started_at: row.started_at,
            ended_at: row.ended_at,
            revision: row.revision,
        })
    }
}

impl Listed for RunBody {
    const FIELDS: &'static [&'static str] =
        &["site", "plan", "intent", "state", "live", "startedAt", "endedAt"];

    fn id(&self) -> Cow<'_, str> {
        // In the order of counting: `r-10` comes after `r-9`.
        format!("{:0>20}", self.id.trim_start_matches("r-")).into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "site" => self.site.as_str().into(),
            "plan" => self.plan.as_str().into(),
            "intent" => self.intent.map_or(Field::None, Field::from),
            "state" => self.state.as_str().into(),
            "live" => self.live.into(),
            "endedAt" => self.ended_at.into(),
            _ => self.started_at.into(),
        }
    }
}

impl Kept for RunBody {
    type Row = RunRow;
    const KEYED: Option<&'static str> = None;

    fn key(id: &str) -> Option<Key> {
        id.parse().ok().map(Key::Number)
    }
}

/// What keeps a run from going on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Held)]
pub(super) struct HeldBody {
    problems: Vec<Flaw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Secrets that nobody gave yet.
    secrets: Vec<String>,
}

impl From<Held> for HeldBody {
    fn from(held: Held) -> HeldBody {
        HeldBody {
            problems: held.problems.iter().map(trouble::flaw).collect(),
            hint: held.hint,
            secrets: held.secrets.into_iter().map(|secret| secret.what).collect(),
        }
    }
}

/// Every run
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(ListParams),
    responses((status = 200, body = List<RunBody>)))]
async fn list_runs(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<RunBody>>, Problem> {
    let engines = Engines::now(&app);
    Ok(Json(app.list(params, move |store: &Store, row| RunBody::of(row, store, &engines)).await?))
}

/// A plan to be run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewRun {
    /// Id of the plan.
    plan: String,
    /// Hosts that are taken from the instance that holds them.
    #[serde(default)]
    take_over: Vec<String>,
    /// Hosts that are lost and left alone: those that the plan was made without.
    #[serde(default)]
    without: Vec<String>,
    /// The bundle that the plan brings to the site beside its own.
    import: Option<NewImport>,
    /// Seconds after which a host is given up that does not answer.
    #[schema(minimum = 1, maximum = 86400)]
    patience: Option<u64>,
}

/// Start a run
///
/// What was asked for is on disk with the answer and survives the server. The run has a name as soon as its hosts are within
/// reach: the request says which.
#[utoipa::path(post, path = "/api/v1/runs", tag = "runs", request_body = NewRun,
    responses((status = 200, description = "A dry run: it would start"), (status = 202, body = RequestBody),
        (status = 404, description = "There is no such plan", body = crate::problem::ProblemBody,
            content_type = "application/problem+json")))]
async fn start_run(State(app): State<App>, wish: Changing<NewRun>) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let control = app.control_that_keeps()?;
    let NewRun { plan, take_over, without, import, patience } = body;
    let options = Start { take_over, without, import: import.map(Imported::from), patience };
    let plan = PlanId(plan);
    let id = match app.made_before(&mutation).await? {
        Some(id) => id,
        None => control.start(&mutation.asker(&app), &plan, &options).map_err(trouble::problem)?,
    };
    if mutation.dry_run {
        return Ok(StatusCode::OK.into_response());
    }
    let mut changed = control.changed();
    let named = async {
        while app.row::<Request>(&id)?.is_some_and(|request| request.state == RequestState::Waiting)
            && !control.held().iter().any(|held| held.request == id)
        {
            if changed.changed().await.is_err() {
                break;
            }
        }
        Ok::<(), Problem>(())
    };
    if let Ok(read) = tokio::time::timeout(NAMED_WITHIN, named).await {
        read?;
    }
    let request: Request = app.row(&id)?.ok_or_else(|| Problem::not_found(format!("request {id}")))?;
    Ok((StatusCode::ACCEPTED, Json(RequestBody::of(request, &Engines::now(&app)))).into_response())
}

/// A run with everything that happened in it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WholeRun {
    #[serde(flatten)]
    run: RunBody,
    /// The fold of its events: each step with its state, hosts that dropped out.
    #[schema(value_type = Object)]
    view: Value,
}

/// A run
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = WholeRun)))]
async fn show_run(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let row = row(&app, &id).await?;
    let run = row.run.clone();
    let engines = Engines::now(&app);
    let read = move |store: &Store| Ok((store.view(&run)?, RunBody::of(row, store, &engines)?));
    let (view, run) = app.reading(read).await?;
    let tag = etag(view.index);
    let view = serde_json::to_value(view).map_err(|error| Problem::internal(&error))?;
    let whole = WholeRun { run, view };
    Ok(([(ETAG, tag)], Json(whole)).into_response())
}

async fn row(app: &App, id: &str) -> Result<RunRow, Problem> {
    let run = RunId(id.to_owned());
    let row = app.reading(move |store| store.run(&run)).await?;
    row.ok_or_else(|| Problem::not_found(format!("run {id}")))
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// Only those whose ledger index is this or higher.
    from: Option<u64>,
    /// At most so many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Events of a run.
#[derive(Debug, Serialize, ToSchema)]
struct Events {
    /// In order; `index` numbers them.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

/// A run's events, from a ledger index on
#[utoipa::path(get, path = "/api/v1/runs/{id}/events", tag = "runs", params(("id" = String, Path), Since),
    responses((status = 200, body = Events)))]
async fn list_run_events(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(Since { from, limit }): Query<Since>,
) -> Result<Json<Events>, Problem> {
    let limit = limit.unwrap_or(1000);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("?limit", "a page has 1 to 1000 events"));
    }
    let run = row(&app, &id).await?.run;
    let records = app.reading(move |store| store.records(&run, from.unwrap_or(0), limit)).await?;
    let items = records.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    Ok(Json(Events { items: items.map_err(|error| Problem::internal(&error))? }))
}

/// Which output.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OutputOf {
    /// Id of the step.
    step: String,
    /// Counted from 1; the first unless given.
    attempt: Option<u32>,
    /// Bytes to leave out at the beginning: `next` of the answer before.
    offset: Option<u64>,
}

/// A piece of what a step's commands said.
#[derive(Debug, Serialize, ToSchema)]
struct OutputPiece {
    text: String,
    /// Where the next piece begins; the offset that was asked for when there is nothing more yet.
    next: u64,
}

/// What an attempt of a step said
#[utoipa::path(get, path = "/api/v1/runs/{id}/output", tag = "runs", params(("id" = String, Path), OutputOf),
    responses((status = 200, body = OutputPiece)))]
async fn show_output(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(of): Query<OutputOf>,
) -> Result<Json<OutputPiece>, Problem> {
    let run = row(&app, &id).await?.run;
    let (step, attempt, offset) = (StepId(of.step), of.attempt.unwrap_or(1), of.offset.unwrap_or(0));
    let read = move |store: &Store| store.output_text(&run, &step, attempt, offset, OUTPUT_PAGE);
    let (text, next) = app.reading(read).await?;
    Ok(Json(OutputPiece { text, next }))
}

/// Cancel a run at a safe point: what has started is let end, nothing more starts
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)),
    responses((status = 202)))]
async fn cancel_run(
    State(app): State<App>,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    let run = row(&app, &id).await?.run;
    if app.answered(&mutation).await?.is_none() {
        app.control()?.cancel(&mutation.asker(&app), &run).map_err(trouble::problem)?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// How a host is tried again.
#[derive(Debug, Serialize, ToSchema)]
struct RetryBody {
    /// The run in which the host takes part again.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// The request for a new run of the same plan, when the run had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

/// Let a host that dropped out take part again
#[utoipa::path(post, path = "/api/v1/runs/{id}/hosts/{host}/retry", tag = "runs",
    params(("id" = String, Path), ("host" = String, Path)), responses((status = 202, body = RetryBody)))]
async fn retry_host(
    State(app): State<App>,
    Path((id, host)): Path<(String, String)>,
    mutation: Mutation,
) -> Result<(StatusCode, Json<RetryBody>), Problem> {
    let run = row(&app, &id).await?.run;
    let control = app.control_that_keeps()?;
    let retried = match app.made_before(&mutation).await? {
        Some(id) => control.retried(&id),
        None => control.retry_host(&mutation.asker(&app), &run, &host),
    };
    let body = match retried.map_err(trouble::problem)? {
        Retried::InRun(run) => RetryBody { run: Some(run.0), request: None },
        Retried::Anew(request) => RetryBody { run: None, request: Some(request) },
    };
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// Something that was asked of the engines.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Request)]
struct RequestBody {
    id: String,
    site: String,
    /// `start`, `cancel` or `retry`.
    asked: &'static str,
    /// `waiting`, `taken` or `failed`.
    state: &'static str,
    /// The run that it is about, or that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What keeps it from beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldBody>,
    by: String,
    /// Unix time in milliseconds.
    at: u64,
    revision: u64,
}

impl RequestBody {
    fn of(request: Request, engines: &Engines) -> RequestBody {
        let held = engines.held(|held| held.request == request.id);
        let (asked, about) = match request.asked {
            Asked::Start { .. } => ("start", None),
            Asked::Cancel { run } => ("cancel", Some(run)),
            Asked::Retry { run, .. } => ("retry", Some(run)),
        };
        let (state, run, why) = match request.state {
            RequestState::Waiting => ("waiting", about, None),
            RequestState::Taken { run } => ("taken", run.or(about), None),
            RequestState::Failed { why } => ("failed", about, Some(why)),
        };
        RequestBody {
            id: request.id,
            site: request.site,
            asked,
            state,
            run: run.map(|run| run.0),
            why,
            held,
            by: request.by,
            at: request.at,
            revision: request.revision,
        }
    }
}

impl Listed for RequestBody {
    const FIELDS: &'static [&'static str] = &["site", "asked", "state", "run", "by", "at"];

    fn id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "site" => self.site.as_str().into(),
            "asked" => self.asked.into(),
            "state" => self.state.into(),
            "run" => self.run.as_deref().map_or(Field::None, Field::from),
            "by" => self.by.as_str().into(),
            _ => self.at.into(),
        }
    }
}

impl Kept for RequestBody {
    type Row = Request;
    const KEYED: Option<&'static str> = None;

    fn key(id: &str) -> Option<Key> {
        Some(id.into())
    }
}

/// What was asked of the engines
#[utoipa::path(get, path = "/api/v1/requests", tag = "runs", params(ListParams),
    responses((status = 200, body = List<RequestBody>)))]
async fn list_requests(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<RequestBody>>, Problem> {
    let engines = Engines::now(&app);
    Ok(Json(app.list(params, move |_, request| Ok(RequestBody::of(request, &engines))).await?))
}

/// A request, and what became of it
#[utoipa::path(get, path = "/api/v1/requests/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = RequestBody)))]
async fn show_request(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let request: Request = app.row(&id)?.ok_or_else(|| Problem::not_found(format!("request {id}")))?;
    let tag = etag(request.revision);
    Ok(([(ETAG, tag)], Json(RequestBody::of(request, &Engines::now(&app)))).into_response())
}

/// Take a start back that waits
#[utoipa::path(delete, path = "/api/v1/requests/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 204)))]
async fn withdraw_request(
    State(app): State<App>,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    if app.answered(&mutation).await?.is_none() {
        app.control()?.withdraw(&mutation.asker(&app), &id).map_err(trouble::problem)?;
    }
    Ok(StatusCode::NO_CONTENT)
}
