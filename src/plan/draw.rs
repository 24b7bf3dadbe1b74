//! The graph as text, Mermaid and Graphviz, with counts on the edges where a run has them.

use crate::plan::Manifest;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many records left `stage` by `port`.
pub type Counts = BTreeMap<(String, String), u64>;

/// One line a stage: what feeds it, and what it is for.
pub fn text(manifest: &Manifest, counts: &Counts) -> String {
    let width = manifest.stages.iter().map(|s| s.name.len()).max().unwrap_or(0);
    let kinds = manifest.stages.iter().map(|s| s.kind.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (number, stage) in manifest.stages.iter().enumerate() {
        let from: Vec<String> = stage
            .from
            .iter()
            .map(|edge| match count(edge, counts) {
                Some(n) => format!("{edge} ({n})"),
                None => edge.clone(),
            })
            .collect();
        let arrow =
            if from.is_empty() { String::new() } else { format!("  <- {}", from.join(", ")) };
        let _ =
            writeln!(out, "{:>3}  {:width$}  {:kinds$}{arrow}", number + 1, stage.name, stage.kind);
        let _ = writeln!(out, "     {}", stage.about);
    }
    out
}

/// A `flowchart` for a README.
pub fn mermaid(manifest: &Manifest, counts: &Counts) -> String {
    let mut out = String::from("flowchart TD\n");
    for stage in &manifest.stages {
        let _ = writeln!(out, "    {}[\"{}<br/><i>{}</i>\"]", stage.name, stage.name, stage.kind);
    }
    for (edge, to) in edges(manifest) {
        let (from, _) = edge.split_once('.').unwrap_or((edge, ""));
        let _ = writeln!(out, "    {from} -->|{}| {to}", label(edge, counts));
    }
    out
}

/// For `dot -Tsvg`.
pub fn dot(manifest: &Manifest, counts: &Counts) -> String {
    let mut out = String::from(
        "digraph pipeline {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n",
    );
    for stage in &manifest.stages {
        let _ = writeln!(out, "  {} [label=\"{}\\n{}\"];", stage.name, stage.name, stage.kind);
    }
    for (edge, to) in edges(manifest) {
        let (from, _) = edge.split_once('.').unwrap_or((edge, ""));
        let _ = writeln!(out, "  {from} -> {to} [label=\"{}\"];", label(edge, counts));
    }
    out.push_str("}\n");
    out
}

fn edges(manifest: &Manifest) -> impl Iterator<Item = (&str, &str)> {
    manifest.stages.iter().flat_map(|s| s.from.iter().map(|f| (f.as_str(), s.name.as_str())))
}

fn count(edge: &str, counts: &Counts) -> Option<u64> {
    let (from, port) = edge.split_once('.')?;
    counts.get(&(from.to_owned(), port.to_owned())).copied()
}

fn label(edge: &str, counts: &Counts) -> String {
    let port = edge.split_once('.').map_or("", |(_, port)| port);
    match count(edge, counts) {
        Some(n) => format!("{port} {n}"),
        None => port.to_owned(),
    }
}
