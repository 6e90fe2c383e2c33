//! One judged observation of a check.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::HostName;
use crate::repair::Repair;
use crate::waiver::KeptWaiver;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Of the check, stable: `disk-space`, `port-in-use`.
    pub id: String,
    pub severity: Severity,
    /// `None`: the site as a whole.
    pub host: Option<HostName>,
    pub title: Text,
    /// What was seen, without prose: `2 CPUs`.
    pub observed: String,
    /// What would pass, in the same form.
    pub wanted: String,
    /// Why it matters and what follows from it.
    pub text: Text,
    /// What to do about it; a command where one does it. `None`: nothing needs to be done.
    pub fix: Option<Text>,
    /// What `check --fix` does about it, in this order. Empty: nothing that Armilla does by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Repair>,
    /// Somebody decided to go on in spite of it; it no longer refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<KeptWaiver>,
}

impl Finding {
    /// Whether it keeps an installation from beginning.
    pub fn stops(&self) -> bool {
        self.severity == Severity::Refuse && self.waived.is_none()
    }
}

/// From the lightest to the heaviest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; Armilla copes.
    Info,
    /// Goes on, but somebody should look.
    Warn,
    /// Nothing is touched until this is mended.
    Refuse,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Refuse => "refuse",
        })
    }
}

/// The same sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    pub en: String,
    pub zh: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    Zh,
}

impl Text {
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Text {
        Text { en: en.into(), zh: zh.into() }
    }

    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}
