//! A prompt's template: the normal form with numbers, or numbers and colours, replaced by a mark.
//!
//! `a photo of six clocks` and `a photo of 5 clocks` share a template, and a pool that holds one
//! trains on the benchmark that holds the other (sources.md, section 4, rule 2).

use crate::text::{lexicon, normalise, words};

/// Stands for a number.
pub const NUMBER: &str = "#";
/// Stands for a colour.
pub const COLOUR: &str = "~";

/// The normal form with every number (words or digits) as `#`.
pub fn numbers(text: &str) -> String {
    masked(&normalise(text), false)
}

/// The normal form with every number as `#` and every colour as `~`. `an` before a mark becomes
/// `a`, since the article belongs to the colour (`an orange car`).
pub fn colours(text: &str) -> String {
    masked(&normalise(text), true)
}

/// As above, for a text that is normalised already.
pub fn masked(normalised: &str, with_colours: bool) -> String {
    let mut out = String::with_capacity(normalised.len());
    for word in words(normalised) {
        let shown = match word {
            w if lexicon::number(w).is_some() => NUMBER,
            w if with_colours && lexicon::colour(w).is_some() => COLOUR,
            w => w,
        };
        if !out.is_empty() {
            out.push(' ');
        }
        if shown == COLOUR && out.ends_with(" an ") {
            out.truncate(out.len() - 2);
            out.push(' ');
        }
        out.push_str(shown);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{colours, numbers};

    #[test]
    fn slots_become_marks() {
        assert_eq!(numbers("A photo of six clocks"), numbers("a photo of 5 clocks."));
        assert_eq!(numbers("six red cups"), "# red cups");
        assert_eq!(colours("a red cup and an orange car"), "a ~ cup and a ~ car");
        assert_ne!(numbers("six clocks"), numbers("six cups"));
    }
}
