//! The diagnostics of the paper's Table 1, on data: how far refined prompts are from the user's
//! words, how often the format breaks, and what reflection gains; over all and per category.
//!
//! These figures describe what a model would learn from; they evaluate no model. Definitions: *word
//! difference* is the word-level edit distance between q and the last P, both lower-cased and without
//! punctuation; *gain* compares the share of accepted first pictures with the share of accepted last
//! pictures (points, a picture without a verdict counts as refused), over records that the pipeline
//! already filtered.

use crate::export::conversation::{self, ConversationOptions};
use crate::export::split::words;
use crate::record::Trajectory;
use serde::Serialize;
use std::collections::BTreeMap;

/// Sums, so that parts can be added.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    pub rows: u64,
    /// Rows without a well-formed conversation.
    pub malformed: u64,
    /// Rows whose last P is at most 5 words from q.
    pub near_copies: u64,
    pub word_difference_sum: u64,
    pub first_accepted: u64,
    pub last_accepted: u64,
    /// Rows with two rounds or more.
    pub reflected: u64,
    /// Sums of the scores of first and last judged pictures of reflected rows that have both.
    pub scored: u64,
    pub first_score_sum: f64,
    pub last_score_sum: f64,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table1Row {
    pub category: String,
    pub rows: u64,
    /// Percent.
    pub format_error_rate: f64,
    /// Percent with a word difference of at most 5.
    pub word_difference_le_5: f64,
    pub mean_word_difference: f64,
    pub reflected: u64,
    /// Points.
    pub gain_from_reflection: f64,
    /// Mean score of the last judged picture less that of the first, over reflected rows.
    pub score_gain: f64,
}

/// Tallies by category.
#[derive(Debug, Clone, Default)]
pub struct Table1 {
    by_category: BTreeMap<String, Tally>,
    options: ConversationOptions,
}

impl Table1 {
    pub fn add(&mut self, trajectory: &Trajectory) {
        let tally = self.by_category.entry(trajectory.prompt.category.clone()).or_default();
        tally.rows += 1;
        tally.malformed += u64::from(conversation::turns(trajectory, &self.options).is_err());
        let (Some(first), Some(last)) = (trajectory.rounds.first(), trajectory.rounds.last())
        else {
            return;
        };
        let distance = edit_distance(&words(&trajectory.prompt.text), &words(&last.refined));
        tally.word_difference_sum += distance as u64;
        tally.near_copies += u64::from(distance <= 5);
        let accepted = |round: &crate::record::Round| {
            u64::from(round.judgement.as_ref().is_some_and(|j| j.satisfied))
        };
        tally.first_accepted += accepted(first);
        tally.last_accepted += accepted(last);
        if trajectory.rounds.len() > 1 {
            tally.reflected += 1;
            if let (Some(before), Some(after)) = (&first.judgement, &last.judgement) {
                tally.scored += 1;
                tally.first_score_sum += f64::from(before.score);
                tally.last_score_sum += f64::from(after.score);
            }
        }
    }

    /// A line a category, in order, then `all`.
    pub fn lines(&self) -> Vec<Table1Row> {
        let mut all = Tally::default();
        let mut lines = Vec::new();
        for (category, tally) in &self.by_category {
            all.add(tally);
            lines.push(tally.line(category));
        }
        lines.push(all.line("all"));
        lines
    }
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        let Tally {
            rows,
            malformed,
            near_copies,
            word_difference_sum,
            first_accepted,
            last_accepted,
            reflected,
            scored,
            first_score_sum,
            last_score_sum,
        } = other;
        self.rows += rows;
        self.malformed += malformed;
        self.near_copies += near_copies;
        self.word_difference_sum += word_difference_sum;
        self.first_accepted += first_accepted;
        self.last_accepted += last_accepted;
        self.reflected += reflected;
        self.scored += scored;
        self.first_score_sum += first_score_sum;
        self.last_score_sum += last_score_sum;
    }

    fn line(&self, category: &str) -> Table1Row {
        let per = |n: f64, of: u64| if of == 0 { 0.0 } else { n / of as f64 };
        let percent = |n: u64| 100.0 * per(n as f64, self.rows);
        Table1Row {
            category: category.to_string(),
            rows: self.rows,
            format_error_rate: percent(self.malformed),
            word_difference_le_5: percent(self.near_copies),
            mean_word_difference: per(self.word_difference_sum as f64, self.rows),
            reflected: self.reflected,
            gain_from_reflection: percent(self.last_accepted) - percent(self.first_accepted),
            score_gain: per(self.last_score_sum - self.first_score_sum, self.scored),
        }
    }
}

/// Levenshtein over words.
fn edit_distance(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The lines as a table for people.
pub fn text(lines: &[Table1Row]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<20} {:>7} {:>12} {:>13} {:>11} {:>10} {:>9} {:>11}",
        "category",
        "rows",
        "format err %",
        "words <= 5 %",
        "mean words",
        "reflected",
        "gain pt",
        "score gain"
    );
    for line in lines {
        let _ = writeln!(
            out,
            "{:<20} {:>7} {:>12.2} {:>13.2} {:>11.1} {:>10} {:>9.2} {:>11.3}",
            line.category,
            line.rows,
            line.format_error_rate,
            line.word_difference_le_5,
            line.mean_word_difference,
            line.reflected,
            line.gain_from_reflection,
            line.score_gain
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_difference_is_an_edit_distance_over_words() {
        let distance = |a: &str, b: &str| edit_distance(&words(a), &words(b));
        assert_eq!(distance("Five clocks.", "five  clocks"), 0);
        assert_eq!(distance("five clocks", "five red clocks on a wall"), 4);
        assert_eq!(distance("", "a b"), 2);
        assert_eq!(distance("a b c", "c b a"), 2);
    }
}
