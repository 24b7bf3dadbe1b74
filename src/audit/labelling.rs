//! People's labels of a RUN, on their way to and from the tools that people label in.

use crate::archive::RunDir;
use crate::archive::exchange::{argilla, from_argilla};
use crate::archive::labels::{Label, Truth, latest, parse};
use crate::audit::AuditError;
use crate::audit::agreement::{decisions, truth};
use crate::audit::index::Index;
use crate::audit::sampling::Asked;
use crate::record::{Cause, Id};
use crate::store::Layout;
use serde_json::{Value, json};

/// A form that labels travel in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A label a line.
    Jsonl,
    /// Argilla's records, a JSON list.
    Argilla,
}

/// Labels of a RUN as another tool takes them; with `sample`, also the decisions that are to be labelled.
pub fn export(
    run: &RunDir,
    index: &Index,
    labels: &[Label],
    sample: &[Asked],
    form: Form,
) -> String {
    let decided = decisions(index, &run.shape);
    // What was said of the stage's decision is told as what it should have been.
    let plain: Vec<Label> = labels
        .iter()
        .filter_map(|label| {
            let accepted = decided.get(&(label.id, label.stage.clone())).copied();
            let accept = truth(label, accepted)?;
            let truth = Some(if accept { Truth::Accept } else { Truth::Reject });
            Some(Label { truth, agree: None, ..label.clone() })
        })
        .collect();
    match form {
        Form::Jsonl => {
            let lines = plain.iter().filter_map(|label| serde_json::to_string(label).ok());
            let asked = sample.iter().filter_map(|asked| serde_json::to_string(asked).ok());
            lines.chain(asked).map(|line| format!("{line}\n")).collect()
        }
        Form::Argilla => format!("{:#}\n", records(index, &plain, sample)),
    }
}

/// A record for each decision that is sampled or labelled, with its labels.
fn records(index: &Index, labels: &[Label], sample: &[Asked]) -> Value {
    let mut items: Vec<(Id, String, Option<f64>)> =
        sample.iter().map(|a| (a.id, a.stage.clone(), Some(a.weight))).collect();
    for label in labels {
        if !items.iter().any(|(id, stage, _)| *id == label.id && *stage == label.stage) {
            items.push((label.id, label.stage.clone(), label.weight));
        }
    }
    let record = |(id, stage, weight): &(Id, String, Option<f64>)| {
        let record = index.records.find(id).map(|record| record as usize);
        let prompt = record.map_or("", |record| index.records.prompt.get(record));
        let category = record.map_or("", |record| index.names.get(index.records.category[record]));
        let fields = json!({ "prompt": prompt, "stage": stage });
        let metadata = json!({ "category": category, "weight": weight });
        let of_it = |l: &&Label| l.id == *id && l.stage == *stage && !l.adjudicates;
        let own: Vec<&Label> = labels.iter().filter(of_it).collect();
        argilla(id, stage, &fields, &metadata, &own)
    };
    items.iter().map(record).collect()
}

/// What an import took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Labels that are in the RUN now.
    pub kept: usize,
    /// Labels of the file.
    pub all: usize,
    /// Records of the file that hold no answer.
    pub open: usize,
}

/// Puts the labels of `text` (JSON lines, or Argilla's records) into the RUN, each under its own name, or
/// under `by` where it has none. `place` is what errors call the text; `now_ms` is when it is done.
/// Nothing is written where none is on a decision of the RUN.
pub async fn import(
    run: &RunDir,
    index: &Index,
    text: &str,
    place: &str,
    by: &str,
    now_ms: u64,
) -> Result<Imported, AuditError> {
    let theirs = text.trim_start().starts_with('[') || text.contains("\"responses\"");
    let (labels, open) = if theirs { from_argilla(text, place)? } else { parse(text, place)? };
    let all = labels.len();
    let mut kept: Vec<Label> = labels
        .into_iter()
        .filter(|l| index.stage(&l.stage).is_some() && index.records.find(&l.id).is_some())
        .collect();
    for label in &mut kept {
        if label.by.is_empty() {
            by.clone_into(&mut label.by);
        }
        label.at_ms.get_or_insert(now_ms);
    }
    let kept = latest(kept);
    if !kept.is_empty() {
        let lines: Result<Vec<String>, _> = kept.iter().map(serde_json::to_string).collect();
        let lines = lines.map_err(|error| AuditError::Output(Cause::new(error)))?;
        let name = format!("{}/{now_ms}-import.jsonl", Layout::LABELS);
        run.store().put(&name, format!("{}\n", lines.join("\n")).into()).await?;
    }
    Ok(Imported { kept: kept.len(), all, open })
}
