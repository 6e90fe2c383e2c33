//! Every route, one file per resource.
//!
//! A resource is a file with a `routes` function that registers its handlers, each with what it needs:
//!
//! ```text
//! pub(super) fn routes(routes: Routes) -> Routes {
//!     routes
//!         .add(Needs::Viewer, routes!(list))
//!         .add(Needs::Admin, routes!(add))
//! }
//!
//! /// Every user
//! #[utoipa::path(get, path = "/api/v1/users", tag = "users", params(ListParams), responses((status = 200, body = List<UserBody>)))]
//! async fn list(State(app): State<App>, Query(params): Query<ListParams>) -> Result<Json<List<UserBody>>, Problem> { … }
//! ```
//!
//! and a line in [`all`]. The OpenAPI file says what is registered and cannot say anything else; `users.rs` is the example to
//! build from.

mod audit;
mod bundles;
mod checks;
mod clusters;
mod entrance;
mod health;
mod holding;
mod hosts;
mod imports;
mod instance;
mod oidc;
mod openapi;
mod plans;
mod runs;
mod sessions;
mod settings;
mod sites;
mod support;
mod terminals;
mod tokens;
mod uploads;
mod users;
mod watch;

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::access::Needs;
use crate::app::App;
use crate::layers::{self, TIME_LIMIT};

pub(crate) use self::sessions::offer_setup;
pub(crate) use self::uploads::clear_away;

/// The routes of every resource.
fn all(routes: Routes) -> Routes {
    let routes = health::routes(routes);
    let routes = openapi::routes(routes);
    let routes = entrance::routes(routes);
    let routes = sessions::routes(routes);
    let routes = oidc::routes(routes);
    let routes = users::routes(routes);
    let routes = tokens::routes(routes);
    let routes = audit::routes(routes);
    let routes = settings::routes(routes);
    let routes = instance::routes(routes);
    let routes = imports::routes(routes);
    let routes = sites::routes(routes);
    let routes = hosts::routes(routes);
    let routes = bundles::routes(routes);
    let routes = uploads::routes(routes);
    let routes = checks::routes(routes);
    let routes = plans::routes(routes);
    let routes = runs::routes(routes);
    let routes = clusters::routes(routes);
    let routes = support::routes(routes);
    let routes = terminals::routes(routes);
    watch::routes(routes)
}

/// Collects routes. None gets in without saying who may.
pub(crate) struct Routes {
    router: OpenApiRouter<App>,
}

impl Routes {
    /// Handlers of one path that answer at once.
    pub(crate) fn add(self, needs: Needs, handlers: UtoipaMethodRouter<App>) -> Routes {
        self.add_within(needs, Some(TIME_LIMIT), handlers)
    }

    /// Handlers of one path that stream: an answer, or a body that takes its time. They mind their own time.
    pub(crate) fn add_stream(self, needs: Needs, handlers: UtoipaMethodRouter<App>) -> Routes {
        self.add_within(needs, None, handlers)
    }

    fn add_within(
        self,
        needs: Needs,
        limit: Option<Duration>,
        (schemas, mut paths, mut methods): UtoipaMethodRouter<App>,
    ) -> Routes {
        openapi::complete(&mut paths, needs);
        if let Some(limit) = limit {
            methods = methods
                .layer(from_fn(move |request: Request, next: Next| layers::time_limit(limit, request, next)));
        }
        methods = methods.layer(from_fn(move |request: Request, next: Next| needs.admit(request, next)));
        Routes { router: self.router.routes((schemas, paths, methods)) }
    }
}

/// The whole API and its description.
pub fn router(app: &App) -> (Router, OpenApi) {
    let (router, api) =
        all(Routes { router: OpenApiRouter::with_openapi(openapi::frame()) }).router.split_for_parts();
    (layers::around(router, app), api)
}
