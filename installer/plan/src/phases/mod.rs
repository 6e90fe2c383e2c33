//! The phases of an installation and of a reset: one file each, in the order of the story.

pub(crate) mod clean;
pub(crate) mod equip;
pub(crate) mod found;
pub(crate) mod import;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod place;
pub(crate) mod prepare;
pub(crate) mod prove;
pub(crate) mod start;
