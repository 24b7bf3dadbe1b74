//! Lines that differ between two versions of a stage file or template.

use serde::Serialize;
use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices, group_diff_ops};
use std::collections::BTreeMap;

/// One text that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextDiff {
    pub path: String,
    /// Changed lines in order, each with `-`, `+` or (a line of context) a space before it; `@@`
    /// stands where equal lines are left out between two changes.
    pub lines: Vec<String>,
}

/// Texts that differ, by path; one that is only on one side is all `+` or all `-`.
pub fn text_diffs(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<TextDiff> {
    let mut paths: Vec<&String> = a.keys().chain(b.keys()).collect();
    paths.sort();
    paths.dedup();
    let get = |of: &BTreeMap<String, String>, path| of.get(path).cloned().unwrap_or_default();
    paths
        .into_iter()
        .filter(|path| a.get(*path) != b.get(*path))
        .map(|path| TextDiff { path: path.clone(), lines: lines(&get(a, path), &get(b, path)) })
        .collect()
}

/// Equal lines shown before and after each change.
const CONTEXT: usize = 1;

/// The differing lines with their context.
fn lines(a: &str, b: &str) -> Vec<String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.lines().collect(), b.lines().collect());
    let groups = group_diff_ops(capture_diff_slices(Algorithm::Myers, &a, &b), CONTEXT);
    let show = |group: Vec<DiffOp>| -> Vec<String> {
        let changes = group.iter().flat_map(|op| op.iter_changes(&a, &b));
        changes.map(|change| format!("{}{}", sign(change.tag()), change.value())).collect()
    };
    groups.into_iter().map(show).collect::<Vec<_>>().join(&"@@".to_string())
}

/// Which of two texts has a run of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has {
    Both,
    A,
    B,
}

/// Words beyond which two texts are not held against each other word by word.
const MOST_WORDS: usize = 4_000;

/// Two texts as runs of words: those of both, of A, of B. Each text is the runs that it has, in order.
pub fn words(a: &str, b: &str) -> Vec<(Has, String)> {
    let of = |text: &str| -> Vec<String> {
        text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
    };
    let (one, other) = (of(a), of(b));
    if one.len().max(other.len()) > MOST_WORDS {
        return vec![(Has::A, a.to_owned()), (Has::B, b.to_owned())];
    }
    let mut out: Vec<(Has, String)> = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &one, &other) {
        for change in op.iter_changes(&one, &other) {
            let has = match change.tag() {
                ChangeTag::Equal => Has::Both,
                ChangeTag::Delete => Has::A,
                ChangeTag::Insert => Has::B,
            };
            match out.last_mut() {
                Some((last, run)) if *last == has => run.push_str(&change.value()),
                _ => out.push((has, change.value())),
            }
        }
    }
    out
}

fn sign(tag: ChangeTag) -> char {
    match tag {
        ChangeTag::Equal => ' ',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn one_changed_line_shows_with_its_neighbours() {
        let diff = lines("a\nb\nvotes = 1\nc\nd", "a\nb\nvotes = 3\nc\nd");
        assert_eq!(diff, [" b", "-votes = 1", "+votes = 3", " c"]);
    }

    #[test]
    fn changes_that_are_apart_are_told_apart() {
        let diff = lines("a\nb\nc\nd\ne\nf", "A\nb\nc\nd\ne\nF");
        assert_eq!(diff, ["-a", "+A", " b", "@@", " e", "-f", "+F"]);
    }

    proptest! {
        /// Each text is made of the runs that it has.
        #[test]
        fn runs_make_both_texts(a in "([ab]{1,2}[ \n]){0,12}", b in "([ab]{1,2}[ \n]){0,12}") {
            let runs = words(&a, &b);
            for (text, other) in [(&a, Has::B), (&b, Has::A)] {
                let has = runs.iter().filter(|(has, _)| *has != other);
                prop_assert_eq!(&has.map(|(_, run)| run.as_str()).collect::<String>(), text);
            }
            prop_assert_eq!(runs.iter().all(|(has, _)| *has == Has::Both), a == b);
        }

        /// What is shown of one side are its lines in order, and all that the other side lacks.
        #[test]
        fn what_is_shown_stands_in_the_texts(a in "([ab]\n){0,12}", b in "([ab]\n){0,12}") {
            let diff = lines(&a, &b);
            for (text, sign) in [(&a, '-'), (&b, '+')] {
                let mut left: VecDeque<&str> = text.lines().collect();
                for line in diff.iter().filter(|l| l.starts_with([' ', sign])) {
                    let found = left.iter().position(|l| *l == &line[1..]);
                    prop_assert!(found.is_some(), "{line:?} of {diff:?} is not in {text:?}");
                    left.drain(..=found.unwrap_or(0));
                }
            }
            let count = |sign: char| diff.iter().filter(|l| l.starts_with(sign)).count();
            prop_assert_eq!(a.lines().count() - count('-'), b.lines().count() - count('+'));
            prop_assert_eq!(diff.is_empty(), a == b);
        }
    }
}
