//! Whether a text quotes a judge's rule, by runs of words that are taken apart once: every rationale
//! is looked through.

use crate::rules::Rule;
use std::collections::HashMap;

/// So many words in a row are a quotation.
const RUN: usize = 6;

/// What of the rules a text may not say, by its first word.
#[derive(Debug, Default)]
pub(super) struct Quotes(HashMap<String, Vec<Quote>>);

/// Words in a row, and the rule that has them, by its place.
#[derive(Debug)]
struct Quote {
    words: Vec<String>,
    rule: usize,
}

impl Quotes {
    pub fn of(rules: &[Rule]) -> Quotes {
        let mut quotes = Quotes::default();
        for (at, rule) in rules.iter().enumerate() {
            let (id, said) = (rule.id.to_lowercase(), rule.text.to_lowercase());
            let said: Vec<&str> = words(&said).collect();
            said.windows(RUN).for_each(|run| quotes.enter(run, at));
            if id.contains(|c: char| c == '_' || c.is_ascii_digit()) {
                quotes.enter(&[&id], at);
            }
        }
        quotes
    }

    fn enter(&mut self, run: &[&str], rule: usize) {
        let words = run.iter().map(|&word| word.to_owned()).collect();
        self.0.entry(run[0].to_owned()).or_default().push(Quote { words, rule });
    }

    /// The first of the rules that `text` quotes.
    pub fn find(&self, text: &str) -> Option<usize> {
        let text = text.to_lowercase();
        let own: Vec<&str> = words(&text).collect();
        let here = |at: usize| {
            let rest = &own[at..];
            let begin = self.0.get(rest[0]).into_iter().flatten();
            let says = |quote: &&Quote| {
                rest.len() >= quote.words.len() && quote.words.iter().zip(rest).all(|(a, b)| a == b)
            };
            begin.filter(says).map(|quote| quote.rule).min()
        };
        (0..own.len()).filter_map(here).min()
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    fn rule(id: &str, text: &str) -> Rule {
        Rule { id: id.into(), text: text.into(), applies: Vec::new(), own: false }
    }

    #[test]
    fn quoting_a_rule_is_noticed() {
        let first = rule("r1", "Count every instance before you compare the number asked for.");
        let rules = Rules::of(vec![first, rule("whole", "r1 is another's"), rule("r_3", "x")]);
        assert_eq!(rules.quoted_in("By R1 this fails."), Some("r1"));
        assert_eq!(
            rules.quoted_in("one must count every instance before you compare them"),
            Some("r1")
        );
        assert_eq!(rules.quoted_in("I count three cats where two were asked for."), None);
        assert_eq!(rules.quoted_in("The whole is there."), None);
        assert_eq!(rules.quoted_in("Not by r_3 but by r1."), Some("r1"), "the first of the rules");
        assert_eq!(rules.quoted_in("By r_3."), Some("r_3"));
    }

    proptest::proptest! {
        /// What is found by first words is what runs compared one by one find.
        #[test]
        fn a_quotation_is_found_by_its_words(a in "([Ab] ){0,12}", b in "([aB] ){0,9}") {
            let found = Rules::of(vec![rule("whole", &b)]).quoted_in(&a).is_some();
            let (a, b) = (a.to_lowercase(), b.to_lowercase());
            let (a, b): (Vec<&str>, Vec<&str>) = (words(&a).collect(), words(&b).collect());
            let shared = b.windows(RUN).any(|run| a.windows(RUN).any(|other| other == run));
            proptest::prop_assert_eq!(found, shared);
        }
    }
}
