//! Decisions as Parquet: the same rows always give the same bytes.

use crate::record::{CallKey, Check, Decision, Vote};
use crate::store::decisions::schema::{
    ANSWERS, SOURCES, check_fields, decision_schema, element, vote_fields, word,
};
use arrow_array::builder::{
    Float32Builder, ListBuilder, StringBuilder, StructBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::sync::Arc;

/// Rows turned into columns at once.
pub(super) const BATCH: usize = 1024;

/// `rows` as one Parquet file.
///
/// # Errors
/// Only what the Parquet writer says; valid rows give none.
pub fn encode_decisions(rows: &[Decision]) -> Result<Vec<u8>, ParquetError> {
    let mut file = start()?;
    for rows in rows.chunks(BATCH) {
        file.write(&batch(rows)?)?;
    }
    file.into_inner()
}

/// Rows of a page. A reader of one record decodes a page of every column for it.
const PAGE_ROWS: usize = 2048;

/// Texts of which hardly two are equal: a dictionary would hold them all, and be read whole for
/// the sake of one.
const UNLIKE: [&str; 6] = [
    "id",
    "prompt",
    "peer",
    "calls.list.element",
    "votes.list.element.call",
    "checks.list.element.evidence",
];

/// A file without rows yet.
pub(super) fn start() -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        // The crate's version would make equal tables differ between builds.
        .set_created_by("coldstart".to_string());
    for path in UNLIKE {
        let path = path.split('.').map(str::to_string).collect::<Vec<String>>();
        properties = properties.set_column_dictionary_enabled(path.into(), false);
    }
    ArrowWriter::try_new(Vec::new(), decision_schema(), Some(properties.build()))
}

/// Rows as columns.
pub(super) fn batch(rows: &[Decision]) -> Result<RecordBatch, ArrowError> {
    let mut columns = Columns::new();
    for row in rows {
        columns.push(row);
    }
    RecordBatch::try_new(decision_schema(), columns.finish())
}

struct Columns {
    stage: StringBuilder,
    id: StringBuilder,
    category: StringBuilder,
    source: StringBuilder,
    disposition: StringBuilder,
    port: StringBuilder,
    reason: StringBuilder,
    note: StringBuilder,
    score: Float32Builder,
    votes: ListBuilder<StructBuilder>,
    checks: ListBuilder<StructBuilder>,
    peer: StringBuilder,
    calls: ListBuilder<StringBuilder>,
    cost: UInt64Builder,
    prompt: StringBuilder,
    prompt_chars: UInt32Builder,
}

impl Columns {
    fn new() -> Columns {
        let list = |fields: arrow_schema::Fields| {
            ListBuilder::new(StructBuilder::from_fields(fields.clone(), 0))
                .with_field(element(DataType::Struct(fields)))
        };
        Columns {
            stage: StringBuilder::new(),
            id: StringBuilder::new(),
            category: StringBuilder::new(),
            source: StringBuilder::new(),
            disposition: StringBuilder::new(),
            port: StringBuilder::new(),
            reason: StringBuilder::new(),
            note: StringBuilder::new(),
            score: Float32Builder::new(),
            votes: list(vote_fields()),
            checks: list(check_fields()),
            peer: StringBuilder::new(),
            calls: ListBuilder::new(StringBuilder::new()).with_field(element(DataType::Utf8)),
            cost: UInt64Builder::new(),
            prompt: StringBuilder::new(),
            prompt_chars: UInt32Builder::new(),
        }
    }

    /// Takes the row apart by name, so that a new field cannot be forgotten.
    fn push(&mut self, row: &Decision) {
        let Decision {
            stage,
            id,
            category,
            source,
            disposition,
            port,
            reason,
            evidence,
            calls,
            cost,
            prompt,
            prompt_chars,
        } = row;
        let crate::record::Evidence { note, score, votes, checks, peer } = evidence;
        self.stage.append_value(stage);
        self.id.append_value(id.hex());
        self.category.append_value(category);
        self.source.append_value(source);
        self.disposition.append_value(disposition.as_str());
        self.port.append_value(port);
        self.reason.append_value(reason);
        self.note.append_value(note);
        self.score.append_option(*score);
        votes.iter().for_each(|vote| push_vote(self.votes.values(), vote));
        self.votes.append(true);
        checks.iter().for_each(|check| push_check(self.checks.values(), check));
        self.checks.append(true);
        self.peer.append_option(peer.map(|id| id.hex()));
        calls.iter().for_each(|call| self.calls.values().append_value(call.hex()));
        self.calls.append(true);
        self.cost.append_value(cost.0);
        self.prompt.append_value(prompt);
        self.prompt_chars.append_value(*prompt_chars);
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.stage.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.category.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.disposition.finish()),
            Arc::new(self.port.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.note.finish()),
            Arc::new(self.score.finish()),
            Arc::new(self.votes.finish()),
            Arc::new(self.checks.finish()),
            Arc::new(self.peer.finish()),
            Arc::new(self.calls.finish()),
            Arc::new(self.cost.finish()),
            Arc::new(self.prompt.finish()),
            Arc::new(self.prompt_chars.finish()),
        ]
    }
}

fn push_vote(to: &mut StructBuilder, vote: &Vote) {
    let Vote { ask, answer, call } = vote;
    texts(to, [Some(ask), Some(answer), call.as_ref().map(CallKey::hex).as_ref()]);
}

fn push_check(to: &mut StructBuilder, check: &Check) {
    let Check { id, source, question, answer, evidence } = check;
    let (source, answer) = (word(&SOURCES, source), word(&ANSWERS, answer));
    texts(
        to,
        [
            Some(&id.to_string()),
            Some(&source.to_string()),
            Some(&answer.to_string()),
            Some(evidence),
            Some(question),
        ],
    );
}

/// Appends a struct whose fields are all text.
fn texts<const N: usize>(to: &mut StructBuilder, values: [Option<&String>; N]) {
    for (n, value) in values.into_iter().enumerate() {
        if let Some(field) = to.field_builder::<StringBuilder>(n) {
            field.append_option(value);
        }
    }
    to.append(true);
}
