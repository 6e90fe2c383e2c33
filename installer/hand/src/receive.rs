//! `receive-blob`: one blob on a channel of its own.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use bundles_format::Digest;
use installer_wire::{Failure, FailureKind, GREETING};
use serde_json::json;

use crate::blobs::{Blobs, RECEIVER_PATIENCE};
use crate::failure::{Doing, io_failure};
use crate::files::PIECE;

/// Takes the rest of a blob from `input` and answers on `output`, as PROTOCOL.md says under "streams".
///
/// The result is for the exit code; the other side has been told already.
pub fn receive_blob(
    mut input: impl Read,
    mut output: impl Write,
    root: &Path,
    digest: &Digest,
    size: u64,
) -> Result<(), Failure> {
    output.write_all(GREETING.as_bytes()).doing(|| "greet".to_owned())?;
    let received = receive(&mut input, &mut output, root, digest, size);
    let last = match &received {
        Ok(()) => json!({"stored": true}),
        Err(failure) => json!({"failed": failure}),
    };
    writeln!(output, "{last}").and_then(|()| output.flush()).doing(|| "answer".to_owned())?;
    received
}

fn receive(
    input: &mut impl Read,
    output: &mut impl Write,
    root: &Path,
    digest: &Digest,
    size: u64,
) -> Result<(), Failure> {
    let blobs = Blobs::at(root);
    let receiving = blobs.receive(digest, size, RECEIVER_PATIENCE)?;
    let offset = receiving.as_ref().map_or(size, |receiving| receiving.offset());
    writeln!(output, "{}", json!({ "offset": offset }))
        .and_then(|()| output.flush())
        .doing(|| "say where to go on".to_owned())?;
    let Some(mut receiving) = receiving else { return Ok(()) };
    let mut piece = vec![0; PIECE];
    while receiving.wanted() > 0 {
        let most = usize::try_from(receiving.wanted()).unwrap_or(PIECE).min(PIECE);
        match input.read(&mut piece[..most]) {
            Ok(0) => {
                let cut = format!("blob {digest} ended {} bytes early", receiving.wanted());
                return Err(Failure::new(FailureKind::Io, cut));
            }
            Ok(read) => receiving.take(&piece[..read])?,
            // Nothing comes, and somebody else could bring it: this connection may be gone without a word.
            Err(error) if error.kind() == ErrorKind::TimedOut && receiving.is_wanted_by_another() => {
                let left = format!("blob {digest} was left to another connection");
                return Err(Failure::new(FailureKind::Busy, left));
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => return Err(io_failure("read the blob", &error)),
        }
    }
    receiving.finish()
}
