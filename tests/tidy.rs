//! What the sources must keep: the module table of the design, headers, sizes, and that every kind,
//! protocol, reader, export format, verb and flag is documented and tested.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
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

fn sources(folder: &str, ext: &str) -> Vec<(String, String)> {
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
fn code_of(path: &str, text: &str) -> String {
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

#[test]
fn every_file_opens_with_what_lives_in_it() {
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder, "rs") {
            if !text.starts_with("//! ") {
                faults.push(path);
            }
        }
    }
    assert!(faults.is_empty(), "no header: {}", faults.join(", "));
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    // Split, so that this file does not find itself.
    let banned = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
    ];
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder, "rs") {
            faults.extend(
                banned.iter().filter(|b| text.contains(**b)).map(|b| format!("{path}: {b}")),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources("src", "rs")
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    assert!(long.is_empty(), "is there a second room inside? {}", long.join(", "));
}

#[test]
fn kinds_are_documented_whole_and_used_by_a_pipeline() {
    let stages: String = sources("stages", "toml").into_iter().map(|(_, text)| text).collect();
    for kind in coldstart::stage::KINDS {
        assert!(kind.docs.len() > 80, "{}: docs", kind.name);
        assert!(stages.contains(&format!("\"{}\"", kind.name)), "{}: no stage", kind.name);
        for param in kind.params {
            assert!(!param.doc.is_empty(), "{}.{}", kind.name, param.name);
            assert!(
                !["about", "kind", "from"].contains(&param.name),
                "{}: {}",
                kind.name,
                param.name
            );
            if let Some(default) = param.default.filter(|d| !d.is_empty()) {
                let value = coldstart::stage::value_of_text(param.ty, default);
                assert!(value.is_ok(), "{}.{}: default {default}", kind.name, param.name);
            }
        }
        let names: Vec<_> = kind.params.iter().map(|p| p.name).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{}", kind.name);
    }
}

/// Drop reasons in the code of a kind are in its table: an auditor can look each up.
#[test]
fn every_drop_reason_is_in_its_kinds_table() {
    for (path, text) in sources("src/stage/kinds", "rs") {
        let Some(kind) =
            coldstart::stage::KINDS.iter().find(|k| path.ends_with(&format!("/{}.rs", k.name)))
        else {
            continue;
        };
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for part in code.split("Step::drop(").skip(1) {
            let Some(reason) = part.split('"').nth(1).filter(|_| part.find('"') < part.find(')'))
            else {
                continue;
            };
            assert!(kind.reasons.iter().any(|r| r.code == reason), "{path}: `{reason}`");
        }
    }
}

fn binary(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().expect("starts")
}

/// Verbs by their help, two levels deep.
fn verbs() -> Vec<Vec<String>> {
    let list = |path: &[&str]| -> Vec<String> {
        let mut args = path.to_vec();
        args.push("--help");
        let help = String::from_utf8(binary(&args).stdout).expect("UTF-8");
        let Some((_, commands)) = help.split_once("Commands:\n") else { return Vec::new() };
        commands
            .lines()
            .take_while(|l| !l.is_empty())
            .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
            .filter_map(|l| l.split_whitespace().next().map(str::to_owned))
            .filter(|v| v != "help")
            .collect()
    };
    let mut out = Vec::new();
    for verb in list(&[]) {
        let below = list(&[&verb]);
        out.push(vec![verb.clone()]);
        out.extend(below.into_iter().map(|b| vec![verb.clone(), b]));
    }
    out
}

#[test]
fn every_verb_is_in_the_readme_and_every_flag_has_help() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let verbs = verbs();
    assert!(verbs.len() > 12, "{verbs:?}");
    for verb in verbs {
        let mut args: Vec<&str> = verb.iter().map(String::as_str).collect();
        let name = args.join(" ");
        assert!(readme.contains(&format!("coldstart {name}")), "README does not show `{name}`");
        args.push("--help");
        let output = binary(&args);
        assert!(output.status.success(), "{name}");
        let help = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines = help.lines().peekable();
        while let Some(line) = lines.next() {
            let flag = line.trim_start();
            let is_flag =
                flag.starts_with("--") || flag.starts_with('-') && !flag.starts_with("- ");
            if !is_flag || !line.starts_with("  ") {
                continue;
            }
            // Help stands behind the flag, or on the next line.
            let beside = flag.split("  ").skip(1).any(|h| !h.trim().is_empty());
            let below =
                lines.peek().is_some_and(|l| l.starts_with("          ") && !l.trim().is_empty());
            assert!(beside || below, "{name}: `{flag}` has no help");
        }
    }
}

#[test]
fn wrong_words_are_the_users_to_fix() {
    assert_eq!(binary(&["run", "--no-such-flag"]).status.code(), Some(1));
    assert_eq!(binary(&["no-such-verb"]).status.code(), Some(1));
    assert_eq!(binary(&["run", "no_such_pipeline"]).status.code(), Some(1));
    assert_eq!(binary(&["--version"]).status.code(), Some(0));
    assert_eq!(binary(&["completions", "bash"]).status.code(), Some(0));
}

#[test]
fn the_readme_shows_every_ending() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    for row in coldstart::record::ENDINGS {
        let word = serde_json::to_value(row.ending).expect("a word");
        let word = word.as_str().expect("text");
        let line = format!("| {} | `{word}` | {} | {} |", row.code, row.means, row.then);
        assert!(readme.contains(&line), "README lacks: {line}");
    }
}
