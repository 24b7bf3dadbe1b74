//! JSON lines: one object (or string) a line; `.jsonl`, `.ndjson`, `.jsonlines`, or a `.json` that
//! is lines despite its name. A file that opens with `[` is read as an array, whatever it is called.

use super::Reader;
use super::json_array;
use crate::pool::BadKind;
use crate::pool::content::NOT_UTF8;
use crate::pool::draft::Draft;
use crate::pool::input::Input;
use crate::pool::lines::{Line, Lines};
use crate::pool::out::{Flow, Out};
use bytes::Bytes;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};

pub const READER: Reader = Reader {
    name: "jsonl",
    about: "JSON lines: one row a line, fields by name",
    layout: "*.jsonl (.gz, .zst): {\"prompt\", \"category\"?, \"spec\"?, \"gloss\"?, \"image\"?}; \
             other names by `fields`; images are paths relative to the file's folder",
    claims,
    read,
};

pub(super) const ENDINGS: [&str; 3] = [".jsonl", ".ndjson", ".jsonlines"];

fn claims(input: &Input) -> bool {
    if !input.ending(&ENDINGS).is_empty() {
        return true;
    }
    let json = input.ending(&[".json"]);
    json.first().is_some_and(|name| is_lines(&input.head(name, 1 << 16)))
}

fn is_array(head: &[u8]) -> bool {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().starts_with(b"[")
}

/// A first line that is a whole JSON object.
fn is_lines(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let Some(line) = head.split(|&b| b == b'\n').find(|l| !l.trim_ascii().is_empty()) else {
        return false;
    };
    line.trim_ascii().starts_with(b"{") && serde_json::from_slice::<Value>(line).is_ok()
}

fn read(input: &Input, out: &mut Out) -> Flow {
    let mut names = input.ending(&ENDINGS);
    if names.is_empty() {
        names = input.ending_or_all(&[".json"]);
    }
    for name in names {
        rows(input, name, out, &mut |out, key, row| table_row(input, name, out, key, &row))?;
    }
    Ok(())
}

/// Each line of `name` that is JSON; others are counted.
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
    let mut stream = BufReader::with_capacity(1 << 16, stream);
    // Some sets call one array `.jsonl`.
    match stream.fill_buf() {
        Ok(head) if is_array(head) => return json_array::rows_of(stream, name, out, each),
        // A source that cannot be read says so again, at once.
        Ok(_) | Err(_) => {}
    }
    let mut lines = Lines::new(stream, out.options.max_bytes);
    loop {
        match lines.next_line() {
            Ok(None) => return Ok(()),
            Ok(Some(Line::Text(_, text))) if text.trim().is_empty() => {}
            Ok(Some(Line::Text(number, text))) => {
                let key = format!("{name}#{number}");
                match serde_json::from_str(&text) {
                    Ok(row) => each(out, key, row)?,
                    Err(e) => out.bad(&key, BadKind::Syntax, &e.to_string(), false)?,
                }
            }
            Ok(Some(Line::Encoding(number))) => {
                out.bad(&format!("{name}#{number}"), BadKind::Encoding, NOT_UTF8, false)?;
            }
            Ok(Some(Line::TooLong(number))) => {
                let why = format!("a line over {} bytes", out.options.max_bytes);
                out.bad(&format!("{name}#{number}"), BadKind::TooLarge, &why, false)?;
            }
            Err(e) => return out.bad(name, BadKind::DamagedArchive, &e.to_string(), false),
        }
    }
}

/// A row by the field map, with an image beside the file where it names one.
pub(super) fn table_row(
    input: &Input,
    name: &str,
    out: &mut Out,
    key: String,
    row: &Value,
) -> Flow {
    let mut draft: Draft = out.draft_of(key, row)?;
    if out.wants_images()
        && let Some((field, path)) = out.options.fields.image_of(row)
        && looks_like_image(&path)
    {
        out.mapped("image", field);
        linked(input, name, &path, out, &mut draft)?;
    }
    out.row(draft)
}

pub(super) fn looks_like_image(path: &str) -> bool {
    let lower = path.to_lowercase();
    [".png", ".jpg", ".jpeg", ".webp"].iter().any(|e| lower.ends_with(e))
}

/// Fills in the image that a row of `name` links to, by a path relative to its folder.
pub(super) fn linked(
    input: &Input,
    name: &str,
    path: &str,
    out: &mut Out,
    draft: &mut Draft,
) -> Flow {
    if path.contains("://") {
        draft.image = Some(Err(format!("{path} (web addresses are not fetched)")));
        return Ok(());
    }
    let Some(safe) = safe_path(path) else {
        let why = format!("`{path}` leads out of the source");
        return out.lost(draft, BadKind::UnsafePath, &why);
    };
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = if folder.is_empty() { safe } else { format!("{folder}/{safe}") };
    draft.image = Some(match input.small_file(&whole, out.options.max_bytes) {
        Ok(Some(bytes)) => Ok(Bytes::from(bytes)),
        Ok(None) => Err(whole),
        Err(e) => Err(format!("{whole} ({e})")),
    });
    Ok(())
}

/// A relative path without `.` parts, or None where it could leave its folder.
pub(super) fn safe_path(path: &str) -> Option<String> {
    let normal = path.replace('\\', "/");
    if normal.starts_with('/') || normal.contains("://") || normal.contains('\0') {
        return None;
    }
    let parts: Vec<&str> = normal.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::safe_path;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(safe_path("./a//b.png").as_deref(), Some("a/b.png"));
        for bad in ["/etc/passwd", "../x.png", "a/../../b", "http://x/y.png", "", "."] {
            assert_eq!(safe_path(bad), None, "{bad}");
        }
    }
}
