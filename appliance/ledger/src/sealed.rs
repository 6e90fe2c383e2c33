//! Secrets on their way into the tables: sealed before a command carries them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table::{Row, Table};

/// Bytes sealed by the store's vault for one place. The ledger moves them and cannot open them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sealed(pub Vec<u8>);

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> String {
        hex::encode(sealed.0)
    }
}

impl TryFrom<String> for Sealed {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Sealed, hex::FromHexError> {
        hex::decode(text).map(Sealed)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

impl Row for Sealed {
    const TABLE: Table = Table::Secrets;
    const KIND: &'static str = "secret";
}

/// What argon2id made of a password, in PHC text (`$argon2id$v=19$…`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub String);

impl PasswordHash {
    /// Whether it is argon2id: anything else is a mistake of the caller, perhaps the password itself.
    pub fn is_argon2id(&self) -> bool {
        self.0.starts_with("$argon2id$")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
