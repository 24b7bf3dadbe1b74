//! One JSON array of objects, or objects one after another over several lines; read element by
//! element, never as a whole.

use super::Reader;
use super::jsonl::table_row;
use crate::pool::BadKind;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read};

pub const READER: Reader = Reader {
    name: "json",
    about: "a JSON array of rows, fields by name",
    layout: "*.json (.gz, .zst): [{\"prompt\", …}, …]; fields as for `jsonl`",
    claims: |input| !input.ending(&[".json"]).is_empty(),
    read,
};

fn read(input: &Input, out: &mut Out) -> Flow {
    for name in input.ending_or_all(&[".json"]) {
        rows(input, name, out, &mut |out, key, row| table_row(input, name, out, key, &row))?;
    }
    Ok(())
}

/// Each element of the array in `name` (or each object after another), numbered from 1.
pub(super) fn rows(
    input: &Input,
    name: &str,
    out: &mut Out,
    each: &mut dyn FnMut(&mut Out, String, Value) -> Flow,
) -> Flow {
    input.with_text(name, out, |stream, out| rows_of(stream, name, out, each))
}

/// As `rows`, of an opened file; `name` is for keys.
pub(super) fn rows_of(
    stream: impl Read,
    name: &str,
    out: &mut Out,
    each: &mut dyn FnMut(&mut Out, String, Value) -> Flow,
) -> Flow {
    let mut elements = Elements::new(stream, out.options.max_bytes as usize);
    let mut number = 0;
    loop {
        let found = elements.next_element();
        number += 1;
        let key = format!("{name}#{number}");
        match found {
            Ok(None) => return Ok(()),
            Ok(Some(Element::Whole(bytes))) => match serde_json::from_slice(&bytes) {
                Ok(row) => each(out, key, row)?,
                Err(e) => out.bad(&key, BadKind::Syntax, &e.to_string(), false)?,
            },
            Ok(Some(Element::TooLarge)) => {
                let why = format!("an element over {} bytes", out.options.max_bytes);
                out.bad(&key, BadKind::TooLarge, &why, false)?;
            }
            Ok(Some(Element::Torn)) => {
                return out.bad(&key, BadKind::Syntax, "the file ends inside an element", false);
            }
            Err(e) => return out.bad(name, BadKind::DamagedArchive, &e.to_string(), false),
        }
    }
}

enum Element {
    Whole(Vec<u8>),
    /// Skipped without being held.
    TooLarge,
    /// The file ends inside it.
    Torn,
}

/// Cuts a text into its top-level objects and strings by depth alone: an element that is not JSON
/// does not disturb the next.
struct Elements<R> {
    inner: BufReader<R>,
    max: usize,
}

impl<R: Read> Elements<R> {
    fn new(inner: R, max: usize) -> Elements<R> {
        Elements { inner: BufReader::with_capacity(1 << 16, inner), max }
    }

    fn next_element(&mut self) -> io::Result<Option<Element>> {
        let mut held: Vec<u8> = Vec::new();
        let (mut depth, mut quoted, mut escaped, mut large) = (0usize, false, false, false);
        loop {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                return Ok((!held.is_empty()).then_some(Element::Torn));
            }
            let mut used = 0;
            for &byte in chunk {
                used += 1;
                let started = depth > 0 || quoted;
                if !started && !matches!(byte, b'{' | b'"') {
                    // Brackets and commas between elements, a BOM, white space.
                    continue;
                }
                if held.len() < self.max {
                    held.push(byte)
                } else {
                    large = true
                }
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    b'{' | b'[' if !quoted => depth += 1,
                    b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth == 0 && !quoted {
                    self.inner.consume(used);
                    let whole = if large { Element::TooLarge } else { Element::Whole(held) };
                    return Ok(Some(whole));
                }
            }
            self.inner.consume(used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, Elements};

    #[test]
    fn arrays_lines_and_damage_are_cut_alike() {
        let text = "\u{feff}[{\"a\": \"}]\\\"\"},\n \"plain\", {\"b\": [1, {}]} {oops}\n{\"cc\": 12345678901234567890} {\"torn\": ";
        let mut elements = Elements::new(text.as_bytes(), 20);
        let mut seen = Vec::new();
        while let Some(element) = elements.next_element().unwrap() {
            seen.push(match element {
                Element::Whole(bytes) => String::from_utf8(bytes).unwrap(),
                Element::TooLarge => "large".to_owned(),
                Element::Torn => "torn".to_owned(),
            });
        }
        assert_eq!(
            seen,
            ["{\"a\": \"}]\\\"\"}", "\"plain\"", "{\"b\": [1, {}]}", "{oops}", "large", "torn"]
        );
    }
}
