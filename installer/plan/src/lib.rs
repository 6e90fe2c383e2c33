//! From a wish to a plan: preflight, planner, diff, lint, next.

pub mod decide;
pub mod next;
