//! A stage file as the user wrote it: the envelope (`about`, `kind`, `from`) and the rest with spans.

use crate::diag::{Diagnostic, Source};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Keys that belong to every stage and can be no kind's parameter.
pub const ENVELOPE: [&str; 3] = ["about", "kind", "from"];

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct At<T> {
    pub value: T,
    pub range: Range<usize>,
}

/// A parsed stage file; nothing in it is checked against the kinds yet.
#[derive(Debug)]
pub struct RawStage {
    /// The file's stem.
    pub name: String,
    pub source: Arc<Source>,
    pub about: Option<At<String>>,
    pub kind: Option<At<String>>,
    pub from: Vec<At<String>>,
    /// What is wrong with `from` has been told.
    pub from_told: bool,
    /// Name -> (place of the key, value with its place).
    pub params: BTreeMap<String, (Range<usize>, At<toml::Value>)>,
}

/// Parses one file. Errors are P00 (syntax) and P01 (the envelope); what can be read is kept.
pub fn parse(name: &str, source: Arc<Source>, errors: &mut Vec<Diagnostic>) -> Option<RawStage> {
    let (table, faults) = DeTable::parse_recoverable(&source.text);
    if !faults.is_empty() {
        errors.extend(faults.iter().map(|fault| {
            Diagnostic::error("P00", format!("stage file is not TOML: {}", fault.message())).at(
                &source,
                fault.span().unwrap_or(0..0),
                "",
            )
        }));
        return None;
    }
    let mut raw = RawStage {
        name: name.to_owned(),
        source: source.clone(),
        about: None,
        kind: None,
        from: Vec::new(),
        from_told: false,
        params: BTreeMap::new(),
    };
    for (key, value) in table.into_inner() {
        take(&mut raw, &key, value, errors);
    }
    require(&raw, errors);
    Some(raw)
}

fn take(
    raw: &mut RawStage,
    key: &Spanned<DeString<'_>>,
    value: Spanned<DeValue<'_>>,
    errors: &mut Vec<Diagnostic>,
) {
    let range = value.span();
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(s) => Some(s.to_string()),
        _ => None,
    };
    match key.get_ref().as_ref() {
        "about" | "kind" => match text(value.get_ref()) {
            Some(text) if key.get_ref() == "about" => raw.about = Some(At { value: text, range }),
            Some(text) => raw.kind = Some(At { value: text, range }),
            None => errors.push(
                Diagnostic::error("P01", format!("`{}` is not a text", key.get_ref())).at(
                    &raw.source,
                    range,
                    "",
                ),
            ),
        },
        "from" => {
            let before = errors.len();
            take_from(raw, value, errors);
            raw.from_told = errors.len() > before;
        }
        name => {
            let place = key.span();
            let value = At { value: owned(value.into_inner()), range };
            raw.params.insert(name.to_owned(), (place, value));
        }
    }
}

fn take_from(raw: &mut RawStage, value: Spanned<DeValue<'_>>, errors: &mut Vec<Diagnostic>) {
    let range = value.span();
    let items = match value.into_inner() {
        DeValue::Array(items) => items,
        _ => {
            errors.push(
                Diagnostic::error("P01", "`from` is not a list")
                    .at(&raw.source, range, "")
                    .help("write `from = [\"stage\"]` or `from = [\"stage.port\"]`"),
            );
            return;
        }
    };
    for item in items {
        let range = item.span();
        match item.into_inner() {
            DeValue::String(s) => {
                let value = s.into_owned();
                if raw.from.iter().any(|f| f.value == value) {
                    errors.push(
                        Diagnostic::error("P17", format!("`{value}` is named twice in `from`"))
                            .at(&raw.source, range.clone(), "again here")
                            .help("remove one of them"),
                    );
                    continue;
                }
                raw.from.push(At { value, range });
            }
            _ => errors.push(
                Diagnostic::error("P01", "`from` holds something that is not a text").at(
                    &raw.source,
                    range,
                    "",
                ),
            ),
        }
    }
}

fn require(raw: &RawStage, errors: &mut Vec<Diagnostic>) {
    let missing = |key: &str, help: &str| {
        Diagnostic::error("P01", format!("stage `{}` has no `{key}`", raw.name))
            .at(&raw.source, 0..0, "")
            .help(help)
    };
    if raw.about.as_ref().is_none_or(|a| a.value.trim().is_empty()) {
        errors.push(missing("about", "say in one sentence what the stage is for"));
    }
    if raw.kind.is_none() {
        errors.push(missing("kind", "name a kind; `coldstart kinds` lists them"));
    }
}

/// A value without its borrow and inner spans.
pub(super) fn owned(value: DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(s) => toml::Value::String(s.into_owned()),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix())
            .map_or_else(|_| toml::Value::String(i.to_string()), toml::Value::Integer),
        DeValue::Float(f) => f
            .as_str()
            .replace('_', "")
            .parse()
            .map_or_else(|_| toml::Value::String(f.to_string()), toml::Value::Float),
        DeValue::Boolean(b) => toml::Value::Boolean(b),
        DeValue::Datetime(d) => toml::Value::Datetime(d),
        DeValue::Array(items) => {
            toml::Value::Array(items.into_iter().map(|i| owned(i.into_inner())).collect())
        }
        DeValue::Table(table) => toml::Value::Table(
            table
                .into_iter()
                .map(|(k, v)| (k.into_inner().into_owned(), owned(v.into_inner())))
                .collect(),
        ),
    }
}
