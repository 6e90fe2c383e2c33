//! Images from registries. The OCI project's client finds out how to log in and gives blobs; manifests are asked for
//! here, because the client takes one of any length.

use bundles_format::{Digest, Reference, oci};
use futures_util::StreamExt;
use oci_client::RegistryOperation;
use oci_client::client::{BlobResponse, Client};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use reqwest::header::ACCEPT;
use sha2::{Digest as _, Sha256};

use crate::part::{Body, Source, chain};
use crate::{Access, FetchError};

const MANIFESTS: [&str; 4] = [oci::INDEX, oci::MANIFEST, oci::DOCKER_INDEX, oci::DOCKER_MANIFEST];

/// As much as registries take of a manifest. Source: OCI distribution specification, "Pushing Manifests".
const MANIFEST_LIMIT: u64 = 4 << 20;

pub(crate) struct Registries {
    client: Client,
    web: reqwest::Client,
    access: Access,
}

/// A manifest or an index, as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Document {
    pub fn new(bytes: Vec<u8>) -> Document {
        let digest = Digest::from_sha256(Sha256::digest(&bytes).into());
        Document { digest, media_type: media_type(&bytes), bytes }
    }
}

impl Registries {
    pub(crate) fn new(access: &Access) -> Result<Registries, FetchError> {
        let client = Client::try_from(access.registries()?).map_err(FetchError::Registries)?;
        Ok(Registries { client, web: access.web(false)?, access: access.clone() })
    }

    pub(crate) async fn manifest(&self, image: &Reference) -> Result<Document, FetchError> {
        let what = || image.to_string();
        let named = named(image);
        let host = named.resolve_registry();
        let scheme = if self.access.plain.iter().any(|plain| plain == host) { "http" } else { "https" };
        let pointer = named.digest().or(named.tag()).expect("invariant: `named` gives one of them");
        let url = format!("{scheme}://{host}/v2/{}/manifests/{pointer}", named.repository());
        let login = self.access.login(&image.registry)?;
        let token = self.client.auth(&named, &login, RegistryOperation::Pull).await;
        let token = token.map_err(|source| FetchError::Registry { what: what(), source })?;
        let request = self.web.get(url).header(ACCEPT, MANIFESTS.join(", "));
        let request = match (token, login) {
            (Some(token), _) => request.bearer_auth(token),
            (None, RegistryAuth::Basic(user, password)) => request.basic_auth(user, Some(password)),
            (None, RegistryAuth::Anonymous | RegistryAuth::Bearer(_)) => request,
        };
        let answer = request.send().await.map_err(|source| FetchError::Ask { what: what(), source })?;
        if !answer.status().is_success() {
            return Err(FetchError::Status { what: what(), status: answer.status().as_u16() });
        }
        let (mut body, mut bytes) = (answer.bytes_stream(), Vec::new());
        while let Some(piece) = body.next().await {
            bytes.extend(piece.map_err(|source| FetchError::Ask { what: what(), source })?);
            if bytes.len() as u64 > MANIFEST_LIMIT {
                return Err(FetchError::TooLarge { what: what(), limit: MANIFEST_LIMIT });
            }
        }
        let found = Document::new(bytes);
        match image.digest.clone().filter(|wanted| *wanted != found.digest) {
            Some(wanted) => Err(FetchError::Content { what: what(), found: found.digest, wanted }),
            None => Ok(found),
        }
    }
}

/// Source: OCI image specification, `manifest.md`: the field is recommended; an index is known by `manifests`.
fn media_type(bytes: &[u8]) -> String {
    let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let guess = if document["manifests"].is_array() { oci::INDEX } else { oci::MANIFEST };
    document["mediaType"].as_str().unwrap_or(guess).to_owned()
}

fn named(image: &Reference) -> oci_client::Reference {
    let (registry, path) = (image.registry.clone(), image.path.clone());
    match (&image.digest, &image.tag) {
        (Some(digest), _) => oci_client::Reference::with_digest(registry, path, digest.to_string()),
        (None, tag) => {
            let tag = tag.clone().unwrap_or_else(|| "latest".to_owned());
            oci_client::Reference::with_tag(registry, path, tag)
        }
    }
}

/// One blob of an image.
pub(crate) struct Blob<'a> {
    pub(crate) registries: &'a Registries,
    pub(crate) image: &'a Reference,
    pub(crate) digest: &'a Digest,
}

impl Source for Blob<'_> {
    fn what(&self) -> String {
        format!("{} of {}", self.digest, self.image)
    }

    async fn open(&self, offset: u64) -> Result<Body, FetchError> {
        let Registries { client, access, .. } = self.registries;
        let named = named(self.image);
        let login = access.login(&self.image.registry)?;
        client.store_auth_if_needed(named.resolve_registry(), &login).await;
        let descriptor = OciDescriptor { digest: self.digest.to_string(), ..OciDescriptor::default() };
        let asked = match offset {
            0 => client.pull_blob_stream(&named, &descriptor).await.map(|body| (true, body)),
            from => {
                let asked = client.pull_blob_stream_partial(&named, &descriptor, from, None).await;
                asked.map(|answer| match answer {
                    BlobResponse::Full(body) => (true, body),
                    BlobResponse::Partial(body) => (false, body),
                })
            }
        };
        let (whole, body) = asked.map_err(|source| self.failed(source))?;
        let bytes = body.stream.map(|piece| piece.map(|piece| piece.to_vec()).map_err(|error| chain(&error)));
        Ok(Body { whole, bytes: bytes.boxed() })
    }
}

impl Blob<'_> {
    fn failed(&self, source: OciDistributionError) -> FetchError {
        match source {
            OciDistributionError::ServerError { code, .. } => {
                FetchError::Status { what: self.what(), status: code }
            }
            OciDistributionError::UnauthorizedError { .. } => {
                FetchError::Status { what: self.what(), status: 401 }
            }
            source => FetchError::Registry { what: self.what(), source },
        }
    }
}
