//! Logins by an identity provider: OpenID Connect's code flow with PKCE (RFC 7636).
//!
//! ```text
//!  browser                       armilla                              provider
//!  GET /api/v1/oidc/login ─────▶ state, nonce, verifier; a cookie
//!          ◀──────────── 303 ────┘
//!  ───────────────────────────────────────────────────────────────▶ who are you?
//!          ◀───────────────────────── 303 with code and state ──────┘
//!  GET /api/v1/oidc/callback ──▶ cookie = state? ── code, verifier ─▶ identity token
//!          ◀── session cookie ── groups → role ◀────────────────────┘
//! ```

mod http;
mod id_token;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use appliance_store::ledger::{Oidc, Role};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use self::http::AskError;
use self::id_token::{Keys, NotBelieved, Wanted};

/// A login takes no longer than this.
const LOGIN_TIME: Duration = Duration::from_secs(600);
/// All but what RFC 3986, section 2.3, never takes for a separator.
const SEPARATORS: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Logins under way at once; the oldest give way.
const MOST: usize = 1000;

/// Why a login by the provider fails. Completes "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("believe the identity token: {0}")]
    NotBelieved(#[from] NotBelieved),
    #[error("believe the provider: it calls itself {found}, and the settings say {wanted}")]
    Issuer { found: String, wanted: String },
    #[error("believe the provider: what it says of the user is of another user")]
    Subject,
    #[error("find the claim {0} in what the provider says of the user")]
    Claim(String),
    #[error("believe the provider: it sends us to {0}, which is not reached over TLS as it is itself")]
    Downgrade(String),
    #[error("draw random bytes")]
    Random(#[source] getrandom::Error),
}

/// What a provider says of itself: OpenID Connect Discovery 1.0, section 3.
#[derive(Debug, Clone, Deserialize)]
struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    scopes_supported: Option<Vec<String>>,
}

impl Provider {
    /// A provider somewhere else does not send our requests, and with them codes and secrets, to whoever listens on this
    /// machine's loopback, where alone TLS is not asked for.
    fn refuse_downgrade(&self) -> Result<(), OidcError> {
        let tls = |address: &str| address.starts_with("https://");
        let places = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        let mut places = places.into_iter().chain(&self.userinfo_endpoint);
        match places.find(|place| tls(&self.issuer) && !tls(place)) {
            Some(place) => Err(OidcError::Downgrade(place.clone())),
            None => Ok(()),
        }
    }

    /// What is asked for. Some providers refuse what they do not know, so a scope beyond the usual is left out unless the
    /// provider lists it.
    fn scope(&self) -> String {
        let lists = |scope: &&str| self.scopes_supported.iter().flatten().any(|known| known == scope);
        let more = ["email", "groups"].into_iter().filter(lists);
        ["openid", "profile"].into_iter().chain(more).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Logins under way, by their state.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    pending: Mutex<HashMap<String, Pending>>,
}

#[derive(Debug)]
struct Pending {
    nonce: String,
    verifier: Zeroizing<String>,
    redirect: String,
    begun: Instant,
}

/// Where the browser goes, and what it brings back.
pub(crate) struct Begun {
    pub(crate) location: String,
    pub(crate) state: String,
}

/// Who the provider says that somebody is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// The highest of the roles that their groups have; `None` when they have none.
    pub(crate) role: Option<Role>,
}

