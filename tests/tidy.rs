//! What the sources must keep: the module table of the design, headers, sizes, and that every kind,
//! protocol, reader, export format, verb and flag is documented and tested.

#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/kinds.rs"]
mod kinds;
#[path = "tidy/tables.rs"]
mod tables;
#[path = "tidy/verbs.rs"]
mod verbs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, ext: &str, out: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            walk(&path, ext, out);
        } else if path.extension().is_some_and(|e| e == ext) {
            let name = path.strip_prefix(root()).expect("below").display().to_string();
            out.push((name, std::fs::read_to_string(&path).expect("UTF-8")));
        }
    }
}

pub fn sources(folder: &str, ext: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    walk(&root().join(folder), ext, &mut out);
    out.sort();
    out
}

/// Who may use whom: the table of the design, section 4. `pool` may also fold texts, and `call`
/// tells the faults of an endpoints file by `diag`.
fn table() -> BTreeMap<&'static str, Vec<&'static str>> {
    let pure = ["rules", "template", "sample", "text"];
    let mut table = BTreeMap::from([
        ("builtin", vec![]),
        ("diag", vec![]),
        ("record", vec![]),
        ("env", vec![]),
        ("rules", vec!["diag", "record"]),
        ("template", vec!["diag", "record", "markup"]),
        ("sample", vec!["diag", "record"]),
        ("text", vec!["diag", "record", "markup"]),
        ("markup", vec!["record"]),
        ("media", vec!["record"]),
        ("benchmark", vec!["record", "text"]),
        ("export", vec!["diag", "record", "text", "markup", "media"]),
        ("store", vec!["record", "env", "builtin"]),
        ("call", vec!["record", "env", "diag", "media"]),
        ("journal", vec!["record", "call", "env", "store"]),
        ("pool", vec!["record", "store", "env", "diag", "text", "markup", "media", "benchmark"]),
        ("sim", vec!["record", "env", "text", "call", "media"]),
    ]);
    let mut stage = vec![
        "diag",
        "record",
        "env",
        "export",
        "benchmark",
        "store",
        "call",
        "pool",
        "markup",
        "media",
    ];
    stage.extend(pure);
    table.insert("stage", stage.clone());
    stage.push("stage");
    let mut plan = stage.clone();
    plan.push("builtin");
    table.insert("plan", plan);
    let mut run = stage.clone();
    run.extend(["plan", "journal"]);
    table.insert("run", run.clone());
    table.insert("archive", vec!["diag", "record", "export", "store", "journal", "stage", "plan"]);
    let mut readers = run;
    readers.extend(["archive", "audit"]);
    table.insert("audit", readers.clone());
    table.insert("view", readers.clone());
    let mut deliver = readers;
    deliver.push("run");
    table.insert("serve", deliver.clone());
    table.insert("deliver", deliver);
    table
}

/// `crate::name` as often as it stands in `text`, outside of comments.
fn uses(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

/// A source without its tests and comments, line for line.
pub fn code_of(path: &str, text: &str) -> String {
    if path.ends_with("tests.rs") {
        return String::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or("");
    code.lines().map(|line| format!("{}\n", line.split("//").next().unwrap_or(""))).collect()
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let table = table();
    let mut faults = Vec::new();
    for (path, text) in sources("src", "rs") {
        let module = path.split('/').nth(1).expect("below src").trim_end_matches(".rs");
        if text.contains("use crate::{") {
            faults.push(format!("{path}: grouped `use crate::{{..}}`"));
        }
        // The edge may use everything; the two roots hold no code.
        let Some(allowed) = table.get(module) else {
            assert!(["cli", "lib", "main"].contains(&module), "{path}: module not in the table");
            continue;
        };
        for used in uses(&text) {
            if used != module && !allowed.contains(&used.as_str()) {
                faults.push(format!("{path}: `{module}` uses `{used}`"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_modules_touch_neither_files_nor_time() {
    let banned = ["std::fs", "std::net", "tokio::", "std::time::", "std::env::", "Rng::"];
    let mut faults = Vec::new();
    for (path, text) in sources("src", "rs") {
        let module = path.split('/').nth(1).expect("below src");
        if ![
            "record",
            "markup",
            "media",
            "rules",
            "text",
            "template",
            "sample",
            "export",
            "benchmark",
        ]
        .contains(&module)
        {
            continue;
        }
        let code = code_of(&path, &text);
        faults.extend(banned.iter().filter(|b| code.contains(**b)).map(|b| format!("{path}: {b}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_cli_prints_or_exits() {
    let banned = ["println!", "print!(", "eprintln!", "eprint!(", "process::exit", "dbg!"];
    let mut faults = Vec::new();
    for (path, text) in sources("src", "rs") {
        if path.starts_with("src/cli") {
            continue;
        }
        for (number, line) in code_of(&path, &text).lines().enumerate() {
            if banned.iter().any(|b| line.contains(b)) {
                faults.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
