//! An error with all that lies behind it, for people.

use std::error::Error;

/// An error and its causes in one line. A cause that its error has said already is not said again.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn causes_follow_in_order_and_none_is_said_twice() {
        let quiet = Layer("no space left", None);
        let told = Layer("write x: no space left", Some(Box::new(quiet)));
        let error = Layer("place kubelet", Some(Box::new(told)));
        assert_eq!(chain(&error), "place kubelet: write x: no space left");
    }
}
