//! Requests with JSON, and what comes back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::problem::Problem;
use crate::transport::{Body, BoxError, Payload, Transport};
use crate::watch::Watch;

/// An answer that is held in memory, at most.
const ANSWER_LIMIT: usize = 64 << 20;
/// The longest that a server thinks about an answer: it looks at hosts of which some do not answer. What takes longer is a
/// run, and followed.
const ANSWER: Duration = Duration::from_secs(900);
/// Between two pieces of what is downloaded.
const SILENCE: Duration = Duration::from_secs(120);
/// What may be asked again is asked this often in all, after these pauses.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// How long a server may be away that somebody waits for: a restart after a crash, with the runs it takes up again.
const AWAY: Duration = Duration::from_secs(120);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A value, and what came with it.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub value: T,
}

impl<T> Answer<T> {
    /// The revision of what was read, for `If-Match`.
    pub fn etag(&self) -> Option<&str> {
        self.headers.get(ETAG)?.to_str().ok()
    }
}

/// Asks one server, as one user.
#[derive(Clone)]
pub struct Client {
    pub(crate) transport: Transport,
    token: Option<Zeroizing<String>>,
}

impl Client {
    pub fn new(transport: Transport) -> Client {
        Client { transport, token: None }
    }

    /// With an API token, as the user who made it.
    pub fn with_token(mut self, token: &str) -> Client {
        self.token = Some(Zeroizing::new(token.to_owned()));
        self
    }

    /// Whom it asks, for people.
    pub fn server(&self) -> String {
        self.transport.to_string()
    }

    /// Whether the server is on this machine and of this user, or this process itself: paths mean the same to both.
    pub fn is_here(&self) -> bool {
        match self.transport {
            Transport::Socket(_) | Transport::Here(_) => true,
            Transport::Tls(..) => false,
        }
    }

