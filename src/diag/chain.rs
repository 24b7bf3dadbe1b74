//! An error with its causes, on one line.

use std::error::Error;

/// The error and what caused it, outermost first, joined by `: `. A cause whose words stand in what is
/// said already is not said again: some crates put their cause's text into their own.
pub fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !said.contains(&words) {
            said.push_str(": ");
            said.push_str(&words);
        }
        next = cause.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::chain;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Link(&'static str, #[source] Option<Box<Link>>);

    fn of(words: &[&'static str]) -> Option<Box<Link>> {
        let (first, rest) = words.split_first()?;
        Some(Box::new(Link(first, of(rest))))
    }

    #[test]
    fn every_cause_is_said_once() {
        for (words, said) in [
            (&["a"][..], "a"),
            (
                &["the shard", "it is cut short", "at byte 9"],
                "the shard: it is cut short: at byte 9",
            ),
            (&["outer: inner", "inner", "deeper"], "outer: inner: deeper"),
        ] {
            assert_eq!(chain(of(words).unwrap().as_ref()), said);
        }
    }
}
