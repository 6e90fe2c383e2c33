//! What containers wrote.

use std::io;
use std::pin::Pin;

use futures_util::io::{AsyncBufRead, AsyncBufReadExt};
use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::LogParams;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::page::checked;

/// How many lines are given unless somebody says.
const USUAL_TAIL: u32 = 1000;

/// Bytes of a log that is not followed.
const MOST: i64 = 16 << 20;

/// Which part of a container's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogQuery {
    /// None: the pod's only one.
    pub container: Option<String>,
    /// Goes on with what is written from now on, until the container ends or nobody reads any more.
    #[serde(default)]
    pub follow: bool,
    /// Of the container before the last restart.
    #[serde(default)]
    pub previous: bool,
    /// How many lines from the end; 1000 unless given.
    pub tail: Option<u32>,
    /// Not what is older than so many seconds.
    pub since: Option<u32>,
    /// Whether each line begins with its time.
    #[serde(default)]
    pub timestamps: bool,
}

impl Cluster {
    /// A container's log, as it comes. One that is not followed ends after 16 MiB.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        query: &LogQuery,
    ) -> Result<BoxStream<'static, io::Result<Vec<u8>>>, ClusterError> {
        let what = "read the pod's log";
        let api: Api<core::Pod> = Api::namespaced(self.client.clone(), checked(what, namespace)?);
        let reader = self.ask(what, api.log_stream(checked(what, pod)?, &LogParams::from(query))).await?;
        Ok(pieces(Box::pin(reader)))
    }
}

impl From<&LogQuery> for LogParams {
    fn from(query: &LogQuery) -> LogParams {
        LogParams {
            container: query.container.clone(),
            follow: query.follow,
            previous: query.previous,
            tail_lines: Some(query.tail.unwrap_or(USUAL_TAIL).into()),
            since_seconds: query.since.map(Into::into),
            timestamps: query.timestamps,
            limit_bytes: (!query.follow).then_some(MOST),
            ..LogParams::default()
        }
    }
}

/// What a reader has, piece by piece, each as soon as it is there.
fn pieces(reader: Pin<Box<dyn AsyncBufRead + Send>>) -> BoxStream<'static, io::Result<Vec<u8>>> {
    let next = |mut reader: Pin<Box<dyn AsyncBufRead + Send>>| async move {
        let piece = reader.fill_buf().await?.to_vec();
        reader.consume_unpin(piece.len());
        Ok((!piece.is_empty()).then_some((piece, reader)))
    };
    try_unfold(reader, next).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_without_words_is_its_last_thousand_lines_and_bounded() {
        let usual = LogParams::from(&LogQuery::default());
        assert_eq!((usual.tail_lines, usual.limit_bytes, usual.follow), (Some(1000), Some(16 << 20), false));
        let followed = LogParams::from(&LogQuery { follow: true, tail: Some(5), ..LogQuery::default() });
        assert_eq!((followed.tail_lines, followed.limit_bytes), (Some(5), None));
    }

    #[tokio::test]
    async fn pieces_come_as_they_are_read() {
        let reader = futures_util::io::BufReader::with_capacity(3, &b"abcdefgh"[..]);
        let all: Vec<Vec<u8>> = pieces(Box::pin(reader)).map(Result::unwrap).collect().await;
        assert_eq!(all, [&b"abc"[..], b"def", b"gh"]);
    }
}
