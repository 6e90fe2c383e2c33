//! A terminal at the other end of a WebSocket.

use futures_util::{SinkExt, StreamExt};
use hyper::header::AUTHORIZATION;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::client::Client;
use crate::error::ClientError;
use crate::problem::Problem;
use crate::transport::Wire;

/// What comes from the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What the terminal shows.
    Shown(Vec<u8>),
    /// It ended: the exit code, or why there is none.
    Ended { code: Option<i32>, message: Option<String> },
}

/// A terminal that is open.
pub struct Talk {
    socket: WebSocketStream<Box<dyn Wire>>,
    to: String,
}

#[derive(Deserialize)]
struct Told {
    exit: Exit,
}

#[derive(Deserialize)]
struct Exit {
    code: Option<i32>,
    message: Option<String>,
}

impl Client {
    /// Opens the terminal at `path`.
    pub async fn talk(&self, path: &str) -> Result<Talk, ClientError> {
        let (stream, host) = self.transport.wire().await?;
        let mut request = format!("ws://{host}{path}")
            .into_client_request()
            .map_err(|_| ClientError::Request(path.to_owned()))?;
        if let Some(bearer) = self.bearer()? {
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Talk { socket, to: self.server() }),
            Err(tungstenite::Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let problem = Problem::read(answer.status().as_u16(), body);
                Err(ClientError::Problem(Box::new(problem)))
            }
            Err(error) => Err(cut(&self.server(), error)),
        }
    }
}

impl Talk {
    /// Types.
    pub async fn keys(&mut self, keys: Vec<u8>) -> Result<(), ClientError> {
        let sent = self.socket.send(Message::Binary(keys.into())).await;
        sent.map_err(|error| cut(&self.to, error))
    }

    /// Tells the size of the window, in characters.
    pub async fn resize(&mut self, columns: u16, rows: u16) -> Result<(), ClientError> {
        let text = serde_json::json!({ "resize": { "columns": columns, "rows": rows } }).to_string();
        let sent = self.socket.send(Message::Text(text.into())).await;
        sent.map_err(|error| cut(&self.to, error))
    }

    /// What comes next. May be cancelled and called again.
    pub async fn next(&mut self) -> Result<Said, ClientError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(shown))) => return Ok(Said::Shown(shown.to_vec())),
                Some(Ok(Message::Text(text))) => {
                    let told: Told = serde_json::from_str(&text)
                        .map_err(|source| ClientError::Answer { to: self.to.clone(), source })?;
                    return Ok(Said::Ended { code: told.exit.code, message: told.exit.message });
                }
                Some(Ok(Message::Close(frame))) => {
                    let message = frame.map(|frame| frame.reason.to_string()).filter(|text| !text.is_empty());
                    return Ok(Said::Ended { code: None, message });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(cut(&self.to, error)),
                None => {
                    return Ok(Said::Ended { code: None, message: Some("the connection ended".to_owned()) });
                }
            }
        }
    }
}

fn cut(to: &str, error: tungstenite::Error) -> ClientError {
    ClientError::Cut { to: to.to_owned(), source: Box::new(error) }
}
