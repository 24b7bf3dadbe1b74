//! SQL over a RUN: stage tables, records, calls, votes, checks and the dataset.
//!
//! The engine is SQLite, bundled, in memory; only the tables that a query names are loaded.
//! Weighed against, by a build from scratch: `datafusion` with few features had not ended after
//! 1,279 CPU seconds and brings a second arrow and a second object_store; `duckdb` bundled compiles
//! the whole of DuckDB's C++ (not measured to its end). SQLite costs 74 CPU seconds. What it lacks,
//! reading Parquet where it lies, a DuckDB of the user's own does: the tables are plain Parquet.
//!
//! A query only reads. The database lies in memory and holds copies, one statement is taken, it must
//! begin as a query does and be read-only by SQLite's own word; so it can neither attach a file nor
//! write one.

mod load;
mod output;

pub use output::{Answer, Cell};

use crate::archive::RunDir;
use crate::audit::error::AuditError;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// A table: its name, columns with SQL types, and what it holds.
pub struct TableKind {
    pub name: &'static str,
    pub about: &'static str,
    /// name, type, meaning.
    pub columns: &'static [(&'static str, &'static str, &'static str)],
}

/// Every table, as `audit --tables` prints them.
pub const TABLES: &[TableKind] = &[
    TableKind {
        name: "stages",
        about: "a row per record and stage it reached",
        columns: &[
            ("stage", "text", "the stage's name"),
            ("ordinal", "integer", "its place in the pipeline, from 0"),
            ("id", "text", "the record"),
            ("category", "text", ""),
            ("source", "text", ""),
            ("disposition", "text", "passed, dropped or failed"),
            ("port", "text", "the port it left by"),
            ("reason", "text", "why it was dropped or failed"),
            ("score", "real", "0..1 where the stage scores"),
            ("cost_usd", "real", "of the calls it used (a shared call counts in each record)"),
            ("calls", "integer", "how many calls it used"),
            ("note", "text", "the evidence in a line"),
        ],
    },
    TableKind {
        name: "records",
        about: "a row per record, with where it ended",
        columns: &[
            ("id", "text", ""),
            ("category", "text", ""),
            ("source", "text", ""),
            ("prompt", "text", "its first 200 characters"),
            ("last_stage", "text", "the last stage it reached"),
            ("disposition", "text", "there"),
            ("port", "text", "there"),
            ("reason", "text", "there"),
            ("cost_usd", "real", "over all stages"),
        ],
    },
    TableKind {
        name: "calls",
        about: "a row per journaled call",
        columns: &[
            ("key", "text", "the call's identity"),
            ("role", "text", ""),
            ("model", "text", "as the pipeline names it"),
            ("served", "text", "as the server named it"),
            ("type", "text", "what came back: text, image or refused"),
            ("at_ms", "integer", "Unix milliseconds when it was journaled"),
            ("latency_ms", "integer", "of the try that succeeded"),
            ("attempts", "integer", "tries, at least 1"),
            ("cost_usd", "real", ""),
            ("tokens_in", "integer", ""),
            ("tokens_cached", "integer", ""),
            ("tokens_out", "integer", "without thinking"),
            ("tokens_thinking", "integer", ""),
            ("finish", "text", "the server's finish reason"),
            ("image", "text", "digest of the picture it gave"),
            ("again", "integer", "1 when the key was journaled before: paid twice"),
        ],
    },
    TableKind {
        name: "uses",
        about: "a row per call that a record used at a stage",
        columns: &[
            ("stage", "text", ""),
            ("id", "text", ""),
            ("n", "integer", "in order, from 0"),
            ("key", "text", "the call"),
        ],
    },
    TableKind {
        name: "votes",
        about: "a row per answer a stage asked for",
        columns: &[
            ("stage", "text", ""),
            ("id", "text", ""),
            ("ask", "text", "vote_1, order_ab, draw_2, …"),
            ("answer", "text", ""),
            ("key", "text", "the call that gave it"),
        ],
    },
    TableKind {
        name: "checks",
        about: "a row per rule or atom judged",
        columns: &[
            ("stage", "text", ""),
            ("id", "text", "the record"),
            ("check_id", "text", "the rule or atom"),
            ("source", "text", "rule or atom"),
            ("answer", "text", "yes, no, unsure or void"),
            ("evidence", "text", "what the judge says it saw"),
            ("question", "text", "what it was asked; empty in runs of before this was kept"),
        ],
    },
    TableKind {
        name: "dataset",
        about: "a row per trajectory of the final shards",
        columns: &[
            ("id", "text", ""),
            ("prompt", "text", "whole"),
            ("category", "text", ""),
            ("source", "text", ""),
            ("outcome", "text", "one_round, closed or open"),
            ("rounds", "integer", ""),
            ("improved", "integer", "1 when better than before and not good"),
            ("calls", "integer", ""),
            ("last_refined", "text", "P of the last round"),
            ("licence", "text", ""),
        ],
    },
];

