//! The endpoints file as a table, and what is particular to it: times, and lines that may hold a key
//! and are therefore never shown.

use crate::call::endpoints::secrets::names_a_secret;
use crate::diag::{Codes, Diagnostic, SourceFile, Table, number};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::Value;

const CODES: Codes = Codes { syntax: "E01", key: "E02", value: "E04" };

/// The whole file, or the faults of its syntax. Where the line may hold a key that somebody forgot
/// to quote or should not have written there, the line is not shown.
pub fn parse(source: &Arc<SourceFile>) -> Result<Table, Vec<Diagnostic>> {
    let hidden = |fault: Diagnostic| match &fault.span {
        Some(span) if may_hold_a_key(source, span.range.start) => {
            let line = source.line(span.range.start);
            let title = "not TOML; the line is not shown, since it may hold a key";
            Diagnostic::error(CODES.syntax, title)
                .note(format!("in line {line} of {}", source.path))
                .help(
                    "keys come only from the environment: name the variable, in quotes, by \
                     `key_env`",
                )
        }
        _ => fault,
    };
    Table::parse(source, CODES, "the endpoints file")
        .map_err(|faults| faults.into_iter().map(hidden).collect())
}

/// Whether the line of `offset` has the name of a secret before its `=`, or a word like a key.
fn may_hold_a_key(source: &SourceFile, offset: usize) -> bool {
    let line = source.text.lines().nth(source.line(offset) - 1).unwrap_or_default();
    let name = line.split('=').next().unwrap_or_default();
    let long = |word: &str| word.len() >= 24 && word.chars().any(|c| c.is_ascii_digit());
    names_a_secret(name.trim())
        || line.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(long)
}

/// A key that nobody knows, with the nearest of `known`. What stands there under a name such as
/// `api_key` is not shown.
pub fn unknown<'a>(
    table: &Table,
    name: &str,
    at: &Range<usize>,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    if names_a_secret(name) {
        let title = format!("`{name}` is no key of this table, and may hold a secret");
        return table
            .unshown("E09", title, at)
            .help("put it into an environment variable and name that by `key_env`");
    }
    table.unknown(name, at, known)
}

/// As JSON, for what goes into a request's body. None where JSON has no such value.
pub fn json(value: &Value) -> Option<serde_json::Value> {
    Some(match value {
        Value::String(text) => text.clone().into(),
        Value::Integer(n) => (*n).into(),
        Value::Float(n) => serde_json::Number::from_f64(*n)?.into(),
        Value::Boolean(b) => (*b).into(),
        Value::Datetime(at) => at.to_string().into(),
        Value::Array(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Value::Table(table) => {
            let pair = |(name, value): (&String, &Value)| Some((name.clone(), json(value)?));
            table.iter().map(pair).collect::<Option<serde_json::Map<_, _>>>()?.into()
        }
    })
}

/// `"500ms"`, `"10s"`, `"5m"`, `"1h"`, or a number of seconds; above 0.
pub fn duration(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => {
            let split = text.find(|c: char| c.is_alphabetic())?;
            let (number, unit) = text.split_at(split);
            let scale = match unit.trim() {
                "ms" => 1e-3,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
            number.trim().parse::<f64>().ok()? * scale
        }
        _ => number(value)?,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero() && d.as_secs() < 1 << 31)
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;
    use toml::Value;

    #[test]
    fn durations() {
        assert_eq!(duration(&"500ms".into()), Some(Duration::from_millis(500)));
        assert_eq!(duration(&"1.5 h".into()), Some(Duration::from_secs(5400)));
        assert_eq!(duration(&Value::Integer(10)), Some(Duration::from_secs(10)));
        let bad: [Value; 6] =
            ["10".into(), "s".into(), 0.into(), (-1).into(), "1d".into(), 1e300.into()];
        for bad in bad {
            assert_eq!(duration(&bad), None, "{bad}");
        }
    }
}
