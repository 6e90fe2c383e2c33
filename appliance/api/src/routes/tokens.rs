//! API tokens: a user in a program.

use std::borrow::Cow;

use appliance_store::ledger::{Command, Role, Token, TokenCommand, User};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use super::users::RoleName;
use crate::access::{Known, Needs, Secret};
use crate::app::App;
use crate::extract::{Changing, Field, List, ListParams, Listed, Mutation, Path, Query};
use crate::problem::{Kind, Problem};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Viewer, routes!(list_tokens, make_token)).add(Needs::Viewer, routes!(revoke_token))
}

/// A token, without what opens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Token)]
struct TokenBody {
    id: String,
    /// What it is for.
    name: String,
    user: String,
    /// It may what this role may, and never more than its user may now.
    role: RoleName,
    /// Unix times in milliseconds.
    created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    /// To the minute; missing before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_at: Option<u64>,
}

impl From<Token> for TokenBody {
    fn from(token: Token) -> TokenBody {
        let id = token.id().to_owned();
        let Token { name, user, role, created_at, expires_at, used_at, .. } = token;
        TokenBody { id, name, user, role: role.into(), created_at, expires_at, used_at }
    }
}

impl Listed for TokenBody {
    const FIELDS: &'static [&'static str] =
        &["id", "name", "user", "role", "createdAt", "expiresAt", "usedAt"];

    fn id(&self) -> Cow<'_, str> {
        self.id.as_str().into()
    }

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "id" => self.id.as_str().into(),
            "name" => self.name.as_str().into(),
            "user" => self.user.as_str().into(),
            "role" => Role::from(self.role).to_string().into(),
            "createdAt" => self.created_at.into(),
            "expiresAt" => self.expires_at.into(),
            _ => self.used_at.into(),
        }
    }
}

/// The caller's tokens; an administrator's list has everybody's
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(ListParams),
    responses((status = 200, body = List<TokenBody>)))]
async fn list_tokens(
    State(app): State<App>,
    known: Known,
    Query(params): Query<ListParams>,
) -> Result<Json<List<TokenBody>>, Problem> {
    let theirs = move |token: Token| known.sees(&token.user).then(|| TokenBody::from(token));
    Ok(Json(app.list_some(params, theirs).await?))
}

/// A token that is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The caller's own, unless it says less.
    role: Option<RoleName>,
    /// Whose it is: the caller's, unless an administrator says another's.
    #[schema(max_length = 64)]
    user: Option<String>,
    /// Days; without it, it does not expire.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

/// A token with what opens: shown this once.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    /// To be sent as `Authorization: Bearer`; missing in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    token: TokenBody,
}

/// Make a token. Its secret is in this answer and nowhere else
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 200, description = "A dry run", body = MadeToken), (status = 201, body = MadeToken)))]
async fn make_token(
    State(app): State<App>,
    known: Known,
    wish: Changing<NewToken>,
) -> Result<Response, Problem> {
    let Changing { mutation, body } = wish;
    let secret = Secret::token().map_err(|error| Problem::internal(&error))?;
    let token = wanted(&known, body, secret.digest.clone(), app.now_ms())?;
    if app.row::<User>(&token.user)?.is_none() {
        return Err(Problem::invalid("/user", format!("there is no user {}", token.user)));
    }
    let made = TokenBody::from(token.clone());
    let committed = app.submit(&mutation, Command::Tokens(TokenCommand::Make(token))).await?;
    if committed.repeated {
        return Err(Problem::new(
            Kind::Conflict,
            "This request made a token before, and its secret was shown then.",
        )
        .hint("revoke that token and make another under a new Idempotency-Key"));
    }
    if mutation.dry_run {
        return Ok(Json(MadeToken { secret: None, token: made }).into_response());
    }
    let made = MadeToken { secret: Some(secret.text.to_string()), token: made };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// The token, as far as the caller may make it.
fn wanted(known: &Known, body: NewToken, digest: String, now: u64) -> Result<Token, Problem> {
    let name = body.name.trim().to_owned();
    if !(1..=100).contains(&name.chars().count()) {
        return Err(Problem::invalid("/name", "1 to 100 characters are wanted"));
    }
    let user = match (body.user, known.user()) {
        (Some(user), own) if known.role == Role::Admin || own == Some(user.as_str()) => user,
        (Some(_), _) => {
            return Err(Problem::new(Kind::Forbidden, "An administrator alone makes tokens of others."));
        }
        (None, Some(own)) => own.to_owned(),
        (None, None) => return Err(Problem::invalid("/user", "say whose token it is to be")),
    };
    let role = body.role.map_or(known.role, Role::from);
    if role > known.role {
        let detail = format!("the caller is {}, which is less than {role}", known.role);
        return Err(Problem::invalid("/role", detail));
    }
    let expires_at = match body.expires_in_days {
        None => None,
        Some(days @ 1..=3650) => Some(now.saturating_add(u64::from(days) * DAY_MS)),
        Some(_) => return Err(Problem::invalid("/expiresInDays", "1 to 3650 days are wanted")),
    };
    Ok(Token { digest, name, user, role, created_at: now, expires_at, used_at: None, revision: 0 })
}

/// Revoke a token of the caller; an administrator revokes anybody's
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path)),
    responses((status = 204)))]
async fn revoke_token(
    State(app): State<App>,
    known: Known,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    if app.answered(&mutation).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let token: Option<Token> = app.row(&id)?;
    // What is somebody else's is not there.
    let Some(token) = token.filter(|token| known.sees(&token.user)) else {
        return Err(Problem::not_found(format!("token {id}")));
    };
    let id = token.id().to_owned();
    app.submit(&mutation, Command::Tokens(TokenCommand::Revoke { id })).await?;
    Ok(StatusCode::NO_CONTENT)
}
