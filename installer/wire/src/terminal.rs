//! What somebody types into a terminal on a host, and how large their window is. PROTOCOL.md, "streams".
//!
//! ```text
//!  0      1          3
//!  ┌──────┬──────────┬──────────────┐
//!  │ kind │ length   │ payload      │    kind 0: typed bytes, none for a sign of life
//!  │ u8   │ u16 BE   │ length bytes │    kind 1: columns, rows, u16 BE each
//!  └──────┴──────────┴──────────────┘
//! ```

/// A window, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

/// One thing that the user of a terminal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    Keys(Vec<u8>),
    Size(Size),
}

/// What came is not of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("understand what was typed: frame of kind {kind} with {length} bytes")]
pub struct TypedError {
    pub kind: u8,
    pub length: u16,
}

impl Typed {
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Typed::Keys(keys) if keys.is_empty() => frame(0, &[]),
            Typed::Keys(keys) => keys.chunks(u16::MAX.into()).flat_map(|part| frame(0, part)).collect(),
            Typed::Size(Size { columns, rows }) => {
                frame(1, &[columns.to_be_bytes(), rows.to_be_bytes()].concat())
            }
        }
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("invariant: pieces are cut to fit");
    [&[kind], &length.to_be_bytes()[..], payload].concat()
}

/// Cuts a stream into what was typed.
#[derive(Debug, Default)]
pub struct TypedDecoder {
    waiting: Vec<u8>,
}

impl TypedDecoder {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next one that is whole.
    pub fn next_typed(&mut self) -> Result<Option<Typed>, TypedError> {
        let [kind, high, low, rest @ ..] = &self.waiting[..] else { return Ok(None) };
        let (kind, length) = (*kind, u16::from_be_bytes([*high, *low]));
        let wrong = TypedError { kind, length };
        if !matches!((kind, length), (0, _) | (1, 4)) {
            return Err(wrong);
        }
        let Some(payload) = rest.get(..length.into()) else { return Ok(None) };
        let typed = match (kind, payload) {
            (1, &[a, b, c, d]) => {
                Typed::Size(Size { columns: u16::from_be_bytes([a, b]), rows: u16::from_be_bytes([c, d]) })
            }
            (0, keys) => Typed::Keys(keys.to_vec()),
            _ => return Err(wrong),
        };
        self.waiting.drain(..3 + usize::from(length));
        Ok(Some(typed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_arrives_however_the_stream_is_cut() {
        let all = [
            Typed::Size(Size { columns: 300, rows: 5 }),
            Typed::Keys(b"ls\n".to_vec()),
            Typed::Keys(Vec::new()),
            Typed::Keys(vec![7; 65_535]),
        ];
        let bytes: Vec<u8> = all.iter().flat_map(Typed::encode).collect();
        for piece in [1, 2, 3, 4, 1000, bytes.len()] {
            let mut decoder = TypedDecoder::default();
            let mut read = Vec::new();
            for part in bytes.chunks(piece) {
                decoder.feed(part);
                while let Some(typed) = decoder.next_typed().unwrap() {
                    read.push(typed);
                }
            }
            assert_eq!(read, all, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_long_paste_travels_in_several_frames() {
        let paste: Vec<u8> = (0..100_000u32).map(|at| at as u8).collect();
        let mut decoder = TypedDecoder::default();
        decoder.feed(&Typed::Keys(paste.clone()).encode());
        let mut read = Vec::new();
        while let Some(Typed::Keys(keys)) = decoder.next_typed().unwrap() {
            read.extend(keys);
        }
        assert_eq!(read, paste);
    }

    #[test]
    fn what_is_not_of_this_protocol_is_refused_before_it_is_kept() {
        for (bytes, kind, length) in [([2, 0, 0], 2, 0), ([1, 0, 3], 1, 3), ([b'l', b's', 10], b'l', 0x730a)]
        {
            let mut decoder = TypedDecoder::default();
            decoder.feed(&bytes);
            assert_eq!(decoder.next_typed(), Err(TypedError { kind, length }));
        }
    }
}
