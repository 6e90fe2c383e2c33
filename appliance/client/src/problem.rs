//! A problem document (RFC 9457): how a server says that something did not go well.

use serde::{Deserialize, Serialize};

/// `application/problem+json`. Fields that are missing are empty: whatever a server says is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// `urn:armilla:problem:<slug>`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// Where: a JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    pub detail: String,
}

impl Fault {
    /// The host that it is about: `/hosts/NAME`. `/hosts/0` is a place in a site's text.
    fn host(&self) -> Option<&str> {
        let host = self.pointer.strip_prefix("/hosts/")?;
        let is_place = host.contains('/') || host.bytes().all(|byte| byte.is_ascii_digit());
        (!is_place).then_some(host)
    }
}

impl Problem {
    /// The last part of [`Problem::kind`], by which programs tell problems apart.
    pub fn slug(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// What an answer with an error status says, whether its body is a problem document or not.
    pub(crate) fn read(status: u16, body: &[u8]) -> Problem {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        let detail = match problem.detail.as_str() {
            "" if problem.title.is_empty() => format!("do that: the server answered {status}"),
            "" => problem.title.clone(),
            detail => detail.to_owned(),
        };
        Problem { status, detail, ..problem }
    }

    /// Every line that people should read: the detail, then each fault with its place.
    pub fn lines(&self) -> Vec<String> {
        let faults = self.errors.iter().map(|fault| match (fault.pointer.as_str(), fault.host()) {
            ("", _) => fault.detail.clone(),
            (_, Some(host)) => format!("{host}: {}", fault.detail),
            (pointer, None) => format!("{pointer}: {}", fault.detail),
        });
        let faults: Vec<String> = faults.collect();
        if faults.is_empty() { vec![self.detail.clone()] } else { faults }
    }

    /// The exit code that `armilla --help` documents for this problem.
    pub fn exit_code(&self) -> u8 {
        match self.slug() {
            "usage" => return 2,
            "not-let-in" => return 7,
            "took-too-long" => return 124,
            _ => {}
        }
        match self.status {
            401 | 403 | 429 => 7,
            404 | 410 => 3,
            409 | 412 | 423 | 428 => 4,
            400 | 411 | 413 | 415 | 416 | 422 => 5,
            408 | 504 => 124,
            502 | 503 => 8,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_is_read_with_its_places() {
        let body = br#"{"type":"urn:armilla:problem:invalid","title":"Invalid","status":422,
            "detail":"the site is not valid","hint":"mend it",
            "errors":[{"pointer":"/hosts/0","detail":"has no address"},{"detail":"no control plane"}],"more":1}"#;
        let problem = Problem::read(422, body);
        assert_eq!(problem.slug(), "invalid");
        assert_eq!(problem.lines(), ["/hosts/0: has no address", "no control plane"]);
        assert_eq!((problem.exit_code(), problem.hint.as_deref()), (5, Some("mend it")));
    }

    #[test]
    fn a_host_is_told_by_its_name() {
        let fault = |pointer: &str| Fault { pointer: pointer.to_owned(), detail: "is down".to_owned() };
        let errors = ["/hosts/h1", "/hosts/0", "/hosts/0/address", ""].map(fault).to_vec();
        let problem = Problem { errors, ..Problem::default() };
        let told = ["h1: is down", "/hosts/0: is down", "/hosts/0/address: is down", "is down"];
        assert_eq!(problem.lines(), told);
    }

    #[test]
    fn whatever_else_is_answered_is_a_problem_too() {
        assert_eq!(Problem::read(502, b"<html>").detail, "do that: the server answered 502");
        assert_eq!(Problem::read(404, br#"{"title":"Not Found"}"#).lines(), ["Not Found"]);
        // The status line is what counts.
        assert_eq!(Problem::read(409, br#"{"status":200,"detail":"x"}"#).exit_code(), 4);
    }

    #[test]
    fn exit_codes_are_those_of_the_help() {
        let codes = |statuses: &[u16]| -> Vec<u8> {
            statuses
                .iter()
                .map(|status| Problem { status: *status, ..Problem::default() }.exit_code())
                .collect()
        };
        assert_eq!(codes(&[400, 401, 403, 404, 409, 412, 422, 428, 429]), [5, 7, 7, 3, 4, 4, 5, 4, 7]);
        assert_eq!(codes(&[408, 500, 503, 504, 507]), [124, 1, 8, 124, 1]);
        let of = |slug: &str, status| {
            let kind = format!("urn:armilla:problem:{slug}");
            Problem { kind, status, ..Problem::default() }.exit_code()
        };
        assert_eq!((of("not-let-in", 502), of("upstream", 502), of("took-too-long", 503)), (7, 8, 124));
        assert_eq!((of("usage", 422), of("invalid", 422)), (2, 5));
    }
}
