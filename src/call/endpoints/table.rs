//! A TOML table as the user wrote it: values taken out by name, with places, faults collected.
//!
//! The one idea: `take_*` removes what it reads, so what is left at the end is unknown and is
//! named with a suggestion.

use crate::call::endpoints::values::names_a_secret;
use crate::diag::{Diagnostic, Source};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with the places of its key and of itself.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Range<usize>,
    pub at: Range<usize>,
    pub value: Value,
    /// The parts of a table.
    pub inner: BTreeMap<String, Entry>,
}

/// A table being read.
#[derive(Debug, Clone)]
pub struct Table {
    pub source: Arc<Source>,
    /// The table's header.
    pub at: Range<usize>,
    entries: BTreeMap<String, Entry>,
}

/// The file's syntax; errors are diagnostics.
pub fn parse(source: &Arc<Source>) -> Result<Table, Vec<Diagnostic>> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| not_toml(source, error)).collect());
    }
    let entries = entries(table.get_ref());
    Ok(Table { source: source.clone(), at: 0..0, entries })
}

/// A fault of syntax. Where the line may hold a key that somebody forgot to quote or should not have
/// written there, the line is not shown.
fn not_toml(source: &Arc<Source>, error: &toml::de::Error) -> Diagnostic {
    let fault = |title: String| Diagnostic::error("E01", title);
    let Some(span) = error.span() else { return fault(format!("not TOML: {}", error.message())) };
    let before = source.text.get(..span.start).unwrap_or_default();
    let number = before.matches('\n').count();
    let line = source.text.lines().nth(number).unwrap_or_default();
    let name = line.split('=').next().unwrap_or_default();
    let inside = line.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
    let long = |word: &str| word.len() >= 24 && word.chars().any(|c| c.is_ascii_digit());
    if names_a_secret(name.trim()) || inside.into_iter().any(long) {
        return fault("not TOML; the line is not shown, since it may hold a key".to_owned())
            .note(format!("in line {} of {}", number + 1, source.path))
            .help(
                "keys come only from the environment: name the variable, in quotes, by `key_env`",
            );
    }
    fault(format!("not TOML: {}", error.message())).at(source, span, "")
}

fn entries(table: &DeTable<'_>) -> BTreeMap<String, Entry> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), entry(key.span(), value))).collect()
}

fn entry(key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Entry {
    let inner = match value.get_ref() {
        DeValue::Table(table) => entries(table),
        _ => BTreeMap::new(),
    };
    Entry { key, at: value.span(), value: json(value.get_ref()), inner }
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Integer(n) => {
            i64::from_str_radix(n.as_str(), n.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(n) => {
            n.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(d) => Value::String(d.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref())))
                .collect::<Map<_, _>>(),
        ),
    }
}

impl Table {
    pub fn new(source: Arc<Source>, at: Range<usize>, entries: BTreeMap<String, Entry>) -> Table {
        Table { source, at, entries }
    }

    /// Entries of `defaults` where this table has none.
    pub fn or(mut self, defaults: &Table) -> Table {
        for (name, entry) in &defaults.entries {
            self.entries.entry(name.clone()).or_insert_with(|| entry.clone());
        }
        self
    }

    pub fn take(&mut self, name: &str) -> Option<Entry> {
        self.entries.remove(name)
    }

    /// The names that were not taken.
    pub fn rest(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// A fault at `range`.
    pub fn fault(&self, code: &'static str, title: String, range: &Range<usize>) -> Diagnostic {
        Diagnostic::error(code, title).at(&self.source, range.clone(), "")
    }

    /// A key that nobody knows, with the nearest of `known`. What stands there under a name such as
    /// `api_key` is not shown.
    pub fn unknown<'a>(
        &self,
        name: &str,
        at: &Range<usize>,
        known: impl Iterator<Item = &'a str>,
    ) -> Diagnostic {
        if names_a_secret(name) {
            return self
                .unshown(
                    "E09",
                    format!("`{name}` is no key of this table, and may hold a secret"),
                    at,
                )
                .help("put it into an environment variable and name that by `key_env`");
        }
        self.fault("E02", format!("unknown key `{name}`"), at).suggest(name, known)
    }

    /// A fault at `range` that is named by line only: the line may hold a secret.
    pub fn unshown(&self, code: &'static str, title: String, range: &Range<usize>) -> Diagnostic {
        let before = self.source.text.get(..range.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Diagnostic::error(code, title).note(format!("in line {line} of {}", self.source.path))
    }

    /// `name` as `read` understands it; a value it does not is a fault that says `expected`.
    pub fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        faults: &mut Vec<Diagnostic>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let entry = self.take(name)?;
        let value = read(&entry.value);
        if value.is_none() {
            let title = format!("`{name}` is `{}`", entry.value);
            faults.push(self.fault("E04", title, &entry.at).note(format!("it is {expected}")));
        }
        value
    }
}

/// A string.
pub fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A list of strings, or one.
pub fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(s) => Some(vec![s.clone()]),
        Value::Array(items) => items.iter().map(text).collect(),
        _ => None,
    }
}

/// A whole number from 1.
pub fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|n| *n > 0)
}

/// `"500ms"`, `"10s"`, `"5m"`, `"1h"`, or a number of seconds; above 0.
pub fn duration(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(n) => n.as_f64()?,
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
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|d| !d.is_zero() && d.as_secs() < 1 << 31)
}

#[cfg(test)]
mod tests {
    use super::duration;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn durations() {
        assert_eq!(duration(&json!("500ms")), Some(Duration::from_millis(500)));
        assert_eq!(duration(&json!("1.5 h")), Some(Duration::from_secs(5400)));
        assert_eq!(duration(&json!(10)), Some(Duration::from_secs(10)));
        for bad in [json!("10"), json!("s"), json!(0), json!(-1), json!("1d"), json!(1e300)] {
            assert_eq!(duration(&bad), None, "{bad}");
        }
    }
}
