//! Reading one blob of an open bundle.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::scan::Place;

/// A blob as a stream of its own: several may read the same bundle at once, each where it is.
///
/// Blobs are stored as they are sent, so a range costs one positioned read.
#[derive(Debug, Clone)]
pub struct BlobReader {
    file: Arc<File>,
    place: Place,
    at: u64,
}

impl BlobReader {
    pub(crate) fn new(file: Arc<File>, place: Place) -> BlobReader {
        BlobReader { file, place, at: 0 }
    }

    /// Bytes of the whole blob.
    pub fn size(&self) -> u64 {
        self.place.size
    }

    /// Where the blob begins in the bundle's file.
    pub fn offset(&self) -> u64 {
        self.place.offset
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.place.size.saturating_sub(self.at);
        let take = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if take == 0 {
            return Ok(0);
        }
        match self.file.read_at(&mut buffer[..take], self.place.offset + self.at)? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the bundle became shorter while it was read",
            )),
            read => {
                self.at += read as u64;
                Ok(read)
            }
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.place.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at =
            target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the blob"))?;
        Ok(self.at)
    }
}
