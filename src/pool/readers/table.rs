//! CSV and TSV with a header line; and PartiPrompts, a TSV with bare quotation marks.
//!
//! TSV is read without quoting, as its writers mean it; CSV with.

use super::Reader;
use super::bounded::Records;
use super::jsonl::table_row;
use crate::pool::BadKind;
use crate::pool::input::{Input, bare};
use crate::pool::out::{Flow, Out};
use serde_json::{Map, Value};

pub const READER: Reader = Reader {
    name: "csv",
    about: "CSV or TSV with a header line, fields by name",
    layout: "*.csv, *.tsv (.gz, .zst), UTF-8, header first; fields as for `jsonl`; TSV has no quoting",
    claims: |input| !input.ending(&ENDINGS).is_empty(),
    read,
};

pub const PARTIPROMPTS: Reader = Reader {
    name: "partiprompts",
    about: "PartiPrompts; an evaluation set too, so decontaminate rather than train",
    layout: "PartiPrompts.tsv: Prompt, Category, Challenge, Note; bare quotation marks; Apache-2.0",
    claims: |input| !input.named("partiprompts.tsv").is_empty(),
    read,
};

const ENDINGS: [&str; 2] = [".csv", ".tsv"];

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in input.ending_or_all(&ENDINGS) {
        rows(input, name, out)?;
    }
    Ok(())
}

fn rows(input: &Input, name: &str, out: &mut Out) -> Flow {
    let stream = match input.open(name) {
        Ok(stream) => stream,
        Err(e) => return out.bad(name, BadKind::DamagedArchive, &e.to_string(), false),
    };
    // The parser reads ahead.
    let most = out.options.max_bytes.max(1 << 16);
    let (stream, budget) =
        Records::new(stream, "a record is over the bound (is a quote left open?)");
    budget.set(most);
    let tsv = bare(name).ends_with(".tsv");
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if tsv { b'\t' } else { b',' })
        .quoting(!tsv)
        .flexible(true)
        .from_reader(stream);
    let header: Vec<String> = match reader.byte_headers() {
        Ok(header) => header.iter().map(name_of_column).collect(),
        Err(e) => return out.bad(name, BadKind::Syntax, &e.to_string(), false),
    };
    let mut record = csv::ByteRecord::new();
    loop {
        budget.set(most);
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(e) => return out.bad(name, BadKind::Syntax, &e.to_string(), false),
        }
        let line = record.position().map_or(0, csv::Position::line);
        let key = format!("{name}#{line}");
        let mut row = Map::new();
        let mut wrong = None;
        for (column, value) in header.iter().zip(record.iter()) {
            match std::str::from_utf8(value) {
                Ok(text) => {
                    row.insert(column.clone(), Value::String(text.to_owned()));
                }
                Err(_) => wrong = Some(column),
            }
        }
        match wrong {
            Some(column) => {
                out.bad(
                    &key,
                    BadKind::Encoding,
                    &format!("column `{column}` is not UTF-8"),
                    false,
                )?;
            }
            None => table_row(input, name, out, key, &Value::Object(row))?,
        }
    }
}

fn name_of_column(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_start_matches('\u{feff}').trim().to_owned()
}
