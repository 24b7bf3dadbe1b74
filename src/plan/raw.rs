//! A stage file as the user wrote it: the envelope (`about`, `kind`, `from`) and the rest with places.

use crate::diag::{At, Codes, Diagnostic, Entry, SourceFile, Table};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys that belong to every stage and can be no kind's parameter.
pub const ENVELOPE: [&str; 3] = ["about", "kind", "from"];

const CODES: Codes = Codes { syntax: "P00", key: "P03", value: "P01" };

/// A parsed stage file; nothing in it is checked against the kinds yet.
#[derive(Debug)]
pub struct RawStage {
    /// The file's stem.
    pub name: String,
    pub source: Arc<SourceFile>,
    pub about: Option<At<String>>,
    pub kind: Option<At<String>>,
    pub from: Vec<At<String>>,
    /// What is wrong with `from` has been told.
    pub from_told: bool,
    pub params: BTreeMap<String, Entry>,
}

/// Parses one file. Errors are P00 (syntax), P01 (the envelope) and P17 (an edge named twice); what
/// can be read is kept.
pub fn parse(
    name: &str,
    source: Arc<SourceFile>,
    errors: &mut Vec<Diagnostic>,
) -> Option<RawStage> {
    let mut table = match Table::parse(&source, CODES, "stage file") {
        Ok(table) => table,
        Err(faults) => {
            errors.extend(faults);
            return None;
        }
    };
    let mut text =
        |key: &str| table.read_at(key, "a text", errors, |value| value.as_str().map(str::to_owned));
    let (about, kind) = (text("about"), text("kind"));
    let before = errors.len();
    let from = table.take("from").map(|entry| edges(&table, &entry, errors)).unwrap_or_default();
    let from_told = errors.len() > before;
    let params = table.into_rest();
    let raw = RawStage { name: name.to_owned(), source, about, kind, from, from_told, params };
    require(&raw, errors);
    Some(raw)
}

/// The stages and ports that `from` names.
fn edges(table: &Table, from: &Entry, errors: &mut Vec<Diagnostic>) -> Vec<At<String>> {
    if !from.value.is_array() {
        let fault = table.fault("P01", "`from` is not a list", &from.at);
        errors.push(fault.help("write `from = [\"stage\"]` or `from = [\"stage.port\"]`"));
    }
    let mut edges: Vec<At<String>> = Vec::new();
    for item in from.items() {
        let Some(name) = item.value.as_str() else {
            let title = "`from` holds something that is not a text";
            errors.push(table.fault("P01", title, &item.at));
            continue;
        };
        if edges.iter().any(|edge| edge.value == name) {
            errors.push(
                Diagnostic::error("P17", format!("`{name}` is named twice in `from`"))
                    .at(&table.source, item.at.clone(), "again here")
                    .help("remove one of them"),
            );
            continue;
        }
        edges.push(At { value: name.to_owned(), range: item.at.clone() });
    }
    edges
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
