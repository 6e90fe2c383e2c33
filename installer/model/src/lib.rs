//! The nouns of an installation: site, survey, finding, plan, event, view.

mod chain;
pub mod event;
pub mod finding;
pub mod link;
pub mod names;
pub mod node;
mod plain;
pub mod plan;
pub mod redact;
pub mod repair;
pub mod secret;
pub mod settings;
pub mod site;
pub mod site_file;
pub mod survey;
mod utc;
pub mod view;
pub mod waiver;
pub mod yaml;

pub use chain::chain;
pub use plain::plain;
pub use utc::Utc;
