//! TLS from the first start: a certificate authority of the instance's own, and a server certificate that it renews.
//!
//! ```text
//!  store ── sealed ──▶ Authority ── signs ──▶ Leaf (names, 90 days) ──▶ Certificates ◀── asked by each handshake
//!                          ▲                     │
//!                          └─── `due` says so ◀──┘  looked at every minute
//! ```
//!
//! Clients pin the authority by its fingerprint. The leaf is never stored: each start draws a new one.

mod authority;
mod names;

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use self::authority::Leaf;
pub(crate) use self::authority::fingerprint_of_pem;
pub use self::authority::{Authority, AuthorityError};
use self::names::this_machine;

/// Between two looks at the clock and at the machine's addresses.
const LOOK: Duration = Duration::from_secs(60);

/// The certificate of the moment. Handshakes read it; [`Certificates::keep`] replaces it.
pub(crate) struct Certificates {
    authority: Authority,
    /// Names that the operator gave beside what the machine says of itself.
    extra: Vec<String>,
    leaf: RwLock<Arc<Leaf>>,
}

impl Certificates {
    /// `now` is Unix time in seconds.
    pub(crate) fn new(
        authority: Authority,
        extra: Vec<String>,
        now: i64,
    ) -> Result<Certificates, AuthorityError> {
        let leaf = authority.issue(&this_machine(&extra), now)?;
        Ok(Certificates { authority, extra, leaf: RwLock::new(Arc::new(leaf)) })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.leaf().names.clone()
    }

    fn leaf(&self) -> Arc<Leaf> {
        self.leaf.read().expect("invariant: nothing panics while it holds the leaf").clone()
    }

    /// Renews the certificate when it grows old or the machine's names change, for as long as it is polled.
    pub(crate) async fn keep(&self, now: impl Fn() -> i64) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look(&this_machine(&self.extra), now());
        }
    }

    fn look(&self, names: &[String], now: i64) {
        if !self.leaf().due(names, now) {
            return;
        }
        match self.authority.issue(names, now) {
            Ok(leaf) => {
                tracing::info!(names = names.join(" "), "renewed the server's certificate");
                *self.leaf.write().expect("invariant: nothing panics while it holds the leaf") =
                    Arc::new(leaf);
            }
            Err(error) => {
                tracing::error!(error = %installer_model::chain(&error), "failed to renew the certificate");
            }
        }
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("names", &self.leaf().names).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    /// The same for every name: clients that use an address send none (RFC 6066, section 3).
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.leaf().key.clone())
    }
}

/// TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1.
pub(crate) fn server_config(certificates: Arc<Certificates>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_follows_the_clock_and_the_names() {
        let certificates = Certificates::new(Authority::make().unwrap(), vec!["one".into()], 0).unwrap();
        let first = certificates.names();
        assert!(first.contains(&"one".to_owned()) && first.contains(&"localhost".to_owned()));
        let leaf = certificates.leaf();
        certificates.look(&first, 3600);
        assert!(Arc::ptr_eq(&leaf, &certificates.leaf()), "nothing changed");
        certificates.look(&["two".to_owned()], 3600);
        assert_eq!(certificates.names(), ["two"]);
        let leaf = certificates.leaf();
        certificates.look(&["two".to_owned()], 85 * 86_400);
        assert!(!Arc::ptr_eq(&leaf, &certificates.leaf()), "it grew old");
    }
}
