//! The instance itself: its backup.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use appliance_store::{BackupError, Holder};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use utoipa_axum::routes;

use super::Routes;
use super::terminals::note_handed;
use crate::access::{Known, Needs, Peer};
use crate::app::App;
use crate::extract::Mutation;
use crate::problem::{Kind, Problem};
use crate::refusal;

/// Bytes that travel at once, and how many such pieces wait for their reader.
const PIECE: usize = 64 << 10;
const WAITING: usize = 4;
/// A reader that takes nothing for so long is gone.
const STALLED: Duration = Duration::from_secs(60);

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add_stream(Needs::Admin, routes!(back_up))
}

/// Back the whole instance up, as it is at this moment
///
/// What is secret stays sealed, and the key is not in it, unless a passphrase protects it. `armilla instance restore` makes a
/// state folder of it. One is made at a time; others go on writing meanwhile.
#[utoipa::path(post, path = "/api/v1/instance/backup", tag = "settings",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 204, description = "A dry run"),
        (status = 503, body = crate::problem::ProblemBody, content_type = "application/problem+json")))]
async fn back_up(
    State(app): State<App>,
    known: Known,
    peer: Peer,
    mutation: Mutation,
) -> Result<Response, Problem> {
    let turn = app.backups().try_acquire_owned().map_err(|_| {
        Problem::new(Kind::Busy, "Another backup is being taken.").wait(Duration::from_secs(30))
    })?;
    if mutation.dry_run {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    note_handed(&app, &known, &peer, "instance/backup".to_owned()).await?;
    let (now, store) = (app.now_ms(), Arc::clone(app.store()));
    let taking =
        tokio::task::spawn_blocking(move || store.snapshot(&Holder::this_process("serve", now), now));
    let snapshot = taking.await.map_err(|error| Problem::internal(&error))?.map_err(refused)?;
    let (pieces, coming) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut pieces = Pieces { pieces, runtime: Handle::current() };
        if let Err(error) = snapshot.write(&mut pieces) {
            // Its reader sees that it was cut off: the digest at its end is missing.
            tracing::warn!(error = %installer_model::chain(&error), "a backup was not taken to its end");
            let _ = pieces.send(Err(io::Error::other("the backup broke off")));
        }
    });
    let body = stream::unfold(coming, async |mut coming| coming.recv().await.map(|piece| (piece, coming)));
    Ok(([(CONTENT_TYPE, "application/octet-stream")], Body::from_stream(body)).into_response())
}

fn refused(error: BackupError) -> Problem {
    match error {
        BackupError::Store(error) => refusal::problem(error),
        other => Problem::internal(&other),
    }
}

/// Writes out of a thread into an answer.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Pieces {
    fn send(&self, piece: io::Result<Bytes>) -> io::Result<()> {
        let sent = self.runtime.block_on(tokio::time::timeout(STALLED, self.pieces.send(piece)));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.send(Ok(Bytes::copy_from_slice(piece)))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
