//! What is said between two hands.

use sha2::{Digest as _, Sha256};

/// A question is padded to the size of the packet that is tried; this much is looked at.
pub(super) const LOOKED_AT: usize = 128;

pub(super) fn question(nonce: &str, number: u32) -> String {
    format!("armilla-probe {nonce} {number}\n")
}

pub(super) fn answer(nonce: &str, port: u16, number: u32) -> String {
    format!("armilla-heard {} {number}\n", proof(nonce, port))
}

/// The number of a question that was asked with this nonce.
pub(super) fn asked(bytes: &[u8], nonce: &str) -> Option<u32> {
    let rest = line(bytes)?.strip_prefix("armilla-probe ")?;
    rest.strip_prefix(nonce)?.strip_prefix(' ')?.parse().ok()
}

/// The number of an answer that only who knows the nonce can give, for this port.
pub(super) fn answered(bytes: &[u8], nonce: &str, port: u16) -> Option<u32> {
    let rest = line(bytes)?.strip_prefix("armilla-heard ")?;
    rest.strip_prefix(proof(nonce, port).as_str())?.strip_prefix(' ')?.parse().ok()
}

fn line(bytes: &[u8]) -> Option<&str> {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&bytes[..end]).ok()
}

/// An answer must not be longer than its question, so that nobody can use a hand to flood somebody else.
fn proof(nonce: &str, port: u16) -> String {
    let digest = Sha256::digest(format!("{nonce}:{port}"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Letters and digits, long enough that nobody guesses it and short enough for one packet.
pub(super) fn is_nonce(text: &str) -> bool {
    (16..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
