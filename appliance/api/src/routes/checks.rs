//! Checks of sites: what was found, and what is gone on with in spite of it.

use appliance_control::Checked;
use appliance_control::fixing::Choice;
use appliance_store::ledger::{Command, WaiverCommand, Waivers};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use installer_model::finding::Finding;
use installer_model::site::Site;
use installer_model::waiver::{KeptWaiver, Said, Waiver, WaiverTarget};
use installer_plan::preflight::{AREAS, Area, Check, Judge, Words, waive};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Routes, sites};
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Mutation, Path};
use crate::problem::Problem;
use crate::trouble;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add_stream(Needs::Operator, routes!(check_site))
        .add(Needs::Viewer, routes!(list_checks))
        .add(Needs::Viewer, routes!(show_check))
        .add(Needs::Viewer, routes!(show_survey))
        .add_stream(Needs::Operator, routes!(repair_hosts))
        .add(Needs::Viewer, routes!(list_waivers))
        .add(Needs::Operator, routes!(add_waiver))
        .add(Needs::Operator, routes!(withdraw_waiver))
}

/// A sentence in both languages.
#[derive(Debug, Serialize, ToSchema)]
struct Both {
    en: &'static str,
    zh: &'static str,
}

impl From<Words> for Both {
    fn from(Words { en, zh }: Words) -> Both {
        Both { en, zh }
    }
}

/// A check that every look at hosts makes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckKind {
    /// As findings name it.
    id: &'static str,
    title: Both,
    /// It judges the site as a whole, not one host after the other.
    whole_site: bool,
}

/// Checks that look at the same thing.
#[derive(Debug, Serialize, ToSchema)]
struct CheckArea {
    title: Both,
    checks: Vec<CheckKind>,
}

/// Every check that there is.
#[derive(Debug, Serialize, ToSchema)]
struct CheckAreaList {
    /// In the order in which people read findings.
    items: Vec<CheckArea>,
}

/// The checks that are made of hosts, by what they look at
///
/// A check of which a look says nothing has passed.
#[utoipa::path(get, path = "/api/v1/checks", tag = "checks", responses((status = 200, body = CheckAreaList)))]
async fn list_checks() -> Json<CheckAreaList> {
    let kind = |check: &Check| CheckKind {
        id: check.id,
        title: check.title.into(),
        whole_site: matches!(check.judge, Judge::Site(_)),
    };
    let area =
        |area: &Area| CheckArea { title: area.title.into(), checks: area.checks.iter().map(kind).collect() };
    Json(CheckAreaList { items: AREAS.iter().map(area).collect() })
}

/// What was found on a site's hosts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Check)]
struct CheckBody {
    site: String,
    /// Unix time in milliseconds of the look.
    at: u64,
    /// What stands in the way first, what is waived last.
    #[schema(value_type = Vec<Object>)]
    findings: Vec<Value>,
    /// Findings that keep a run from starting.
    stopping: u64,
    /// Waivers that excused nothing.
    #[schema(value_type = Vec<Object>)]
    unused_waivers: Vec<Value>,
}

impl CheckBody {
    fn of(site: &str, at: u64, found: &[Finding], unused: &[KeptWaiver]) -> Result<CheckBody, Problem> {
        let unused = unused.iter().map(serde_json::to_value).collect::<Result<_, _>>();
        Ok(CheckBody {
            site: site.to_owned(),
            at,
            findings: findings(found)?,
            stopping: found.iter().filter(|finding| finding.stops()).count() as u64,
            unused_waivers: unused.map_err(|error| Problem::internal(&error))?,
        })
    }
}

/// Findings, each with `guarded` where it cannot be waived: why, in both languages.
pub(super) fn findings(found: &[Finding]) -> Result<Vec<Value>, Problem> {
    let value = |finding: &Finding| {
        let mut value = serde_json::to_value(finding)?;
        if let Some(why) = waive::guarded(&finding.id) {
            value["guarded"] = serde_json::to_value(why)?;
        }
        Ok(value)
    };
    let values: Result<_, serde_json::Error> = found.iter().map(value).collect();
    values.map_err(|error| Problem::internal(&error))
}

/// Look at a site's hosts and judge; nothing on them changes
///
/// A dry run looks and judges as well, and keeps neither.
#[utoipa::path(post, path = "/api/v1/sites/{name}/checks", tag = "checks", params(("name" = String, Path)),
    responses((status = 200, body = CheckBody)))]
async fn check_site(
    State(app): State<App>,
    Path(name): Path<String>,
    mutation: Mutation,
) -> Result<Response, Problem> {
    sites::row(&app, &name)?;
    let looked = app.control_that_keeps()?.check(&mutation.asker(&app), &name).await;
    let looked = looked.map_err(trouble::problem)?;
    Ok(Json(CheckBody::of(&name, app.now_ms(), &looked.findings, &looked.unused_waivers)?).into_response())
}

pub(super) async fn last(app: &App, name: &str) -> Result<Checked, Problem> {
    sites::row(app, name)?;
    let site = name.to_owned();
    let check = app.reading(move |store| store.check::<Checked>(&site)).await?;
    check.ok_or_else(|| Problem::not_found(format!("check of site {name} yet")))
}

/// A site's last check
#[utoipa::path(get, path = "/api/v1/sites/{name}/checks", tag = "checks", params(("name" = String, Path)),
    responses((status = 200, body = CheckBody)))]
