//! Files from web servers.

use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE};

use crate::FetchError;
use crate::part::{Body, Source, chain};

pub(crate) struct Web<'a> {
    pub(crate) client: &'a reqwest::Client,
    pub(crate) address: &'a str,
}

impl Source for Web<'_> {
    fn what(&self) -> String {
        self.address.to_owned()
    }

    async fn open(&self, offset: u64) -> Result<Body, FetchError> {
        // A server that compresses on the way would give other bytes than those that were pinned.
        let mut request = self.client.get(self.address).header(ACCEPT_ENCODING, "identity");
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let answer = request.send().await.map_err(|source| FetchError::Ask { what: self.what(), source })?;
        let status = answer.status();
        let begins = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let fits = begins.is_some_and(|range| range.starts_with(&format!("bytes {offset}-")));
        let whole = match status {
            StatusCode::OK => true,
            StatusCode::PARTIAL_CONTENT if fits => false,
            _ => return Err(FetchError::Status { what: self.what(), status: status.as_u16() }),
        };
        let bytes = answer.bytes_stream();
        let bytes = bytes.map(|piece| piece.map(|piece| piece.to_vec()).map_err(|error| chain(&error)));
        Ok(Body { whole, bytes: bytes.boxed() })
    }
}
