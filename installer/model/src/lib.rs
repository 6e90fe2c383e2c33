//! The nouns of an installation: site, survey, finding, plan, event, view.

pub mod event;
pub mod node;
pub mod plan;
pub mod secret;
pub mod view;
