//! Logging in by an identity provider.

use appliance_store::ledger::{Command, External, Oidc, User, UserCommand};
use axum::extract::State;
use axum::http::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::sessions::begin;
use super::settings::OIDC_SECRET;
use crate::access::{Needs, Peer};
use crate::app::App;
use crate::extract::{Mutation, Query};
use crate::oidc::{OidcError, Vouched};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::refusal;

/// Ties a login to the browser that began it. `Lax`: the provider sends the browser back from another site.
const LOGIN_COOKIE: &str = "__Host-armilla-login";
const LOGIN_RULES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Nobody, routes!(begin_oidc)).add(Needs::Nobody, routes!(finish_oidc))
}

/// Log in by the identity provider: leads the browser there
#[utoipa::path(get, path = "/api/v1/oidc/login", tag = "sessions",
    responses((status = 303, description = "To the provider"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, body = ProblemBody, content_type = "application/problem+json")))]
async fn begin_oidc(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let settings = app.settings()?;
    let oidc = provider(settings.oidc)?;
    let base = match settings.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("https://{}", asked_host(&uri, &headers)?),
    };
    let redirect = format!("{base}/api/v1/oidc/callback");
    let begun = app.logins().begin(&oidc, redirect).await.map_err(failed)?;
    let cookie = format!("{LOGIN_COOKIE}={}; {LOGIN_RULES}; Max-Age=600", begun.state);
    let location = HeaderValue::from_str(&begun.location).map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::SEE_OTHER, [(SET_COOKIE, cookie)], [(LOCATION, location)]).into_response())
}

/// What the provider sends back: RFC 6749, sections 4.1.2 and 4.1.2.1, and what it may add.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Callback {
    #[param(max_length = 4000)]
    code: Option<String>,
    #[param(max_length = 200)]
    state: Option<String>,
    #[param(max_length = 200)]
    error: Option<String>,
}

/// Back from the identity provider: begins a session
#[utoipa::path(get, path = "/api/v1/oidc/callback", tag = "sessions", params(Callback),
    responses((status = 303, description = "Logged in; to the user interface"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, body = ProblemBody, content_type = "application/problem+json"),
        (status = 507, body = ProblemBody, content_type = "application/problem+json")))]
async fn finish_oidc(
    State(app): State<App>,
    peer: Peer,
    Query(callback): Query<Callback>,
    headers: HeaderMap,
    mutation: Mutation,
) -> Result<Response, Problem> {
    let oidc = provider(app.settings()?.oidc)?;
    let state = callback.state.unwrap_or_default();
    if state.is_empty() || login_cookie(&headers) != Some(state.as_str()) {
        return Err(refused("This browser did not begin this login, or too long ago."));
    }
    if let Some(error) = callback.error {
        return Err(refused(format!("The identity provider answered {error:?}.")));
    }
    let secret = app.store().secret(OIDC_SECRET).map_err(refusal::problem)?;
    let secret = secret.as_ref().map(|secret| secret.as_slice());
    let code = callback.code.unwrap_or_default();
    let finished = app.logins().finish(&oidc, secret, &state, &code, app.now_ms() / 1000).await;
    let vouched = finished.map_err(failed)?.ok_or_else(|| refused("No such login is under way."))?;
    let user = let_in(&app, &mutation, vouched).await?;
    let session = begin(&app, &mutation, &user, peer.address(), &headers, None).await?;
    let gone =
        HeaderValue::from_static("__Host-armilla-login=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    let cookies = session.into_iter().chain([gone]).map(|cookie| (SET_COOKIE, cookie)).collect::<Vec<_>>();
    Ok((StatusCode::SEE_OTHER, AppendHeaders(cookies), [(LOCATION, "/")]).into_response())
}

/// The user as the provider knows them: made at the first login, brought up to date at each.
async fn let_in(app: &App, mutation: &Mutation, vouched: Vouched) -> Result<User, Problem> {
    let Vouched { name, issuer, subject, role } = vouched;
    let Some(role) = role else {
        let detail = format!("No group of {name} has a role here.");
        return Err(
            Problem::new(Kind::Forbidden, detail).hint("an administrator gives groups roles in the settings")
        );
    };
    let external = External { issuer, subject };
    let command = UserCommand::Federated { name: name.clone(), role, external };
    app.submit(mutation, Command::Users(command)).await?;
    app.row(&name)?.ok_or_else(|| Problem::not_found(format!("user {name}")))
}

fn provider(oidc: Option<Oidc>) -> Result<Oidc, Problem> {
    oidc.ok_or_else(|| {
        Problem::new(Kind::NotFound, "There is no identity provider.").hint("log in with a password")
    })
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::LoginRefused, detail).hint("begin again at /api/v1/oidc/login")
}

fn failed(error: OidcError) -> Problem {
    let detail =
        format!("The identity provider did not do its part: failed to {}.", installer_model::chain(&error));
    tracing::warn!(detail, "a login failed");
    Problem::new(Kind::Upstream, detail).hint("a login with a password works without it")
}

fn login_cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == LOGIN_COOKIE).map(|(_, value)| value)
}

/// Which of the instance's names the browser used.
fn asked_host(uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or(named).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(Problem::new(Kind::Malformed, "The request does not say which host it wants."));
    }
    Ok(host.to_owned())
}
