//! Logging in and out, and the first administrator.

use std::borrow::Cow;

use appliance_store::ledger::{
    Actor, Command, Password, Session, SessionCommand, SetupCode, User, UserCommand,
};
use axum::Json;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::Routes;
use super::users::{RoleName, UserBody, hash, password_problem};
use crate::access::{Hidden, Known, Needs, Peer, SESSION_COOKIE, Secret, code_digest};
use crate::app::App;
use crate::extract::{Changing, Field, List, ListParams, Listed, Mutation, Path, Query};
use crate::problem::{Kind, Problem};
use crate::refusal;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Nobody, routes!(set_up))
        .add(Needs::Nobody, routes!(log_in))
        .add(Needs::Viewer, routes!(list_sessions))
        .add(Needs::Viewer, routes!(end_session))
        .add(Needs::Viewer, routes!(log_out))
        .add(Needs::Viewer, routes!(show_me))
        .add(Needs::Viewer, routes!(set_own_password))
}

/// The first administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Setup {
    /// As the server prints it on its machine.
    #[schema(value_type = String, max_length = 64)]
    code: Hidden,
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._@-]*$")]
    user: String,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: Hidden,
}

/// Make the first administrator with the code that the server printed
#[utoipa::path(post, path = "/api/v1/setup", tag = "sessions", request_body = Setup,
    responses((status = 204), (status = 401, body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn set_up(State(app): State<App>, peer: Peer, wish: Changing<Setup>) -> Result<StatusCode, Problem> {
    let Changing { mutation, body: Setup { code, user, password } } = wish;
    let address = peer.address();
    may_guess(&app, None, &address).await?;
    let digest = code_digest(&code.0);
    let offered: Option<SetupCode> = app.row(appliance_store::ledger::ONLY)?;
    let Some(offered) = offered else {
        // Said before a password is hashed: nobody is to cost the server that for nothing.
        return Err(Problem::new(Kind::Conflict, "There is an administrator already.").hint("log in"));
    };
    if offered.digest != digest {
        failed(&app, &mutation, String::new(), address).await?;
        return Err(Problem::new(Kind::LoginRefused, "This is not the setup code.")
            .hint("the server prints it at each start for as long as there is nobody"));
    }
    let password = hash(app.passwords(), password).await?;
    let command = UserCommand::SetUp { digest, name: user, password };
    app.submit(&mutation, Command::Users(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    #[schema(max_length = 64)]
    user: String,
    #[schema(value_type = String, format = Password, max_length = 256)]
    password: Hidden,
}

/// Log in: the answer sets the session's cookie
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", request_body = Login,
    responses((status = 200, description = "A dry run", body = UserBody), (status = 201, body = UserBody),
        (status = 401, body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 429, body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn log_in(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
    wish: Changing<Login>,
) -> Result<Response, Problem> {
    let Changing { mutation, body: Login { user: name, password } } = wish;
    let address = peer.address();
    let password = check_password(&app, &mutation, &name, password, &address).await?;
    let user: Option<User> = app.row(&name)?;
    let Some(user) = user.filter(|user| !user.disabled) else { return Err(wrong_login()) };
    let session = begin(&app, &mutation, &user, address, &headers, Some(password)).await?;
    let body = Json(UserBody::from(user));
    match session {
        Some(cookie) => Ok((StatusCode::CREATED, [(SET_COOKIE, cookie)], body).into_response()),
        None => Ok(body.into_response()),
    }
}

/// The revision of the user's password, if this is it.
async fn check_password(
    app: &App,
    mutation: &Mutation,
    name: &str,
    password: Hidden,
    address: &str,
) -> Result<u64, Problem> {
    may_guess(app, Some(name), address).await?;
    let kept: Option<Password> = app.row(name)?;
    let (hash, revision) = kept.map(|kept| (kept.hash.0, kept.revision)).unzip();
    let right = match app.passwords().verify(password.0, hash).await {
        Err(crate::access::PasswordFault::Long) => Ok(false),
        checked => checked.map_err(password_problem),
    }?;
    match revision.filter(|_| right) {
        Some(revision) => Ok(revision),
        None => {
            failed(app, mutation, name.to_owned(), address.to_owned()).await?;
            Err(wrong_login())
        }
    }
}

fn wrong_login() -> Problem {
    Problem::new(Kind::LoginRefused, "The name or the password is wrong.")
        .hint("`armilla passwd NAME` as root on the server's machine sets a lost password")
}

async fn may_guess(app: &App, name: Option<&str>, address: &str) -> Result<(), Problem> {
    let (name, address) = (name.map(str::to_owned), address.to_owned());
    app.reading(move |store| store.may_guess(name.as_deref(), &address)).await
}

/// Counts a wrong guess, also one of a dry run: it told as much.
async fn failed(app: &App, mutation: &Mutation, user: String, address: String) -> Result<(), Problem> {
    let command = Command::Sessions(SessionCommand::Failed { user, address });
    app.submit_as(mutation.actor.clone(), command).await.map(drop)
}

/// Begins a session and gives its cookie; none in a dry run.
pub(super) async fn begin(
    app: &App,
    mutation: &Mutation,
    user: &User,
    address: String,
    headers: &HeaderMap,
    password: Option<u64>,
) -> Result<Option<HeaderValue>, Problem> {
    let settings = app.settings()?;
    let secret = Secret::cookie().map_err(|error| Problem::internal(&error))?;
    let now = app.now_ms();
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let seconds = u64::from(settings.session_hours) * 3600;
    let session = Session {
        digest: secret.digest.clone(),
        user: user.name.clone(),
        created_at: now,
        seen_at: now,
        expires_at: now.saturating_add(seconds * 1000),
        idle_ms: u64::from(settings.idle_minutes) * 60_000,
        address,
        agent: agent.chars().take(200).collect(),
        revision: 0,
    };
    let command = Command::Sessions(SessionCommand::LogIn { session, password });
    let actor = mutation.actor.clone();
    if mutation.dry_run {
        app.reading(move |store| store.dry_run(&actor, &command)).await?;
        return Ok(None);
    }
    app.submit_as(actor, command).await?;
    let cookie =
        Zeroizing::new(format!("{}={}; {COOKIE_RULES}; Max-Age={seconds}", SESSION_COOKIE, *secret.text));
    let mut cookie = HeaderValue::from_str(&cookie).map_err(|error| Problem::internal(&error))?;
    cookie.set_sensitive(true);
    Ok(Some(cookie))
}

/// `Strict`: no other site's link or form brings it along.
const COOKIE_RULES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
struct SessionBody {
    id: String,
    user: String,
    /// Unix times in milliseconds.
    created_at: u64,
    seen_at: u64,
    expires_at: u64,
    address: String,
    /// What the browser calls itself.
    agent: String,
    /// The one that asks.
    current: bool,
}

impl Listed for SessionBody {
    const FIELDS: &'static [&'static str] = &["id", "user", "createdAt", "seenAt", "expiresAt", "address"];

    fn id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "id" => self.id.as_str().into(),
            "user" => self.user.as_str().into(),
            "createdAt" => self.created_at.into(),
            "seenAt" => self.seen_at.into(),
            "expiresAt" => self.expires_at.into(),
            _ => self.address.as_str().into(),
        }
    }
}

/// The caller's sessions; an administrator's list has everybody's
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(ListParams),
    responses((status = 200, body = List<SessionBody>)))]
async fn list_sessions(
    State(app): State<App>,
    known: Known,
    Query(params): Query<ListParams>,
) -> Result<Json<List<SessionBody>>, Problem> {
    let now = app.now_ms();
    let theirs = move |session: Session| {
        (!session.is_over(now) && known.sees(&session.user)).then(|| SessionBody {
            id: session.id().to_owned(),
            current: known.session() == Some(session.id()),
            user: session.user,
            created_at: session.created_at,
            seen_at: session.seen_at,
            expires_at: session.expires_at,
            address: session.address,
            agent: session.agent,
        })
    };
    Ok(Json(app.list_some(params, theirs).await?))
}

/// End a session of the caller; an administrator ends anybody's
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 204)))]
async fn end_session(
    State(app): State<App>,
    known: Known,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    if app.answered(&mutation).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let session: Option<Session> = app.row(&id)?;
    // What is somebody else's is not there.
    let Some(session) = session.filter(|session| known.sees(&session.user)) else {
        return Err(Problem::not_found(format!("session {id}")));
    };
    let id = session.id().to_owned();
    app.submit(&mutation, Command::Sessions(SessionCommand::LogOut { id })).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out: ends the session that asks
#[utoipa::path(post, path = "/api/v1/logout", tag = "sessions", responses((status = 204)))]
async fn log_out(State(app): State<App>, known: Known, mutation: Mutation) -> Result<Response, Problem> {
    let Some(id) = known.session().map(str::to_owned) else {
        return Err(Problem::new(Kind::Conflict, "The caller did not come in by a session."));
    };
    app.submit(&mutation, Command::Sessions(SessionCommand::LogOut { id })).await?;
    if mutation.dry_run {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let gone = format!("{SESSION_COOKIE}=; {COOKIE_RULES}; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, gone)]).into_response())
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// `local root` and the like on the machine itself.
    name: String,
    role: RoleName,
    /// `session` or `token` and its id; empty on the machine itself.
    via: String,
}

/// Who asks, and what they may
#[utoipa::path(get, path = "/api/v1/me", tag = "sessions", responses((status = 200, body = Me)))]
async fn show_me(known: Known) -> Json<Me> {
    Json(Me { name: known.actor.name(), role: known.role.into(), via: known.actor.via() })
}

/// A new password, and the one before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OwnPassword {
    #[schema(value_type = String, format = Password, max_length = 256)]
    current: Hidden,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: Hidden,
}

/// Change the caller's own password; their other sessions end
#[utoipa::path(put, path = "/api/v1/me/password", tag = "sessions", request_body = OwnPassword,
    responses((status = 204), (status = 429, body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn set_own_password(
    State(app): State<App>,
    peer: Peer,
    known: Known,
    wish: Changing<OwnPassword>,
) -> Result<StatusCode, Problem> {
    let Changing { mutation, body: OwnPassword { current, password } } = wish;
    let Some(name) = known.user().map(str::to_owned) else {
        return Err(Problem::new(
            Kind::Conflict,
            "The caller is no user of this instance, and has no password.",
        )
        .hint("PUT /api/v1/users/NAME/password sets a user's"));
    };
    check_password(&app, &mutation, &name, current, &peer.address()).await?;
    let password = hash(app.passwords(), password).await?;
    let keep_session = known.session().map(str::to_owned);
    let command = UserCommand::SetPassword { name, password, keep_session };
    app.submit(&mutation, Command::Users(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offers the first administrator's place to whoever shows this code. Gives `false` when there is somebody already.
pub(crate) fn offer_setup(app: &App, code: &str) -> Result<bool, Problem> {
    let users = app.store().rows::<User>(None, 1).map_err(refusal::problem)?;
    if !users.is_empty() {
        return Ok(false);
    }
    // It holds until the next start, which draws another.
    let offer = SetupCode { digest: code_digest(code), expires_at: u64::MAX };
    let command = Command::Users(UserCommand::OfferSetup(offer));
    app.store().submit(&Actor::Instance, &command).map_err(refusal::problem)?;
    Ok(true)
}
