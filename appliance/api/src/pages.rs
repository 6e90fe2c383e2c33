//! The web UI: its files by their paths, and its page for whatever else a browser asks for that no route answers.
//!
//! ```text
//!  /assets/main-1a2b.js   its content decides its name: kept for ever
//!  /favicon.ico           any other file: asked for again with its digest
//!  /runs/r-7              the page: a path of the application, which reads it in the browser
//!  /api/v1/nonsense       a problem document, as everywhere under /api
//! ```

use axum::extract::Request;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use ui::Asset;

use crate::problem::{Kind, Problem};

/// What a browser is told that asks a program which was built without the UI in it.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Armilla</title>\n\
     <h1>This armilla has no web UI in it</h1>\n\
     <p>It was built without one: `npm ci &amp;&amp; npm run build` in ui/web, then build it again; or `make binary`, which does both.\n\
     <p>The API answers under <a href=\"/openapi.json\">/api/v1</a>, and so does the command line.\n";

/// The answer where no route has one.
pub(crate) async fn answer(request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let wanted = if reads { wanted(request.uri().path(), request.headers()) } else { Wanted::Nothing };
    match wanted {
        Wanted::File(asset) => file(asset, request.headers()),
        Wanted::Page => page(request.headers()),
        Wanted::Nothing => Problem::new(Kind::NotFound, "There is nothing at this path.").into_response(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    File(Asset),
    Page,
    Nothing,
}

fn wanted(path: &str, headers: &HeaderMap) -> Wanted {
    let path = path.trim_start_matches('/');
    // What programs ask for is never answered with a page.
    let for_programs = ["api", "assets"].contains(&path.split('/').next().unwrap_or_default());
    match ui::asset(path) {
        Some(asset) if asset.path != ui::PAGE => Wanted::File(asset),
        Some(_) => Wanted::Page,
        None if !for_programs && (path.is_empty() || says(headers, &ACCEPT, "text/html")) => Wanted::Page,
        None => Wanted::Nothing,
    }
}

/// Whether a header's list has this word. `q=0` is no more than a word here: no browser sends it for these.
fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|part| part.split(';').next().is_some_and(|part| part.trim() == word))
}

fn file(asset: Asset, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", asset.digest);
    let keep = if asset.is_immutable() { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { content(asset, headers) };
    let to = response.headers_mut();
    to.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    to.insert(ETAG, HeaderValue::try_from(etag).expect("invariant: hex digits in quotes"));
    response
}

/// Not kept by any browser: it names the files of this version of the program.
fn page(headers: &HeaderMap) -> Response {
    let mut response = match ui::page() {
        Some(page) => content(page, headers),
        None => {
            (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
        }
    };
    let to = response.headers_mut();
    to.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    to.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(ui::CONTENT_SECURITY_POLICY));
    to.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn content(asset: Asset, headers: &HeaderMap) -> Response {
    let about = [(CONTENT_TYPE, asset.media_type()), (VARY, "accept-encoding")];
    if says(headers, &ACCEPT_ENCODING, "br") {
        return (about, [(CONTENT_ENCODING, "br")], asset.brotli).into_response();
    }
    if says(headers, &ACCEPT_ENCODING, "gzip") {
        return (about, [(CONTENT_ENCODING, "gzip")], asset.gzip).into_response();
    }
    (about, asset.unpacked()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, accept: &'static str) -> Wanted {
        wanted(path, &HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]))
    }

    #[test]
    fn browsers_get_the_page_for_any_path_but_those_of_programs() {
        const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
        for path in ["/", "/runs/r-7", "/hosts/h1.example.com", "/index.html"] {
            assert_eq!(asked(path, BROWSER), Wanted::Page, "{path}");
        }
        for path in ["/api", "/api/v1/nonsense", "/assets/gone.js", "/assets/../runs"] {
            assert_eq!(asked(path, BROWSER), Wanted::Nothing, "{path}");
        }
        assert_eq!(asked("/", "*/*"), Wanted::Page);
        assert_eq!(asked("/runs/r-7", "*/*"), Wanted::Nothing, "curl and programs");
        assert_eq!(asked("/runs/r-7", "application/json"), Wanted::Nothing);
    }

    #[test]
    fn the_page_may_not_be_kept_and_says_what_it_may_load() {
        let response = page(&HeaderMap::new());
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.status() == StatusCode::OK, ui::is_there());
    }

    #[test]
    fn a_file_that_is_known_is_not_sent_again() {
        let asset = Asset { path: "assets/a-1.js", gzip: b"gzip", brotli: b"brotli", digest: "00ff" };
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"00ff\""))]);
        let response = file(asset, &known);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(response.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let asset = Asset { path: "mark.svg", ..asset };
        let browser =
            HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br"))]);
        let response = file(asset, &browser);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
    }

    #[test]
    fn a_browser_gets_the_smaller_of_what_it_reads() {
        let asset = Asset { path: "assets/a-1.js", gzip: b"gzip", brotli: b"brotli", digest: "00ff" };
        for (reads, given) in [("gzip, deflate, br", "br"), ("br;q=0.5", "br"), ("gzip, deflate", "gzip")] {
            let asks = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(reads))]);
            let response = file(asset, &asks);
            assert_eq!(response.headers()[CONTENT_ENCODING], given, "{reads}");
            assert_eq!(response.headers()[VARY], "accept-encoding");
        }
    }
}
