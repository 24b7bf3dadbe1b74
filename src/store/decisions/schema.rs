//! The columns of a stage table, and the words of its enumerations.

use crate::record::{Answer, Cause, CheckSource, Disposition};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use std::sync::{Arc, LazyLock};

/// One row a record that reached the stage; ids and keys as lower-case hex.
pub fn decision_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(build()));
    Arc::clone(&SCHEMA)
}

pub(super) fn vote_fields() -> Fields {
    Fields::from(vec![text("ask"), text("answer"), Field::new("call", DataType::Utf8, true)])
}

pub(super) fn check_fields() -> Fields {
    Fields::from(vec![
        text("id"),
        text("source"),
        text("answer"),
        text("evidence"),
        text("question"),
    ])
}

/// What a list's elements are called: Parquet's own word, which all readers agree on.
pub(super) fn element(kind: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", kind, false))
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn list(name: &str, of: DataType) -> Field {
    Field::new(name, DataType::List(element(of)), false)
}

/// The column that tables of earlier versions lack.
pub(super) const PROMPT_CHARS: &str = "prompt_chars";

fn build() -> Schema {
    Schema::new(vec![
        text("stage"),
        text("id"),
        text("category"),
        text("source"),
        text("disposition"),
        text("port"),
        text("reason"),
        text("note"),
        Field::new("score", DataType::Float32, true),
        list("votes", DataType::Struct(vote_fields())),
        list("checks", DataType::Struct(check_fields())),
        Field::new("peer", DataType::Utf8, true),
        list("calls", DataType::Utf8),
        Field::new("cost_nano_usd", DataType::UInt64, false),
        text("prompt"),
        // Absent in tables of before it was counted.
        Field::new(PROMPT_CHARS, DataType::UInt32, false),
    ])
}

/// Parallel to the enumerations; what is written is read back by the same table.
pub(super) const DISPOSITIONS: [(Disposition, &str); 3] = [
    (Disposition::Passed, "passed"),
    (Disposition::Dropped, "dropped"),
    (Disposition::Failed, "failed"),
];

pub(super) const ANSWERS: [(Answer, &str); 4] =
    [(Answer::Yes, "yes"), (Answer::No, "no"), (Answer::Unsure, "unsure"), (Answer::Void, "void")];

pub(super) const SOURCES: [(CheckSource, &str); 2] =
    [(CheckSource::Rule, "rule"), (CheckSource::Atom, "atom")];

/// The word of `value`.
pub(super) fn word<T: PartialEq>(table: &[(T, &'static str)], value: &T) -> &'static str {
    table.iter().find(|(v, _)| v == value).map_or("", |(_, word)| word)
}

/// The value of `word`.
pub(super) fn value<T: Copy>(table: &[(T, &str)], word: &str) -> Result<T, Cause> {
    let found = table.iter().find(|(_, w)| *w == word);
    found
        .map(|(v, _)| *v)
        .ok_or_else(|| format!("`{}` is no word of its column", word.escape_debug()).into())
}
