//! How servers are reached: whose certificates are trusted, where there is no TLS, who logs in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use crate::FetchError;

/// A server that says nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(20);

/// What an operator says of servers.
#[derive(Debug, Default, Clone)]
pub struct Access {
    /// Files of CA certificates in PEM, trusted beside the system's.
    pub cas: Vec<PathBuf>,
    /// Registries, as `host:port`, that speak plain HTTP.
    pub plain: Vec<String>,
    /// Docker's `config.json`, where logins are taken from.
    pub logins: Option<PathBuf>,
}

/// The part of Docker's configuration that holds logins.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Deserialize)]
struct DockerAuth {
    #[serde(default)]
    auth: String,
}

impl Access {
    /// Where `docker login` and `podman login --compat-auth-file` keep what they were told, if there is such a file.
    pub fn usual_logins() -> Option<PathBuf> {
        let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let folder = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")))?;
        Some(folder.join("config.json")).filter(|path| path.is_file())
    }

    /// `secure`: never without TLS, wherever a server sends us.
    pub(crate) fn web(&self, secure: bool) -> Result<reqwest::Client, FetchError> {
        let client = reqwest::Client::builder().read_timeout(SILENCE).connect_timeout(CONNECT);
        let mut client = client.https_only(secure);
        for path in &self.cas {
            let all = reqwest::Certificate::from_pem_bundle(&read(path)?);
            let all = all.map_err(|error| bad_certificates(path, error.to_string()))?;
            if all.is_empty() {
                return Err(bad_certificates(path, "there is none in PEM".to_owned()));
            }
            client = client.tls_certs_merge(all);
        }
        client.build().map_err(FetchError::Client)
    }

    pub(crate) fn registries(&self) -> Result<ClientConfig, FetchError> {
        let mut certificates = Vec::new();
        for path in &self.cas {
            let data = read(path)?;
            certificates.push(Certificate { encoding: CertificateEncoding::Pem, data });
        }
        Ok(ClientConfig {
            protocol: ClientProtocol::HttpsExcept(self.plain.clone()),
            extra_root_certificates: certificates,
            read_timeout: Some(SILENCE),
            connect_timeout: Some(CONNECT),
            platform_resolver: None,
            ..ClientConfig::default()
        })
    }

    /// The login at a registry; anonymous where none was kept.
    pub(crate) fn login(&self, registry: &str) -> Result<RegistryAuth, FetchError> {
        let Some(path) = &self.logins else { return Ok(RegistryAuth::Anonymous) };
        let config: DockerConfig = serde_json::from_slice(&read(path)?)
            .map_err(|source| FetchError::Read { path: path.clone(), source: source.into() })?;
        let hub = "https://index.docker.io/v1/";
        let keys = [registry, if registry == "docker.io" { hub } else { registry }];
        let found = keys.iter().find_map(|key| config.auths.get(*key));
        let login = found.and_then(|found| {
            let text = base64::engine::general_purpose::STANDARD.decode(&found.auth).ok()?;
            let (user, password) = std::str::from_utf8(&text).ok()?.split_once(':')?;
            Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()))
        });
        Ok(login.unwrap_or(RegistryAuth::Anonymous))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    std::fs::read(path).map_err(|source| FetchError::Read { path: path.into(), source })
}

fn bad_certificates(path: &Path, why: String) -> FetchError {
    FetchError::Certificates { path: path.into(), why }
}
