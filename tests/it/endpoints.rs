//! The endpoints file's faults as text: each `tests/cases/endpoints/*.case` is a file and, under a
//! line of `---`, what `Endpoints::parse` must say of it. `COLDSTART_BLESS=1` rewrites the cases.

use coldstart::call::endpoints::Endpoints;
use coldstart::diag::{SourceFile, Style, render, summary};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/endpoints");
    let mut out: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "case"))
        .collect();
    out.sort();
    out
}

fn told(text: &str) -> String {
    let source = Arc::new(SourceFile { path: "my.toml".to_owned(), text: text.to_owned() });
    let found = Endpoints::parse(source);
    let faults = match &found {
        Ok(endpoints) => endpoints.warnings(),
        Err(faults) => faults,
    };
    format!("{}{}\n", render(faults, Style::Plain), summary(faults))
}

#[test]
fn every_fault_is_told_with_its_place_and_a_remedy() {
    let mut wrong = Vec::new();
    let all = cases();
    assert!(all.len() >= 15, "only {} cases", all.len());
    for path in all {
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let (file, expect) = text.split_once("\n---\n").unwrap_or((&text, ""));
        let found = told(&format!("{file}\n"));
        if std::env::var_os("COLDSTART_BLESS").is_some() {
            std::fs::write(&path, format!("{file}\n---\n{found}")).expect("a writable case");
        } else if found != expect {
            wrong.push(format!("{}\nexpected\n{expect}\nfound\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn coldstart(args: &[&str]) -> (i32, String, String) {
    // Keys are looked for, whatever they are.
    let keys = ["OPENROUTER", "GEMINI", "TOGETHER", "OPENAI", "DASHSCOPE", "BFL", "VERTEX"];
    let out = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(args)
        .envs(keys.map(|name| (format!("{name}_API_KEY"), "key")))
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

#[test]
fn the_verb_prints_examples_that_it_accepts() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["local", "hosted", "mixed"] {
        let (code, text, _) = coldstart(&["endpoints", "example", name]);
        assert_eq!(code, 0);
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a writable file");
        let (code, _, err) = coldstart(&["endpoints", "check", path.to_str().expect("UTF-8")]);
        assert_eq!((code, err.contains("no errors")), (0, true), "{err}");
    }
    let (code, text, _) = coldstart(&["endpoints", "example", "--sim", "http://127.0.0.1:9"]);
    assert_eq!((code, text.contains("127.0.0.1:9/v1beta")), (0, true));
    let (code, _, err) = coldstart(&["endpoints", "example", "nothing"]);
    assert_eq!((code, err.contains("hosted")), (1, true), "{err}");
}

#[test]
fn the_lists_name_everything() {
    let (_, protocols, _) = coldstart(&["endpoints", "protocols"]);
    for entry in coldstart::call::protocol::PROTOCOLS {
        assert!(protocols.contains(entry.name));
    }
    let (_, metrics, _) = coldstart(&["endpoints", "metrics"]);
    for metric in coldstart::call::metrics::METRICS {
        assert!(metrics.contains(metric.name) && metrics.contains(metric.panel));
    }
    for metric in coldstart::run::metrics::METRICS {
        assert!(metrics.contains(metric.name) && metrics.contains(metric.panel));
    }
}

#[test]
fn a_check_of_a_pipeline_takes_the_endpoints_in_without_asking_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("my.toml");
    let text = "[role.judge]\nprotocol = \"openai-chat\"\nurls = \"http://localhost:1/v1\"\n";
    std::fs::write(&path, text).expect("a writable file");
    let path = path.to_str().expect("UTF-8");
    let (code, out, _) = coldstart(&["check", "--endpoints", path, "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let missing = found.as_array().expect("a list").iter().filter(|d| d["code"] == "E10").count();
    assert_eq!((code, missing > 3), (1, true), "{out}");
    std::fs::write(path, "nonsense").expect("a writable file");
    let (code, _, err) = coldstart(&["check", "--endpoints", path]);
    assert_eq!((code, err.contains("E01")), (1, true), "{err}");
}

#[test]
fn what_is_listed_is_also_json() {
    for (what, key) in [("fields", "key"), ("protocols", "keys"), ("metrics", "panel")] {
        let (code, out, _) = coldstart(&["endpoints", what, "--format", "json"]);
        let list: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(code, 0);
        assert!(
            list.as_array().is_some_and(|l| l.len() > 5 && l.iter().all(|i| !i[key].is_null()))
        );
    }
}

#[test]
fn a_budget_needs_prices() {
    let folder = tempfile::tempdir().expect("a folder");
    let sim = coldstart(&["endpoints", "example", "--sim", "http://127.0.0.1:9"]).1;
    let text = sim
        .replace("prices = {}\n", "key_env = \"CARGO_PKG_NAME\"\n")
        .replace("[role.judge]\n", "[role.judge]\nmodel = \"a-new-model\"\n");
    let path = folder.path().join("my.toml");
    std::fs::write(&path, text).expect("a writable file");
    let out = folder.path().join("run");
    let paths = [path.to_str().expect("UTF-8"), out.to_str().expect("UTF-8")];
    let args = ["run", "--budget", "5", "--quiet", "--endpoints", paths[0], "--out", paths[1]];
    let (code, _, err) = coldstart(&args);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("E13") && err.contains("`a-new-model` has no price"), "{err}");
    assert!(!out.exists(), "nothing was run");
}
