//! What every row of a table keeps, whatever the table: it is documented, and a test gives it.

use crate::verbs::{binary, verbs};
use crate::{root, sources};

/// All that tests say: the integration tests with their cases, and the tests beside the code.
fn tests_text() -> String {
    let mut out = String::new();
    for ext in ["rs", "json", "jsonl", "toml", "tsv", "txt", "sh", "py"] {
        let files = sources("tests", ext).into_iter();
        out.extend(files.filter(|(path, _)| !path.starts_with("tests/tidy")).map(|(_, text)| text));
    }
    for (path, text) in sources("src", "rs") {
        match text.split_once("#[cfg(test)]") {
            _ if path.ends_with("tests.rs") => out.push_str(&text),
            Some((_, tests)) => out.push_str(tests),
            None => {}
        }
    }
    out
}

/// Whether `name` stands in `text`, not as a part of a longer name.
fn names(text: &str, name: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(in_name) && !after.is_some_and(in_name)
    })
}

/// Whether a test runs a pipeline that has a stage of the kind, or names the kind.
fn is_run(kind: &str, tests: &str) -> bool {
    let has = |text: &str| {
        text.lines().any(|line| line.starts_with("kind") && line.contains(&format!("\"{kind}\"")))
    };
    names(tests, kind)
        || sources("stages", "toml").iter().any(|(path, text)| {
            has(text) && path.split('/').nth(1).is_some_and(|pipeline| names(tests, pipeline))
        })
}

/// What a table's row must have, whatever the table: words about it where the user looks, and a test.
#[test]
fn every_row_of_every_table_is_documented_and_tested() {
    let stdout = |args: &[&str]| String::from_utf8(binary(args).stdout).expect("UTF-8");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let (protocols, formats) =
        (stdout(&["endpoints", "protocols"]), stdout(&["pool", "inspect", "--formats"]));
    let (forms, kinds) = (stdout(&["export", "--formats"]), stdout(&["kinds"]));
    let tests = tests_text();
    let mut faults = Vec::new();
    let mut row = |name: &str, about: &str, shown: &str, tested: bool| {
        if about.len() < 10 || !names(shown, name) {
            faults.push(format!("`{name}` is not documented"));
        }
        if !tested {
            faults.push(format!("no test gives `{name}`"));
        }
    };
    for entry in coldstart::call::protocol::PROTOCOLS {
        row(entry.name, entry.about, &protocols, names(&tests, entry.name));
        for (option, about) in entry.options {
            row(option, about, &protocols, true);
        }
    }
    for reader in coldstart::pool::readers::READERS {
        row(reader.name, reader.about, &formats, names(&tests, reader.name));
        assert!(reader.layout.len() > 10, "{}: its layout is not told", reader.name);
    }
    for set in coldstart::benchmark::BENCHMARKS {
        row(set.name, set.rows_at, &formats, names(&tests, set.name));
    }
    for form in coldstart::export::formats::FORMS {
        row(form.name, form.about, &forms, names(&tests, form.name));
        assert!(form.docs.len() > 80, "{}: docs", form.name);
        assert!(readme.contains(&format!("| `{}` |", form.name)), "README lacks `{}`", form.name);
    }
    for kind in coldstart::stage::KINDS {
        row(kind.name, kind.about, &kinds, is_run(kind.name, &tests));
    }
    for verb in verbs() {
        let name = verb.last().cloned().unwrap_or_default();
        row(&name, "told by its help", &readme, names(&tests, &name));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What flags of these placeholders take has a form; all others take any text.
const FORMS: &[&str] = &[
    "ADDR",
    "CONTROL_TOKENS",
    "DIALECT",
    "FACTOR",
    "FORM",
    "FORMAT",
    "I/N",
    "K",
    "KB",
    "LIMIT",
    "N",
    "OURS=THEIRS",
    "PORT",
    "RATE",
    "ROWS",
    "SAMPLES",
    "SECONDS",
    "SEED",
    "SHARES",
    "STAGE.PARAM=VALUE",
    "THRESHOLD",
    "USD",
];

/// A flag with a form refuses by its name what has another; any other flag is given by a test, or shown
/// to the user at work.
#[test]
fn every_flag_is_tested() {
    let tests =
        tests_text() + &std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut faults = Vec::new();
    for verb in verbs() {
        let verb: Vec<&str> = verb.iter().map(String::as_str).collect();
        let help = binary(&[&verb[..], &["--help"]].concat());
        for line in String::from_utf8(help.stdout).expect("UTF-8").lines() {
            // `      --flag`, or `  -f, --flag`: what stands further in is help.
            let Some((_, rest)) = line.split_once("--").filter(|(before, _)| before.len() == 6)
            else {
                continue;
            };
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
            let flag = format!("--{name}");
            let takes = behind.strip_prefix(" <").and_then(|b| b.split_once('>')).map(|(p, _)| p);
            if ["help", "version"].contains(&name) || !line.trim_start().starts_with('-') {
                continue;
            }
            if takes.is_some_and(|placeholder| FORMS.contains(&placeholder)) {
                let refused = binary(&[&verb[..], &[&flag, "of no such form"]].concat());
                let said = String::from_utf8_lossy(&refused.stderr).into_owned();
                if refused.status.code() != Some(1) || !said.contains(&flag) {
                    faults.push(format!("{verb:?} {flag} takes anything: {said}"));
                }
            } else if !names(&tests, &flag) {
                faults.push(format!("no test gives {verb:?} {flag}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// README's steps for a new row name the folder, and the table in it, that are there.
#[test]
fn the_readmes_steps_lead_to_tables_that_are_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, steps) = readme.split_once("| table | file | line in | and |\n").expect("the steps");
    let rows = steps.lines().skip(1).take_while(|line| line.starts_with('|'));
    let mut seen = 0;
    for line in rows {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let code = |cell: &str| cell.split('`').nth(1).unwrap_or_default().to_owned();
        let (folder, table) = (code(cells[2]), code(cells[3]));
        assert!(root().join(&folder).is_dir(), "there is no `{folder}`: {line}");
        let written = ["const ", "static ", "enum "].map(|word| format!("{word}{table}"));
        let begins = |text: &str| {
            let mut after = written.iter().flat_map(|w| text.split(w.as_str()).skip(1));
            after.any(|rest| rest.starts_with([':', ' ']))
        };
        let files = sources(folder.trim_end_matches('/'), "rs");
        assert!(files.iter().any(|(_, text)| begins(text)), "no `{table}` in `{folder}`: {line}");
        seen += 1;
    }
    assert!(seen >= 5, "{seen} tables");
}
