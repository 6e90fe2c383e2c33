//! Who sends a request.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use appliance_store::StoreError;
use appliance_store::ledger::{
    Actor, Command, Role, Session, SessionCommand, Token, TokenCommand, User, Via, public_id,
};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::interval;

use super::denials::{self, Denials};
use super::secret::digest_of;
use super::{Caller, NoLogin};
use crate::app::App;
use crate::problem::Problem;
use crate::refusal;

/// The session cookie. `__Host-`: browsers take it over TLS alone, for this host alone (RFC 6265bis, section 4.1.3.2).
pub(crate) const SESSION_COOKIE: &str = "__Host-armilla";
/// A session or token that is used is written down once in this time.
const SEEN_PAUSE_MS: u64 = 60_000;
/// How often it is asked whether the reader of a stream may still be in.
pub(crate) const STILL_IN: Duration = Duration::from_secs(15);

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    Tcp(SocketAddr),
    /// Somebody on this machine, who may do all.
    Local {
        name: String,
    },
}

impl Peer {
    /// Through the unix socket, by the kernel's word.
    pub(crate) fn local(uid: u32) -> Peer {
        let name = if uid == 0 { "root".to_owned() } else { format!("uid {uid}") };
        Peer::Local { name }
    }

    /// What guesses are counted by, and audits say. Of IPv6 a whole /64 is one caller: whoever has one address of it has
    /// all of them (RFC 6177).
    pub(crate) fn address(&self) -> String {
        match self {
            Peer::Local { .. } => "local".to_owned(),
            Peer::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => {
                    let network = u128::from(address) & !u128::from(u64::MAX);
                    format!("{}/64", std::net::Ipv6Addr::from(network))
                }
            },
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Peer, Problem> {
        let peer = parts.extensions.get::<Peer>().cloned();
        Ok(peer.unwrap_or(Peer::Tcp(SocketAddr::from(([0, 0, 0, 0], 0)))))
    }
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub actor: Actor,
    /// What they may now: with a token, never more than its user.
    pub role: Role,
}

impl Known {
    /// The user's name; nobody's on the machine itself.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.actor {
            Actor::User { name, .. } => Some(name),
            Actor::Local { .. } | Actor::Instance | Actor::Nobody { .. } => None,
        }
    }

    /// Whether what belongs to this user is theirs to see.
    pub(crate) fn sees(&self, user: &str) -> bool {
        self.role == Role::Admin || self.user() == Some(user)
    }

    pub(crate) fn session(&self) -> Option<&str> {
        match &self.actor {
            Actor::User { via: Via::Session(id), .. } => Some(id),
            Actor::User { .. } | Actor::Local { .. } | Actor::Instance | Actor::Nobody { .. } => None,
        }
    }
}

/// For handlers of routes that need somebody: the layer let nobody else in.
impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Known, Problem> {
        match parts.extensions.get::<Caller>() {
            Some(Caller::Known(known)) => Ok(known.clone()),
            Some(Caller::Nobody { why }) => Err(why.problem()),
            None => Err(NoLogin::None.problem()),
        }
    }
}

/// The layer of all routes: writes the [`Caller`] into the request.
pub(crate) async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>();
    let caller = match peer {
        Some(Peer::Local { name }) => {
            let actor = Actor::Local { name: name.clone() };
            Ok(Caller::Known(Known { actor, role: Role::Admin }))
        }
        Some(Peer::Tcp(_)) | None => by_headers(&app, request.headers()),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller.clone());
            let asked = Asked::of(&request);
            let response = next.run(request).await;
            if let (Caller::Known(known), Some(asked), StatusCode::FORBIDDEN) =
                (&caller, asked, response.status())
            {
                Denials::note(&app, known, &asked.method, &asked.route, &asked.path);
            }
            response
        }
        Err(error) => refusal::problem(error).into_response(),
    }
}

/// What a request asked for that would change something.
struct Asked {
    method: Method,
    /// Such as `/api/v1/users/{name}`.
    route: String,
    path: String,
}

impl Asked {
    fn of(request: &Request) -> Option<Asked> {
        let route = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        denials::is_of_interest(&method, request.headers()).then_some(Asked { method, route, path })
    }
}

fn by_headers(app: &App, headers: &HeaderMap) -> Result<Caller, StoreError> {
    let bearer = headers.get(AUTHORIZATION).map(|value| {
        let value = value.to_str().unwrap_or_default();
        value
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
    });
    let known = match (bearer, cookie(headers)) {
        (Some(token), _) => by_token(app, token.unwrap_or_default().trim())?,
        (None, Some(cookie)) => by_session(app, cookie)?,
        (None, None) => return Ok(Caller::Nobody { why: NoLogin::None }),
    };
    Ok(known.map_or(Caller::Nobody { why: NoLogin::Ended }, Caller::Known))
}

/// The value of the session cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value)
}

fn by_session(app: &App, cookie: &str) -> Result<Option<Known>, StoreError> {
    let Some(digest) = digest_of(cookie) else { return Ok(None) };
    let session: Option<Session> = app.store().row(public_id(&digest))?;
    let Some(session) = session.filter(|session| session.digest == digest) else { return Ok(None) };
    session_now(app, &session)
}

fn session_now(app: &App, session: &Session) -> Result<Option<Known>, StoreError> {
    let now = app.now_ms();
    let user: Option<User> = app.store().row(session.user.as_str())?;
    let Some(user) = user.filter(|user| !user.disabled && !session.is_over(now)) else { return Ok(None) };
    let id = session.id().to_owned();
    if now.saturating_sub(session.seen_at) >= SEEN_PAUSE_MS {
        app.seen().note(app, &id, Command::Sessions(SessionCommand::Seen { id: id.clone() }));
    }
    Ok(Some(Known { actor: Actor::User { name: user.name, via: Via::Session(id) }, role: user.role }))
}

