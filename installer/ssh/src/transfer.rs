//! Bringing blobs to a host.
//!
//! Each blob has a channel of its own on the one connection, and so a window of its own: several at a time fill a link that
//! one window would not. Where the server allows no more channels, blobs go in pieces through the hand's own.

use std::io::Read;
use std::sync::Arc;

use bundles_format::Digest;
use installer_wire::{Answer, Failure, Request};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::error::HandError;
use crate::hand::Hand;
use crate::root::Greeted;
use crate::shell::quoted;

/// The size of the pieces that are read and written; a few of them are in memory at a time.
const PIECE: usize = 128 * 1024;

/// Gives a reader of a blob's bytes from an offset on.
pub type OpenBlob = Arc<dyn Fn(u64) -> std::io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// A blob to bring.
#[derive(Clone)]
pub struct Blob {
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub open: OpenBlob,
}

/// What bringing a blob took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brought {
    /// Bytes that were there already.
    pub resumed_at: u64,
    /// Bytes that travelled.
    pub sent: u64,
}

/// What `receive-blob` says.
#[derive(Deserialize)]
struct Word {
    offset: Option<u64>,
    #[serde(default)]
    stored: bool,
    failed: Option<Failure>,
}

impl Hand {
    /// Brings a blob to the host's store; nothing travels that is there already. `progress` is told how many bytes are there.
    ///
    /// At most four travel at a time; more calls wait for their turn.
    pub async fn put_blob(&self, blob: &Blob, progress: &(dyn Fn(u64) + Sync)) -> Result<Brought, HandError> {
        let _turn = self.inner().streams.acquire().await.expect("the semaphore is never closed");
        let script = format!(
            "exec {} hand --root {} receive-blob {} {}",
            quoted(&self.inner().program),
            quoted(&self.inner().folder),
            blob.digest,
            blob.size
        );
        match self.inner().root.run(&script).await {
            Ok(greeted) => self.put_on_stream(greeted, blob, progress).await,
            Err(HandError::ChannelRefused { reason, .. }) => {
                tracing::debug!(reason, "no channel for a blob: it goes in pieces");
                self.put_in_pieces(blob, progress).await
            }
            Err(error) => Err(error),
        }
    }

    async fn put_on_stream(
        &self,
        mut greeted: Greeted,
        blob: &Blob,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Brought, HandError> {
        let offset = match self.word(&mut greeted).await? {
            Word { failed: Some(failure), .. } => return Err(self.failed(failure)),
            Word { offset: Some(offset), .. } => offset,
            Word { .. } => return Err(self.protocol("receive-blob did not say where to go on".to_owned())),
        };
        progress(offset);
        let mut pieces = read_ahead(blob, offset);
        let mut there = offset;
        while let Some(piece) = pieces.recv().await {
            let piece = piece?;
            // When the other side has given up, its last word says why.
            if greeted.input.write_all(&piece).await.is_err() {
                break;
            }
            there += piece.len() as u64;
            progress(there);
        }
        let _ = greeted.input.shutdown().await;
        match self.word(&mut greeted).await? {
            Word { stored: true, .. } => Ok(Brought { resumed_at: offset, sent: there - offset }),
            Word { failed: Some(failure), .. } => Err(self.failed(failure)),
            Word { .. } => Err(self.protocol("receive-blob did not say how it went".to_owned())),
        }
    }

    async fn word(&self, greeted: &mut Greeted) -> Result<Word, HandError> {
        let mut line = String::new();
        match greeted.output.read_line(&mut line).await {
            Ok(1..) => serde_json::from_str(&line)
                .map_err(|error| self.protocol(format!("read what receive-blob says: {error}"))),
            Ok(0) | Err(_) => Err(self.inner().root.shell.lost(&greeted.said.text())),
        }
    }

    async fn put_in_pieces(
        &self,
        blob: &Blob,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Brought, HandError> {
        let states = self.blob_states(std::slice::from_ref(&blob.digest)).await?;
        let state =
            states.first().ok_or_else(|| self.protocol("BlobStat was answered with nothing".to_owned()))?;
        let offset = if state.complete { blob.size } else { state.bytes };
        progress(offset);
        let mut there = offset;
        let mut pieces = read_ahead(blob, offset);
        while let Some(piece) = pieces.recv().await {
            let request = Request::BlobPiece { digest: blob.digest.clone(), size: blob.size, offset: there };
            match self.call(&request, &piece?).await? {
                (Answer::BlobPiece { have, .. }, _) => there = have,
                _ => return Err(self.protocol("BlobPiece was answered with something else".to_owned())),
            }
            progress(there);
        }
        Ok(Brought { resumed_at: offset, sent: there - offset })
    }
}

/// Reads a blob on a thread of its own, a few pieces ahead, exactly to its size.
fn read_ahead(blob: &Blob, offset: u64) -> mpsc::Receiver<Result<Vec<u8>, HandError>> {
    let (pieces, ahead) = mpsc::channel(4);
    let blob = blob.clone();
    tokio::task::spawn_blocking(move || {
        let here = |what: String| HandError::Here(format!("read blob {}: {what}", blob.digest));
        let mut left = blob.size.saturating_sub(offset);
        let mut reader = match (blob.open)(offset) {
            Ok(reader) => reader,
            Err(error) => {
                let _ = pieces.blocking_send(Err(here(error.to_string())));
                return;
            }
        };
        while left > 0 {
            let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
            let read = match reader.read_exact(&mut piece) {
                Ok(()) => Ok(piece),
                Err(error) => Err(here(error.to_string())),
            };
            left -= read.as_ref().map_or(left, |piece| piece.len() as u64);
            if pieces.blocking_send(read).is_err() {
                return;
            }
        }
    });
    ahead
}
