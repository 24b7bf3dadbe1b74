//! What people said about decisions: JSON lines made in the viewer, by `calibrate --sample`, or by
//! any other tool.
//!
//! A line: `{"id", "stage", "agree": bool}` (the viewer's form: is the stage's decision right?) or
//! `{"id", "stage", "truth": "accept" | "reject"}` (what the decision should have been), with
//! optional `weight`, `note`, `by`, `at_ms`. The last line on an (id, stage, by) counts.

use crate::archive::error::ArchiveError;
use crate::record::Id;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a decision should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    Accept,
    Reject,
}

/// One line of a labels file. Unknown fields are let through: samples carry context for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    pub id: Id,
    pub stage: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agree: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Truth>,
    /// How many rows this label stands for, where the sample was not uniform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// It settles what people disagree on, and is no person's own label.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adjudicates: bool,
    /// The label of this person on this decision is taken back; the lines before it stay in the file.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retracted: bool,
}

fn is_false(word: &bool) -> bool {
    !word
}

impl Label {
    /// A label that says nothing yet.
    pub fn blank(id: Id, stage: &str, by: &str) -> Label {
        Label {
            id,
            stage: stage.to_owned(),
            agree: None,
            truth: None,
            weight: None,
            note: String::new(),
            by: by.to_owned(),
            at_ms: None,
            adjudicates: false,
            retracted: false,
        }
    }
}

/// Labels of a file's text. Lines without an answer (a sample not yet filled in) are skipped and
/// counted; a line that cannot be read is an error that names it.
pub fn parse(text: &str, place: &str) -> Result<(Vec<Label>, usize), ArchiveError> {
    let mut out = Vec::new();
    let mut open = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let label: Label = serde_json::from_str(line).map_err(|source| ArchiveError::Label {
            place: place.to_owned(),
            line: at + 1,
            source,
        })?;
        if label.agree.is_none() && label.truth.is_none() && !label.retracted {
            open += 1;
        } else {
            out.push(label);
        }
    }
    Ok((out, open))
}

/// The last label of each (id, stage, by), adjudications apart, in order; what was taken back is not
/// among them.
pub fn latest(labels: Vec<Label>) -> Vec<Label> {
    let mut by_key: BTreeMap<(Id, String, String, bool), Label> = BTreeMap::new();
    for label in labels {
        let key = (label.id, label.stage.clone(), label.by.clone(), label.adjudicates);
        by_key.insert(key, label);
    }
    by_key.into_values().filter(|label| !label.retracted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_open_lines_do_not() {
        let id = Id::of("s", "1", "p");
        let text = format!(
            "{{\"id\":\"{id}\",\"stage\":\"judged\",\"agree\":true}}\n\n\
             {{\"id\":\"{id}\",\"stage\":\"judged\",\"agree\":false,\"prompt\":\"x\"}}\n\
             {{\"id\":\"{id}\",\"stage\":\"good\",\"truth\":null}}\n"
        );
        let (labels, open) = parse(&text, "labels.jsonl").unwrap();
        assert_eq!((labels.len(), open), (2, 1));
        let last = latest(labels);
        assert_eq!(last.len(), 1);
        assert_eq!(last[0].agree, Some(false));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let err = parse("{\"id\":\"zz\",\"stage\":\"judged\"}", "l.jsonl").unwrap_err();
        assert!(err.to_string().starts_with("`l.jsonl`, line 1: "), "{err}");
    }
}
