//! What a registry client asks for, read from a path and a query: pure.
//!
//! The paths are those of the OCI Distribution Specification 1.1, section "Endpoints" (`end-1`, `end-2`, `end-3`).

use bundles_format::Digest;

use super::name::repository_name;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `/v2/`: is this a registry?
    Base,
    Manifest {
        repository: String,
        reference: Reference,
    },
    Blob {
        repository: String,
        digest: Digest,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Tag(String),
    Digest(Digest),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("no such endpoint")]
    NoEndpoint,
    #[error("{0:?} is not a digest that this registry knows (sha256 alone)")]
    Digest(String),
}

impl Request {
    /// `query` is the part after `?`; of it only `ns` matters, with which containerd names the registry that it was
    /// asked for when it asks a mirror instead.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Result<Request, RequestError> {
        let path = percent_decode(path).ok_or(RequestError::NoEndpoint)?;
        let rest = match path.as_str() {
            "/v2" | "/v2/" => return Ok(Request::Base),
            path => path.strip_prefix("/v2/").ok_or(RequestError::NoEndpoint)?,
        };
        let (front, last) = rest.rsplit_once('/').ok_or(RequestError::NoEndpoint)?;
        let (name, kind) = front.rsplit_once('/').ok_or(RequestError::NoEndpoint)?;
        if name.is_empty() || last.is_empty() {
            return Err(RequestError::NoEndpoint);
        }
        let repository = repository_name(namespace(query).as_deref(), name);
        match kind {
            "manifests" if last.contains(':') => {
                Ok(Request::Manifest { repository, reference: Reference::Digest(digest(last)?) })
            }
            "manifests" => Ok(Request::Manifest { repository, reference: Reference::Tag(last.to_owned()) }),
            "blobs" => Ok(Request::Blob { repository, digest: digest(last)? }),
            _ => Err(RequestError::NoEndpoint),
        }
    }
}

fn digest(text: &str) -> Result<Digest, RequestError> {
    text.parse().map_err(|_| RequestError::Digest(text.to_owned()))
}

fn namespace(query: Option<&str>) -> Option<String> {
    query?
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == "ns")
        .and_then(|(_, value)| percent_decode(value))
        .filter(|value| !value.is_empty())
}

/// Undoes percent-encoding; nothing for a broken escape or for bytes that are not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

    fn parse(target: &str) -> Result<Request, RequestError> {
        match target.split_once('?') {
            Some((path, query)) => Request::parse(path, Some(query)),
            None => Request::parse(target, None),
        }
    }

    fn tag(repository: &str, tag: &str) -> Result<Request, RequestError> {
        let reference = Reference::Tag(tag.to_owned());
        Ok(Request::Manifest { repository: repository.to_owned(), reference })
    }

    #[test]
    fn the_base_is_found_with_and_without_its_slash() {
        assert_eq!(parse("/v2/"), Ok(Request::Base));
        assert_eq!(parse("/v2"), Ok(Request::Base));
    }

    #[test]
    fn a_tag_is_asked_for_as_containerd_asks_a_mirror() {
        assert_eq!(
            parse("/v2/pause/manifests/3.10?ns=registry.k8s.io"),
            tag("registry.k8s.io/pause", "3.10")
        );
        assert_eq!(
            parse("/v2/coredns/coredns/manifests/v1.14.6?ns=registry.k8s.io"),
            tag("registry.k8s.io/coredns/coredns", "v1.14.6")
        );
        assert_eq!(
            parse("/v2/library/busybox/manifests/1.37?ns=docker.io"),
            tag("docker.io/library/busybox", "1.37")
        );
        assert_eq!(
            parse("/v2/team/app/manifests/v1?ns=registry.example.com%3A5000"),
            tag("registry.example.com:5000/team/app", "v1")
        );
    }

    #[test]
    fn a_repository_may_be_called_like_an_endpoint() {
        assert_eq!(
            parse("/v2/blobs/manifests/manifests/v1?ns=r.example"),
            tag("r.example/blobs/manifests", "v1")
        );
    }

    #[test]
    fn digests_are_typed_and_their_colon_may_be_escaped() {
        let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
        let blob = Request::Blob { repository: "r.example/a/b".to_owned(), digest: digest.clone() };
        assert_eq!(parse(&format!("/v2/a/b/blobs/sha256%3A{HEX}?ns=r.example")), Ok(blob));
        assert_eq!(
            parse(&format!("/v2/a/manifests/sha256:{HEX}?ns=r.example")),
            Ok(Request::Manifest {
                repository: "r.example/a".to_owned(),
                reference: Reference::Digest(digest)
            })
        );
    }

    #[test]
    fn nothing_that_is_not_a_digest_reaches_a_path_on_disk() {
        for bad in [
            "sha256:..",
            "sha256:../../../../etc/shadow",
            "sha256%3A%2e%2e%2f%2e%2e%2fetc%2fshadow",
            "sha512:00",
            "passwd",
            &format!("sha256:{HEX}0"),
            &format!("sha256:{}", HEX.to_uppercase()),
        ] {
            let parsed = parse(&format!("/v2/a/blobs/{bad}?ns=r.example"));
            assert!(
                matches!(parsed, Err(RequestError::Digest(_) | RequestError::NoEndpoint)),
                "{bad}: {parsed:?}"
            );
        }
    }

    #[test]
    fn other_paths_are_no_endpoints() {
        for bad in [
            "/",
            "/v1/",
            "/v2/a",
            "/v2/manifests/x",
            "/v2//manifests/x",
            "/v2/a/manifests/",
            "/v2/a/tags/list",
            "/v2/a/manifests/%zz",
            "/v2/a/manifests/%ff",
        ] {
            assert_eq!(parse(bad), Err(RequestError::NoEndpoint), "{bad}");
        }
    }
}
