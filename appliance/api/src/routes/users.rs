//! Users: who may log in, and as what. The example to build other resources from.

use std::borrow::Cow;

use appliance_store::ledger::{Command, Key, PasswordHash, Role, User, UserCommand};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::{Json, http::HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::access::{Hidden, Needs, PasswordFault, Passwords};
use crate::app::App;
use crate::extract::{Changing, Field, Kept, List, ListParams, Listed, Mutation, Path, Query, etag};
use crate::problem::{Kind, Problem};

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Admin, routes!(list_users, add_user))
        .add(Needs::Admin, routes!(show_user, change_user, remove_user))
        .add(Needs::Admin, routes!(set_password))
}

/// What a user may do: each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Role)]
pub(super) enum RoleName {
    /// Reads.
    Viewer,
    /// Runs: sites, bundles, plans, hosts.
    Operator,
    /// Decides who may what, and how the instance is set.
    Admin,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> RoleName {
        match role {
            Role::Viewer => RoleName::Viewer,
            Role::Operator => RoleName::Operator,
            Role::Admin => RoleName::Admin,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Role {
        match role {
            RoleName::Viewer => Role::Viewer,
            RoleName::Operator => Role::Operator,
            RoleName::Admin => Role::Admin,
        }
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(super) struct UserBody {
    name: String,
    role: RoleName,
    /// May not log in.
    disabled: bool,
    /// The identity provider that vouches for them; they have no password here then.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// Unix time in milliseconds.
    created_at: u64,
    /// Of the last change: the ETag without its quotes.
    revision: u64,
}

impl From<User> for UserBody {
    fn from(user: User) -> UserBody {
        let User { name, role, disabled, external, created_at, revision } = user;
        let issuer = external.map(|external| external.issuer);
        UserBody { name, role: role.into(), disabled, issuer, created_at, revision }
    }
}

impl Listed for UserBody {
    const FIELDS: &'static [&'static str] = &["name", "role", "disabled", "issuer", "createdAt"];

    fn id(&self) -> Cow<'_, str> {
        self.name.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "name" => self.name.as_str().into(),
            "role" => Role::from(self.role).name().into(),
            "disabled" => self.disabled.into(),
            "issuer" => self.issuer.as_deref().map_or(Field::None, Field::from),
            _ => self.created_at.into(),
        }
    }
}

impl Kept for UserBody {
    type Row = User;
    const KEYED: Option<&'static str> = Some("name");

    fn key(id: &str) -> Option<Key> {
        Some(id.into())
    }
}

/// Every user
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(ListParams),
    responses((status = 200, body = List<UserBody>)))]
async fn list_users(
    State(app): State<App>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<UserBody>>, Problem> {
    Ok(Json(app.list(params, |_, user: User| Ok(user.into())).await?))
}

/// A user who is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// Letters, digits, `.`, `_`, `@` and `-` of ASCII, the first a letter or digit.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._@-]*$")]
    name: String,
    role: RoleName,
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: Hidden,
}

/// Add a user
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUser,
    responses((status = 200, description = "A dry run", body = UserBody), (status = 201, body = UserBody)))]
async fn add_user(State(app): State<App>, wish: Changing<NewUser>) -> Result<Response, Problem> {
    let Changing { mutation, body: NewUser { name, role, password } } = wish;
    let password = hash(app.passwords(), password).await?;
    let role = role.into();
    let command = UserCommand::Add { name: name.clone(), role, password };
    let committed = app.submit(&mutation, Command::Users(command)).await?;
    if mutation.dry_run {
        let created_at = app.now_ms();
        let user =
            User { name, role, disabled: false, external: None, created_at, revision: committed.index };
        return Ok(Json(UserBody::from(user)).into_response());
    }
    let place = format!("/api/v1/users/{name}");
    let place = HeaderValue::from_str(&place).map_err(|_| Problem::invalid("/name", "it is no name"))?;
    let shown = shown(&app, &name)?;
    Ok((StatusCode::CREATED, [(LOCATION, place)], shown).into_response())
}

/// A user
#[utoipa::path(get, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 200, body = UserBody)))]
async fn show_user(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Problem> {
    shown(&app, &name)
}

/// What is to change about a user: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserChange {
    role: Option<RoleName>,
    disabled: Option<bool>,
}

/// Change a user's role, or whether they may log in
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    request_body = UserChange, responses((status = 200, body = UserBody)))]
async fn change_user(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<UserChange>,
) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let expected = mutation.expected;
    let command = match (body.role, body.disabled) {
        (Some(role), None) => UserCommand::SetRole { name: name.clone(), role: role.into(), expected },
        (None, Some(disabled)) => UserCommand::SetDisabled { name: name.clone(), disabled, expected },
        (None, None) | (Some(_), Some(_)) => {
            return Err(Problem::invalid("", "one of role and disabled is wanted"));
        }
    };
    app.submit(&mutation, Command::Users(command)).await?;
    shown(&app, &name)
}

/// Remove a user with their sessions and tokens
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 204)))]
async fn remove_user(
    State(app): State<App>,
    Path(name): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    let expected = mutation.expected;
    app.submit(&mutation, Command::Users(UserCommand::Remove { name, expected })).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 256)]
    password: Hidden,
}

/// Set a user's password; their sessions end
#[utoipa::path(put, path = "/api/v1/users/{name}/password", tag = "users", params(("name" = String, Path)),
    request_body = NewPassword, responses((status = 204)))]
async fn set_password(
    State(app): State<App>,
    Path(name): Path<String>,
    wish: Changing<NewPassword>,
) -> Result<StatusCode, Problem> {
    let Changing { mutation, body } = wish;
    if app.row::<User>(&name)?.is_none() {
        return Err(Problem::not_found(format!("user {name}")));
    }
    let password = hash(app.passwords(), body.password).await?;
    let command = UserCommand::SetPassword { name, password, keep_session: None };
    app.submit(&mutation, Command::Users(command)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(app: &App, name: &str) -> Result<Response, Problem> {
    let user: User = app.row(name)?.ok_or_else(|| Problem::not_found(format!("user {name}")))?;
    Ok(([(ETAG, etag(user.revision))], Json(UserBody::from(user))).into_response())
}

/// The hash of a new password, or what is wrong with it.
pub(super) async fn hash(passwords: &Passwords, password: Hidden) -> Result<PasswordHash, Problem> {
    passwords.hash(password.0).await.map(PasswordHash).map_err(password_problem)
}

pub(super) fn password_problem(fault: PasswordFault) -> Problem {
    match fault {
        PasswordFault::Short | PasswordFault::Long => Problem::invalid("/password", fault.to_string()),
        PasswordFault::Busy => {
            Problem::new(Kind::Busy, "Too many logins are being looked at.").wait(Passwords::PAUSE)
        }
        PasswordFault::Hash => Problem::internal(&fault),
    }
}
