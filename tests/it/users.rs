//! What the three users met on a day with the program, each held by a test: splits, budgets, keys,
//! replays, widths, recipes, the card, small pools.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(args)
        .env("COLUMNS", "80")
        .output()
        .expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn good(args: &[&str]) -> String {
    let out = coldstart(args);
    assert!(out.status.success(), "{args:?}\n{}\n{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

/// One small run on the simulated world, shared by all tests that only read it.
pub fn run() -> &'static str {
    static RUN: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    &RUN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("run").display().to_string();
        good(&["run", "--quiet", "--limit", "60", "--out", &out]);
        (folder, out)
    })
    .1
}

fn export(folder: &Path, form: &str, more: &[&str]) -> (PathBuf, String) {
    let out = folder.join(form);
    let to = out.display().to_string();
    let said = good(&[&["export", run(), "--format", form, "--out", &to][..], more].concat());
    (out, said)
}

#[test]
fn a_split_that_can_be_filled_is_and_an_empty_one_is_said_and_not_written() {
    let temp = tempfile::tempdir().unwrap();
    let (out, said) = export(temp.path(), "hf", &["--split", "0.99,0.005,0.005"]);
    assert!(said.contains("validation 1 rows") && said.contains("test       1 rows"), "{said}");
    let card = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.contains("- split: validation\n    path: data/validation-*.parquet"), "{card}");

    // One row cannot be in two places.
    let one = temp.path().join("one").display().to_string();
    let args = ["--split", "0.5,0.5", "--where", "id = (select min(id) from rows)", "--take", "1"];
    for form in ["hf", "trl", "universal", "verl-rl"] {
        let to = format!("{one}-{form}");
        let base = ["export", run(), "--format", form, "--out", &to];
        let said = coldstart(&[&base[..], &args].concat());
        let words = text(&said.stdout);
        assert!(words.contains("no rows, so it is not written"), "{words}{}", text(&said.stderr));
        if said.status.success() {
            assert!(good(&["export", "--verify", &to]).contains("all holds"));
            let names: Vec<String> = walk(Path::new(&to));
            assert!(!names.iter().any(|name| name.contains("validation")), "{names:?}");
            // What earlier versions left there is found.
            let stray =
                if form == "hf" { "data/validation-00000.parquet" } else { "validation.parquet" };
            std::fs::write(Path::new(&to).join(stray), b"").unwrap();
            let found = coldstart(&["export", "--verify", &to]);
            assert!(text(&found.stdout).contains("split_empty"), "{}", text(&found.stdout));
        }
    }
}

pub fn walk(folder: &Path) -> Vec<String> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(walk(&path)) } else { out.push(path.display().to_string()) }
    }
    out
}

#[test]
fn one_recipe_whatever_the_trainer_and_the_number_of_gpus() {
    let temp = tempfile::tempdir().unwrap();
    for (form, file) in [
        ("llamafactory", "sft.yaml"),
        ("ms-swift", "sft.sh"),
        ("verl-sft", "sft.sh"),
        ("trl", "sft.py"),
    ] {
        let (out, _) = export(temp.path(), form, &["--split", "0.8,0.2", "--gpus", "4"]);
        let recipe = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(!recipe.contains("{{"), "{form}: a slot is left");
        assert!(recipe.contains("cosine") && recipe.contains("0.03"), "{form}: {recipe}");
        assert!(recipe.contains("validation"), "{form}: the validation file is not used");
        let frozen = if form == "verl-sft" { "no option that freezes" } else { "frozen" };
        let freezes = recipe.contains(frozen) || recipe.contains("freeze_vision_tower: true");
        assert!(freezes, "{form}: {recipe}");
        match form {
            "llamafactory" => {
                assert!(recipe.contains("accumulation_steps: 32  # 4 GPUs x 2 x 32 = 256"))
            }
            "trl" => assert!(recipe.contains("WORLD_SIZE\", \"4\")")),
            _ => assert!(recipe.contains("${GPUS:-4}"), "{form}: {recipe}"),
        }
        if form == "trl" {
            assert!(out.join("ds_z3.json").exists());
        }
    }
    for (form, file, told) in [
        ("verl-rl", "grpo.sh", "n_gpus_per_node=\"${GPUS:-4}\""),
        ("ms-swift-rl", "grpo.sh", "gpus=\"${GPUS:-4}\""),
        ("trl-grpo", "grpo.py", "WORLD_SIZE\", \"4\")"),
    ] {
        let (out, _) = export(temp.path(), form, &["--gpus", "4"]);
        let recipe = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(!recipe.contains("{{") && recipe.contains(told), "{form}: {recipe}");
    }
}

