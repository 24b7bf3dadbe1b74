//! Broken pipelines and what is said of them.
//!
//! A case (`tests/cases/plan/*.case`) is a list of edits to the paper's pipeline and the expected
//! text. `COLDSTART_UPDATE=1` rewrites the expectations; read the difference before committing.

use coldstart::diag::{Style, render, summary};
use coldstart::plan::{Flag, Home, Overrides, Project, compile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read_tree(folder: &str, into: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(root().join(folder)).expect("a folder of the project") {
        let path = entry.expect("readable").path();
        let name = format!("{folder}/{}", path.file_name().expect("named").to_string_lossy());
        if path.is_file()
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            into.insert(name, text);
        }
    }
}

fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for folder in ["stages/paper", "templates", "data"] {
        read_tree(folder, &mut files);
    }
    files
}

/// Applies `-- edit PATH` (old, `=>`, new), `-- file PATH`, `-- delete PATH`, `-- set S.P=V`,
/// `-- pool PATH` and `-- target N` sections.
fn apply(case: &str, files: &mut BTreeMap<String, String>) -> Overrides {
    let mut overrides = Overrides::default();
    for section in case.split("-- ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        let body = body.trim_end_matches('\n');
        match head.split_once(' ') {
            Some(("edit", path)) => {
                let (old, new) = body
                    .split_once("\n=>\n")
                    .or_else(|| body.split_once("\n=>"))
                    .expect("an edit has `=>`");
                let text = files.get_mut(path).unwrap_or_else(|| panic!("no file {path}"));
                assert!(text.contains(old), "{path} holds no `{old}`");
                *text = text.replacen(old, new, 1);
            }
            Some(("file", path)) => {
                files.insert(path.to_owned(), format!("{body}\n"));
            }
            Some(("delete", path)) => {
                files.remove(path).unwrap_or_else(|| panic!("no file {path}"));
            }
            Some(("set", set)) => {
                let (stage, rest) = set.split_once('.').expect("STAGE.PARAM");
                let (param, value) = rest.split_once('=').expect("PARAM=VALUE");
                overrides.set.push((stage.into(), param.into(), value.into()));
            }
            Some(("pool", value)) => {
                let value = value.to_owned();
                let flag =
                    Flag { flag: "--pool", kind: "read_pool", param: "path", value, unless: None };
                overrides.flags.push(flag);
            }
            Some(("target", value)) => {
                let value = value.to_owned();
                let flag = Flag {
                    flag: "--target",
                    kind: "balance",
                    param: "target",
                    value,
                    unless: None,
                };
                overrides.flags.push(flag);
            }
            _ => {}
        }
    }
    overrides
}

fn check(path: &Path) -> Result<(), String> {
    let case = std::fs::read_to_string(path).expect("readable case");
    let (edits, expected) = case.split_once("-- expect\n").expect("a case has `-- expect`");
    let mut files = files();
    let overrides = apply(edits, &mut files);
    let project = Project::from_files("paper", files, &Home::Folder(root()).into());
    let compiled = compile(&project, &overrides);
    let errors: Vec<_> = compiled.diagnostics;
    let got = format!("{}{}\n", render(&errors, Style::Plain), summary(&errors));
    assert!(compiled.plan.is_none(), "{} compiles", path.display());
    if got == expected {
        return Ok(());
    }
    if std::env::var_os("COLDSTART_UPDATE").is_some() {
        std::fs::write(path, format!("{edits}-- expect\n{got}")).expect("writable case");
        return Ok(());
    }
    Err(format!("{}\n--- expected\n{expected}--- got\n{got}", path.display()))
}

#[test]
fn every_broken_pipeline_is_told_with_place_and_remedy() {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root().join("tests/cases/plan"))
        .expect("cases")
        .map(|e| e.expect("readable").path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 25, "{} cases", cases.len());
    let faults: Vec<String> = cases.iter().filter_map(|c| check(c).err()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn votes_that_are_copies_are_warned_of_and_votes_that_differ_are_not() {
    let project = Project::open(&Home::Folder(root()), "paper").expect("opens");
    let warned = |param: &str, value: &str| {
        let set = vec![("judged".to_owned(), param.to_owned(), value.to_owned())];
        let overrides = Overrides { set, ..Overrides::default() };
        let compiled = compile(&project, &overrides);
        assert!(compiled.plan.is_some());
        compiled.diagnostics.iter().any(|d| d.code == "W03")
    };
    assert!(warned("votes", "3"));
    assert!(!warned("votes", "1"));
    assert!(!warned("max_looks", "5"));
}

#[test]
fn the_shipped_pipelines_compile_without_a_warning() {
    for (pipeline, stages) in [
        ("standard", 18),
        ("paper", 16),
        ("three_rounds", 22),
        ("service", 4),
        ("rl", 7),
        ("rl_pairs", 5),
        ("rl_second_turns", 5),
    ] {
        let project = Project::open(&Home::Folder(root()), pipeline).expect("opens");
        let compiled = compile(&project, &Overrides::default());
        assert_eq!(render(&compiled.diagnostics, Style::Plain), "", "{pipeline}");
        assert_eq!(compiled.plan.expect("compiles").stages.len(), stages, "{pipeline}");
    }
}
