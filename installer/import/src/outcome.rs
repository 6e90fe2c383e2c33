//! What an import ends with: types that the command line prints and the API returns.

use std::fmt;

use installer_model::site_file::SiteError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of file that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportFormat)]
pub enum Format {
    #[serde(rename = "kubekey-v1alpha1")]
    KubekeyV1alpha1,
    #[serde(rename = "kubekey-v1alpha2")]
    KubekeyV1alpha2,
    /// Inventory and Config.
    #[serde(rename = "kubekey-v1")]
    KubekeyV1,
    #[serde(rename = "k0sctl")]
    K0sctl,
    /// ClusterConfiguration and what else kubeadm reads, v1beta3 and v1beta4.
    #[serde(rename = "kubeadm")]
    Kubeadm,
}

impl Format {
    pub const ALL: [Format; 5] = [
        Format::KubekeyV1alpha1,
        Format::KubekeyV1alpha2,
        Format::KubekeyV1,
        Format::K0sctl,
        Format::Kubeadm,
    ];

    /// As in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::KubekeyV1alpha1 => "kubekey-v1alpha1",
            Format::KubekeyV1alpha2 => "kubekey-v1alpha2",
            Format::KubekeyV1 => "kubekey-v1",
            Format::K0sctl => "k0sctl",
            Format::Kubeadm => "kubeadm",
        }
    }

    /// For sentences.
    pub fn title(self) -> &'static str {
        match self {
            Format::KubekeyV1alpha1 => "KubeKey 1 (v1alpha1)",
            Format::KubekeyV1alpha2 => "KubeKey 2 or 3 (v1alpha2)",
            Format::KubekeyV1 => "KubeKey 4 (v1)",
            Format::K0sctl => "k0sctl (v1beta1)",
            Format::Kubeadm => "kubeadm (v1beta3, v1beta4)",
        }
    }
}

/// The draft of a site, and what became of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportDraft)]
pub struct Draft {
    pub format: Format,
    /// The text of a site file, with comments. It holds no secret, only references to them.
    pub site_yaml: String,
    /// What keeps `site_yaml` from being a site, by its own paths and lines. Empty: it is one.
    pub lacks: Vec<Lack>,
    /// Every field of the imported files that the draft does not carry, in the order of the files.
    pub report: Vec<NotHonoured>,
}

impl Draft {
    /// Whether the draft is a valid site as it stands.
    pub fn is_complete(&self) -> bool {
        self.lacks.is_empty()
    }
}

/// Something in the draft that only the operator can say or settle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImportLack)]
pub struct Lack {
    /// In the draft, such as `hosts[0].address`.
    pub path: String,
    pub line: Option<usize>,
    pub message: String,
}

impl From<&SiteError> for Lack {
    fn from(error: &SiteError) -> Lack {
        Lack {
            path: error.place.path.clone(),
            line: error.place.position.map(|position| position.line),
            message: error.message.clone(),
        }
    }
}

/// Reads as the same mistake in a site file would.
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "site file" } else { &self.path };
        match self.line {
            Some(line) => write!(f, "{path}: line {line}: {}", self.message),
            None => write!(f, "{path}: {}", self.message),
        }
    }
}

/// One field of an imported file that the draft does not carry, or not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotHonoured {
    /// Which file, when several were imported.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The kind of the document that it stands in, such as `ClusterConfiguration`.
    pub document: String,
    /// Such as `spec.hosts[0].timeout`.
    pub path: String,
    pub line: usize,
    pub column: usize,
    pub why: Why,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ImportWhy)]
pub enum Why {
    /// A site has no place for it.
    NoPlace,
    /// A password, key or token: never copied. The draft refers to it where it is needed.
    Secret,
    /// The format has no such field.
    Unknown,
    /// The value is not what belongs there.
    Invalid,
}

impl fmt::Display for NotHonoured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        let path = if self.path.is_empty() { "the document" } else { &self.path };
        write!(f, "{} {path}: line {}: {}", self.document, self.line, self.reason)
    }
}
