//! A TOML file as its user wrote it: tables, lists and values, each with its place.
//!
//! Stage files, roles, pool sources, rules and endpoints are read through `Table`. A reader takes
//! out the keys that it knows; a value of the wrong sort becomes a diagnostic at its place and
//! reading goes on, so that all faults of a file are told at once; what is left at the end are keys
//! that nobody knows.

use crate::diag::{Diagnostic, SourceFile, ticked};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

/// Something with its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    pub value: T,
    pub range: Range<usize>,
}

/// The codes under which a file's faults are told.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// What is not TOML.
    pub syntax: &'static str,
    /// A key that nobody knows.
    pub key: &'static str,
    /// A value of another sort, or out of bounds.
    pub value: &'static str,
}

/// A value with its place and that of its key.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Of an item of a list, the item's own place.
    pub key: Range<usize>,
    pub at: Range<usize>,
    pub value: Value,
    /// Of a table.
    entries: BTreeMap<String, Entry>,
    /// Of a list.
    items: Vec<Entry>,
}

/// A table being read.
#[derive(Debug, Clone)]
pub struct Table {
    pub source: Arc<SourceFile>,
    /// The table's header.
    pub at: Range<usize>,
    codes: Codes,
    entries: BTreeMap<String, Entry>,
}

impl Entry {
    /// The parts of a list; none of anything else.
    pub fn items(&self) -> &[Entry] {
        &self.items
    }
}

impl Table {
    /// The whole of `source`, or every fault of its syntax: "`what` is not TOML: …".
    pub fn parse(
        source: &Arc<SourceFile>,
        codes: Codes,
        what: &str,
    ) -> Result<Table, Vec<Diagnostic>> {
        let (table, faults) = DeTable::parse_recoverable(&source.text);
        if faults.is_empty() {
            let entries = entries(table.get_ref());
            return Ok(Table { source: source.clone(), at: 0..0, codes, entries });
        }
        let told = faults.iter().map(|fault| {
            let title = format!("{what} is not TOML: {}", fault.message());
            Diagnostic::error(codes.syntax, title).at(source, fault.span().unwrap_or(0..0), "")
        });
        Err(told.collect())
    }

    /// A table with nothing in it.
    pub fn empty(&self) -> Table {
        Table { at: 0..0, entries: BTreeMap::new(), ..self.clone() }
    }

    /// The table that `entry`, called `name`, is; else a fault and one with nothing in it.
    pub fn within(&self, name: &str, entry: &Entry, faults: &mut Vec<Diagnostic>) -> Table {
        if !entry.value.is_table() {
            faults.push(self.fault(
                self.codes.value,
                format!("`{name}` is not a table"),
                &entry.at,
            ));
        }
        Table { at: entry.key.clone(), entries: entry.entries.clone(), ..self.clone() }
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

    /// What was not taken, by name.
    pub fn rest(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// What was not taken.
    pub fn into_rest(self) -> BTreeMap<String, Entry> {
        self.entries
    }

    /// A fault at `range`.
    pub fn fault(
        &self,
        code: &'static str,
        title: impl Into<String>,
        range: &Range<usize>,
    ) -> Diagnostic {
        Diagnostic::error(code, title).at(&self.source, range.clone(), "")
    }

    /// A fault at `range` that is named by line only: the line may hold a secret.
    pub fn unshown(
        &self,
        code: &'static str,
        title: impl Into<String>,
        range: &Range<usize>,
    ) -> Diagnostic {
        let note = format!("in line {} of {}", self.source.line(range.start), self.source.path);
        Diagnostic::error(code, title).note(note)
    }

    /// A key that nobody knows, with the nearest of `known`.
    pub fn unknown<'a>(
        &self,
        name: &str,
        at: &Range<usize>,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        self.fault(self.codes.key, format!("unknown key `{name}`"), at).suggest(name, known)
    }

    /// `name` as `read` understands it; a value that it does not is a fault that says `expected`
    /// ("a whole number from 1").
    pub fn read<T>(
        &mut self,
        name: &str,
        expected: &str,
        faults: &mut Vec<Diagnostic>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        self.read_at(name, expected, faults, read).map(|at| at.value)
    }

    /// `read`, with the value's place.
    pub fn read_at<T>(
        &mut self,
        name: &str,
        expected: &str,
        faults: &mut Vec<Diagnostic>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<At<T>> {
        let entry = self.take(name)?;
        let value = read(&entry.value);
        if value.is_none() {
            let title = format!("`{name}` is `{}`", entry.value);
            let fault = self.fault(self.codes.value, title, &entry.at);
            faults.push(fault.note(format!("it is {expected}")));
        }
        Some(At { value: value?, range: entry.at })
    }

    /// `name` as one of the words of `all`, with the nearest where it is none of them.
    pub fn choice<T: Copy>(
        &mut self,
        name: &str,
        all: &[(&str, T)],
        faults: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        let entry = self.take(name)?;
        let word = entry.value.as_str().unwrap_or_default();
        let found = all.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            let words: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
            let title = format!("`{name}` is `{}`", entry.value);
            let fault = self.fault(self.codes.value, title, &entry.at);
            faults
                .push(fault.note(format!("it is one of {}", ticked(&words))).suggest(word, words));
        }
        found.map(|(_, choice)| *choice)
    }
}

/// A text with something in it.
pub fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// A list of texts, or one.
pub fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        _ => text(value).map(|only| vec![only]),
    }
}