/// Whether `query` speaks of `table`: a word of it, in any case.
fn names(query: &str, table: &str) -> bool {
    query
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case(table))
}

/// The tables and their columns, a line each.
pub fn tables_text() -> String {
    let mut out = String::new();
    for table in TABLES {
        out.push_str(&format!("{}: {}\n", table.name, table.about));
        for (name, kind, about) in table.columns {
            out.push_str(format!("    {name:16} {kind:8} {about}").trim_end());
            out.push('\n');
        }
    }
    out
}

/// Loads what `query` names, asks it, and gives all rows.
pub async fn query(run: &RunDir, query: &str) -> Result<Answer, AuditError> {
    refuse_writing(query)?;
    let mut db = Connection::open_in_memory().map_err(fault)?;
    for table in TABLES.iter().filter(|table| names(query, table.name)) {
        create(&db, table)?;
        load::fill(run, &mut db, table.name).await?;
    }
    ask(&db, query)
}

/// Comments are skipped; the first word must be that of a query.
fn refuse_writing(query: &str) -> Result<(), AuditError> {
    let mut rest = query.trim_start();
    loop {
        let after = match rest {
            _ if rest.starts_with("--") => rest.split_once('\n').map_or("", |(_, after)| after),
            _ if rest.starts_with("/*") => rest.split_once("*/").map_or("", |(_, after)| after),
            _ => break,
        };
        rest = after.trim_start();
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    let asks = ["select", "with", "values", "explain"];
    if asks.iter().any(|ask| word.eq_ignore_ascii_case(ask)) {
        return Ok(());
    }
    Err(AuditError::input(format!(
        "a query begins with `select` or `with`, this one with `{word}`; a RUN is only read"
    )))
}

fn create(db: &Connection, table: &TableKind) -> Result<(), AuditError> {
    let columns: Vec<String> =
        table.columns.iter().map(|(name, kind, _)| format!("\"{name}\" {kind}")).collect();
    let sql = format!("create table {} ({})", table.name, columns.join(", "));
    db.execute_batch(&sql).map_err(fault)
}

fn ask(db: &Connection, query: &str) -> Result<Answer, AuditError> {
    let mut statement = db.prepare(query).map_err(fault)?;
    if !statement.readonly() {
        return Err(AuditError::input("this statement writes; a RUN is only read"));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = Vec::new();
    let mut found = statement.query([]).map_err(fault)?;
    while let Some(row) = found.next().map_err(fault)? {
        let cell = |at| row.get_ref(at).map(cell).map_err(fault);
        rows.push((0..columns.len()).map(cell).collect::<Result<Vec<Cell>, _>>()?);
    }
    Ok(Answer { columns, rows })
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(n) => Cell::Int(n),
        ValueRef::Real(x) => Cell::Real(x),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => {
            Cell::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    }
}

fn fault(source: rusqlite::Error) -> AuditError {
    AuditError::Query { source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_queries_are_taken() {
        let refused = |query: &str| refuse_writing(query).is_err();
        assert!(
            !refused("select 1")
                && !refused(" -- why\n/* x */ WITH a as (select 1) select * from a")
        );
        assert!(refused("attach 'x.db' as x") && refused("pragma writable_schema=1"));
        assert!(refused("/* select */ delete from stages") && refused(""));
    }

    #[test]
    fn a_second_statement_is_not_run() {
        let db = Connection::open_in_memory().unwrap();
        assert!(ask(&db, "select 1; attach '/tmp/x' as x").is_err());
        assert!(ask(&db, "with a as (select 1) insert into t select * from a").is_err());
    }

    #[test]
    fn tables_are_found_as_words() {
        assert!(names("select count(*) from Stages s", "stages"));
        assert!(!names("select 'stages_of' from recordsx", "records"));
    }
}
