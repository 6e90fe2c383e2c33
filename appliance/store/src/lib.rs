//! The embedded database: sites, plans, runs, events.
