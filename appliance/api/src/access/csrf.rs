//! A page of another origin cannot make a browser change anything here.
//!
//! The rules of Go's `http.CrossOriginProtection` (pkg.go.dev/net/http#CrossOriginProtection): browsers say with
//! `Sec-Fetch-Site` or `Origin` where a request comes from; what sends neither is no browser of the last years, and has no
//! cookies that a page could misuse. The session cookie is `SameSite=Strict` besides.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Kind, Problem};

/// The layer of all routes.
pub(crate) async fn refuse_other_origins(request: Request, next: Next) -> Response {
    if same_origin(request.method(), request.uri(), request.headers()) {
        return next.run(request).await;
    }
    Problem::new(Kind::CrossOrigin, "A page of another origin sent this request.").into_response()
}

fn same_origin(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    is_of_this_origin(uri, headers)
}

/// For requests that are reads by their method and more than that: the handshake of a WebSocket.
pub(crate) fn is_of_this_origin(uri: &Uri, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    // HTTP/2 names the host in the URI, HTTP/1.1 in a header.
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = uri.authority().map(|authority| authority.as_str()).or(named);
    let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("https://"));
    origin.is_some() && origin == host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(method: Method, headers: &[(&'static str, &str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        same_origin(&method, &"/api/v1/users".parse().unwrap(), &headers)
    }

    #[test]
    fn only_pages_of_this_origin_change_something() {
        let own = ("host", "10.0.0.1:9443");
        assert!(passes(Method::POST, &[own]), "curl");
        assert!(passes(Method::POST, &[own, ("origin", "https://10.0.0.1:9443")]));
        assert!(passes(Method::POST, &[own, ("sec-fetch-site", "same-origin")]));
        for other in ["https://10.0.0.1", "http://10.0.0.1:9443", "https://evil.example", "null"] {
            assert!(!passes(Method::POST, &[own, ("origin", other)]), "{other}");
        }
        for site in ["cross-site", "same-site", "nonsense"] {
            let own_origin = ("origin", "https://10.0.0.1:9443");
            assert!(!passes(Method::DELETE, &[own, own_origin, ("sec-fetch-site", site)]), "{site}");
        }
        assert!(
            passes(Method::GET, &[own, ("origin", "https://evil.example")]),
            "reads cannot be read by it"
        );
    }

    #[test]
    fn over_http2_the_host_is_in_the_uri() {
        let uri: Uri = "https://box:9443/api/v1/users".parse().unwrap();
        let headers = HeaderMap::from_iter([(ORIGIN, "https://box:9443".parse().unwrap())]);
        assert!(same_origin(&Method::POST, &uri, &headers));
    }
}
