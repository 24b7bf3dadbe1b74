//! Reading `[[source]]` tables: each key with its kind and bounds, every fault with its place.
//!
//! Not here: what a source is (`sources`).

use crate::diag::{Diagnostic, Source as File};
use crate::media::Verify;
use crate::pool::open::name_of;
use crate::pool::readers::READERS;
use crate::pool::{Fields, Images, OnBad, Options, Source, Sources};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The sources of `[[source]]` tables, or every fault of them.
pub(super) fn read(file: &Arc<File>, tables: &Value) -> Result<Sources, Vec<Diagnostic>> {
    let mut check = Check { file, found: Vec::new() };
    let list = check.sources(tables);
    if check.found.is_empty() { Ok(Sources { list }) } else { Err(check.found) }
}

struct Check<'a> {
    file: &'a Arc<File>,
    found: Vec<Diagnostic>,
}

const KEYS: [&str; 14] = [
    "path",
    "name",
    "format",
    "weight",
    "cap",
    "category",
    "categories",
    "fields",
    "licence",
    "images",
    "verify",
    "on_bad",
    "max_chars",
    "max_bytes",
];

type Value<'a> = Spanned<DeValue<'a>>;

impl Check<'_> {
    fn error(&mut self, code: &'static str, title: String, span: Range<usize>) -> &mut Diagnostic {
        self.found.push(Diagnostic::error(code, title).at(self.file, span, ""));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    fn sources(&mut self, value: &Value) -> Vec<Source> {
        let DeValue::Array(list) = value.get_ref() else {
            self.error("S02", "`source` is not a list of tables".into(), value.span()).help =
                Some("write each source under `[[source]]`".into());
            return Vec::new();
        };
        let mut out: Vec<Source> = Vec::new();
        for entry in list.iter() {
            let DeValue::Table(table) = entry.get_ref() else {
                self.error("S02", "a `source` is not a table".into(), entry.span());
                continue;
            };
            let Some(source) = self.source(table, entry.span()) else { continue };
            if out.iter().any(|s| s.options.name == source.options.name) {
                let title = format!("two sources are named `{}`", source.options.name);
                self.error("S03", title, entry.span()).help =
                    Some("give one of them another `name`".into());
            }
            out.push(source);
        }
        out
    }

    fn source(&mut self, table: &DeTable, span: Range<usize>) -> Option<Source> {
        let mut out = Source { path: String::new(), weight: 1.0, options: Options::default() };
        for (key, value) in table.iter() {
            self.key(key.get_ref(), key.span(), value, &mut out);
        }
        if out.path.is_empty() {
            self.error("S04", "a source has no `path`".into(), span).help =
                Some("add `path = \"…\"`: a file, a folder or a bucket's URI".into());
            return None;
        }
        if out.options.name.is_empty() {
            out.options.name = name_of(&out.path);
        }
        Some(out)
    }

    fn key(&mut self, key: &str, span: Range<usize>, value: &Value, out: &mut Source) {
        let o = &mut out.options;
        match key {
            "path" => self.text(key, value, &mut out.path),
            "name" => self.text(key, value, &mut o.name),
            "format" => {
                let mut name = String::new();
                self.text(key, value, &mut name);
                self.known("format", &name, value, READERS.iter().map(|r| r.name).collect());
                o.format = Some(name);
            }
            "weight" => out.weight = self.number(key, value, 1e-9, 1e9).unwrap_or(1.0),
            "cap" => o.cap = self.number(key, value, 1.0, 1e15).map(|n| n as u64),
            "max_chars" => o.max_chars = self.number(key, value, 1.0, 1e6).unwrap_or(8e3) as usize,
            "max_bytes" => o.max_bytes = self.number(key, value, 1.0, 4e9).unwrap_or(6e7) as u64,
            "category" => o.category = self.some_text(key, value),
            "licence" => o.licence = self.some_text(key, value),
            "categories" => {
                for (from, to) in self.table(key, value) {
                    o.categories.insert(from, to);
                }
            }
            "fields" => self.fields(value, &mut o.fields),
            "images" => {
                let all =
                    [("load", Images::Load), ("skip", Images::Skip), ("require", Images::Require)];
                self.choice(key, value, &all, &mut o.images);
            }
            "verify" => {
                let all = [("decode", Verify::Decode), ("header", Verify::Header)];
                self.choice(key, value, &all, &mut o.verify);
            }
            "on_bad" => {
                let all = [("skip", OnBad::Skip), ("stop", OnBad::Stop)];
                self.choice(key, value, &all, &mut o.on_bad);
            }
            _ => self.unknown("a source", key, span, &KEYS),
        }
    }

    fn unknown(&mut self, of: &str, key: &str, span: Range<usize>, known: &[&'static str]) {
        let title = format!("{of} has no key `{key}`");
        let found = Diagnostic::error("S05", title)
            .at(self.file, span, "")
            .note(format!("its keys are `{}`", known.join("`, `")))
            .suggest(key, known.iter().copied());
        self.found.push(found);
    }

    fn known(&mut self, what: &str, name: &str, value: &Value, known: Vec<&'static str>) {
        if !name.is_empty() && !known.contains(&name) {
            let found = Diagnostic::error("S06", format!("there is no {what} `{name}`"))
                .at(self.file, value.span(), "")
                .note(format!("known are `{}`", known.join("`, `")))
                .suggest(name, known);
            self.found.push(found);
        }
    }

    fn text(&mut self, key: &str, value: &Value, out: &mut String) {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => *out = text.to_owned(),
            _ => {
                self.error(
                    "S07",
                    format!("`{key}` is not a text with something in it"),
                    value.span(),
                );
            }
        }
    }

    fn some_text(&mut self, key: &str, value: &Value) -> Option<String> {
        let mut out = String::new();
        self.text(key, value, &mut out);
        (!out.is_empty()).then_some(out)
    }

    fn number(&mut self, key: &str, value: &Value, least: f64, most: f64) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Integer(n) => {
                i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64)
            }
            DeValue::Float(n) => n.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|n: &f64| n.is_finite() && *n >= least && *n <= most);
        if number.is_none() {
            let title = format!("`{key}` is not a number from {least} to {most}");
            self.error("S08", title, value.span());
        }
        number
    }

    fn table(&mut self, key: &str, value: &Value) -> Vec<(String, String)> {
        let DeValue::Table(table) = value.get_ref() else {
            self.error("S07", format!("`{key}` is not a table of texts"), value.span());
            return Vec::new();
        };
        let mut out = Vec::new();
        for (from, to) in table.iter() {
            let mut text = String::new();
            self.text(from.get_ref(), to, &mut text);
            out.push((from.get_ref().to_string(), text));
        }
        out
    }

    fn fields(&mut self, value: &Value, out: &mut Fields) {
        if let DeValue::Table(table) = value.get_ref() {
            for (name, _) in table.iter() {
                if !Fields::NAMES.contains(&name.get_ref().as_ref()) {
                    self.unknown("`fields`", name.get_ref(), name.span(), &Fields::NAMES);
                }
            }
        }
        for (ours, theirs) in self.table("fields", value) {
            let slot = match ours.as_str() {
                "prompt" => &mut out.prompt,
                "category" => &mut out.category,
                "spec" => &mut out.spec,
                "gloss" => &mut out.gloss,
                "image" => &mut out.image,
                "licence" => &mut out.licence,
                _ => continue,
            };
            *slot = Some(theirs);
        }
    }

    fn choice<T: Copy>(
        &mut self,
        key: &str,
        value: &Value,
        all: &[(&'static str, T)],
        out: &mut T,
    ) {
        let mut name = String::new();
        self.text(key, value, &mut name);
        match all.iter().find(|(n, _)| *n == name) {
            Some((_, choice)) => *out = *choice,
            None => self.known(key, &name, value, all.iter().map(|(n, _)| *n).collect()),
        }
    }
}
