//! What somebody needs who helps: one archive of what is known of a site, without its secrets.

use std::time::Duration;

use appliance_control::supporting::{self, Index};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use super::clusters::To;
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Path};
use crate::problem::Problem;

/// Seconds that each host is given unless something else is said, and the most that may be.
const USUAL: u32 = 120;
const MOST: u32 = 600;

/// A list: what is not in the archive, of more than so many the first.
const MISSING: HeaderName = HeaderName::from_static("armilla-missing");
const MOST_MISSING: usize = 50;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add_stream(Needs::Operator, routes!(collect_support))
}

/// An archive that is wished for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSupport {
    /// Seconds that each host is given.
    #[schema(minimum = 1, maximum = 600)]
    timeout: Option<u32>,
}

/// Collect what somebody needs who helps: versions, plan, events, output, findings, logs of every host that answers
///
/// Secrets are taken out, and `index.json` in the archive says what could not be had and why.
#[utoipa::path(post, path = "/api/v1/sites/{name}/support", tag = "support", params(("name" = String, Path)),
    request_body = NewSupport,
    responses((status = 200, description = "An archive, tar.gz", body = Vec<u8>, content_type = "application/gzip",
            headers(("Armilla-Missing" = String, description = "What could not be had, such as `hosts/h2`"))),
        (status = 204, description = "A dry run")))]
async fn collect_support(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<NewSupport>,
) -> Result<Response, Problem> {
    let seconds = wish.body.timeout.unwrap_or(USUAL);
    if !(1..=MOST).contains(&seconds) {
        return Err(Problem::invalid("/timeout", format!("1 to {MOST} seconds are given to a host")));
    }
    let to = To::site(&app, name).await?;
    if wish.mutation.dry_run {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let at = app.now_ms();
    let limit = Duration::from_secs(seconds.into());
    let archive = app.clusters()?.support(&to.site, limit, at, &wish.mutation.actor).await;
    let missing = missing(&archive.index);
    let folder = supporting::folder(Some(to.site.name.as_str()), at);
    let packed = tokio::task::spawn_blocking(move || archive.bytes(&folder)).await;
    let packed = packed.map_err(|error| Problem::internal(&error))?;
    let bytes = packed.map_err(|error| Problem::internal(&error))?;
    Ok(([(CONTENT_TYPE, "application/gzip"), (MISSING, &missing)], bytes).into_response())
}

/// What could not be had, for those who do not unpack the archive: paths as in its index.
fn missing(index: &Index) -> String {
    let all = index.missing.iter().map(|missing| missing.what.as_str());
    // Names of hosts and files are ASCII; what a header cannot carry stands in the index.
    let fit = all.filter(|what| what.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b','));
    fit.take(MOST_MISSING).collect::<Vec<_>>().join(", ")
}