    /// `path` begins with `/`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        self.json(self.ask(Method::GET, path, HeaderMap::new(), None).await?)
    }

    /// The same of a server that may be away for a moment: one that is started again after a crash.
    pub async fn get_patiently<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        let until = Instant::now() + AWAY;
        loop {
            match self.get(path).await {
                Err(error) if error.passes() && Instant::now() < until => {
                    tracing::debug!(%error, path, "asks again");
                    tokio::time::sleep(PAUSES[1]).await;
                }
                answered => return answered,
            }
        }
    }

    /// What is no JSON: a kubeconfig, an archive.
    pub async fn get_bytes(&self, path: &str) -> Result<Answer<Bytes>, ClientError> {
        self.ask(Method::GET, path, HeaderMap::new(), None).await
    }

    /// What is no JSON and comes piece by piece, such as a log that somebody still writes.
    pub async fn get_stream(&self, path: &str) -> Result<Coming, ClientError> {
        let answer = self.begin(&Method::GET, path, &HeaderMap::new(), None).await?;
        Ok(Coming { body: answer.into_body(), to: self.server() })
    }

    /// What is no JSON and is asked for with a wish: an archive that is made for it.
    pub async fn post_for_bytes(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<Bytes>, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|source| ClientError::Answer { to: self.server(), source })?;
        self.ask(Method::POST, path, of_type("application/json"), Some(body.into())).await
    }

    /// Sends bytes as they are.
    pub async fn put_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: Bytes,
    ) -> Result<Answer<T>, ClientError> {
        self.json(self.ask(Method::PUT, path, of_type("application/octet-stream"), Some(bytes)).await?)
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.change(Method::POST, path, body, None).await
    }

    /// Replaces, or changes with [`Method::PATCH`], what has still the revision `etag`.
    pub async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
        etag: Option<&str>,
    ) -> Result<Answer<T>, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|source| ClientError::Answer { to: self.server(), source })?;
        let mut headers = of_type("application/json");
        if let Some(etag) = etag {
            let etag = HeaderValue::from_str(etag).map_err(|_| ClientError::Request(etag.to_owned()))?;
            headers.insert(hyper::header::IF_MATCH, etag);
        }
        self.json(self.ask(method, path, headers, Some(body.into())).await?)
    }

    /// Sends a request without a body and writes what comes back, however long it is, as it comes. Nothing is asked again:
    /// the beginning was written already. What does not come for `SILENCE` comes no more.
    pub async fn download(
        &self,
        method: Method,
        path: &str,
        out: &mut (dyn std::io::Write + Send),
    ) -> Result<u64, ClientError> {
        let cut = |source: BoxError| ClientError::Cut { to: self.server(), source };
        let late = || ClientError::TimedOut { to: self.server(), seconds: SILENCE.as_secs() };
        let begun = timeout(ANSWER, self.begin(&method, path, &HeaderMap::new(), None)).await;
        let mut body = begun.map_err(|_| late())??.into_body();
        let mut written = 0;
        while let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| late())? {
            let Ok(bytes) = frame.map_err(&cut)?.into_data() else { continue };
            out.write_all(&bytes)
                .map_err(|source| ClientError::Read { what: "what came to the end".to_owned(), source })?;
            written += bytes.len() as u64;
        }
        Ok(written)
    }

    pub async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, path, HeaderMap::new(), None).await.map(|_| ())
    }

    /// The event stream at `path`, from what comes after `after`.
    pub fn watch(&self, path: &str, after: Option<u64>) -> Watch {
        Watch::new(self.clone(), path, after)
    }

    /// Sends what it was given and waits for the whole answer. What changes something carries a key by which the server
    /// knows it again, so that it may be sent again when the connection was lost before the answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Answer<Bytes>, ClientError> {
        if method == Method::POST {
            headers.insert(IDEMPOTENCY_KEY, fresh_key()?);
        }
        let mut pauses = PAUSES.iter();
        loop {
            let asked = self.ask_once(&method, path, &headers, body.clone()).await;
            match (asked, pauses.next()) {
                (Err(error @ ClientError::Cut { .. }), Some(pause)) => {
                    tracing::debug!(%error, path, "asks again");
                    tokio::time::sleep(*pause).await;
                }
                (asked, _) => return asked,
            }
        }
    }

    async fn ask_once(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Answer<Bytes>, ClientError> {
        let asked = async {
            let (parts, body) = self.begin(method, path, headers, body).await?.into_parts();
            let cut = |source| ClientError::Cut { to: self.server(), source };
            let value = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(cut)?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, value })
        };
        let late = ClientError::TimedOut { to: self.server(), seconds: ANSWER.as_secs() };
        timeout(ANSWER, asked).await.unwrap_or(Err(late))
    }

    /// The head of an answer that is none of a problem; its body is still to come.
    pub(crate) async fn begin(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Response<Body>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .body(Payload::new(body.unwrap_or_default()))
            .map_err(|_| ClientError::Request(path.to_owned()))?;
        let sent = request.headers_mut();
        sent.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
        sent.insert(USER_AGENT, HeaderValue::from_static(concat!("armilla/", env!("CARGO_PKG_VERSION"))));
        sent.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(bearer) = self.bearer()? {
            sent.insert(AUTHORIZATION, bearer);
        }
        let answer = self.transport.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let cut = |source| ClientError::Cut { to: self.server(), source };
        let said = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.map_err(cut)?;
        Err(ClientError::Problem(Box::new(Problem::read(status, &said.to_bytes()))))
    }

    pub(crate) fn bearer(&self) -> Result<Option<HeaderValue>, ClientError> {
        let Some(token) = &self.token else { return Ok(None) };
        let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
        let mut bearer = HeaderValue::from_str(&bearer)
            .map_err(|_| ClientError::Request("a token that is no text of one line".to_owned()))?;
        bearer.set_sensitive(true);
        Ok(Some(bearer))
    }

    fn json<T: DeserializeOwned>(&self, answer: Answer<Bytes>) -> Result<Answer<T>, ClientError> {
        // An answer without content is read as JSON's `null`, which is `()` and `None`.
        let bytes: &[u8] = if answer.value.is_empty() { b"null" } else { &answer.value };
        let value = serde_json::from_slice(bytes)
            .map_err(|source| ClientError::Answer { to: self.server(), source })?;
        Ok(Answer { status: answer.status, headers: answer.headers, value })
    }
}

/// An answer of which more is still to come.
pub struct Coming {
    body: Body,
    to: String,
}

impl Coming {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|source| ClientError::Cut { to: self.to.clone(), source })?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

fn of_type(content: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content))])
}

fn fresh_key() -> Result<HeaderValue, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ClientError::Read {
        what: "random bytes".to_owned(),
        source: std::io::Error::other(error),
    })?;
    Ok(HeaderValue::from_str(&hex::encode(bytes)).expect("invariant: hex digits are a header's value"))
}
