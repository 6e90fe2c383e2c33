//! Uploads: a bundle that comes in chunks, over as many connections as it takes.
//!
//! ```text
//!  POST /uploads {name, size} ──▶ PUT …/content?offset=0 ──▶ PUT …?offset=N ──▶ POST …/complete ──▶ a bundle
//!                                   a cut: GET says how much is on disk for sure, and the next chunk begins there
//! ```

use std::path::PathBuf;

use appliance_store::ledger::{BundleCommand, Command, Expected, Reply, Upload, UploadCommand};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{Routes, bundles};
use crate::access::Needs;
use crate::app::App;
use crate::extract::{Changing, Mutation, Path, Query, etag};
use crate::problem::{Kind, Problem};
use crate::refusal;
use crate::writers::Writing;

/// An upload that nothing was added to for so long is given up.
const PATIENCE_MS: u64 = 24 * 60 * 60 * 1000;
/// A sender that says nothing for so long is gone.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Bytes after which what has arrived is written down, so that a cut costs no more.
const NOTED_EACH: u64 = 64 << 20;
/// What stays free on the disk, whoever uploads.
const ROOM_KEPT: u64 = 256 << 20;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .add(Needs::Operator, routes!(list_uploads, begin_upload))
        .add(Needs::Operator, routes!(show_upload, give_up_upload))
        .add_stream(Needs::Operator, routes!(put_content))
        .add_stream(Needs::Operator, routes!(complete_upload))
}

/// An upload that is not complete.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Upload)]
struct UploadBody {
    id: String,
    name: String,
    /// Bytes.
    size: u64,
    /// Bytes that are on disk for sure: the next chunk begins here.
    received: u64,
    /// sha256 of the whole in hex digits, where it was announced: who sends a file knows its upload again by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    by: String,
    /// Unix times in milliseconds.
    begun_at: u64,
    expires_at: u64,
    revision: u64,
}

impl From<Upload> for UploadBody {
    fn from(upload: Upload) -> UploadBody {
        let Upload { id, name, size, received, digest, by, begun_at, expires_at, revision } = upload;
        UploadBody { id, name, size, received, digest, by, begun_at, expires_at, revision }
    }
}

/// Uploads.
#[derive(Debug, Serialize, ToSchema)]
struct UploadList {
    items: Vec<UploadBody>,
}

/// Uploads that are not complete
#[utoipa::path(get, path = "/api/v1/uploads", tag = "bundles", responses((status = 200, body = UploadList)))]
async fn list_uploads(State(app): State<App>) -> Result<Json<UploadList>, Problem> {
    let items = app.rows::<Upload>().await?.into_iter().map(UploadBody::from).collect();
    Ok(Json(UploadList { items }))
}

/// A bundle that is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUpload {
    /// The file's name where it comes from.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// Bytes.
    #[schema(minimum = 1)]
    size: u64,
    /// sha256 of the whole in 64 hex digits, to be held against what arrived.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: Option<String>,
}

/// Begin an upload
#[utoipa::path(post, path = "/api/v1/uploads", tag = "bundles", request_body = NewUpload,
    responses((status = 200, description = "A dry run"), (status = 201, body = UploadBody)))]
