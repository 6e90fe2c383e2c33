//! What blobs unpack to: no more than the index says, in no more memory than ours.

use std::io::{self, BufReader, Read};

use bundles_format::{Blob, Digest, FileArtifact, ImageArtifact};
use sha2::{Digest as _, Sha256};

use crate::{BadBlob, Bundle, Sealed};

/// The memory that unpacking a file may take: 8 MiB, the window of what the builder packs. A frame may ask for 2 GiB.
const WINDOW_LOG: u32 = 23;

/// Bytes unpacked at a time.
const CHUNK: usize = 1 << 18;

impl Bundle<Sealed> {
    /// A file's uncompressed content; `None` if its blob is not in this bundle. What is read must be held against
    /// [`FileArtifact::content`]; more than [`FileArtifact::content_size`] is an error.
    pub fn content(&self, file: &FileArtifact) -> Option<io::Result<impl Read + use<>>> {
        let limit = file.content_size;
        let bounded = |reader| {
            let mut decoder = zstd::Decoder::new(reader)?;
            decoder.window_log_max(WINDOW_LOG)?;
            Ok(Bounded { inner: decoder, left: limit })
        };
        self.blob(&file.blob.digest).map(bounded)
    }

    /// Unpacks a file to nowhere. The key that sealed the index vouches for what the index says, not that it is true.
    pub(crate) fn lie_of_file(&self, file: &FileArtifact) -> Option<BadBlob> {
        let (digest, user) = (file.blob.digest.clone(), format!("file {} ({})", file.name, file.arch));
        match self.content(file)?.and_then(measure) {
            Err(source) => Some(BadBlob::Unpack { digest, user, source }),
            Ok((found, _)) if found != file.content => {
                Some(BadBlob::Holds { digest, user, found, wanted: file.content.clone() })
            }
            Ok((_, found)) if found != file.content_size => {
                Some(BadBlob::Size { user, found, wanted: file.content_size })
            }
            Ok(_) => None,
        }
    }

    /// Unpacks the layers of an image to nowhere: hosts make room for what the index says that they take.
    pub(crate) fn lie_of_image(&self, image: &ImageArtifact) -> Option<BadBlob> {
        let user = format!("image {} ({})", image.reference, image.arch);
        let mut left = image.unpacked_size;
        for layer in &image.layers {
            match self.layer(layer, left)?.and_then(|mut tar| io::copy(&mut tar, &mut io::sink())) {
                Ok(size) => left -= size,
                Err(source) => {
                    return Some(BadBlob::Unpack { digest: layer.digest.clone(), user, source });
                }
            }
        }
        let (found, wanted) = (image.unpacked_size - left, image.unpacked_size);
        (left > 0).then_some(BadBlob::Size { user, found, wanted })
    }

    /// A layer's tar, of at most `limit` bytes. Layers of images from elsewhere are plain or gzip as well.
    fn layer(&self, layer: &Blob, limit: u64) -> Option<io::Result<Bounded<Box<dyn Read>>>> {
        let open = |blob| -> io::Result<Bounded<Box<dyn Read>>> {
            let inner: Box<dyn Read> = match layer.media_type.as_str() {
                kind if kind.ends_with("gzip") => {
                    Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(CHUNK, blob)))
                }
                kind if kind.ends_with("+zstd") => Box::new(zstd::Decoder::new(blob)?),
                _ => Box::new(blob),
            };
            Ok(Bounded { inner, left: limit })
        };
        self.blob(&layer.digest).map(open)
    }
}

/// The digest and the number of bytes of what is left to be read.
fn measure(mut content: impl Read) -> io::Result<(Digest, u64)> {
    let (mut hash, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        match content.read(&mut chunk)? {
            0 => return Ok((Digest::from_sha256(hash.finalize().into()), size)),
            some => {
                hash.update(&chunk[..some]);
                size += some as u64;
            }
        }
    }
}

/// Content that may not be longer than it was said to be.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it unpacks to more bytes than the index says")
        })?;
        Ok(read)
    }
}