fn by_token(app: &App, token: &str) -> Result<Option<Known>, StoreError> {
    let Some(digest) = digest_of(token) else { return Ok(None) };
    let token: Option<Token> = app.store().row(public_id(&digest))?;
    let Some(token) = token.filter(|token| token.digest == digest) else { return Ok(None) };
    token_now(app, &token)
}

fn token_now(app: &App, token: &Token) -> Result<Option<Known>, StoreError> {
    let now = app.now_ms();
    let user: Option<User> = app.store().row(token.user.as_str())?;
    let Some(user) = user.filter(|user| !user.disabled && !token.is_over(now)) else { return Ok(None) };
    let id = token.id().to_owned();
    if token.used_at.is_none_or(|used_at| now.saturating_sub(used_at) >= SEEN_PAUSE_MS) {
        app.seen().note(app, &id, Command::Tokens(TokenCommand::Used { id: id.clone() }));
    }
    let role = token.role.min(user.role);
    Ok(Some(Known { actor: Actor::User { name: user.name, via: Via::Token(id) }, role }))
}

/// Whether somebody who came in earlier would still come in, as what they were: streams ask now and then.
fn still_in(app: &App, known: &Known) -> bool {
    let now = match &known.actor {
        Actor::Local { .. } | Actor::Instance => return true,
        Actor::Nobody { .. } => return false,
        Actor::User { via: Via::Session(id), .. } => app
            .store()
            .row::<Session>(id.as_str())
            .and_then(|session| session.map_or(Ok(None), |session| session_now(app, &session))),
        Actor::User { via: Via::Token(id), .. } => app
            .store()
            .row::<Token>(id.as_str())
            .and_then(|token| token.map_or(Ok(None), |token| token_now(app, &token))),
    };
    // A store that does not answer ends no stream.
    now.map_or(true, |now| now.is_some_and(|now| now.role >= known.role))
}

/// As [`still_in`], beside everything else.
pub(crate) async fn is_still_in(app: &App, known: &Known) -> bool {
    let _turn = app.still_in().acquire().await.expect("invariant: it is never closed");
    let (app, known) = (app.clone(), known.clone());
    tokio::task::spawn_blocking(move || still_in(&app, &known)).await.unwrap_or(true)
}

/// What a reader is sent until their session or token ends, or they may less.
pub(crate) fn while_in<T: Send + 'static>(
    app: &App,
    known: Known,
    pieces: impl Stream<Item = T> + Send + 'static,
) -> impl Stream<Item = T> + Send + 'static {
    let begun = (Box::pin(pieces), interval(STILL_IN), app.clone(), known);
    stream::unfold(begun, async |(mut pieces, mut asking, app, known)| {
        loop {
            tokio::select! {
                piece = pieces.next() => return piece.map(|piece| (piece, (pieces, asking, app, known))),
                _ = asking.tick() => {
                    if !is_still_in(&app, &known).await {
                        return None;
                    }
                }
            }
        }
    })
}

/// Writes down, beside the requests, which sessions and tokens are in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Id → Unix time in milliseconds of the last writing.
    written: Arc<Mutex<HashMap<String, u64>>>,
}

impl Seen {
    /// Hands the command to a thread, unless one like it was just handed over.
    fn note(&self, app: &App, id: &str, command: Command) {
        let now = app.now_ms();
        {
            let mut written = self.written.lock().expect("invariant: nothing panics while it holds the map");
            if written.get(id).is_some_and(|last| now.abs_diff(*last) < SEEN_PAUSE_MS) {
                return;
            }
            written.retain(|_, last| now.abs_diff(*last) < SEEN_PAUSE_MS);
            written.insert(id.to_owned(), now);
        }
        let store = app.store().clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.submit(&Actor::Instance, &command) {
                // Nothing hangs on it: at worst a session ends for want of use.
                tracing::debug!(error = %installer_model::chain(&error), "a use was not written down");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let headers = HeaderMap::from_iter([(COOKIE, "a=b; __Host-armilla=xyz; c=d".parse().unwrap())]);
        assert_eq!(cookie(&headers), Some("xyz"));
        let headers = HeaderMap::from_iter([(COOKIE, "armilla=xyz; x__Host-armilla=1".parse().unwrap())]);
        assert_eq!(cookie(&headers), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_the_session_of_its_reader_however_busy_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let holder = appliance_store::Holder::this_process("test", 0);
        let store = Arc::new(appliance_store::Store::open(dir.path(), &holder).unwrap());
        let app = App::new(store, "test", String::new());
        let lines = || {
            let line = || tokio::time::sleep(Duration::from_secs(1));
            stream::repeat(()).then(move |()| line())
        };
        let known = |actor| Known { actor, role: Role::Viewer };
        let gone = Actor::User { name: "anna".to_owned(), via: Via::Session("0011".to_owned()) };
        let seen = while_in(&app, known(gone), lines()).take(100).count().await;
        assert!(seen < 20, "{seen}");
        let here = Actor::Local { name: "root".to_owned() };
        assert_eq!(while_in(&app, known(here), lines()).take(100).count().await, 100);
    }

    #[test]
    fn a_network_is_one_caller() {
        let address = |text: &str| Peer::Tcp(text.parse().unwrap()).address();
        assert_eq!(address("[2001:db8::1]:1"), "2001:db8::/64");
        assert_eq!(address("[2001:db8::1]:1"), address("[2001:db8::ffff:2]:9"));
        assert_ne!(address("[2001:db8::1]:1"), address("[2001:db8:0:1::1]:1"));
        assert_eq!(address("[::ffff:10.0.0.1]:1"), "10.0.0.1");
    }
}