async fn begin_upload(State(app): State<App>, wish: Changing<NewUpload>) -> Result<Response, Problem> {
    let Changing { mutation, body: NewUpload { name, size, digest } } = wish;
    let is_digest = |text: &String| {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if digest.as_ref().is_some_and(|digest| !is_digest(digest)) {
        return Err(Problem::invalid("/digest", "64 digits of 0-9 and a-f are wanted"));
    }
    if name.is_empty() || name.len() > 255 {
        return Err(Problem::invalid("/name", "1 to 255 bytes are wanted"));
    }
    if size == 0 {
        return Err(Problem::invalid("/size", "a bundle is not empty"));
    }
    if !app.is_writable() {
        return Err(refusal::storage_full());
    }
    if let Some(room) = app.room().map(|room| room.saturating_sub(ROOM_KEPT))
        && room < size
    {
        // The server does what it should: it is the bundle that is too large for what is left.
        let detail = format!("There is room for {room} bytes, and none for {size}.");
        return Err(Problem::new(Kind::TooLarge, detail)
            .hint("remove bundles that are not used, or make room on the state folder's disk"));
    }
    let id = hex::encode(random::<16>()?);
    let now = app.now_ms();
    let upload = Upload {
        id: id.clone(),
        name,
        size,
        received: 0,
        digest,
        by: String::new(),
        begun_at: now,
        expires_at: now + PATIENCE_MS,
        revision: 0,
    };
    let begun = app.submit(&mutation, Command::Uploads(UploadCommand::Begin(upload))).await?;
    if mutation.dry_run {
        return Ok(StatusCode::OK.into_response());
    }
    clear_away(&app).await?;
    let id = if let Reply::Made { id, .. } = begun.reply { id } else { id };
    Ok((StatusCode::CREATED, shown(&app, &id)?).into_response())
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(bytes)
}

/// Files of uploads that were given up. They are listed before the uploads are: a file comes after its upload, so one that is
/// listed and belongs to none was given up.
pub(crate) async fn clear_away(app: &App) -> Result<(), Problem> {
    let Ok(mut listed) = tokio::fs::read_dir(folder(app)).await else { return Ok(()) };
    let mut files = Vec::new();
    while let Ok(Some(file)) = listed.next_entry().await {
        files.push(file);
    }
    let known: Vec<String> = app.rows::<Upload>().await?.into_iter().map(|upload| upload.id).collect();
    for file in files {
        if !known.iter().any(|id| file.file_name() == id.as_str()) {
            bundles::remove_file(&file.path()).await;
        }
    }
    Ok(())
}

fn folder(app: &App) -> PathBuf {
    app.store().folder().join("uploads")
}

fn row(app: &App, id: &str) -> Result<Upload, Problem> {
    app.row(id)?.ok_or_else(|| Problem::not_found(format!("upload {id}")))
}

fn shown(app: &App, id: &str) -> Result<Response, Problem> {
    let upload = row(app, id)?;
    Ok(([(ETAG, etag(upload.revision))], Json(UploadBody::from(upload))).into_response())
}

/// An upload: how much of it is here
#[utoipa::path(get, path = "/api/v1/uploads/{id}", tag = "bundles", params(("id" = String, Path)),
    responses((status = 200, body = UploadBody)))]
async fn show_upload(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    shown(&app, &id)
}

/// Give an upload up
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "bundles", params(("id" = String, Path)),
    responses((status = 204)))]
async fn give_up_upload(
    State(app): State<App>,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<StatusCode, Problem> {
    if app.answered(&mutation).await?.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    row(&app, &id)?;
    app.submit(&mutation, Command::Uploads(UploadCommand::End { id: id.clone() })).await?;
    if !mutation.dry_run {
        clear_away(&app).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Where a chunk belongs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct At {
    /// What the upload says it has received.
    offset: u64,
}

/// Send a chunk
///
/// Of a chunk that breaks off, what has arrived stays: the upload says how much that is.
#[utoipa::path(put, path = "/api/v1/uploads/{id}/content", tag = "bundles", params(("id" = String, Path), At),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = UploadBody)))]
async fn put_content(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(At { offset }): Query<At>,
    mutation: Mutation,
    body: Body,
) -> Result<Response, Problem> {
    begins_at(&row(&app, &id)?, offset)?;
    if mutation.dry_run {
        return shown(&app, &id);
    }
    let mut writing = app.writers().take(&id).await;
    // Whoever wrote until now may have noted more.
    let upload = row(&app, &id)?;
    begins_at(&upload, offset)?;
    let mut sink = Sink::open(&app, &upload).await?;
    match sink.take(body, &mut writing).await {
        Ok(Taken::All) => sink.note().await?,
        Ok(Taken::Displaced) => {
            sink.file.flush().await.map_err(on_disk)?;
            return Err(Problem::new(Kind::Conflict, "Another connection goes on with this upload."));
        }
        Err(problem) => {
            sink.note().await?;
            return Err(problem);
        }
    }
    shown(&app, &id)
}

fn begins_at(upload: &Upload, offset: u64) -> Result<(), Problem> {
    if offset == upload.received {
        return Ok(());
    }
    let detail = format!("The next chunk begins at {}, not at {offset}.", upload.received);
    Err(Problem::new(Kind::Conflict, detail).hint("ask the upload how much it has received"))
}

/// How much of a chunk came.
enum Taken {
    All,
    /// The caller came back by another connection while this one was still waited on. What was not noted is sent again there.
    Displaced,
}

/// The file of an upload, and how much of it is written down.
struct Sink<'a> {
    app: &'a App,
    file: tokio::fs::File,
    id: String,
    size: u64,
    received: u64,
    noted: u64,
}

impl Sink<'_> {
    async fn open<'a>(app: &'a App, upload: &Upload) -> Result<Sink<'a>, Problem> {
        let folder = folder(app);
        tokio::fs::create_dir_all(&folder).await.map_err(on_disk)?;
        let mut options = tokio::fs::OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let mut file = options.open(folder.join(&upload.id)).await.map_err(on_disk)?;
        // What a chunk left that was not written down is sent again.
        file.set_len(upload.received).await.map_err(on_disk)?;
        file.seek(std::io::SeekFrom::Start(upload.received)).await.map_err(on_disk)?;
        let (received, noted) = (upload.received, upload.received);
        Ok(Sink { app, file, id: upload.id.clone(), size: upload.size, received, noted })
    }

    async fn take(&mut self, mut body: Body, writing: &mut Writing) -> Result<Taken, Problem> {
        loop {
            let frame = tokio::select! {
                frame = tokio::time::timeout(SILENCE, body.frame()) => frame.map_err(|_| {
                    let seconds = SILENCE.as_secs();
                    Problem::new(Kind::SlowRequest, format!("Nothing came for {seconds} seconds."))
                })?,
                () = writing.is_wanted() => return Ok(Taken::Displaced),
            };
            let Some(frame) = frame else { return Ok(Taken::All) };
            let frame = frame.map_err(|_| Problem::new(Kind::Malformed, "The chunk broke off."))?;
            let Ok(bytes) = frame.into_data() else { continue };
            if self.received + bytes.len() as u64 > self.size {
                let detail = format!("More came than the {} bytes that were announced.", self.size);
                return Err(Problem::new(Kind::TooLarge, detail));
            }
            self.file.write_all(&bytes).await.map_err(on_disk)?;
            self.received += bytes.len() as u64;
            if self.received - self.noted >= NOTED_EACH {
                self.note().await?;
            }
        }
    }

    /// What has arrived is on disk, and is said to be.
    async fn note(&mut self) -> Result<(), Problem> {
        self.file.flush().await.map_err(on_disk)?;
        self.file.sync_data().await.map_err(on_disk)?;
        if self.received > self.noted {
            let (id, received) = (self.id.clone(), self.received);
            let expires_at = self.app.now_ms() + PATIENCE_MS;
            let received_command = UploadCommand::Received { id, received, expires_at };
            let actor = appliance_store::ledger::Actor::Instance;
            self.app.submit_as(actor, Command::Uploads(received_command)).await?;
            self.noted = self.received;
        }
        Ok(())
    }
}

