//! What leaves a run of an evaluation set: the owners' layout, tables, pages; and never, without a
//! word that says so, training data.

use crate::agent::coldstart;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rows in the official file's form: two colours and a count.
const ROWS: [&str; 4] = [
    r#"{"tag": "color_attr", "include": [{"class": "clock", "count": 1, "color": "red"}], "prompt": "a red clock"}"#,
    r#"{"tag": "counting", "include": [{"class": "cat", "count": 3}], "exclude": [{"class": "cat", "count": 4}], "prompt": "three cats"}"#,
    r#"{"tag": "color_attr", "include": [{"class": "apple", "count": 2, "color": "green"}], "prompt": "two green apples"}"#,
    r#"{"tag": "counting", "include": [{"class": "dog", "count": 2}], "exclude": [{"class": "dog", "count": 3}], "prompt": "two dogs"}"#,
];

struct Made {
    folder: tempfile::TempDir,
    run: String,
}

/// A run of those rows by the trained agent.
fn made(more: &[&str]) -> Made {
    played("agent", more)
}

fn played(pipeline: &str, more: &[&str]) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let pool = folder.path().join("Geneval++.jsonl");
    std::fs::write(&pool, ROWS.join("\n")).expect("writes");
    let run = folder.path().join("run").to_str().expect("UTF-8").to_owned();
    let pool = pool.to_str().expect("UTF-8");
    let mut args = vec!["run", pipeline, "--quiet", "--pool", pool, "--out", &run];
    args.extend(more);
    let said = coldstart(&args);
    assert!(said.contains("Table 1: ") && said.contains("Table 2: GenEval++"), "{said}");
    Made { folder, run }
}

