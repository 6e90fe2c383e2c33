//! What the acts of steps said: bytes by (run, step, attempt) and offset, closed with a digest.

use bundles_format::Digest;
use installer_model::event::{OutputSeal, RunId};
use installer_model::plan::StepId;
use redb::{Durability, ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::runs::number;
use crate::store::{Store, StoreError, json, parse};
use crate::tables::{OUTPUT, SEALS};
use crate::vault::{OVERHEAD, Vault};

/// Bytes kept of one attempt. What comes after is counted, not kept: a command that talks without end must not fill
/// the disk of the machine that installs.
pub const OUTPUT_LIMIT: u64 = 4 << 20;

/// A piece of an attempt's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChunk {
    /// Where it begins, in bytes from the start of the output.
    pub offset: u64,
    pub bytes: Vec<u8>,
}

impl Store {
    /// Appends to the output of an attempt. It is there for readers at once and on disk with the next event: output
    /// explains, and nothing is decided by it.
    pub fn append_output(
        &self,
        run: &RunId,
        step: &StepId,
        attempt: u32,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let number = number(run)?;
        self.write(|transaction| {
            transaction.set_durability(Durability::None)?;
            let mut seal = seal_of(transaction, number, step, attempt)?;
            let room = usize::try_from(OUTPUT_LIMIT.saturating_sub(seal.length)).unwrap_or(usize::MAX);
            let kept = &bytes[..bytes.len().min(room)];
            if !kept.is_empty() {
                let key = (number, step.0.as_str(), attempt, seal.length);
                let sealed = self.vault.seal(&output_place(key), kept)?;
                transaction.open_table(OUTPUT)?.insert(key, sealed.as_slice())?;
            }
            seal.length += kept.len() as u64;
            seal.dropped += (bytes.len() - kept.len()) as u64;
            put_seal(transaction, number, step, attempt, &seal)
        })
    }

    /// Closes the output of an attempt: its length and digest, for the event that ends the attempt. `None` when
    /// nothing was said.
    pub fn seal_output(
        &self,
        run: &RunId,
        step: &StepId,
        attempt: u32,
    ) -> Result<Option<OutputSeal>, StoreError> {
        let number = number(run)?;
        self.write(|transaction| {
            transaction.set_durability(Durability::None)?;
            let mut seal = seal_of(transaction, number, step, attempt)?;
            if seal.length + seal.dropped == 0 {
                return Ok(None);
            }
            let mut hash = Sha256::new();
            {
                let output = transaction.open_table(OUTPUT)?;
                for row in output.range(span(number, step, attempt))? {
                    let (key, value) = row?;
                    hash.update(self.vault.unseal(&output_place(key.value()), value.value())?);
                }
            }
            seal.digest = Digest::from_sha256(hash.finalize().into());
            put_seal(transaction, number, step, attempt, &seal)?;
            Ok(Some(seal))
        })
    }

    /// Up to about `limit` bytes of an attempt's output from `offset` on. Nothing is lost or given twice by asking
    /// again from where the last chunk ended.
    pub fn output(
        &self,
        run: &RunId,
        step: &StepId,
        attempt: u32,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<OutputChunk>, StoreError> {
        let number = number(run)?;
        let output = self.reading()?.open_table(OUTPUT)?;
        let (mut chunks, mut taken) = (Vec::new(), 0);
        for row in output.range(span(number, step, attempt))? {
            let (key, value) = row?;
            let start = key.value().3;
            let end = start + value.value().len().saturating_sub(OVERHEAD) as u64;
            if end <= offset {
                continue;
            }
            if taken >= limit {
                break;
            }
            let bytes = self.vault.unseal(&output_place(key.value()), value.value())?;
            let skip = usize::try_from(offset.saturating_sub(start)).expect("invariant: less than a chunk");
            taken += bytes.len() - skip;
            chunks.push(OutputChunk { offset: start + skip as u64, bytes: bytes[skip..].to_vec() });
        }
        Ok(chunks)
    }

    /// The same as text, and the offset where the next piece begins: this one's when there is nothing more yet.
    pub fn output_text(
        &self,
        run: &RunId,
        step: &StepId,
        attempt: u32,
        offset: u64,
        limit: usize,
    ) -> Result<(String, u64), StoreError> {
        let chunks = self.output(run, step, attempt, offset, limit)?;
        let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
        let (taken, text) = whole_characters(&bytes);
        Ok((text, offset + taken as u64))
    }
}

/// As text, without a character that the end of the bytes cuts in two; how many bytes that is.
fn whole_characters(bytes: &[u8]) -> (usize, String) {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    };
    (whole, String::from_utf8_lossy(&bytes[..whole]).into_owned())
}

type OutputKey<'a> = (u64, &'a str, u32, u64);

/// Where a piece of output is sealed to.
fn output_place((run, step, attempt, offset): OutputKey<'_>) -> String {
    format!("output r-{run} {step} {attempt} {offset}")
}

/// Seals the output of a database that was written before it was.
pub(crate) fn seal_all(transaction: &WriteTransaction, vault: &Vault) -> Result<(), StoreError> {
    let mut output = transaction.open_table(OUTPUT)?;
    let mut open = Vec::new();
    for row in output.iter()? {
        let (key, value) = row?;
        let (run, step, attempt, offset) = key.value();
        open.push((run, step.to_owned(), attempt, offset, value.value().to_vec()));
    }
    for (run, step, attempt, offset, bytes) in open {
        let key = (run, step.as_str(), attempt, offset);
        output.insert(key, vault.seal(&output_place(key), &bytes)?.as_slice())?;
    }
    Ok(())
}

fn span<'a>(number: u64, step: &'a StepId, attempt: u32) -> std::ops::RangeInclusive<OutputKey<'a>> {
    (number, step.0.as_str(), attempt, 0)..=(number, step.0.as_str(), attempt, u64::MAX)
}

fn seal_of(
    transaction: &WriteTransaction,
    number: u64,
    step: &StepId,
    attempt: u32,
) -> Result<OutputSeal, StoreError> {
    let seals = transaction.open_table(SEALS)?;
    let seal = seals.get((number, step.0.as_str(), attempt))?;
    match seal {
        Some(seal) => parse(&step.0, seal.value()),
        // The digest of nothing, until the output is closed.
        None => {
            Ok(OutputSeal { length: 0, dropped: 0, digest: Digest::from_sha256(Sha256::digest([]).into()) })
        }
    }
}

fn put_seal(
    transaction: &WriteTransaction,
    number: u64,
    step: &StepId,
    attempt: u32,
    seal: &OutputSeal,
) -> Result<(), StoreError> {
    transaction.open_table(SEALS)?.insert((number, step.0.as_str(), attempt), json(seal).as_slice())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_in_two_waits_for_its_other_half() {
        let text = "日本".as_bytes();
        assert_eq!(whole_characters(&text[..4]), (3, "日".to_owned()));
        assert_eq!(whole_characters(text), (6, "日本".to_owned()));
        assert_eq!(whole_characters(b"a\xffb").0, 3);
    }
}