#[test]
fn a_replay_compares_rows_and_knows_what_it_does_not_know() {
    // The paper's pipeline: one look a picture, and a share of its rows is cut open.
    let folder = tempfile::tempdir().unwrap();
    let paper = folder.path().join("run").display().to_string();
    good(&["run", "paper", "--quiet", "--limit", "60", "--out", &paper]);
    let replay = |set: &str| -> Value {
        let out = good(&["replay", &paper, "--set", set, "--format", "json"]);
        serde_json::from_str(&out).unwrap()
    };
    let closed = replay("balanced.open_share=0");
    let changes = closed["diff"]["rows"]["changes"].to_string();
    assert!(changes.contains("outcome open -> closed"), "{changes}");
    assert_eq!(closed["diff"]["unknown"], 0);
    let same = replay("balanced.open_share=0.15");
    assert_eq!(same["diff"]["rows"]["changes"], serde_json::json!([]));
    assert!(same["diff"]["rows"]["same"].as_u64().unwrap() > 5);

    // More votes need looks that nobody bought.
    let voted = replay("judged.votes=3");
    let unknown = voted["diff"]["unknown"].as_u64().unwrap();
    assert!(unknown > 5, "{}", voted["diff"]);
    assert!(
        voted["unbought"]["calls"].as_f64().unwrap() >= unknown as f64,
        "{}",
        voted["unbought"]
    );
    let said = good(&["replay", &paper, "--set", "judged.votes=3"]);
    assert!(said.contains("unknown (calls are missing)") && said.contains("would take"), "{said}");
}

#[test]
fn reports_fit_the_terminal() {
    for args in [vec!["estimate", "--run", run()], vec!["audit", run(), "--stage", "judged"]] {
        let out = good(&args);
        for line in out.lines().filter(|line| line.split_whitespace().count() > 1) {
            assert!(line.chars().count() <= 80, "{args:?}: {line}");
        }
    }
}

#[test]
fn an_estimate_takes_the_prices_of_the_endpoints_file() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("my.toml");
    let sim = good(&["endpoints", "example", "--sim", "http://127.0.0.1:9"]);
    let priced = sim.replace("prices = {}", "prices = { input = 1.0, output = 2.0, image = 0.01 }");
    std::fs::write(&file, priced).unwrap();
    let file = file.display().to_string();
    let base = ["estimate", "--run", run(), "--target", "1000", "--format", "json"];
    let estimate = |more: &[&str]| -> Value {
        serde_json::from_str(&good(&[&base[..], more].concat())).unwrap()
    };
    assert_eq!(estimate(&[])["cost_usd"]["mid"], 0.0);
    let priced = estimate(&["--endpoints", &file]);
    assert!(priced["cost_usd"]["mid"].as_f64().unwrap() > 1.0, "{}", priced["cost_usd"]);
    assert!(
        good(&["estimate", "--run", run(), "--endpoints", &file]).contains("prices and limits as")
    );
}