impl Made {
    fn place(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn tables(&self) -> serde_json::Value {
        let said = coldstart(&["table", &self.run, "--format", "json"]);
        serde_json::from_str(&said).expect("JSON")
    }
}

/// A figure of the first run in a table.
fn figure(tables: &serde_json::Value, table: &str, name: &str) -> f64 {
    let sheet = tables["sheets"].as_array().unwrap().iter().find(|s| s["name"] == table);
    let sheet = sheet.unwrap_or_else(|| panic!("{table} is missing"));
    let place = sheet["columns"].as_array().unwrap().iter().position(|c| c == name).unwrap();
    sheet["rows"][0]["cells"][place]["value"].as_f64().unwrap()
}

/// What the binary says on standard error, and that it did not end well.
fn refused(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().expect("starts");
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: PathBuf) -> serde_json::Value {
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_run_of_a_set_goes_to_its_owners_and_into_no_training() {
    let made = made(&[]);
    let run = made.run.as_str();
    let sft = made.place("sft");
    let said = refused(&["export", run, "--format", "llamafactory", "--out", &sft]);
    assert!(said.contains("GenEval++") && said.contains("--train-on-benchmark"), "{said}");
    assert!(!Path::new(&sft).exists() || std::fs::read_dir(&sft).unwrap().next().is_none());
    let word = "--train-on-benchmark";
    coldstart(&["export", run, "--format", "llamafactory", "--out", &sft, word]);

    let out = made.place("official");
    let said = coldstart(&["export", run, "--format", "geneval-pp", "--out", &out]);
    assert!(said.contains("4 rows of geneval_pp"), "{said}");
    let official = json(Path::new(&out).join("Output.json"));
    assert_eq!(official["overall_results"].as_array().unwrap().len(), ROWS.len());
    let pictures = std::fs::read_dir(Path::new(&out).join("image")).unwrap().count();
    let tables = made.tables();
    let at = |name: &str| figure(&tables, "Table 2", name);
    assert_eq!(pictures as f64 + at("missing"), ROWS.len() as f64);
    let mean = official["overall_score_mean_of_tags"].as_f64().unwrap();
    assert!((mean - at("script prints")).abs() < 1e-9, "{mean}");

    let said = refused(&["export", run, "--format", "geneval-pp", "--out", &out]);
    assert!(said.contains("--replace"), "{said}");
    coldstart(&["export", run, "--format", "geneval-pp", "--out", &out, "--replace"]);
    let said = refused(&["export", run, "--format", "wise", "--out", &made.place("w")]);
    assert!(said.contains("GenEval++") && said.contains("wise"), "{said}");
    let said =
        refused(&["export", run, "--format", "geneval-pp", "--out", &out, "--split", "0.5,0.5"]);
    assert!(said.contains("`--split`"), "{said}");
    // The pool has gone elsewhere.
    let moved = made.place("elsewhere");
    std::fs::create_dir(&moved).unwrap();
    let moved = format!("{moved}/Geneval++.jsonl");
    std::fs::rename(made.place("Geneval++.jsonl"), &moved).unwrap();
    let again = made.place("again");
    let args = ["export", run, "--format", "geneval-pp", "--out", &again];
    let said = refused(&args);
    assert!(said.contains("Geneval++.jsonl"), "{said}");
    coldstart(&[&args[..], &["--pool", &moved]].concat());
    assert_eq!(json(Path::new(&again).join("Output.json")), official);
}

#[test]
fn no_picture_is_worth_nothing_in_every_table() {
    let made = played("agent_base", &["--set", "rolled.draws=8"]);
    let tables = made.tables();
    assert!(figure(&tables, "Table 2", "missing") > 0.0, "every rollout has a picture");
    assert_eq!(figure(&tables, "Table 2", "unread"), 0.0);
    // As many rows of each tag, so that the set's overall is the mean over rollouts.
    let (last, overall) =
        (figure(&tables, "Table 1", "last picture"), figure(&tables, "Table 2", "Overall"));
    assert!((last / 100.0 - overall).abs() < 1e-6, "{last} % and {overall}");
}

#[test]
fn a_run_in_the_later_grammar_says_why_it_has_no_rows() {
    let made = played("agent_v2", &[]);
    let sft = made.place("sft");
    let args = ["export", &made.run, "--format", "llamafactory", "--out", &sft];
    let said = refused(&[&args[..], &["--train-on-benchmark"]].concat());
    for word in ["`scored`", "other_grammar", "v2", "`table`", "grammar = \"v1\""] {
        assert!(said.contains(word), "{word} is missing: {said}");
    }
    let said = refused(&["check", "rl", "--set", "rolled.grammar=v2"]);
    assert!(said.contains("turns that rows are written in"), "{said}");
}

#[test]
fn rollouts_are_conversations_on_pages_and_figures_are_drawn() {
    let made = made(&["--set", "rolled.draws=2"]);
    let page = made.place("report.html");
    coldstart(&["report", &made.run, "--out", &page]);
    let text = std::fs::read_to_string(&page).unwrap();
    for part in ["turn 1", "Rollout 2", "Figure 5", "Table 1", "<polyline", "ended: ", "truth "] {
        assert!(text.contains(part), "{part} is missing");
    }
    let viewer = crate::view::Viewer::start(&made.run);
    let (_, tables) = viewer.get("tables");
    assert!(tables.contains("Figure 5") && tables.contains("gain from reflection"), "{tables}");
    let (_, list) = viewer.get("search");
    let record = list.split("record/").nth(1).and_then(|rest| rest.split(['?', '"']).next());
    let (_, record) = viewer.get(&format!("record/{}", record.expect("a record")));
    for part in ["turn 1", "Rollout 2", "as it came", "truth ", "ended: "] {
        assert!(record.contains(part), "{part} is missing");
    }
}

#[test]
fn two_runs_stand_side_by_side_on_one_prompt() {
    let (base, trained) = (played("agent_base", &[]), made(&[]));
    std::fs::rename(&base.run, base.place("base")).unwrap();
    let viewer = crate::view::Viewer::with(&trained.run, &["--beside", &base.place("base")]);
    let (_, tables) = viewer.get("tables");
    for part in ["Table 5", "difference", "base", "Figure 4"] {
        assert!(tables.contains(part), "{part} is missing");
    }
    let records = viewer.get("search").1;
    let ids: Vec<&str> =
        records.split("record/").skip(1).filter_map(|rest| rest.split(['?', '"']).next()).collect();
    let pictures = |page: &str| -> Vec<String> {
        let digests = page.split("/image/").skip(1).filter_map(|rest| rest.get(..64));
        digests.map(str::to_owned).collect()
    };
    let pages: Vec<String> = ids.iter().map(|id| viewer.get(&format!("record/{id}")).1).collect();
    for page in &pages {
        assert_eq!(page.matches("class=\"talk rollout\"").count(), 2, "{page}");
    }
    let shown: Vec<String> = pages.iter().flat_map(|page| pictures(page)).collect();
    for digest in &shown {
        let (head, _) = viewer.get(&format!("image/{digest}"));
        assert!(head.starts_with("HTTP/1.1 200"), "{digest}: {head}");
    }
    // Pictures of both are among them.
    let alone = crate::view::Viewer::start(&trained.run);
    let missing = shown
        .iter()
        .filter(|digest| !alone.get(&format!("image/{digest}")).0.starts_with("HTTP/1.1 200"));
    assert!(missing.count() > 0, "no picture of the other run");
}

#[test]
fn the_judge_is_asked_in_the_words_of_a_checkout() {
    let folder = tempfile::tempdir().expect("a folder");
    let scripts = folder.path().join("checkout/test_scripts");
    std::fs::create_dir_all(&scripts).expect("folders");
    let script = "SYSTEM_PROMPT = \"\"\"Their own words.\"\"\"\nuser = [{\"type\": \"text\", \"text\": f\"Theirs: {explanation}\"}]\n";
    std::fs::write(scripts.join("Eval-gpt-4.1-geneval++.py"), script).expect("writes");
    let pool = folder.path().join("Geneval++.jsonl");
    std::fs::write(&pool, ROWS[0]).expect("writes");
    let place = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (pool, run) = (place("Geneval++.jsonl"), place("run"));
    let base = ["run", "agent", "--quiet", "--pool", &pool, "--out", &run, "--official"];
    let said = refused(&[&base[..], &[&place("nowhere")]].concat());
    assert!(said.contains("nowhere") && said.contains("Eval-gpt-4.1-geneval++.py"), "{said}");
    coldstart(&[&base[..], &[&place("checkout")]].concat());
    let sql = "select id from stages where stage = 'scored' limit 1";
    let id = coldstart(&["audit", &run, "--sql", sql]);
    let id = id.split_whitespace().find(|word| word.len() == 32).expect("an id").to_owned();
    let life = coldstart(&["explain", &run, &id, "--format", "json"]);
    assert!(life.contains("Their own words.") && life.contains("Theirs: "), "{life}");
}

#[test]
fn quotas_and_the_audit_take_rollouts_as_any_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stages = folder.path().join("stages/picked");
    std::fs::create_dir_all(&stages).expect("folders");
    for name in ["templates", "data"] {
        std::os::unix::fs::symlink(root.join(name), folder.path().join(name)).expect("links");
    }
    for name in ["_models.toml", "pool.toml", "rolled.toml", "scored.toml"] {
        std::fs::copy(root.join("stages/agent").join(name), stages.join(name)).expect("copies");
    }
    let put = |name: &str, text: &str| std::fs::write(stages.join(name), text).expect("writes");
    put("balanced.toml", "about = \"b\"\nkind = \"balance\"\nfrom = [\"scored\"]\ntarget = 4\n");
    put("dataset.toml", "about = \"b\"\nkind = \"write_dataset\"\nfrom = [\"balanced\"]\n");
    let place = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (project, run) = (place(""), place("run"));
    let args = ["run", "picked", "--project", &project, "--limit", "16", "--out", &run];
    let report = coldstart(&[&args[..], &["--quiet", "--format", "json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["dataset"]["rows"], 4);
    for stage in report["stages"].as_array().expect("stages") {
        let n = |name: &str| stage[name].as_u64().expect("a number");
        assert_eq!(n("in"), n("passed") + n("dropped") + n("failed"), "{stage}");
    }
    // Ends well only where no finding is an error.
    coldstart(&["audit", &run]);
}
