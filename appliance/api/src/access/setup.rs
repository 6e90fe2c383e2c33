//! The code that makes the first administrator: drawn at each start for as long as there is nobody, and printed on the machine
//! itself.

use sha2::{Digest, Sha256};

/// Crockford's base 32: no letter that is taken for a digit.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new code, such as `7KQ2-M0XA-9TRC`: 60 bits.
pub(crate) fn draw_code() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    let letters: Vec<u8> = bytes.iter().map(|byte| LETTERS[usize::from(byte % 32)]).collect();
    let code = String::from_utf8_lossy(&letters).into_owned();
    Ok(format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..]))
}

/// The digest of a code as 64 hex digits, however it was typed.
pub(crate) fn code_digest(typed: &str) -> String {
    let letters: String =
        typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect();
    hex::encode(Sha256::digest(letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let drawn = draw_code().unwrap();
        assert_eq!(drawn.len(), 14);
        let digest = code_digest(&drawn);
        assert_eq!(code_digest(&drawn.to_lowercase().replace('-', " ")), digest);
        assert_ne!(code_digest(&drawn[..13]), digest);
        assert_ne!(draw_code().unwrap(), drawn);
    }
}
