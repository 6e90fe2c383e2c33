//! Files that cannot be imported at all, and how the others are recognised.

use crate::outcome::Format;
use crate::source::Document;

/// Nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("{file} is longer than 4 MiB, which no file for an installer is")]
    TooLong { file: String },
    #[error("{file}: line {line}: {message}")]
    NotYaml { file: String, line: usize, message: String },
    #[error("{file} is empty")]
    Empty { file: String },
    #[error("{what} is a site file already: `armilla check -s` reads it")]
    Site { what: String },
    #[error("{what} is of no format that is known here ({known}): {says}", known = known())]
    NotKnown { what: String, says: String },
    #[error("{0}")]
    NoCluster(String),
    #[error("line {second}: a second {what}, the first one is on line {first}: one site, one cluster")]
    Twice { what: &'static str, first: usize, second: usize },
    #[error("this is {found}, not {wanted}", found = found.title(), wanted = wanted.title())]
    Other { found: Format, wanted: Format },
    #[error("these are files of two installers: {one} and {other}", one = one.title(), other = other.title())]
    Mixed { one: Format, other: Format },
    #[error("{hosts} hosts are more than the {most} that a site may have")]
    TooManyHosts { hosts: usize, most: usize },
}

fn known() -> String {
    let titles: Vec<&str> = Format::ALL.iter().map(|format| format.title()).collect();
    titles.join(", ")
}

/// The format of one document that says which it is.
fn format(document: &Document<'_>) -> Option<Format> {
    match (document.api_version, document.kind) {
        ("kubekey.kubesphere.io/v1alpha1", "Cluster") => Some(Format::KubekeyV1alpha1),
        ("kubekey.kubesphere.io/v1alpha2", "Cluster") => Some(Format::KubekeyV1alpha2),
        ("kubekey.kubesphere.io/v1", "Inventory" | "Config") => Some(Format::KubekeyV1),
        ("k0sctl.k0sproject.io/v1beta1", kind) if kind.eq_ignore_ascii_case("cluster") => {
            Some(Format::K0sctl)
        }
        ("kubeadm.k8s.io/v1beta3" | "kubeadm.k8s.io/v1beta4", _) => Some(Format::Kubeadm),
        _ => None,
    }
}

/// The one format of these documents.
pub(crate) fn recognise(documents: &[Document<'_>], wanted: Option<Format>) -> Result<Format, ImportError> {
    let what = |document: &Document<'_>| format!("the document on line {}", document.line());
    if let Some(site) = documents.iter().find(|document| document.api_version.starts_with("armilla/")) {
        return Err(ImportError::Site { what: what(site) });
    }
    let mut found: Option<Format> = None;
    for format in documents.iter().filter_map(format) {
        match found {
            Some(one) if one != format => return Err(ImportError::Mixed { one, other: format }),
            _ => found = Some(format),
        }
    }
    match (found, wanted) {
        (Some(found), Some(wanted)) if found != wanted => Err(ImportError::Other { found, wanted }),
        (Some(found), _) => Ok(found),
        (None, _) => {
            let first = documents.first().expect("an empty file was refused");
            Err(refusal(first, what(first)))
        }
    }
}

/// For a document that no installer's reader takes, in words that help.
fn refusal(document: &Document<'_>, what: String) -> ImportError {
    if document.api_version.starts_with("kubekey.kubesphere.io/") && document.kind == "Manifest" {
        return ImportError::NoCluster(format!(
            "{what} is the recipe of a KubeKey artifact and names no hosts: bundles are built by `armilla bundle build`"
        ));
    }
    let says = match (document.api_version, document.kind) {
        ("", "") => "it has neither apiVersion nor kind".to_owned(),
        (api_version, kind) => format!("its apiVersion is {}, its kind {}", shown(api_version), shown(kind)),
    };
    ImportError::NotKnown { what, says }
}

/// A word of the file, shortened: it may be anything.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    format!("{short:?}")
}