#[test]
fn the_card_names_every_role_once_and_shows_how_to_load() {
    let card = std::fs::read_to_string(Path::new(run()).join("dataset/README.md")).unwrap();
    for line in ["pretty_name: ", "\nlanguage:\n- en\n", "\nlicense_name: ", "load_dataset(\".\""] {
        assert!(card.contains(line), "no {line:?} in\n{card}");
    }
    for role in ["generator", "illustrator", "judge", "reflector"] {
        assert_eq!(card.matches(&format!("| {role} | ")).count(), 1, "{role}: {card}");
    }
    assert!(!card.contains("not named by its server"));
    let temp = tempfile::tempdir().unwrap();
    let (out, _) = export(temp.path(), "hf", &[]);
    let hub = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert_eq!(hub.matches("**SIMULATED DATA").count(), 1, "{hub}");
    // Wanted is the even share of the target, not what happened to be there.
    let report = std::fs::read(Path::new(run()).join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let strata = report["dataset"]["strata"].as_object().unwrap();
    let even = 32_000 / strata.len() as u64;
    for stratum in strata.values() {
        assert!(stratum["wanted"].as_u64().unwrap().abs_diff(even) <= 1, "{stratum}");
    }
}

#[test]
fn lengths_are_of_whole_prompts_and_samples_have_their_size() {
    let temp = tempfile::tempdir().unwrap();
    let pool = temp.path().join("pool.txt");
    let long = format!("a red cube {}", "beside a blue ball ".repeat(27));
    std::fs::write(&pool, format!("{}\ntwo green cats\n", long.trim())).unwrap();
    let (pool, out) = (pool.display().to_string(), temp.path().join("run").display().to_string());
    good(&["run", "--quiet", "--pool", &pool, "--out", &out]);
    let audit = good(&["audit", &out, "--stage", "pool", "--format", "json"]);
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let audit = audit.get("stage").filter(|s| s.is_object()).unwrap_or(&audit);
    let longest = audit["prompt_chars"]["spread"]["max"].as_f64().unwrap();
    assert_eq!(longest as usize, long.trim().chars().count(), "{}", audit["prompt_chars"]);
    for size in ["1", "7", "20"] {
        let lines = good(&["calibrate", run(), "--sample", size]);
        assert_eq!(lines.lines().count().to_string(), size);
    }
}

#[test]
fn own_prompts_stay_alone_and_what_is_not_read_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let pool = temp.path().join("mine");
    std::fs::create_dir(&pool).unwrap();
    std::fs::write(
        pool.join("a.jsonl"),
        "{\"prompt\":\"a red ball\"}\n{\"prompt\":\"six cups\"}\n",
    )
    .unwrap();
    std::fs::write(pool.join("notes.md"), "not a prompt").unwrap();
    let pool = pool.display().to_string();
    let run = |name: &str, more: &[&str]| -> (Value, String) {
        let out = temp.path().join(name).display().to_string();
        let args = ["run", "--pool", &pool, "--format", "json", "--out", &out];
        let done = coldstart(&[&args[..], more].concat());
        (serde_json::from_slice(&done.stdout).unwrap(), text(&done.stderr))
    };
    let entered = |report: &Value, stage: &str| {
        let stages = report["stages"].as_array().unwrap();
        stages.iter().find(|s| s["stage"] == stage).unwrap()["in"].as_u64().unwrap()
    };
    let (report, said) = run("alone", &[]);
    assert_eq!((entered(&report, "pool"), entered(&report, "synthetic")), (2, 0));
    assert!(said.contains("1 file was not read: notes.md"), "{said}");
    assert!(said.contains("writes no prompts beside your own"), "{said}");
    let strata = report["dataset"]["strata"].to_string();
    assert!(!strata.contains("\"mine/") && !strata.contains("\"a/"), "{strata}");
    let (report, _) = run("with", &["--set", "synthetic.count=3"]);
    assert_eq!(entered(&report, "synthetic"), 3);
    let (report, _) = run("beside", &["--set", "synthetic.beside_pool=true", "--limit", "2"]);
    assert_eq!(entered(&report, "synthetic"), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_and_no_panic() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(["kinds", "judge"])
        .stdout(full)
        .output()
        .unwrap();
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: stdout: ") && !said.contains("panicked"), "{said}");
}

#[test]
fn keys_are_asked_for_once_each_and_a_wrong_path_is_called_one() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("h.toml");
    std::fs::write(&file, good(&["endpoints", "example", "hosted"])).unwrap();
    let file = file.display().to_string();
    let out = temp.path().join("run").display().to_string();
    for args in [
        vec!["endpoints", "check", &file],
        vec!["check", "--endpoints", &file],
        vec!["run", "--endpoints", &file, "--out", &out],
    ] {
        let told = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(&args)
            .env_remove("OPENROUTER_API_KEY")
            .env("GEMINI_API_KEY", "k")
            .env_remove("TOGETHER_API_KEY")
            .env("OPENAI_API_KEY", "k")
            .output()
            .unwrap();
        let said = text(&told.stderr);
        assert_eq!(told.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.matches("error[E11]").count(), 2, "{args:?}: {said}");
        assert_eq!(said.matches("has no `OPENROUTER_API_KEY`").count(), 1, "{args:?}: {said}");
        assert!(said.contains("`judge`") && said.contains("`teacher`"), "{said}");
    }
    assert!(!Path::new(&out).exists(), "nothing was run");
    for args in [["endpoints", "check", "no.toml"], ["check", "--endpoints", "no.toml"]] {
        let said = text(&coldstart(&args).stderr);
        assert!(said.contains("path of the endpoints file is wrong"), "{said}");
        assert!(!said.contains("os error"), "{said}");
    }
    let said = text(&coldstart(&["audit", "no/such/run"]).stderr);
    assert!(said.contains("there is nothing at that path"), "{said}");
}

