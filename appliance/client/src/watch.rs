//! The event stream, which goes on: after a lost connection it is taken up behind the last event that came.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::error::ClientError;
use crate::events::{Message, Parser};
use crate::transport::Body;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A server says something at least this often, a comment if nothing else; after it the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a server may be away: a restart after a crash, with the runs it takes up again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Events as they come.
pub struct Watch {
    client: Client,
    path: String,
    last_id: String,
    stream: Option<(Body, Parser)>,
    ready: VecDeque<Message>,
    pause: Duration,
    /// Since when there is no connection.
    lost: Option<Instant>,
    patience: Duration,
}

impl Watch {
    pub(crate) fn new(client: Client, path: &str, after: Option<u64>) -> Watch {
        Watch {
            client,
            path: path.to_owned(),
            last_id: after.map(|index| index.to_string()).unwrap_or_default(),
            stream: None,
            ready: VecDeque::new(),
            pause: FIRST_PAUSE,
            lost: None,
            patience: PATIENCE,
        }
    }

    /// How long it tries to get back to a server before it gives up.
    pub fn with_patience(mut self, patience: Duration) -> Watch {
        self.patience = patience;
        self
    }

    /// The id behind which the stream would be taken up.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The next event. Fails when the server refuses, and when it stays away.
    pub async fn next(&mut self) -> Result<Message, ClientError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                self.last_id.clone_from(&message.last_id);
                return Ok(message);
            }
            if let Err(error) = self.more().await {
                self.stream = None;
                let lost = *self.lost.get_or_insert_with(Instant::now);
                if !error.passes() || lost.elapsed() + self.pause > self.patience {
                    return Err(error);
                }
                tracing::debug!(%error, path = self.path, "takes the stream up again");
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Reads on, connecting first where there is no connection.
    async fn more(&mut self) -> Result<(), ClientError> {
        let server = self.client.server();
        let silent = || ClientError::TimedOut { to: server.clone(), seconds: SILENCE.as_secs() };
        if self.stream.is_none() {
            let began = timeout(SILENCE, self.begin()).await.map_err(|_| silent())??;
            let resumed = Parser::after(&self.last_id);
            self.stream = Some((began, resumed));
        }
        let (body, parser) = self.stream.as_mut().expect("invariant: connected just above");
        let cut = |source| ClientError::Cut { to: server.clone(), source };
        let frame = match timeout(SILENCE, body.frame()).await.map_err(|_| silent())? {
            None => return Err(cut("it ended the event stream".into())),
            Some(frame) => frame.map_err(cut)?,
        };
        // Something came: the next loss is a new one.
        self.pause = FIRST_PAUSE;
        self.lost = None;
        if let Some(bytes) = frame.data_ref() {
            let messages = parser.feed(bytes);
            self.ready.extend(messages.map_err(|source| ClientError::Events { to: server.clone(), source })?);
        }
        Ok(())
    }

    async fn begin(&self) -> Result<Body, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if !self.last_id.is_empty() {
            let id = HeaderValue::from_str(&self.last_id)
                .map_err(|_| ClientError::Request("an event id that is no text of one line".to_owned()))?;
            headers.insert(LAST_EVENT_ID, id);
        }
        let answer = self.client.begin(&Method::GET, &self.path, &headers, None).await?;
        Ok(answer.into_body())
    }
}