async fn show_check(State(app): State<App>, Path(name): Path<String>) -> Result<Json<CheckBody>, Problem> {
    let check = last(&app, &name).await?;
    Ok(Json(CheckBody::of(&name, check.at, &check.findings, &check.unused_waivers)?))
}

/// What a site's hosts were at the last check
#[utoipa::path(get, path = "/api/v1/sites/{name}/survey", tag = "checks", params(("name" = String, Path)),
    responses((status = 200, body = Object)))]
async fn show_survey(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let survey = last(&app, &name).await?.survey;
    Ok(Json(serde_json::to_value(survey).map_err(|error| Problem::internal(&error))?))
}

/// Which repairs are wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewRepairs {
    /// Also those that rename folders with another cluster's data out of the way.
    #[serde(default)]
    move_data: bool,
    /// Of these checks alone; none: of all.
    #[serde(default)]
    #[schema(max_items = 200)]
    checks: Vec<String>,
}

/// What was mended.
#[derive(Debug, Serialize, ToSchema)]
struct RepairList {
    /// In the order in which they were done, each with the check that names it and what changed.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

/// Mend on a site's hosts what checks can mend by themselves
///
/// A dry run asks the hosts what would change. A reset takes it all back.
#[utoipa::path(post, path = "/api/v1/sites/{name}/repairs", tag = "checks", params(("name" = String, Path)),
    request_body = NewRepairs, responses((status = 200, body = RepairList)))]
async fn repair_hosts(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<NewRepairs>,
) -> Result<Json<RepairList>, Problem> {
    let Changing { mutation, body } = wish;
    let choice = Choice { move_data: body.move_data, checks: body.checks };
    let fixes = app.control_that_keeps()?.repair(&mutation.actor, &name, &choice, mutation.dry_run).await;
    let items = fixes.map_err(trouble::problem)?.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    Ok(Json(RepairList { items: items.map_err(|error| Problem::internal(&error))? }))
}

/// What is gone on with in spite of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Waiver)]
struct WaiverBody {
    check: String,
    /// Missing: every host.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    reason: String,
    by: String,
    /// Unix time in milliseconds.
    at: u64,
    /// It stands in the text of the site, and is taken out there.
    in_text: bool,
}

/// Waivers of a site.
#[derive(Debug, Serialize, ToSchema)]
struct WaiverList {
    items: Vec<WaiverBody>,
}

/// A site's waivers
#[utoipa::path(get, path = "/api/v1/sites/{name}/waivers", tag = "checks", params(("name" = String, Path)),
    responses((status = 200, body = WaiverList)))]
async fn list_waivers(State(app): State<App>, Path(name): Path<String>) -> Result<Json<WaiverList>, Problem> {
    sites::row(&app, &name)?;
    let Waivers(kept) = app.row(&name)?.unwrap_or_default();
    let items = kept.into_iter().map(|kept| WaiverBody {
        check: kept.waiver.check,
        host: kept.waiver.host.map(|host| host.to_string()),
        reason: kept.waiver.reason,
        by: kept.by,
        at: kept.at,
        in_text: kept.said == Said::SiteFile,
    });
    Ok(Json(WaiverList { items: items.collect() }))
}

/// A waiver that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWaiver {
    check: String,
    /// Missing: every host.
    host: Option<String>,
    /// Why; shown wherever the waiver counts.
    #[schema(min_length = 1)]
    reason: String,
}

/// Go on in spite of a check
#[utoipa::path(post, path = "/api/v1/sites/{name}/waivers", tag = "checks", params(("name" = String, Path)),
    request_body = NewWaiver, responses((status = 201)))]
async fn add_waiver(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<NewWaiver>,
) -> Result<StatusCode, Problem> {
    let Changing { mutation, body } = wish;
    let row = sites::row(&app, &name)?;
    let host = match &body.host {
        None => None,
        Some(host) => {
            let site = Site::parse(&row.text).map_err(|errors| trouble::problem(errors.into()))?;
            let found = site.hosts.iter().find(|known| known.name.as_str() == host);
            let found =
                found.ok_or_else(|| Problem::invalid("/host", format!("the site has no host {host}")))?;
            Some(found.name.clone())
        }
    };
    let waiver = Waiver { check: body.check, host, reason: body.reason };
    if let Some(wrong) = waive::problem(&waiver) {
        return Err(Problem::invalid("/check", wrong));
    }
    let (by, at) = (mutation.actor.name(), app.now_ms());
    let kept = KeptWaiver { waiver, by, at, said: Said::Server };
    let command = WaiverCommand::Waive { site: name, waiver: kept };
    app.submit(&mutation, Command::Waivers(command)).await?;
    Ok(StatusCode::CREATED)
}

/// Take a waiver back
#[utoipa::path(delete, path = "/api/v1/sites/{name}/waivers/{target}", tag = "checks",
    params(("name" = String, Path), ("target" = String, Path, description = "`CHECK` or `CHECK@HOST`")),
    responses((status = 204)))]
async fn withdraw_waiver(
    State(app): State<App>,
    Path((name, target)): Path<(String, String)>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    let target: WaiverTarget =
        target.parse().map_err(|_| Problem::not_found(format!("waiver of {target}")))?;
    let command = WaiverCommand::Withdraw { site: name, check: target.check, host: target.host };
    app.submit(&mutation, Command::Waivers(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}
