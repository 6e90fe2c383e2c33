//! A read-only OCI registry on loopback for the images that this host holds.
//!
//! It exists so that a pod with `imagePullPolicy: Always` starts in a network without a registry: containerd asks
//! here first (`hosts.toml`), gets the digest that it has already, and fetches nothing. What its resolver wants of an
//! answer is in its source, `core/remotes/docker/resolver.go`: `Docker-Content-Digest`, `Content-Type` and
//! `Content-Length` on a HEAD of a manifest; status 404 to go on to the next registry; status 206 with a
//! `Content-Range` when it goes on with a download.

mod library;
mod manifest;
mod name;
mod range;
mod request;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, Method, StatusCode, response};
use axum::response::Response;
use installer_model::node::MirrorConfig;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::TcpListener;
use tokio_util::io::ReaderStream;

use library::{Content, Library};
use range::Span;
use request::{Request, RequestError};

/// Bytes that one download holds in memory.
const CHUNK: usize = 64 * 1024;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

pub(crate) struct Mirror {
    listener: TcpListener,
    library: Arc<Library>,
}

impl Mirror {
    pub(crate) async fn bind(config: &MirrorConfig) -> io::Result<Mirror> {
        let listener = TcpListener::bind(config.listen).await?;
        Ok(Mirror { listener, library: Arc::new(Library::new(config)) })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` ends; downloads that are under way are finished.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let router = Router::new().fallback(answer).with_state(self.library);
        axum::serve(self.listener, router).with_graceful_shutdown(stop).await
    }
}

/// Why a request gets no content, as the specification's error codes name it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("this registry is read-only")]
    ReadOnly,
    #[error("manifest unknown to this host")]
    ManifestUnknown,
    #[error("blob unknown to this host")]
    BlobUnknown,
    #[error("the range lies outside the blob of {size} bytes")]
    Range { size: u64 },
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("the content store could not be read")]
    Internal,
}

async fn answer(State(library): State<Arc<Library>>, request: HttpRequest) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let result = respond(library, request).await;
    let response = result.unwrap_or_else(|refusal| {
        tracing::debug!(%method, %uri, %refusal);
        refusal.into_response()
    });
    tracing::debug!(%method, %uri, status = response.status().as_u16(), "answered");
    response
}

async fn respond(library: Arc<Library>, request: HttpRequest) -> Result<Response, Refusal> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Refusal::ReadOnly);
    }
    match Request::parse(request.uri().path(), request.uri().query())? {
        Request::Base => Ok(finish(ok().header(CONTENT_TYPE, "application/json"), Body::from("{}"))),
        Request::Manifest { repository, reference } => {
            let (descriptor, bytes) = off_thread(move || library.manifest(&repository, &reference))
                .await?
                .ok_or(Refusal::ManifestUnknown)?;
            let head = ok()
                .header(CONTENT_TYPE, descriptor.media_type)
                .header(CONTENT_LENGTH, bytes.len())
                .header(CONTENT_DIGEST, descriptor.digest.to_string());
            Ok(finish(head, Body::from(bytes)))
        }
        Request::Blob { repository, digest } => {
            let content =
                off_thread(move || library.blob(&repository, &digest)).await?.ok_or(Refusal::BlobUnknown)?;
            send_blob(content, request.headers()).await
        }
    }
}

async fn send_blob(content: Content, headers: &HeaderMap) -> Result<Response, Refusal> {
    let size = content.descriptor.size;
    // A condition that no answer of ours can have given (there are no entity tags here) is never met: send it whole.
    let range = headers.get(RANGE).filter(|_| !headers.contains_key(IF_RANGE));
    let (status, first, length) = match Span::parse(range.and_then(|range| range.to_str().ok()), size) {
        Span::Whole => (StatusCode::OK, 0, size),
        Span::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Span::Unsatisfiable => return Err(Refusal::Range { size }),
    };
    let mut head = ok()
        .status(status)
        // The type that the manifest gives its layers is not repeated here, as upstream's registry does not either.
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_LENGTH, length)
        .header(ACCEPT_RANGES, "bytes")
        .header(CONTENT_DIGEST, content.descriptor.digest.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        head = head.header(CONTENT_RANGE, format!("bytes {first}-{}/{size}", first + length - 1));
    }
    let mut file = tokio::fs::File::from_std(content.file);
    file.seek(io::SeekFrom::Start(first)).await.map_err(|_| Refusal::Internal)?;
    Ok(finish(head, Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK))))
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::Internal)
}

fn ok() -> response::Builder {
    Response::builder().header(API_VERSION, "registry/2.0")
}

fn finish(head: response::Builder, body: Body) -> Response {
    head.body(body).unwrap_or_else(|error| {
        // A media type in the image map that no header can hold.
        tracing::error!(%error, "failed to form an answer");
        Refusal::Internal.into_response()
    })
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::ManifestUnknown | Refusal::BlobUnknown => StatusCode::NOT_FOUND,
            Refusal::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Refusal::Request(RequestError::NoEndpoint) => StatusCode::NOT_FOUND,
            Refusal::Request(RequestError::Digest(_)) => StatusCode::BAD_REQUEST,
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The codes of the OCI Distribution Specification, section "Error Codes".
    fn code(&self) -> &'static str {
        match self {
            Refusal::ReadOnly | Refusal::Request(RequestError::NoEndpoint) => "UNSUPPORTED",
            Refusal::ManifestUnknown => "MANIFEST_UNKNOWN",
            Refusal::BlobUnknown => "BLOB_UNKNOWN",
            Refusal::Range { .. } => "SIZE_INVALID",
            Refusal::Request(RequestError::Digest(_)) => "DIGEST_INVALID",
            Refusal::Internal => "UNKNOWN",
        }
    }

    fn into_response(self) -> Response {
        let body =
            serde_json::json!({"errors": [{"code": self.code(), "message": self.to_string()}]}).to_string();
        let mut head = ok()
            .status(self.status())
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len());
        match self {
            Refusal::ReadOnly => head = head.header(ALLOW, "GET, HEAD"),
            Refusal::Range { size } => head = head.header(CONTENT_RANGE, format!("bytes */{size}")),
            Refusal::ManifestUnknown | Refusal::BlobUnknown | Refusal::Request(_) | Refusal::Internal => {}
        }
        head.body(Body::from(body)).expect("invariant: all of these headers are plain text of our own")
    }
}

#[cfg(test)]
#[path = "mirror_test.rs"]
mod tests;
