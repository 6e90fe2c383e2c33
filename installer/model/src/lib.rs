//! The nouns of an installation: site, survey, finding, plan, event, view.
