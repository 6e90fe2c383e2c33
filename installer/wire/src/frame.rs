//! Frames: length, kind, request id, payload.

/// The largest payload of a frame.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// Length, kind and request id.
pub const HEADER: usize = 9;

const MESSAGE: u8 = 1;
const DATA: u8 = 2;

/// One frame of the stream. `Unknown` is what a newer peer may send; readers skip it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Message { request: u32, json: Vec<u8> },
    Data { request: u32, bytes: Vec<u8> },
    Unknown { kind: u8, request: u32 },
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    #[error("read a frame of {length} bytes (at most {MAX_PAYLOAD} are allowed)")]
    TooLong { length: usize },
}

impl Frame {
    /// Appends the encoded frame to `out`. An `Unknown` frame is written with an empty payload.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        match self {
            Frame::Message { request, json } => put(out, MESSAGE, *request, json),
            Frame::Data { request, bytes } => put(out, DATA, *request, bytes),
            Frame::Unknown { kind, request } => put(out, *kind, *request, &[]),
        }
    }
}

fn put(out: &mut Vec<u8>, kind: u8, request: u32, payload: &[u8]) -> Result<(), FrameError> {
    let too_long = || FrameError::TooLong { length: payload.len() };
    if payload.len() > MAX_PAYLOAD {
        return Err(too_long());
    }
    let length = u32::try_from(payload.len()).map_err(|_| too_long())?;
    out.reserve(HEADER + payload.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(&request.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// Cuts a byte stream, fed in pieces of any size, into frames.
///
/// It never holds more than one whole frame and the piece fed last: a length past the limit is refused as soon as it is read.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    read: usize,
}

impl Decoder {
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.buffer.drain(..self.read);
            self.read = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or nothing until more is fed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buffer[self.read..];
        let Some((header, rest)) = rest.split_at_checked(HEADER) else { return Ok(None) };
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        if length > MAX_PAYLOAD {
            return Err(FrameError::TooLong { length });
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let request = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        let frame = match header[4] {
            MESSAGE => Frame::Message { request, json: payload.to_vec() },
            DATA => Frame::Data { request, bytes: payload.to_vec() },
            kind => Frame::Unknown { kind, request },
        };
        self.read += HEADER + length;
        Ok(Some(frame))
    }

    /// Whether the stream may end here: nothing of an unfinished frame is held.
    pub fn is_between_frames(&self) -> bool {
        self.read == self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_frame() -> impl Strategy<Value = Frame> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..3000);
        prop_oneof![
            (any::<u32>(), bytes()).prop_map(|(request, json)| Frame::Message { request, json }),
            (any::<u32>(), bytes()).prop_map(|(request, bytes)| Frame::Data { request, bytes }),
            (3u8.., any::<u32>()).prop_map(|(kind, request)| Frame::Unknown { kind, request }),
        ]
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
            frames in proptest::collection::vec(any_frame(), 0..8),
            cut in 1usize..2000,
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                frame.encode(&mut stream).unwrap();
            }
            let (mut decoder, mut seen) = (Decoder::default(), Vec::new());
            for piece in stream.chunks(cut) {
                decoder.feed(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    seen.push(frame);
                }
            }
            prop_assert_eq!(seen, frames);
            prop_assert!(decoder.is_between_frames());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            let mut decoder = Decoder::default();
            decoder.feed(&bytes);
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }

    #[test]
    fn a_length_past_the_limit_is_refused_from_the_header_alone() {
        let mut decoder = Decoder::default();
        decoder.feed(&[0x00, 0x10, 0x00, 0x01, 1, 0, 0, 0, 7]);
        assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { length: MAX_PAYLOAD + 1 }));
        let long = Frame::Data { request: 1, bytes: vec![0; MAX_PAYLOAD + 1] };
        assert_eq!(long.encode(&mut Vec::new()), Err(FrameError::TooLong { length: MAX_PAYLOAD + 1 }));
    }

    #[test]
    fn an_unfinished_frame_is_noticed_when_the_stream_ends() {
        let mut stream = Vec::new();
        Frame::Data { request: 3, bytes: vec![1, 2, 3] }.encode(&mut stream).unwrap();
        let mut decoder = Decoder::default();
        decoder.feed(&stream[..stream.len() - 1]);
        assert_eq!(decoder.next_frame(), Ok(None));
        assert!(!decoder.is_between_frames());
    }
}
