//! Runs a plan: next, probe, act, probe, event.
