//! The `Range` header (RFC 9110, section 14): pure.

/// What part of a blob to send. `first` and `last` are offsets, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Whole,
    Part {
        first: u64,
        last: u64,
    },
    /// The range lies outside the blob: status 416.
    Unsatisfiable,
}

impl Span {
    /// A header that is malformed, or that asks for several parts, is passed over as the RFC allows: the whole blob
    /// answers it. containerd sends `bytes=N-` when it goes on with a broken download.
    pub(crate) fn parse(header: Option<&str>, size: u64) -> Span {
        let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
            return Span::Whole;
        };
        let Some((first, last)) = range.split_once('-') else {
            return Span::Whole;
        };
        match (number(first), number(last)) {
            (Number::Value(first), Number::None) => Span::within(first, u64::MAX, size),
            (Number::Value(first), Number::Value(last)) if first <= last => Span::within(first, last, size),
            (Number::None, Number::Value(0)) => Span::Unsatisfiable,
            (Number::None, Number::Value(suffix)) => {
                Span::within(size.saturating_sub(suffix), u64::MAX, size)
            }
            (Number::Value(_), Number::Value(_))
            | (Number::None, Number::None)
            | (Number::Bad, _)
            | (_, Number::Bad) => Span::Whole,
        }
    }

    fn within(first: u64, last: u64, size: u64) -> Span {
        if first >= size {
            return Span::Unsatisfiable;
        }
        Span::Part { first, last: last.min(size - 1) }
    }
}

enum Number {
    None,
    Value(u64),
    Bad,
}

fn number(text: &str) -> Number {
    if text.is_empty() {
        return Number::None;
    }
    // `parse` alone would take a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::Bad;
    }
    text.parse().map_or(Number::Bad, Number::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(header: &str, size: u64) -> Span {
        Span::parse(Some(header), size)
    }

    #[test]
    fn one_range_is_cut_to_the_blob() {
        assert_eq!(span("bytes=4-", 10), Span::Part { first: 4, last: 9 });
        assert_eq!(span("bytes=0-", 10), Span::Part { first: 0, last: 9 });
        assert_eq!(span("bytes=2-5", 10), Span::Part { first: 2, last: 5 });
        assert_eq!(span("bytes=2-99", 10), Span::Part { first: 2, last: 9 });
        assert_eq!(span("bytes=-3", 10), Span::Part { first: 7, last: 9 });
        assert_eq!(span("bytes=-99", 10), Span::Part { first: 0, last: 9 });
    }

    #[test]
    fn a_range_outside_the_blob_cannot_be_satisfied() {
        assert_eq!(span("bytes=10-", 10), Span::Unsatisfiable);
        assert_eq!(span("bytes=-0", 10), Span::Unsatisfiable);
        assert_eq!(span("bytes=0-", 0), Span::Unsatisfiable);
        assert_eq!(span("bytes=-5", 0), Span::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_gets_the_whole_blob() {
        assert_eq!(Span::parse(None, 10), Span::Whole);
        for odd in [
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,4-5",
            "items=0-1",
            "bytes=+1-2",
            "bytes=a-b",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(span(odd, 10), Span::Whole, "{odd}");
        }
    }
}
