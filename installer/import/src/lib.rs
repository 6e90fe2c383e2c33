//! Files of other installers become drafts of sites, and everything that cannot be honoured is listed.
//!
//! ```text
//!  &str ──yaml──▶ documents ──recognise──▶ Format ──its reader──▶ SiteDraft ──text──▶ site.yaml ──Site::parse──▶ what it lacks
//!                                             └──its rules── every field that the reader did not take ──▶ NotHonoured
//! ```
//!
//! Nothing is dropped in silence because of how it is done: a reader *takes* fields, and afterwards every field of the
//! file that nobody took is looked up in the rules of its format. A rule says why a field has no place in a site, or that
//! its value is what Armilla does anyway; a field without a rule is unknown. All three end in the report or in the draft.

mod common;
mod error;
mod field;
mod flags;
mod k0sctl;
mod k0sctl_rules;
mod kubeadm;
mod kubeadm_rules;
mod kubekey;
mod manual;
mod outcome;
mod page;
mod rules;
mod site_draft;
mod source;
mod text;

pub use error::ImportError;
pub use manual::manual;
pub use outcome::{Draft, Format, Lack, NotHonoured, Why};

use installer_model::site::Site;

use source::Document;

/// Longer files are refused unread, as a longer site file is.
pub const LONGEST: usize = 4 << 20;

/// One file as it was read.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// Names it in the report when there are several.
    pub name: &'a str,
    pub text: &'a str,
}

/// The draft of a site from the file or files of one installation, such as KubeKey's inventory and config. `wanted`
/// refuses files of another format; `None` goes by what the files say themselves.
pub fn import(files: &[SourceFile<'_>], wanted: Option<Format>) -> Result<Draft, ImportError> {
    let read =
        files.iter().map(|file| Ok((file.name, source::read(file)?))).collect::<Result<Vec<_>, _>>()?;
    let several = files.len() > 1;
    let mut documents = Vec::new();
    for (name, nodes) in &read {
        for node in nodes {
            documents.push(Document::new(several.then_some(*name), node));
        }
    }
    let format = error::recognise(&documents, wanted)?;
    let (draft, rules): (_, rules::Chooser) = match format {
        Format::KubekeyV1alpha1 | Format::KubekeyV1alpha2 => {
            (kubekey::v3::read(&documents)?, kubekey::v3::rules)
        }
        Format::KubekeyV1 => (kubekey::v4::read(&documents)?, kubekey::v4::rules),
        Format::K0sctl => (k0sctl::read(&documents)?, k0sctl::rules),
        Format::Kubeadm => (kubeadm::read(&documents)?, kubeadm::rules),
    };
    let report = rules::finish(&documents, rules);
    let site_yaml = text::write(&draft, format);
    let lacks = match Site::parse(&site_yaml) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.0.iter().map(Lack::from).collect(),
    };
    Ok(Draft { format, site_yaml, lacks, report })
}
