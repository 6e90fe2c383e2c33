//! What every change has in common: a dry run, an expected revision, an idempotency key.

/// Nothing: a change without a body.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct NoBody {}
