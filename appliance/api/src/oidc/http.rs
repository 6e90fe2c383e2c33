//! The few requests that a login by an identity provider needs: one connection each, small answers, soon.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: usize = 1 << 20;
/// Where systems keep what they trust: Debian, RHEL and openEuler, SUSE, Alpine.
const TRUSTED: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why the provider was not heard. Completes "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("ask {0}: it is no https address")]
    Address(String),
    #[error("find the certificates that this machine trusts")]
    Trusted(#[source] io::Error),
    #[error("set TLS up")]
    Tls(#[source] rustls::Error),
    #[error("reach {host}")]
    Reach {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("ask {host}")]
    Ask {
        host: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("ask {host}: there was no answer within {} seconds", PATIENCE.as_secs())]
    Late { host: String },
    #[error("ask {host}: it answered {status}")]
    Status { host: String, status: StatusCode },
    #[error("understand what {host} answered")]
    Answer {
        host: String,
        #[source]
        source: serde_json::Error,
    },
}

/// Sends a request and reads its answer as JSON.
pub(crate) async fn ask<T: DeserializeOwned>(mut request: Request<Full<Bytes>>) -> Result<T, AskError> {
    let uri = request.uri().clone();
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    let header = HeaderValue::from_str(&host).map_err(|_| AskError::Address(uri.to_string()))?;
    request.headers_mut().insert(HOST, header);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| AskError::Address(uri.to_string()))?;
    let asked = async {
        let stream = connect(&uri, &host).await?;
        exchange(stream, request, &host).await
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let (status, bytes) = answer.map_err(|_| AskError::Late { host: host.clone() })??;
    if !status.is_success() {
        return Err(AskError::Status { host, status });
    }
    serde_json::from_slice(&bytes).map_err(|source| AskError::Answer { host, source })
}

pub(crate) async fn get<T: DeserializeOwned>(address: &str) -> Result<T, AskError> {
    let request = Request::get(address).body(Full::default());
    ask(request.map_err(|_| AskError::Address(address.to_owned()))?).await
}

/// A form, as token endpoints take it.
pub(crate) fn form(address: &str, fields: &[(&str, &str)]) -> Result<Request<Full<Bytes>>, AskError> {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", super::escaped(value)));
    let body = fields.collect::<Vec<_>>().join("&");
    Request::post(address)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::from(body))
        .map_err(|_| AskError::Address(address.to_owned()))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(uri: &Uri, host: &str) -> Result<Box<dyn Stream>, AskError> {
    let name = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let reach = |source| AskError::Reach { host: host.to_owned(), source };
    match uri.scheme_str() {
        Some("https") => {
            let stream = TcpStream::connect((name, uri.port_u16().unwrap_or(443))).await.map_err(reach)?;
            let server =
                ServerName::try_from(name.to_owned()).map_err(|_| AskError::Address(uri.to_string()))?;
            let stream = TlsConnector::from(Arc::new(config()?)).connect(server, stream).await;
            Ok(Box::new(stream.map_err(reach)?))
        }
        // A provider on this very machine, where somebody tries one out.
        Some("http") if name == "127.0.0.1" => {
            let stream = TcpStream::connect((name, uri.port_u16().unwrap_or(80))).await;
            Ok(Box::new(stream.map_err(reach)?))
        }
        Some(_) | None => Err(AskError::Address(uri.to_string())),
    }
}

async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    host: &str,
) -> Result<(StatusCode, Bytes), AskError> {
    let failed = |source: hyper::Error| AskError::Ask { host: host.to_owned(), source: source.into() };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // It ends with the answer: nothing else holds its other half.
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
    let body = Limited::new(body, ANSWER_LIMIT).collect().await;
    let body = body.map_err(|source| AskError::Ask { host: host.to_owned(), source })?;
    Ok((parts.status, body.to_bytes()))
}

/// Trusts what this machine trusts.
fn config() -> Result<ClientConfig, AskError> {
    let named = std::env::var("SSL_CERT_FILE").ok();
    let places = named.as_deref().into_iter().chain(TRUSTED);
    let mut missing = io::Error::from(io::ErrorKind::NotFound);
    for place in places {
        match std::fs::read(place) {
            Ok(text) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&text).flatten());
                let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .map_err(AskError::Tls)?;
                return Ok(config.with_root_certificates(roots).with_no_client_auth());
            }
            Err(error) => missing = error,
        }
    }
    Err(AskError::Trusted(missing))
}
