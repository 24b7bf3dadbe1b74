//! How far two prompts are apart in words.
//!
//! The paper's Table 1 counts prompts whose "word difference" to the refined prompt is at most 5
//! and does not define it. Our choice is the word-level Levenshtein distance on normal forms: it
//! counts each inserted, removed or replaced word once, so that moving to the paper's sense of "the
//! agent hardly changed the prompt" needs no tuning.

use crate::text::{hash, normalise, words};

/// Word-level Levenshtein distance of the normal forms. O(len a x len b); texts over 4,000 words
/// are compared by their first 4,000.
pub fn word_difference(a: &str, b: &str) -> usize {
    let cut =
        |text: &str| -> Vec<u64> { words(&normalise(text)).take(4000).map(hash::text).collect() };
    strsim::generic_levenshtein(&cut(a), &cut(b))
}

#[cfg(test)]
mod tests {
    use super::word_difference;
    use proptest::prelude::*;

    #[test]
    fn counts_words() {
        assert_eq!(word_difference("a red cup", "A red cup!"), 0);
        assert_eq!(word_difference("a red cup", "a blue cup on a table"), 4);
        assert_eq!(word_difference("", "a b c"), 3);
    }

    proptest! {
        #[test]
        fn is_a_metric(a in "[ab]( [abc]){0,6}", b in "[ab]( [abc]){0,6}", c in "[ab]( [abc]){0,6}") {
            prop_assert_eq!(word_difference(&a, &b), word_difference(&b, &a));
            prop_assert_eq!(word_difference(&a, &a), 0);
            prop_assert!(word_difference(&a, &c) <= word_difference(&a, &b) + word_difference(&b, &c));
        }
    }
}
