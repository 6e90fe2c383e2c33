//! Secrets and identities that are a lab's own.

use crate::file::FileError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

fn bytes(count: usize) -> Result<Vec<u8>, FileError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = vec![0; count];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(FileError::new("read", source))?;
    Ok(bytes)
}

/// `count` random bytes in hexadecimal digits.
pub(crate) fn hex(count: usize) -> Result<String, FileError> {
    Ok(bytes(count)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// 100 random bits in letters and digits that no shell, YAML or prompt takes for anything else.
pub(crate) fn password() -> Result<String, FileError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(bytes(20)?.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}
