//! Parquet as decisions: whole rows, or chosen columns.

use crate::record::{CallKey, Cause, Check, Decision, Evidence, Id, NanoUsd, Vote};
use crate::store::decisions::schema::{ANSWERS, DISPOSITIONS, PROMPT_CHARS, SOURCES, value};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, RecordBatch, StringArray, StructArray};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Rows read at once: columns of one batch stay in the processor's cache.
const ROWS: usize = 8192;

/// The batches of one part, of `columns` only (in the table's order), or of all.
///
/// # Errors
/// Not Parquet, or a column that is not there.
pub fn decision_batches(
    part: Bytes,
    columns: Option<&[&str]>,
) -> Result<impl Iterator<Item = Result<RecordBatch, Cause>>, Cause> {
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(part).map_err(Cause::new)?.with_batch_size(ROWS);
    if let Some(columns) = columns {
        let schema = builder.parquet_schema();
        for column in columns {
            if !schema.root_schema().get_fields().iter().any(|field| field.name() == *column) {
                return Err(format!("it has no column `{column}`").into());
            }
        }
        let mask = ProjectionMask::columns(schema, columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let reader = builder.build().map_err(Cause::new)?;
    Ok(reader.map(|batch| batch.map_err(Cause::new)))
}

/// Every row of a part.
pub fn decode_decisions(part: Bytes, each: &mut dyn FnMut(Decision)) -> Result<(), Cause> {
    for batch in decision_batches(part, None)? {
        decode_batch(&batch?, each)?;
    }
    Ok(())
}

/// Every row of a batch with all the columns of `decision_schema`.
pub fn decode_batch(batch: &RecordBatch, each: &mut dyn FnMut(Decision)) -> Result<(), Cause> {
    let rows = Rows::of(batch)?;
    for n in 0..rows.len {
        each(rows.row(n)?);
    }
    Ok(())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, Cause> {
    let found = batch.column_by_name(name).map(AsRef::as_ref);
    found.ok_or_else(|| format!("it has no column `{name}`").into())
}

fn strings<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, Cause> {
    column(batch, name)?.as_string_opt().ok_or_else(|| format!("`{name}` is not text").into())
}

fn list<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ListArray, Cause> {
    column(batch, name)?.as_list_opt().ok_or_else(|| format!("`{name}` is not a list").into())
}

/// A batch, its columns taken apart once.
struct Rows<'a> {
    len: usize,
    stage: &'a StringArray,
    id: &'a StringArray,
    category: &'a StringArray,
    source: &'a StringArray,
    disposition: &'a StringArray,
    port: &'a StringArray,
    reason: &'a StringArray,
    note: &'a StringArray,
    score: &'a arrow_array::Float32Array,
    votes: &'a ListArray,
    checks: &'a ListArray,
    peer: &'a StringArray,
    calls: &'a ListArray,
    cost: &'a arrow_array::UInt64Array,
    prompt: &'a StringArray,
    /// Absent in tables of earlier versions.
    prompt_chars: Option<&'a arrow_array::UInt32Array>,
}

impl<'a> Rows<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Rows<'a>, Cause> {
        let text = |name| strings(batch, name);
        Ok(Rows {
            len: batch.num_rows(),
            stage: text("stage")?,
            id: text("id")?,
            category: text("category")?,
            source: text("source")?,
            disposition: text("disposition")?,
            port: text("port")?,
            reason: text("reason")?,
            note: text("note")?,
            score: column(batch, "score")?.as_primitive_opt().ok_or("`score` is not float32")?,
            votes: list(batch, "votes")?,
            checks: list(batch, "checks")?,
            peer: text("peer")?,
            calls: list(batch, "calls")?,
            cost: column(batch, "cost_nano_usd")?
                .as_primitive_opt()
                .ok_or("`cost_nano_usd` is not uint64")?,
            prompt: text("prompt")?,
            prompt_chars: batch
                .column_by_name(PROMPT_CHARS)
                .and_then(|c| c.as_primitive_opt::<UInt32Type>()),
        })
    }

    fn row(&self, n: usize) -> Result<Decision, Cause> {
        let text = |column: &StringArray| column.value(n).to_string();
        let id = |hex: &str| hex.parse::<Id>().map_err(Cause::new);
        Ok(Decision {
            stage: text(self.stage),
            id: id(self.id.value(n))?,
            category: text(self.category),
            source: text(self.source),
            disposition: value(&DISPOSITIONS, self.disposition.value(n))?,
            port: text(self.port),
            reason: text(self.reason),
            evidence: Evidence {
                note: text(self.note),
                score: self.score.is_valid(n).then(|| self.score.value(n)),
                votes: structs(self.votes, n)?.map_rows(vote)?,
                checks: structs(self.checks, n)?.map_rows(check)?,
                peer: self.peer.is_valid(n).then(|| id(self.peer.value(n))).transpose()?,
            },
            calls: calls(self.calls, n)?,
            cost: NanoUsd(self.cost.value(n)),
            prompt: text(self.prompt),
            prompt_chars: self.prompt_chars.map_or(0, |chars| chars.value(n)),
        })
    }
}

fn calls(column: &ListArray, n: usize) -> Result<Vec<CallKey>, Cause> {
    let values = column.value(n);
    let values = values.as_string_opt::<i32>().ok_or("`calls` is not a list of text")?;
    values.iter().flatten().map(key).collect()
}

fn key(hex: &str) -> Result<CallKey, Cause> {
    hex.parse().map_err(Cause::new)
}

/// The elements of a list of structs in one row.
struct Structs(StructArray);

fn structs(column: &ListArray, n: usize) -> Result<Structs, Cause> {
    let values = column.value(n);
    Ok(Structs(values.as_struct_opt().ok_or("a list does not hold structs")?.clone()))
}

impl Structs {
    fn map_rows<T>(&self, row: fn(Field<'_>) -> Result<T, Cause>) -> Result<Vec<T>, Cause> {
        let field = |n: usize, name: &str| {
            let column = self.0.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
            let column =
                column.ok_or_else(|| Cause::from(format!("a struct has no text `{name}`")))?;
            Ok(column.is_valid(n).then(|| column.value(n).to_string()))
        };
        (0..self.0.len()).map(|n| row(&|name| field(n, name))).collect()
    }
}

/// Reads a named text field of one element.
type Field<'a> = &'a dyn Fn(&str) -> Result<Option<String>, Cause>;

fn vote(field: Field<'_>) -> Result<Vote, Cause> {
    Ok(Vote {
        ask: field("ask")?.unwrap_or_default(),
        answer: field("answer")?.unwrap_or_default(),
        call: field("call")?.as_deref().map(key).transpose()?,
    })
}

fn check(field: Field<'_>) -> Result<Check, Cause> {
    Ok(Check {
        id: field("id")?.unwrap_or_default(),
        source: value(&SOURCES, &field("source")?.unwrap_or_default())?,
        // Tables of before checks carried their question have no such column.
        question: field("question").ok().flatten().unwrap_or_default(),
        answer: value(&ANSWERS, &field("answer")?.unwrap_or_default())?,
        evidence: field("evidence")?.unwrap_or_default(),
    })
}
