//! JSON bodies: bounded in size and time, and refused with a pointer to what is wrong.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::problem::{Flaw, Kind, Problem};

/// Bytes of a JSON body. A site of some thousand hosts has less than one MiB.
pub(super) const JSON_LIMIT: usize = 8 << 20;
/// The same of who is not known: a name, a password, a code.
pub(super) const STRANGERS_LIMIT: usize = 64 << 10;
/// A body arrives whole in this time. The door writes it into the request; without a door there is the usual one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(pub(crate) Duration);

impl Default for Patience {
    fn default() -> Patience {
        Patience(Duration::from_secs(20))
    }
}

/// The whole body, of so many bytes at most.
pub(super) async fn read(
    body: axum::body::Body,
    most: usize,
    Patience(patience): Patience,
) -> Result<Bytes, Problem> {
    tokio::time::timeout(patience, collect(body, most)).await.unwrap_or_else(|_| {
        let seconds = patience.as_secs_f32();
        Err(Problem::new(Kind::SlowRequest, format!("The body did not arrive within {seconds} seconds.")))
    })
}

async fn collect(mut body: axum::body::Body, most: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Kind::Malformed, "The body broke off."))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            let most = most >> 10;
            return Err(Problem::new(Kind::TooLarge, format!("The body is longer than {most} KiB.")));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

pub(super) fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(Kind::MediaType, "The body is not said to be JSON.")
            .hint("send `Content-Type: application/json`"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        refused(pointer, error.inner())
    })?;
    reader.end().map_err(|error| refused(String::new(), &error))?;
    Ok(value)
}

/// What is no JSON is malformed; JSON that is not what the route takes is invalid at a place.
fn refused(pointer: String, error: &serde_json::Error) -> Problem {
    match error.classify() {
        serde_json::error::Category::Data => {
            Problem::flaws(vec![Flaw { pointer, detail: error.to_string() }])
        }
        serde_json::error::Category::Eof
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Io => {
            Problem::new(Kind::Malformed, format!("The body is not JSON: {error}."))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// RFC 6901: `~` and `/` in names are written `~0` and `~1`.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                Some(format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Unknown => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        #[serde(rename = "hosts")]
        _hosts: Vec<BTreeMap<String, u16>>,
    }

    fn problem(kind: &str, text: &str) -> (Kind, String) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        let problem = parse::<Wish>(&headers, text.as_bytes()).unwrap_err();
        let body = serde_json::to_value(format!("{problem:?}")).unwrap();
        (problem.kind(), body.to_string())
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said_with_its_place() {
        let json = "application/json; charset=utf-8";
        let (kind, text) = problem(json, r#"{"hosts": [{}, {"a/b": "x"}]}"#);
        assert_eq!(kind, Kind::Invalid);
        assert!(text.contains("/hosts/1/a~1b"), "{text}");
        assert_eq!(problem(json, "{").0, Kind::Malformed);
        assert_eq!(problem(json, "{} x").0, Kind::Invalid, "a missing field comes first");
        assert_eq!(problem(json, r#"{"hosts": []} x"#).0, Kind::Malformed);
        assert_eq!(problem(json, r#"{"hosts": [], "host": 1}"#).0, Kind::Invalid);
        assert_eq!(problem("text/plain", "{}").0, Kind::MediaType);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        let problem =
            read(axum::body::Body::from_stream(endless), JSON_LIMIT, Patience::default()).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::SlowRequest);
        let large =
            futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 20])));
        let problem =
            read(axum::body::Body::from_stream(large), JSON_LIMIT, Patience::default()).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::TooLarge);
    }
}
