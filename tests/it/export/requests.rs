//! What is asked of an export: over what it may write, from what, with which system turn; and what
//! it says where it cannot.

use super::data::{coldstart, dataset, files, good};
use std::path::Path;

#[test]
fn an_export_is_written_over_only_when_told_and_leaves_other_files() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 6);
    let (from, out) = (data.to_str().unwrap(), temp.path().join("out"));
    let to = out.to_str().unwrap();
    let export = |form: &str, more: &[&str]| {
        coldstart(&[&["export", from, "--format", form, "--out", to], more].concat())
    };
    assert_eq!(export("llamafactory", &[]).status.code(), Some(0));
    std::fs::create_dir_all(out.join("saves/checkpoint-9")).unwrap();
    let mine = ["saves/checkpoint-9/model.safetensors", "notes.txt", "images/cat.png"];
    for name in mine {
        std::fs::write(out.join(name), name).unwrap();
    }
    let refused = export("universal", &[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("6 rows of format llamafactory") && said.contains("--replace"), "{said}");
    assert!(good(&["export", "--verify", to]).contains("all holds"), "nothing was touched");
    assert_eq!(export("universal", &["--replace"]).status.code(), Some(0));
    assert!(good(&["export", "--verify", to]).contains("all holds"));
    for name in mine {
        assert_eq!(std::fs::read_to_string(out.join(name)).unwrap(), name);
    }
    assert!(!out.join("train.jsonl").exists(), "the old export's rows are gone");
    // What a crash left is begun again without a word.
    std::fs::rename(out.join("export.json"), out.join("export.unfinished")).unwrap();
    assert_eq!(export("trl", &[]).status.code(), Some(0));
    assert!(good(&["export", "--verify", to]).contains("all holds"));
}

/// What cannot be exported leaves before the pick, so that as many come out as were asked for.
#[test]
fn so_many_are_taken_of_what_can_be_exported() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 21);
    let export = |form: &str, more: &[&str]| -> serde_json::Value {
        let out = temp.path().join(form);
        let base = ["export", data.to_str().unwrap(), "--format", form, "--out"];
        let base = [&base[..], &[out.to_str().unwrap(), "--report", "json"]].concat();
        serde_json::from_str(&good(&[&base[..], more].concat())).unwrap()
    };
    // Every seventh speaks in control tokens.
    let found = export("universal", &["--control-tokens", "reject", "--take", "18"]);
    assert_eq!(found["splits"]["train"]["rows"], 18, "{found}");
    assert_eq!(found["left_out"].as_object().unwrap().len(), 1, "{found}");
    // Two prompts come twice, and a form of prompts has each once.
    let found = export("verl-rl", &["--take", "19"]);
    assert_eq!(found["splits"]["train"]["rows"], 19, "{found}");
    assert_eq!(found["left_out"]["same_prompt"]["count"], 2, "{found}");
}

/// A RUN that was killed has no dataset; its journal still says what the rows are.
#[test]
fn a_run_without_its_dataset_is_exported_from_its_journal() {
    let temp = tempfile::tempdir().unwrap();
    let run = temp.path().join("run");
    let (from, whole, again) =
        (run.to_str().unwrap().to_string(), temp.path().join("whole"), temp.path().join("again"));
    good(&["run", "--quiet", "--limit", "120", "--out", &from]);
    let export = |out: &Path| {
        let to = out.to_str().unwrap();
        coldstart(&["export", &from, "--format", "llamafactory", "--out", to])
    };
    assert_eq!(export(&whole).status.code(), Some(0));
    for name in ["dataset", "stages"] {
        std::fs::remove_dir_all(run.join(name)).unwrap();
    }
    std::fs::remove_file(run.join("report.json")).unwrap();
    let journal = files(&run.join("journal"));
    let output = export(&again);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("has not come to its end (0 calls"), "{said}");
    let rows = |out: &Path| std::fs::read_to_string(out.join("train.jsonl")).unwrap();
    assert!(rows(&whole).lines().count() > 10);
    assert_eq!(rows(&whole), rows(&again));
    assert_eq!(journal, files(&run.join("journal")), "the RUN is only read");
    let left: Vec<_> =
        std::fs::read_dir(temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    // Of a RUN that has hardly begun there is nothing to export.
    for segment in journal {
        std::fs::remove_file(segment).unwrap();
    }
    let none = export(&temp.path().join("none"));
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8(none.stderr).unwrap().contains("go on with `coldstart run`"));
}

#[test]
fn a_system_turn_of_ones_own_is_kept_byte_for_byte_or_refused() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 4);
    let file = temp.path().join("system.txt");
    let out = temp.path().join("out");
    let export = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let args = ["export", data.to_str().unwrap(), "--format", "llamafactory", "--replace"];
        let more = ["--out", out.to_str().unwrap(), "--system", file.to_str().unwrap()];
        coldstart(&[&args[..], &more].concat())
    };
    let text = "  Formart: <think> then <tool_call>.\r\n\n    four spaces, \u{e9}\n\n";
    assert_eq!(export(text).status.code(), Some(0));
    let rows = std::fs::read_to_string(out.join("train.jsonl")).unwrap();
    let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(row["system"], text);
    for (text, what) in
        [(" \n", "is empty"), ("a <image> b", "`<image>`"), ("<|im_end|>", "`<|im_end|>`")]
    {
        let refused = export(text);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8(refused.stderr).unwrap().contains(what));
    }
    assert!(out.join("export.json").exists(), "a refused request touches nothing");
}

#[test]
fn what_cannot_be_exported_says_how_to_go_on() {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset(&data, 4);
    let (from, out) = (data.to_str().unwrap(), temp.path().join("out"));
    let to = out.to_str().unwrap();
    let fail = |args: &[&str], what: &str| {
        let output = coldstart(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(what), "{stderr}");
    };
    fail(&["export", from, "--format", "llamafactry", "--out", to], "did you mean `llamafactory`?");
    fail(&["export", from, "--format", "trl", "--dialect", "native", "--out", to], "no dialect");
    fail(&["export", to, "--format", "trl", "--out", to], "no dataset shards");
    fail(&["export", from, "--format", "trl", "--out", from], "holds no earlier export");
    fail(&["export", from, "--format", "trl", "--out", to, "--split", "0.9"], "sum to 0.9");
    // A damaged shard costs its own rows only.
    let shard = data.join("train-00001.parquet");
    let bytes = std::fs::read(&shard).unwrap();
    std::fs::write(&shard, &bytes[..bytes.len() - 1]).unwrap();
    fail(&["export", from, "--format", "trl", "--out", to], "train-00001.parquet");
}
