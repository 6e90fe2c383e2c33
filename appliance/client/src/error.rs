//! What can go wrong between a command and a server.

use std::io;

use crate::events::EventError;
use crate::problem::Problem;
use crate::transport::BoxError;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("reach {to}")]
    Connect {
        to: String,
        #[source]
        source: io::Error,
    },
    /// The server is not the one that was pinned, or does not speak TLS.
    #[error("trust the server at {to}")]
    Trust {
        to: String,
        #[source]
        source: io::Error,
    },
    /// Whether the server did what it was asked is not known.
    #[error("get an answer of {to}")]
    Cut {
        to: String,
        #[source]
        source: BoxError,
    },
    #[error("get an answer of {to} within {seconds} s")]
    TimedOut { to: String, seconds: u64 },
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    #[error("understand the answer of {to}")]
    Answer {
        to: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("read the event stream of {to}")]
    Events {
        to: String,
        #[source]
        source: EventError,
    },
    #[error("read {what}")]
    Read {
        what: String,
        #[source]
        source: io::Error,
    },
    /// A path or header that HTTP cannot carry: it came from a name that somebody typed.
    #[error("ask for {0}")]
    Request(String),
}

impl ClientError {
    /// The exit code that `armilla --help` documents.
    pub fn exit_code(&self) -> u8 {
        match self {
            ClientError::Connect { .. } | ClientError::Cut { .. } => 8,
            ClientError::Trust { .. } => 7,
            ClientError::TimedOut { .. } => 124,
            ClientError::Problem(problem) => problem.exit_code(),
            ClientError::Answer { .. } | ClientError::Events { .. } => 1,
            ClientError::Read { .. } => 1,
            ClientError::Request(_) => 5,
        }
    }

    /// The problem that the server named, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            ClientError::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the same may be asked again and could be answered: nothing was refused.
    pub(crate) fn passes(&self) -> bool {
        match self {
            ClientError::Connect { .. } | ClientError::Cut { .. } | ClientError::TimedOut { .. } => true,
            ClientError::Problem(problem) => matches!(problem.status, 502..=504),
            ClientError::Trust { .. }
            | ClientError::Answer { .. }
            | ClientError::Events { .. }
            | ClientError::Read { .. }
            | ClientError::Request(_) => false,
        }
    }
}
