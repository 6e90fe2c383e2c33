//! What lies around every route: a time limit, headers, counting, and a problem document for what no handler answers.
//!
//! ```text
//!  count ▸ panics ▸ hearing out ▸ headers ▸ compression ▸ origin ▸ identify ▸ [ route: needs ▸ time limit ▸ handler ]
//! ```

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::access::{identify, refuse_other_origins};
use crate::app::App;
use crate::hearing::hear_out;
use crate::pages;
use crate::problem::{Kind, Problem};

/// An ordinary route answers in this time.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Lays everything around the routes.
pub(crate) fn around(router: Router<App>, app: &App) -> Router {
    // Bundles and archives are compressed already; the event stream must not wait in a compressor's window.
    let compressed = DefaultPredicate::new()
        .and(NotForContentType::new("application/octet-stream"))
        .and(NotForContentType::new("application/gzip"));
    router
        .fallback(pages::answer)
        .method_not_allowed_fallback(|| async { Problem::new(Kind::MethodNotAllowed, "") })
        .layer(from_fn_with_state(app.clone(), identify))
        .layer(from_fn(refuse_other_origins))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(from_fn(headers))
        .layer(from_fn(hear_out))
        .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| {
            // The hook has written what was said, and where.
            Problem::new(Kind::Internal, "The server failed to do this; its log says why.").into_response()
        }))
        .layer(from_fn_with_state(app.clone(), count))
        .with_state(app.clone())
}

/// The layer of one route that answers at once, unlike streams.
pub(crate) async fn time_limit(limit: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        Problem::new(Kind::TookTooLong, format!("There was no answer within {seconds} seconds."))
            .wait(Duration::from_secs(5))
            .into_response()
    })
}

/// Answers are for the caller alone and are what they say they are. A path that does not take a method says which it takes.
async fn headers(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allow = response.headers().get(ALLOW).cloned();
        let detail = format!("This path does not take {method}.");
        response = Problem::new(Kind::MethodNotAllowed, detail).allow(allow).into_response();
    }
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let held = app.metrics().request();
    let response = next.run(request).await;
    drop(held);
    app.metrics().answered(response.status().as_u16());
    response
}