/// A whole number from 1.
pub fn count(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0)
}

/// A number, whole or not.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

fn entries(table: &DeTable<'_>) -> BTreeMap<String, Entry> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), entry(key.span(), value))).collect()
}

fn entry(key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Entry {
    let (mut inner, mut items) = (BTreeMap::new(), Vec::new());
    match value.get_ref() {
        DeValue::Table(table) => inner = entries(table),
        DeValue::Array(list) => items = list.iter().map(|item| entry(item.span(), item)).collect(),
        _ => {}
    }
    Entry { key, at: value.span(), value: plain(value.get_ref()), entries: inner, items }
}

/// A value without its places. A number that no machine number holds stays as its text, so that it
/// is refused wherever a number is meant.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix())
            .map_or_else(|_| Value::String(i.to_string()), Value::Integer),
        DeValue::Float(f) => f
            .as_str()
            .replace('_', "")
            .parse()
            .map_or_else(|_| Value::String(f.to_string()), Value::Float),
        DeValue::Boolean(b) => Value::Boolean(*b),
        DeValue::Datetime(d) => Value::Datetime(*d),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(k, v)| (k.get_ref().to_string(), plain(v.get_ref())));
            Value::Table(pairs.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Codes, Table, count, text};
    use crate::diag::{SourceFile, Style, render};
    use std::sync::Arc;

    const CODES: Codes = Codes { syntax: "T1", key: "T2", value: "T3" };

    #[test]
    fn every_fault_has_its_place_and_reading_goes_on() {
        let text_of = "a = 0\nb = \"two\"\nc = \"x\"\n[[d]]\ne = 1\n".to_owned();
        let source = Arc::new(SourceFile { path: "t.toml".to_owned(), text: text_of });
        let mut table = Table::parse(&source, CODES, "t").expect("it is TOML");
        let mut faults = Vec::new();
        assert_eq!(table.read("a", "a whole number from 1", &mut faults, count), None);
        assert_eq!(table.choice("b", &[("one", 1), ("too", 2)], &mut faults), None);
        assert_eq!(table.read("c", "a text", &mut faults, text).as_deref(), Some("x"));
        let list = table.take("d").expect("it is there");
        let inner = table.within("d", &list.items()[0], &mut faults);
        faults.extend(inner.rest().map(|(name, e)| inner.unknown(name, &e.key, ["f"])));
        let told = render(&faults, Style::Plain);
        for part in [
            "error[T3]: `a` is `0`",
            "t.toml:1:5",
            "it is a whole number from 1",
            "it is one of `one`, `too`",
            "did you mean `too`?",
            "error[T2]: unknown key `e`",
            "t.toml:5:1",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        assert!(table.rest().next().is_none());
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_place() {
        let source =
            Arc::new(SourceFile { path: "t.toml".to_owned(), text: "a = \nb = \n".to_owned() });
        let told = Table::parse(&source, CODES, "the file").expect_err("it is not TOML");
        assert!(told.len() == 2 && told.iter().all(|d| d.code == "T1" && d.span.is_some()));
    }
}
