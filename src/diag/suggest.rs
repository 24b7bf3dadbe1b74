//! Known words in messages: all of them in a list, or the nearest one ("did you mean").

/// The nearest of `known` to `word`, if no more than a third of it differs (at least one letter).
/// Ties go to the first in `known`'s order.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= bound)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Words in backticks with commas between, as notes list them.
pub fn ticked(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["passed", "rejected"];
        assert_eq!(did_you_mean("pased", known), Some("passed"));
        assert_eq!(did_you_mean("psased", known), Some("passed"));
        assert_eq!(did_you_mean("banana", known), None);
    }
}
