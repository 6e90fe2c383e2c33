//! Reads a bundle: opens, verifies, hands out blobs.
