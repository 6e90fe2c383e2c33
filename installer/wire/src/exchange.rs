//! Messages with their bodies, out of frames and into them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::frame::{Frame, FrameError, MAX_PAYLOAD};

/// The largest body of a message.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// How many bodies may be on their way at a time; more is a peer that does not keep to the protocol.
const MAX_OPEN_BODIES: usize = 128;

#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("read the body of request {request} (longer than {MAX_BODY} bytes)")]
    BodyTooLong { request: u32 },
    #[error("keep more than {MAX_OPEN_BODIES} unfinished bodies")]
    TooManyBodies,
    #[error("write a message as JSON")]
    Json(#[from] serde_json::Error),
}

/// A message as it came, with its body; the JSON is read by whoever knows what it should be.
#[derive(PartialEq, Eq)]
pub struct Incoming {
    pub request: u32,
    pub json: Vec<u8>,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Incoming {
    /// Without the body: it may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{} {} + {} bytes", self.request, String::from_utf8_lossy(&self.json), self.body.len())
    }
}

/// Joins data frames with the message they precede.
#[derive(Default)]
pub struct Assembler {
    bodies: BTreeMap<u32, Vec<u8>>,
}

impl Assembler {
    /// Takes one frame; gives the message that it completes.
    pub fn take(&mut self, frame: Frame) -> Result<Option<Incoming>, ExchangeError> {
        match frame {
            Frame::Message { request, json } => {
                let body = self.bodies.remove(&request).unwrap_or_default();
                Ok(Some(Incoming { request, json, body }))
            }
            Frame::Data { request, bytes } => {
                if !self.bodies.contains_key(&request) && self.bodies.len() >= MAX_OPEN_BODIES {
                    return Err(ExchangeError::TooManyBodies);
                }
                let body = self.bodies.entry(request).or_default();
                if body.len() + bytes.len() > MAX_BODY {
                    return Err(ExchangeError::BodyTooLong { request });
                }
                body.extend_from_slice(&bytes);
                Ok(None)
            }
            Frame::Unknown { .. } => Ok(None),
        }
    }
}

/// The bytes of a message and its body on the stream.
pub fn encode(request: u32, message: &impl Serialize, body: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    if body.len() > MAX_BODY {
        return Err(ExchangeError::BodyTooLong { request });
    }
    let mut out = Vec::with_capacity(body.len() + 512);
    for piece in body.chunks(MAX_PAYLOAD / 4) {
        Frame::Data { request, bytes: piece.to_vec() }.encode(&mut out)?;
    }
    Frame::Message { request, json: serde_json::to_vec(message)? }.encode(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Decoder, Request};

    proptest! {
        #[test]
        fn messages_keep_their_bodies_when_frames_are_interleaved(
            one in proptest::collection::vec(any::<u8>(), 0..600_000),
            two in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            let mut assembler = Assembler::default();
            let mut streams = [
                frames(&encode(1, &Request::Ping, &one).unwrap()).into_iter(),
                frames(&encode(2, &Request::UnitList, &two).unwrap()).into_iter(),
            ];
            let mut seen = Vec::new();
            loop {
                let round: Vec<_> = streams.iter_mut().filter_map(Iterator::next).collect();
                if round.is_empty() {
                    break;
                }
                for frame in round {
                    seen.extend(assembler.take(frame).unwrap());
                }
            }
            seen.sort_by_key(|message| message.request);
            prop_assert_eq!(&seen[0].body, &one);
            prop_assert_eq!(&seen[1].body, &two);
            prop_assert_eq!(serde_json::from_slice::<Request>(&seen[1].json).unwrap(), Request::UnitList);
        }
    }

    fn frames(stream: &[u8]) -> Vec<Frame> {
        let mut decoder = Decoder::default();
        decoder.feed(stream);
        std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
    }

    #[test]
    fn a_body_past_the_limit_is_refused() {
        let mut assembler = Assembler::default();
        let piece = || Frame::Data { request: 9, bytes: vec![0; MAX_PAYLOAD] };
        for _ in 0..MAX_BODY / MAX_PAYLOAD {
            assert!(assembler.take(piece()).unwrap().is_none());
        }
        assert!(matches!(assembler.take(piece()), Err(ExchangeError::BodyTooLong { request: 9 })));
    }

    #[test]
    fn debug_output_never_shows_a_body() {
        let message = Incoming { request: 1, json: b"{}".to_vec(), body: b"hunter2".to_vec() };
        assert_eq!(format!("{message:?}"), "#1 {} + 7 bytes");
    }
}
