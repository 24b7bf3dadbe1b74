//! A Parquet part of a stage table as columns: only what an audit compares is decoded.

use crate::archive::columns::{Columns, Reading};
use crate::record::{CallKey, Cause, Disposition, Id, Vote};
use crate::store::decision_batches;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt64Type};
use arrow_array::{RecordBatch, StringArray};
use bytes::Bytes;

/// A part's rows as columns.
pub fn columns(part: Bytes, reading: Reading) -> Result<Columns, Cause> {
    const PLAIN: [&str; 10] = [
        "id",
        "category",
        "source",
        "disposition",
        "port",
        "reason",
        "score",
        "calls",
        "cost_nano_usd",
        "prompt",
    ];
    let mut names = PLAIN.to_vec();
    if reading == Reading::Notes {
        names.push("note");
    }
    let mut out = Columns::default();
    for batch in decision_batches(part.clone(), Some(&names))? {
        add_batch(&mut out, &batch?, reading)?;
    }
    if out.outcomes.disposition.contains(&Disposition::Failed) {
        out.outcomes.failures = failures(part.clone())?;
    }
    if reading == Reading::Replies {
        out.outcomes.replies = replies(part)?;
    }
    Ok(out)
}

/// The first failed rows' notes. A column that is read for them alone: failures are rare.
fn failures(part: Bytes) -> Result<Vec<(Id, String)>, Cause> {
    const FEW: usize = 5;
    let mut out = Vec::new();
    for batch in decision_batches(part, Some(&["id", "disposition", "note"]))? {
        let batch = batch?;
        let text = |name: &str| text(&batch, name).map(StringArray::iter);
        for ((id, disposition), note) in text("id")?.zip(text("disposition")?).zip(text("note")?) {
            if disposition == Some("failed") {
                let id = id.unwrap_or_default().parse().map_err(Cause::new)?;
                out.push((id, note.unwrap_or_default().to_owned()));
            }
            if out.len() == FEW {
                return Ok(out);
            }
        }
    }
    Ok(out)
}

/// The votes that tell of how a reply could be read.
fn replies(part: Bytes) -> Result<Vec<Vote>, Cause> {
    let mut out = Vec::new();
    for batch in decision_batches(part, Some(&["votes"]))? {
        let batch = batch?;
        let lists = batch.column_by_name("votes").and_then(|c| c.as_list_opt::<i32>());
        let votes = lists.and_then(|lists| lists.values().as_struct_opt());
        let votes = votes.ok_or("`votes` is not a list of votes")?;
        let text = |name: &str| {
            let column = votes.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
            column
                .map(StringArray::iter)
                .ok_or_else(|| Cause::from(format!("`votes.{name}` is not text")))
        };
        for ((ask, answer), call) in text("ask")?.zip(text("answer")?).zip(text("call")?) {
            let ask = ask.unwrap_or_default();
            if !Vote::tells_of_reading(ask) {
                continue;
            }
            let call = call.map(str::parse).transpose().map_err(Cause::new)?;
            let (ask, answer) = (ask.to_owned(), answer.unwrap_or_default().to_owned());
            out.push(Vote { ask, answer, call });
        }
    }
    Ok(out)
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, Cause> {
    let column = batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
    column.ok_or_else(|| format!("`{name}` is not text").into())
}

fn add_batch(out: &mut Columns, batch: &RecordBatch, reading: Reading) -> Result<(), Cause> {
    let text = |name: &str| text(batch, name);
    for (name, to) in [
        ("category", &mut out.category),
        ("source", &mut out.source),
        ("port", &mut out.outcomes.port),
        ("reason", &mut out.outcomes.reason),
    ] {
        let mut last = ("", 0);
        for value in text(name)?.iter().map(Option::unwrap_or_default) {
            // Runs of one value are the rule.
            if value != last.0 || to.is_empty() {
                last = (value, out.names.intern(value));
            }
            to.push(last.1);
        }
    }
    for value in text("id")?.iter().map(Option::unwrap_or_default) {
        out.ids.push(value.parse().map_err(Cause::new)?);
    }
    for value in text("disposition")?.iter().map(Option::unwrap_or_default) {
        out.outcomes.disposition.push(disposition(value)?);
    }
    let score = batch.column_by_name("score").and_then(|c| c.as_primitive_opt::<Float32Type>());
    let score = score.ok_or("`score` is not float32")?;
    out.outcomes.score.extend(score.iter().map(|score| score.unwrap_or(f32::NAN)));
    let cost = batch.column_by_name("cost_nano_usd");
    let cost = cost.and_then(|c| c.as_primitive_opt::<UInt64Type>()).ok_or("no cost")?;
    out.outcomes.cost.extend(cost.values().iter().copied());
    add_calls(out, batch)?;
    text("prompt")?.iter().for_each(|prompt| out.prompts.push(prompt.unwrap_or_default()));
    if reading == Reading::Notes {
        text("note")?.iter().for_each(|note| out.outcomes.notes.push(note.unwrap_or_default()));
    }
    Ok(())
}

fn disposition(value: &str) -> Result<Disposition, Cause> {
    match value {
        "passed" => Ok(Disposition::Passed),
        "dropped" => Ok(Disposition::Dropped),
        "failed" => Ok(Disposition::Failed),
        other => Err(format!("`{other}` is no disposition").into()),
    }
}

fn add_calls(out: &mut Columns, batch: &RecordBatch) -> Result<(), Cause> {
    let lists = batch.column_by_name("calls").and_then(|c| c.as_list_opt::<i32>());
    let lists = lists.ok_or("`calls` is not a list")?;
    let keys = lists.values().as_string_opt::<i32>().ok_or("`calls` does not hold text")?;
    for ends in lists.offsets().windows(2) {
        let of_row = (ends[0] as usize..ends[1] as usize).map(|at| keys.value(at).parse());
        let of_row: Result<Vec<CallKey>, _> = of_row.collect();
        out.outcomes.calls.push(of_row.map_err(Cause::new)?);
    }
    Ok(())
}