#[test]
fn rows_are_selected_by_an_expression_and_taken_in_balance() {
    let temp = tempfile::tempdir().unwrap();
    let report = |name: &str, more: &[&str]| -> Value {
        let to = temp.path().join(name).display().to_string();
        let args = ["export", run(), "--format", "trl", "--out", &to, "--report", "json"];
        let report = serde_json::from_str(&good(&[&args[..], more].concat())).unwrap();
        assert!(good(&["export", "--verify", &to]).contains("all holds"));
        report
    };
    let rows = |report: &Value| report["splits"]["train"]["rows"].as_u64().unwrap();
    let all = rows(&report("all", &[]));
    let some = report("some", &["--where", "outcome = 'one_round' and score >= 0.5"]);
    let left = some["left_out"]["not_where"]["count"].as_u64().unwrap();
    assert!(rows(&some) > 0 && left > 0 && rows(&some) + left == all, "{some}");
    let sure = report("sure", &["--where", "posterior >= 0.9 and claims >= 0.5"]);
    assert!(rows(&sure) > 0, "{sure}");
    let taken = report("taken", &["--take", "6", "--seed", "1"]);
    assert_eq!(
        (rows(&taken), taken["left_out"]["not_taken"]["count"].as_u64()),
        (6, Some(all - 6))
    );
    let digest = |report: &Value| report["splits"]["train"]["digest"].clone();
    assert_eq!(digest(&taken), digest(&report("again", &["--take", "6", "--seed", "1"])));
    assert_ne!(digest(&taken), digest(&report("other", &["--take", "6", "--seed", "2"])));

    for (filter, told) in [
        ("score >= 8", "score 0."),
        ("scor > 1", "no such column"),
        ("1) union select name from sqlite_master --", "--where"),
        ("id in (delete from rows)", "--where"),
    ] {
        let to = temp.path().join("wrong").display().to_string();
        let out = coldstart(&["export", run(), "--format", "trl", "--out", &to, "--where", filter]);
        let said = text(&out.stderr);
        assert!(!out.status.success() && said.contains(told), "{filter}: {said}");
        assert!(said.contains("--columns"), "{said}");
    }
    assert!(good(&["export", "--columns"]).contains("first_score"));
    let hub = temp.path().join("hub").display().to_string();
    good(&["export", run(), "--format", "hf", "--out", &hub]);
    let publish = std::fs::read_to_string(Path::new(&hub).join("publish.md")).unwrap();
    assert!(publish.contains("hf upload NAME . . --repo-type dataset"));
}

#[test]
fn a_paid_run_is_picked_again_by_the_seed_of_its_balance() {
    let replay = |set: &[&str]| -> Value {
        let base = ["replay", run(), "--set", "balanced.target=12", "--format", "json"];
        serde_json::from_str(&good(&[&base[..], set].concat())).unwrap()
    };
    let (one, other) = (replay(&[]), replay(&["--set", "balanced.seed=9"]));
    assert_eq!(one["missing_calls"], serde_json::json!({}));
    assert_eq!(other["missing_calls"], serde_json::json!({}), "prompts and pictures stay");
    let kept = |found: &Value| found["diff"].to_string();
    assert_ne!(kept(&one), kept(&other));
}
