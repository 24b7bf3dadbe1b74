//! Standard input as a source: kept in a scratch file, since a source is looked at before it is read.

use crate::pool::{Fields, PoolError};
use crate::store::spool_stdin;

/// Where standard input has been put, if `uri` names it (`-`, `/dev/stdin`).
pub fn spooled(uri: &str) -> Result<Option<String>, PoolError> {
    if !matches!(uri, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") {
        return Ok(None);
    }
    Ok(Some(spool_stdin(name)?))
}

/// A file's name by how it begins, so that its format is known.
fn name(head: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let line = text.lines().next().unwrap_or_default();
    let is_header = |delimiter: char| {
        let known = Fields::default();
        let names = known.prompt_names();
        line.contains(delimiter)
            && line.split(delimiter).any(|cell| names.contains(&cell.trim_matches(['"', ' '])))
    };
    match () {
        () if head.starts_with(b"PAR1") => "stdin.parquet",
        () if text.starts_with('[') => "stdin.json",
        () if text.starts_with('{') => "stdin.jsonl",
        () if is_header('\t') => "stdin.tsv",
        () if is_header(',') || is_header(';') => "stdin.csv",
        () => "stdin.txt",
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn formats_are_told_by_how_they_begin() {
        for (head, expect) in [
            ("{\"prompt\": 1}", "stdin.jsonl"),
            (" [{", "stdin.json"),
            ("prompt,category\n", "stdin.csv"),
            ("category\tprompt\n", "stdin.tsv"),
            ("a red fox, in snow\n", "stdin.txt"),
        ] {
            assert_eq!(name(head.as_bytes()), expect, "{head}");
        }
    }
}
