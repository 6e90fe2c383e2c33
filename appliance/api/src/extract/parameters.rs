//! Parameters in the path and after the question mark.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Flaw, Kind, Problem};

/// What the path names, as a `T`. A segment that cannot be a `T` names nothing, so the answer is "not found".
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        let named = |what: &str| Problem::new(Kind::NotFound, what.to_owned());
        // Also refuses what is no UTF-8 once it is decoded.
        let raw = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| named("The path names nothing."))?;
        if raw.iter().any(|(_, value)| value.contains('\0')) {
            return Err(named("The path names nothing."));
        }
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(path)| Path(path)).map_err(|_| named("The path names nothing."))
    }
}

/// The parameters after the question mark, as a `T`.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(query)| Query(query)).map_err(|error| {
            let detail = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            Problem::flaws(vec![Flaw { pointer: "?".to_owned(), detail }])
        })
    }
}
