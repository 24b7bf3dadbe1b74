//! Labels on their way to and from other tools: JSON lines of ours, and Argilla's records.
//!
//! An Argilla record (`rg.Record.to_dict`) has `id`, `fields`, `metadata`, `suggestions` and `responses`;
//! ours asks one question, `verdict`, with the labels `accept` and `reject`.

use crate::archive::error::ArchiveError;
use crate::archive::labels::{Label, Truth};
use crate::record::Id;
use serde_json::{Value, json};

/// The question of an Argilla dataset that holds our labels.
pub const QUESTION: &str = "verdict";

/// One decision as an Argilla record: `fields` are what people see, `labels` what they said.
pub fn argilla(id: &Id, stage: &str, fields: &Value, metadata: &Value, labels: &[&Label]) -> Value {
    let mut metadata = metadata.clone();
    metadata["record"] = id.hex().into();
    metadata["stage"] = stage.into();
    let answers: Vec<Value> = labels
        .iter()
        .filter_map(|label| {
            let value = match label.truth? {
                Truth::Accept => "accept",
                Truth::Reject => "reject",
            };
            Some(json!({"value": value, "user_id": label.by, "status": "submitted"}))
        })
        .collect();
    json!({
        "id": format!("{id}:{stage}"),
        "fields": fields,
        "metadata": metadata,
        "suggestions": {},
        "responses": if answers.is_empty() { json!({}) } else { json!({ QUESTION: answers }) },
        "vectors": {},
    })
}

/// Labels of Argilla's records: a JSON list, or a record a line.
///
/// # Errors
/// `Label` with the record that cannot be read. Records without a submitted answer are open.
pub fn from_argilla(text: &str, place: &str) -> Result<(Vec<Label>, usize), ArchiveError> {
    let wrong = |line: usize, source: serde_json::Error| ArchiveError::Label {
        place: place.to_owned(),
        line,
        source,
    };
    let records: Vec<Value> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|e| wrong(e.line(), e))?,
        false => text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(at, line)| serde_json::from_str(line).map_err(|e| wrong(at + 1, e)))
            .collect::<Result<_, _>>()?,
    };
    let (mut out, mut open) = (Vec::new(), 0);
    for (at, record) in records.iter().enumerate() {
        let of = |name: &str| record["metadata"][name].as_str().unwrap_or_default().to_owned();
        let named = record["id"].as_str().and_then(|id| id.split_once(':'));
        let (id, stage) = match named {
            Some((id, stage)) => (id.to_owned(), stage.to_owned()),
            None => (of("record"), of("stage")),
        };
        let id: Id = id.parse().map_err(|_| {
            let what = "neither its `id` nor `metadata.record` is a record's id";
            wrong(at + 1, <serde_json::Error as serde::de::Error>::custom(what))
        })?;
        let before = out.len();
        for answer in record["responses"][QUESTION].as_array().into_iter().flatten() {
            let truth = match answer["value"].as_str() {
                Some("accept") => Truth::Accept,
                Some("reject") => Truth::Reject,
                _ => continue,
            };
            if matches!(answer["status"].as_str(), Some("draft" | "discarded")) {
                continue;
            }
            let by = answer["user_id"].as_str().unwrap_or("argilla").to_owned();
            out.push(Label { truth: Some(truth), ..Label::blank(id, &stage, &by) });
        }
        open += usize::from(out.len() == before);
    }
    Ok((out, open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_to_argilla_and_come_back() {
        let id = Id::of("s", "1", "p");
        let said = Label { truth: Some(Truth::Reject), ..Label::blank(id, "judged", "ann") };
        let record =
            argilla(&id, "judged", &json!({"prompt": "a cat"}), &json!({"weight": 2.0}), &[&said]);
        let open = argilla(&id, "good", &json!({"prompt": "a cat"}), &json!({}), &[]);
        for text in [json!([record, open]).to_string(), format!("{record}\n{open}\n")] {
            let (labels, left) = from_argilla(&text, "x.json").unwrap();
            assert_eq!((labels, left), (vec![said.clone()], 1));
        }
        assert!(from_argilla("[{\"id\":\"x\"}]", "x.json").is_err());
    }
}