impl Logins {
    /// `redirect` is where the provider sends the browser back to.
    pub(crate) async fn begin(&self, settings: &Oidc, redirect: String) -> Result<Begun, OidcError> {
        let provider = discover(settings).await?;
        let (state, nonce, verifier) = (random()?, random()?, Zeroizing::new(random()?));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let scope = provider.scope();
        let parameters = [
            ("response_type", "code"),
            ("client_id", settings.client_id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("scope", scope.as_str()),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let parameters = parameters.map(|(name, value)| format!("{name}={}", escaped(value))).join("&");
        let joint = if provider.authorization_endpoint.contains('?') { '&' } else { '?' };
        let location = format!("{}{joint}{parameters}", provider.authorization_endpoint);
        self.remember(&state, Pending { nonce, verifier, redirect, begun: Instant::now() });
        Ok(Begun { location, state })
    }

    fn remember(&self, state: &str, login: Pending) {
        let mut pending = self.pending.lock().expect("invariant: nothing panics while it holds the map");
        pending.retain(|_, login| login.begun.elapsed() < LOGIN_TIME);
        if pending.len() >= MOST
            && let Some(oldest) = pending.iter().min_by_key(|(_, login)| login.begun)
        {
            let oldest = oldest.0.clone();
            pending.remove(&oldest);
        }
        pending.insert(state.to_owned(), login);
    }

    fn take(&self, state: &str) -> Option<Pending> {
        let mut pending = self.pending.lock().expect("invariant: nothing panics while it holds the map");
        pending.remove(state).filter(|login| login.begun.elapsed() < LOGIN_TIME)
    }

    /// Who logged in with this code; `None` when no login of this state is under way. A state serves once.
    pub(crate) async fn finish(
        &self,
        settings: &Oidc,
        secret: Option<&[u8]>,
        state: &str,
        code: &str,
        now_seconds: u64,
    ) -> Result<Option<Vouched>, OidcError> {
        let Some(login) = self.take(state) else { return Ok(None) };
        let provider = discover(settings).await?;
        let tokens = exchange(&provider, settings, secret, &login, code).await?;
        let keys: Keys = http::get(&provider.jwks_uri).await?;
        let wanted = Wanted {
            issuer: &provider.issuer,
            client_id: &settings.client_id,
            nonce: &login.nonce,
            now: now_seconds,
        };
        let mut claims = id_token::believe(&tokens.id_token, &keys, &wanted)?;
        let complete =
            [&settings.name_claim, &settings.groups_claim].iter().all(|name| claims.contains_key(*name));
        if !complete && let (Some(address), Some(token)) = (&provider.userinfo_endpoint, &tokens.access_token)
        {
            add_userinfo(&mut claims, address, token).await?;
        }
        vouched(&claims, settings, provider.issuer).map(Some)
    }
}

async fn discover(settings: &Oidc) -> Result<Provider, OidcError> {
    let issuer = settings.issuer.trim_end_matches('/');
    let provider: Provider = http::get(&format!("{issuer}/.well-known/openid-configuration")).await?;
    if provider.issuer.trim_end_matches('/') != issuer {
        return Err(OidcError::Issuer { found: provider.issuer, wanted: settings.issuer.clone() });
    }
    provider.refuse_downgrade()?;
    Ok(provider)
}

/// The code for tokens: RFC 6749, section 4.1.3; the secret travels by section 2.3.1.
async fn exchange(
    provider: &Provider,
    settings: &Oidc,
    secret: Option<&[u8]>,
    login: &Pending,
    code: &str,
) -> Result<Tokens, OidcError> {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", login.redirect.as_str()),
        ("client_id", settings.client_id.as_str()),
        ("code_verifier", login.verifier.as_str()),
    ];
    let mut request = http::form(&provider.token_endpoint, &fields)?;
    if let Some(secret) = secret {
        let secret = Zeroizing::new(escaped(&String::from_utf8_lossy(secret)));
        let pair = Zeroizing::new(format!("{}:{}", escaped(&settings.client_id), *secret));
        request.headers_mut().insert(AUTHORIZATION, sensitive(&format!("Basic {}", STANDARD.encode(&*pair))));
    }
    Ok(http::ask(request).await?)
}

async fn add_userinfo(claims: &mut Map<String, Value>, address: &str, token: &str) -> Result<(), OidcError> {
    let mut request =
        Request::get(address).body(Full::default()).map_err(|_| AskError::Address(address.to_owned()))?;
    request.headers_mut().insert(AUTHORIZATION, sensitive(&format!("Bearer {token}")));
    let told: Map<String, Value> = http::ask(request).await?;
    // Section 5.3.2 of OpenID Connect Core: another user's words are thrown away.
    if told.get("sub") != claims.get("sub") {
        return Err(OidcError::Subject);
    }
    for (name, value) in told {
        claims.entry(name).or_insert(value);
    }
    Ok(())
}

fn vouched(claims: &Map<String, Value>, settings: &Oidc, issuer: String) -> Result<Vouched, OidcError> {
    let text = |name: &str| {
        let claim = claims.get(name).and_then(Value::as_str).map(str::to_owned);
        claim.ok_or_else(|| OidcError::Claim(name.to_owned()))
    };
    let groups = match claims.get(&settings.groups_claim) {
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(group)) => vec![group.as_str()],
        _ => Vec::new(),
    };
    let role = groups.iter().filter_map(|group| settings.roles.get(*group)).max().copied();
    Ok(Vouched { name: text(&settings.name_claim)?, issuer, subject: text("sub")?, role })
}

fn sensitive(value: &str) -> HeaderValue {
    let mut header = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

fn random() -> Result<String, OidcError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(OidcError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// RFC 3986, section 2.3: what is not unreserved is written in percent signs.
fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, SEPARATORS).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Oidc {
        Oidc {
            issuer: "https://id".into(),
            client_id: "us".into(),
            name_claim: "preferred_username".into(),
            groups_claim: "groups".into(),
            roles: [("ops".to_owned(), Role::Operator), ("bosses".to_owned(), Role::Admin)].into(),
        }
    }

    fn role(groups: Value) -> Option<Role> {
        let claims = json!({"sub": "1", "preferred_username": "anna", "groups": groups});
        vouched(claims.as_object().unwrap(), &settings(), String::new()).unwrap().role
    }

    #[test]
    fn a_provider_sends_us_nowhere_that_is_reached_without_tls_unless_it_is() {
        let provider = |base: &str, token: &str| Provider {
            issuer: base.to_owned(),
            authorization_endpoint: format!("{base}/auth"),
            token_endpoint: token.to_owned(),
            jwks_uri: format!("{base}/keys"),
            userinfo_endpoint: None,
            scopes_supported: None,
        };
        assert!(provider("https://id", "https://other/token").refuse_downgrade().is_ok());
        assert!(provider("http://127.0.0.1:3000", "http://127.0.0.1:3000/token").refuse_downgrade().is_ok());
        let refused = provider("https://id", "http://127.0.0.1:9200/_shutdown").refuse_downgrade();
        assert!(matches!(refused, Err(OidcError::Downgrade(_))));
    }

    #[test]
    fn groups_give_the_highest_of_their_roles_or_none() {
        assert_eq!(role(json!(["staff", "ops", "bosses"])), Some(Role::Admin));
        assert_eq!(role(json!("ops")), Some(Role::Operator));
        assert_eq!(role(json!(["staff"])), None);
        assert_eq!(role(json!(7)), None);
    }

    #[test]
    fn a_user_without_a_name_is_nobody() {
        let claims = json!({"sub": "1"});
        assert!(vouched(claims.as_object().unwrap(), &settings(), String::new()).is_err());
    }

    #[test]
    fn a_state_serves_once() {
        let logins = Logins::default();
        let login = Pending {
            nonce: "n".into(),
            verifier: Zeroizing::new("v".into()),
            redirect: String::new(),
            begun: Instant::now(),
        };
        logins.remember("s", login);
        assert!(logins.take("t").is_none());
        assert!(logins.take("s").is_some());
        assert!(logins.take("s").is_none());
    }
}
