//! CSV and TSV with a header line; and PartiPrompts, a TSV with bare quotation marks.
//!
//! TSV is read without quoting, as its writers mean it; CSV with. What stands between the cells of a
//! CSV is told by its first line. A row with more cells than the header is not cut to fit.

use super::Reader;
use super::bounded::Records;
use super::jsonl::table_row;
use crate::pool::BadKind;
use crate::pool::content::NOT_UTF8;
use crate::pool::input::{Input, Stream, bare};
use crate::pool::out::{Flow, Out};
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader};

pub const READER: Reader = Reader {
    name: "csv",
    about: "CSV or TSV with a header line, fields by name",
    layout: "*.csv, *.tsv (.gz, .zst), UTF-8, header first; `,` or what the first line shows or says \
             (`sep=;`); fields as for `jsonl`; TSV has no quoting",
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
        input.with_text(name, out, |stream, out| rows(input, name, stream, out))?;
    }
    Ok(())
}

fn rows(input: &Input, name: &str, stream: Stream, out: &mut Out) -> Flow {
    // The parser reads ahead.
    let most = out.options.max_bytes.max(1 << 16);
    let (stream, budget) =
        Records::new(stream, "a record is over the bound (is a quote left open?)");
    budget.set(most);
    let tsv = bare(name).ends_with(".tsv");
    let mut stream = BufReader::new(stream);
    let delimiter = match stream.fill_buf() {
        Ok(head) => delimiter(head, tsv),
        Err(e) => return out.bad(name, BadKind::Syntax, &e.to_string(), false),
    };
    stream.consume(delimiter.said);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.byte)
        .quoting(delimiter.byte != b'\t')
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
        if let Some(why) = surplus(&header, &record) {
            out.bad(&key, BadKind::Syntax, &why, false)?;
            continue;
        }
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
                out.bad(&key, BadKind::Encoding, &format!("column `{column}`: {NOT_UTF8}"), false)?;
            }
            None => table_row(input, name, out, key, &Value::Object(row))?,
        }
    }
}

/// What stands between cells.
struct Delimiter {
    byte: u8,
    /// Bytes of a first line that only says it (`sep=;`).
    said: usize,
}

/// As the first line says or shows; a comma where it shows nothing.
fn delimiter(head: &[u8], tsv: bool) -> Delimiter {
    let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = &head[mark..];
    let end = text.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(text.len());
    let line = &text[..end];
    if let Some([byte]) = line.strip_prefix(b"sep=") {
        let rest = text[end..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        return Delimiter { byte: *byte, said: mark + end + rest };
    }
    let count = |byte: u8| line.iter().filter(|b| **b == byte).count();
    let byte = match () {
        () if tsv => b'\t',
        () if count(b',') > 0 => b',',
        () => [b';', b'\t', b'|'].into_iter().find(|b| count(*b) > 0).unwrap_or(b','),
    };
    Delimiter { byte, said: 0 }
}

/// Cells past the header hold what belongs into the ones before: a prompt with bare commas.
fn surplus(header: &[String], record: &csv::ByteRecord) -> Option<String> {
    let filled = record.iter().skip(header.len()).any(|cell| !cell.trim_ascii().is_empty());
    filled.then(|| {
        format!(
            "it has {} cells and the header {}: a text that holds the delimiter is written in quotes",
            record.len(),
            header.len()
        )
    })
}

fn name_of_column(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_start_matches('\u{feff}').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::delimiter;

    #[test]
    fn the_first_line_says_what_stands_between_cells() {
        for (head, byte, said) in [
            ("prompt,category\na;b,c", b',', 0),
            ("prompt;category\n", b';', 0),
            ("\u{feff}sep=;\r\nprompt;category", b';', 10),
            ("prompt|category", b'|', 0),
            ("prompt", b',', 0),
            ("", b',', 0),
        ] {
            let found = delimiter(head.as_bytes(), false);
            assert_eq!((found.byte, found.said), (byte, said), "{head:?}");
        }
        assert_eq!(delimiter(b"a,b", true).byte, b'\t');
    }
}