fn on_disk(error: std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => refusal::storage_full(),
        _ => Problem::internal(&error),
    }
}

/// Make a bundle of an upload that is whole; every byte of it is read
#[utoipa::path(post, path = "/api/v1/uploads/{id}/complete", tag = "bundles", params(("id" = String, Path)),
    responses((status = 200, description = "A dry run"), (status = 201, body = bundles::BundleBody)))]
async fn complete_upload(
    State(app): State<App>,
    Path(id): Path<String>,
    mutation: Mutation,
) -> Result<Response, Problem> {
    if let Some(bundle) = app.made_before(&mutation).await? {
        return bundles::created(&app, &bundle);
    }
    row(&app, &id)?;
    let _writing = app.writers().take(&id).await;
    // Asked twice, it is a bundle by now.
    let upload = row(&app, &id)?;
    if upload.received < upload.size {
        let detail = format!("{} of {} bytes are here.", upload.received, upload.size);
        return Err(Problem::new(Kind::Conflict, detail).hint("send the rest first"));
    }
    let path = folder(&app).join(&id);
    if let Some(wanted) = &upload.digest {
        let found = digest_of(&path).await?;
        if found != *wanted {
            let detail = format!("What arrived has the digest {found}, announced was {wanted}.");
            return Err(Problem::new(Kind::Conflict, detail).hint("give it up and send it again"));
        }
    }
    let mut bundle = bundles::admit(&app, path.clone(), true, &mutation).await?;
    if mutation.dry_run {
        return Ok(StatusCode::OK.into_response());
    }
    let place = app.store().folder().join("bundles");
    tokio::fs::create_dir_all(&place).await.map_err(on_disk)?;
    let name = bundle.id.rsplit(':').next().unwrap_or(&bundle.id).to_owned();
    bundle.path = place.join(format!("{name}.bundle"));
    tokio::fs::rename(&path, &bundle.path).await.map_err(on_disk)?;
    let bundle_id = bundle.id.clone();
    let put = BundleCommand::Put { bundle, expected: Expected::Any };
    app.submit(&mutation, Command::Bundles(put)).await?;
    app.submit_as(mutation.actor.clone(), Command::Uploads(UploadCommand::End { id })).await?;
    bundles::created(&app, &bundle_id)
}

async fn digest_of(path: &std::path::Path) -> Result<String, Problem> {
    let mut file = tokio::fs::File::open(path).await.map_err(on_disk)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece).await.map_err(on_disk)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&piece[..read]),
        }
    }
}
