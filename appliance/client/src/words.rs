//! Words of other people in addresses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986, section 2.3, never takes for a separator.
const SEPARATORS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a path or query in which nothing is a separator.
pub fn escaped(part: &str) -> String {
    utf8_percent_encode(part, SEPARATORS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_a_path() {
        assert_eq!(escaped("../users?x=1#ä"), "..%2Fusers%3Fx%3D1%23%C3%A4");
        assert_eq!(escaped("r-7_a.b~c"), "r-7_a.b~c");
    }
}
