//! Reads `[[source]]` tables: each key with its sort and bounds, every fault with its place. What a
//! source is stands in `sources`.

use crate::diag::{Codes, Diagnostic, Entry, SourceFile as File, Table, number, text, ticked};
use crate::media::Verify;
use crate::pool::open::name_of;
use crate::pool::readers::READERS;
use crate::pool::{Fields, Images, OnBad, PoolSource, SourceOptions, Sources};
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Value;

/// Besides these, S02: no list of tables, S03: two of one name, S04: no path.
const CODES: Codes = Codes { syntax: "S01", key: "S05", value: "S07" };

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

const TEXT: &str = "a text with something in it";

impl Sources {
    /// Reads the `[[source]]` tables of a file; its other keys are not looked at.
    ///
    /// Keys: `path` (required), `name`, `format`, `weight`, `cap`, `category`, `categories`, `fields`,
    /// `licence`, `images` (`load`, `skip`, `require`), `verify` (`decode`, `header`), `on_bad`
    /// (`skip`, `stop`), `max_chars`, `max_bytes`.
    pub fn parse(file: &Arc<File>) -> Result<Sources, Vec<Diagnostic>> {
        let mut table = Table::parse(file, CODES, "the list of sources")?;
        let mut faults = Vec::new();
        let list = match table.take("source") {
            Some(entry) => sources(&table, &entry, &mut faults),
            None => Vec::new(),
        };
        if faults.is_empty() { Ok(Sources { list }) } else { Err(faults) }
    }
}

fn sources(file: &Table, entry: &Entry, faults: &mut Vec<Diagnostic>) -> Vec<PoolSource> {
    if !entry.value.is_array() {
        let fault = file.fault("S02", "`source` is not a list of tables", &entry.at);
        faults.push(fault.help("write each source under `[[source]]`"));
    }
    let mut out: Vec<PoolSource> = Vec::new();
    for item in entry.items() {
        if !item.value.is_table() {
            faults.push(file.fault("S02", "a `source` is not a table", &item.at));
            continue;
        }
        let Some(source) = source(file.within("source", item, faults), faults) else { continue };
        if out.iter().any(|s| s.options.name == source.options.name) {
            let title = format!("two sources are named `{}`", source.options.name);
            let fault = file.fault("S03", title, &item.at);
            faults.push(fault.help("give one of them another `name`"));
        }
        out.push(source);
    }
    out
}

fn source(mut table: Table, faults: &mut Vec<Diagnostic>) -> Option<PoolSource> {
    let has_path = table.rest().any(|(key, _)| key == "path");
    let path = table.read("path", TEXT, faults, text);
    let weight = "a number from 0.000000001 to 1000000000";
    let in_range = |value: &Value| number(value).filter(|n| (1e-9..=1e9).contains(n));
    let weight = table.read("weight", weight, faults, in_range).unwrap_or(1.0);
    let mut options = options(&mut table, faults);
    for (key, entry) in table.rest() {
        faults.push(unknown(&table, "a source", key, entry, &KEYS));
    }
    if !has_path {
        let fault = table.fault("S04", "a source has no `path`", &table.at);
        faults.push(fault.help("add `path = \"…\"`: a file, a folder or a bucket's URI"));
    }
    let path = path?;
    if options.name.is_empty() {
        options.name = name_of(&path);
    }
    Some(PoolSource { path, weight, options })
}

fn options(table: &mut Table, faults: &mut Vec<Diagnostic>) -> SourceOptions {
    let defaults = SourceOptions::default();
    let readers: Vec<(&str, &str)> = READERS.iter().map(|r| (r.name, r.name)).collect();
    let images = [("load", Images::Load), ("skip", Images::Skip), ("require", Images::Require)];
    let verify = [("decode", Verify::Decode), ("header", Verify::Header)];
    let on_bad = [("skip", OnBad::Skip), ("stop", OnBad::Stop)];
    SourceOptions {
        name: table.read("name", TEXT, faults, text).unwrap_or_default(),
        format: table.choice("format", &readers, faults).map(str::to_owned),
        fields: fields(table, faults),
        category: table.read("category", TEXT, faults, text),
        categories: table_of_texts("categories", table, faults).1,
        licence: table.read("licence", TEXT, faults, text),
        images: table.choice("images", &images, faults).unwrap_or(defaults.images),
        verify: table.choice("verify", &verify, faults).unwrap_or(defaults.verify),
        on_bad: table.choice("on_bad", &on_bad, faults).unwrap_or(defaults.on_bad),
        cap: whole("cap", 1_000_000_000_000_000, table, faults),
        max_chars: whole("max_chars", 1_000_000, table, faults)
            .map_or(defaults.max_chars, |n| n as usize),
        max_bytes: whole("max_bytes", 4_000_000_000, table, faults).unwrap_or(defaults.max_bytes),
    }
}

/// A whole number from 1 to `most`; `1e6` is one too.
fn whole(key: &str, most: u64, table: &mut Table, faults: &mut Vec<Diagnostic>) -> Option<u64> {
    table.read(key, &format!("a whole number from 1 to {most}"), faults, |value| {
        let found = number(value).filter(|n| n.fract() == 0.0 && (1.0..=most as f64).contains(n));
        found.map(|n| n as u64)
    })
}

/// A table of texts, and the table itself.
fn table_of_texts(
    key: &str,
    table: &mut Table,
    faults: &mut Vec<Diagnostic>,
) -> (Option<Table>, BTreeMap<String, String>) {
    let Some(entry) = table.take(key) else { return (None, BTreeMap::new()) };
    let inner = table.within(key, &entry, faults);
    let names: Vec<String> = inner.rest().map(|(name, _)| name.to_owned()).collect();
    let mut left = inner.clone();
    let pair = |name: String| Some((name.clone(), left.read(&name, TEXT, faults, text)?));
    let texts = names.into_iter().filter_map(pair).collect();
    (Some(inner), texts)
}

fn fields(table: &mut Table, faults: &mut Vec<Diagnostic>) -> Fields {
    let (inner, texts) = table_of_texts("fields", table, faults);
    let mut fields = Fields::default();
    for (name, entry) in inner.iter().flat_map(Table::rest) {
        if !Fields::NAMES.contains(&name) {
            faults.push(unknown(table, "`fields`", name, entry, &Fields::NAMES));
        }
    }
    for (ours, theirs) in texts {
        fields.set(&ours, theirs);
    }
    fields
}

fn unknown(table: &Table, of: &str, key: &str, entry: &Entry, known: &[&str]) -> Diagnostic {
    table
        .fault(CODES.key, format!("{of} has no key `{key}`"), &entry.key)
        .note(format!("its keys are {}", ticked(known)))
        .suggest(key, known.iter().copied())
}
