//! The description of the API: OpenAPI 3.1, made from what is registered.

use axum::Json;
use axum::extract::State;
use utoipa::OpenApi as _;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, OpenApi, Ref, Required, ResponseBuilder};
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::problem::{Flaw, Kind, ProblemBody};

/// Who may, on each operation: the test that walks all routes reads it.
pub(crate) const NEEDS: &str = "x-armilla-needs";

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Nobody, routes!(openapi))
}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses((status = 200, body = Object)))]
async fn openapi(State(app): State<App>) -> Json<OpenApi> {
    Json(super::router(&app).1)
}

/// What stands around the routes.
pub(super) fn frame() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Armilla",
            description = "The control plane of Armilla: sites, runs and those who may."
        ),
        components(schemas(ProblemBody, Flaw))
    )]
    struct Frame;
    let mut api = Frame::openapi();
    api.info.version = "v1".to_owned();
    api.info.license = None;
    let components = api.components.get_or_insert_default();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("token", bearer);
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-armilla")));
    components.add_security_scheme("session", cookie);
    api
}

/// Adds to operations what all have in common, so that no file of routes has to say it: who may, the parameters of
/// changes, and the problems that any request may end with.
pub(super) fn complete(paths: &mut Paths, needs: Needs) {
    for (path, item) in &mut paths.paths {
        let PathItem { get, put, post, delete, patch, .. } = item;
        for operation in [get].into_iter().flatten() {
            finish(operation, path, needs, Changes::Nothing);
        }
        for operation in [post].into_iter().flatten() {
            finish(operation, path, needs, Changes::Makes);
        }
        for operation in [put, delete, patch].into_iter().flatten() {
            finish(operation, path, needs, Changes::There);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changes {
    Nothing,
    /// Something new comes of it.
    Makes,
    /// Something that is there becomes other.
    There,
}

fn finish(operation: &mut Operation, path: &str, needs: Needs, changes: Changes) {
    operation
        .extensions
        .get_or_insert_default()
        .merge(ExtensionsBuilder::new().add(NEEDS, needs.as_str()).build());
    if needs == Needs::Nobody {
        operation.security = Some(Vec::new());
    } else {
        let none: [&str; 0] = [];
        operation.security =
            Some(vec![SecurityRequirement::new("token", none), SecurityRequirement::new("session", none)]);
    }
    let parameters = operation.parameters.get_or_insert_default();
    if changes != Changes::Nothing {
        parameters.push(dry_run());
        parameters.push(header(
            "Idempotency-Key",
            "Carries the request out once, however often it is sent",
            255,
        ));
    }
    if changes == Changes::There {
        parameters.push(header("If-Match", "The ETag of the resource as the caller has seen it", 64));
    }
    // Before any route: nothing could be said to whom.
    let too_long = ResponseBuilder::new().description("Request Header Fields Too Large").build();
    operation.responses.responses.insert("431".to_owned(), too_long.into());
    for kind in problems(operation, path, needs, changes) {
        let status = kind.status().as_u16().to_string();
        operation.responses.responses.entry(status).or_insert_with(|| {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            let description = kind.status().canonical_reason().unwrap_or("Problem");
            ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content)
                .build()
                .into()
        });
    }
}

/// The problems that this operation may end with, whatever it does.
fn problems(operation: &Operation, path: &str, needs: Needs, changes: Changes) -> Vec<Kind> {
    let mut kinds = vec![Kind::Malformed, Kind::Invalid, Kind::TookTooLong, Kind::Internal];
    if needs != Needs::Nobody {
        kinds.push(Kind::LoginNeeded);
    }
    if matches!(needs, Needs::Operator | Needs::Admin) || changes != Changes::Nothing {
        kinds.push(Kind::Forbidden);
    }
    if path.contains('{') {
        kinds.push(Kind::NotFound);
    }
    if changes != Changes::Nothing {
        kinds.extend([Kind::Conflict, Kind::StorageFull]);
    }
    if changes == Changes::There {
        kinds.push(Kind::Stale);
    }
    // Hosts and clusters are asked there and then, and may be somebody else's by now.
    if path.starts_with("/api/v1/clusters/") || path.ends_with("/shell") || path.ends_with("/images") {
        kinds.extend([Kind::Upstream, Kind::Conflict, Kind::Busy]);
    }
    if operation.request_body.is_some() {
        kinds.extend([Kind::TooLarge, Kind::MediaType, Kind::SlowRequest]);
    }
    kinds
}

fn dry_run() -> utoipa::openapi::path::Parameter {
    let schema = Object::builder().schema_type(Type::String).enum_values(Some(["All"])).build();
    ParameterBuilder::new()
        .name("dryRun")
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some("`All`: decides and answers, and changes nothing"))
        .schema(Some(schema))
        .build()
}

fn header(name: &str, description: &str, longest: usize) -> utoipa::openapi::path::Parameter {
    let schema = Object::builder().schema_type(Type::String).max_length(Some(longest)).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
