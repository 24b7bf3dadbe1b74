//! `export --verify` finds whatever is harmed in an export.

use super::data::{coldstart, dataset, files, good};
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// An export in a folder of its own, to be harmed and proved.
struct Harmed {
    temp: tempfile::TempDir,
    args: Vec<String>,
}

impl Harmed {
    fn new(form: &str, more: &[&str]) -> Harmed {
        let temp = tempfile::tempdir().unwrap();
        dataset(&temp.path().join("dataset"), 12);
        let mut args: Vec<String> =
            ["export", "--replace", "--format", form].map(Into::into).into();
        args.extend(more.iter().map(|arg| arg.to_string()));
        for (flag, name) in [("", "dataset"), ("--out", "out")] {
            args.extend(Some(flag.to_string()).filter(|flag| !flag.is_empty()));
            args.push(temp.path().join(name).display().to_string());
        }
        Harmed { temp, args }
    }

    fn out(&self) -> PathBuf {
        self.temp.path().join("out")
    }

    /// Exports anew, harms it, and gives the exit code and what `--verify` said.
    fn after(&self, harm: impl Fn(&Path)) -> (Option<i32>, String) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        good(&args);
        harm(&self.out());
        let output = coldstart(&["export", "--verify", self.out().to_str().unwrap()]);
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said + &String::from_utf8_lossy(&output.stderr))
    }

    #[track_caller]
    fn found(&self, code: &str, harm: impl Fn(&Path)) {
        let (exit, said) = self.after(harm);
        assert!(exit == Some(1) && said.contains(code), "{code} was not found:\n{said}");
    }
}

/// Replaces the first `from` in the file `name` of an export.
fn edit(name: &'static str, from: &'static str, to: impl Into<String> + Clone) -> impl Fn(&Path) {
    move |out| {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(out.join(name), text.replacen(from, &to.clone().into(), 1)).unwrap();
    }
}

fn picture(out: &Path) -> PathBuf {
    files(&out.join("images")).into_iter().next().unwrap()
}

#[test]
fn verify_finds_each_kind_of_damage() {
    let text = Harmed::new("llamafactory", &["--split", "0.7,0.3"]);
    for (name, from, to, code) in [
        ("train.jsonl", "wall clocks", "<|im_end|>", "control_token"),
        ("train.jsonl", "wall clocks", "tall clocks", "rows_altered"),
        ("train.jsonl", "Prompt: ", "Prompt: < image>", "rows_altered"),
        ("train.jsonl", "Prompt: ", "Request: ", "grammar"),
        ("train.jsonl", "Call the tool at least once", "Call the tool", "system_altered"),
        ("train.jsonl", "\"from\":\"gpt\"", "\"from\":\"human\"", "alternation"),
        ("train.jsonl", "</tool_call>\"", "</call>\"", "grammar"),
        ("train.jsonl", "<tool_response><image>", "<tool_response>", "grammar"),
        ("train.jsonl", "\"images\":[\"images/", "\"images\":[\"../images/", "image_missing"),
        ("train.jsonl", "\"images\":[", "\"images\":[\"images/aa/a.png\",", "image_count"),
        ("train.jsonl", "\n", "\n{\"id\":\"", "row"),
        ("dataset_info.json", "\"function_tag\"", "\"function\"", "file_altered"),
    ] {
        text.found(code, edit(name, from, to));
    }
    text.found("too_long", edit("export.json", "\"max_tokens\": 16384", "\"max_tokens\": 900"));
    text.found("image_missing", |out| std::fs::remove_file(picture(out)).unwrap());
    text.found("image_altered", |out| {
        let bytes = std::fs::read(picture(out)).unwrap();
        std::fs::write(picture(out), &bytes[..bytes.len() / 2]).unwrap();
    });
    text.found("image_altered", |out| {
        let mut bytes = std::fs::read(picture(out)).unwrap();
        *bytes.get_mut(60).unwrap() ^= 1;
        std::fs::write(picture(out), bytes).unwrap();
    });
    text.found("cut short", |out| {
        let text = std::fs::read_to_string(out.join("train.jsonl")).unwrap();
        std::fs::write(out.join("train.jsonl"), &text[..text.len() - 40]).unwrap();
    });
    let lines = |out: &Path, change: &dyn Fn(&mut Vec<String>)| {
        let text = std::fs::read_to_string(out.join("train.jsonl")).unwrap();
        let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
        change(&mut lines);
        std::fs::write(out.join("train.jsonl"), lines.concat()).unwrap();
    };
    text.found("row_count", |out| lines(out, &|lines| drop(lines.pop())));
    text.found("row_count", |out| lines(out, &|lines| lines.push(lines[0].clone())));
    text.found("rows_altered", |out| lines(out, &|lines| lines.swap(0, 1)));
    text.found("rows_altered", |out| lines(out, &|lines| lines[1] = lines[0].clone()));
    text.found("split_leak", |out| {
        let held = std::fs::read_to_string(out.join("validation.jsonl")).unwrap();
        lines(out, &|lines| lines.push(format!("{}\n", held.lines().next().unwrap())));
    });
    text.found("row_count", |out| std::fs::remove_file(out.join("train.jsonl")).unwrap());
    text.found("file_missing", |out| std::fs::remove_file(out.join("sft.yaml")).unwrap());
    // Settings are the user's: a changed one is told, and no fault.
    let (exit, said) = text.after(edit("sft.yaml", "8 GPUs", "4 GPUs"));
    assert!(exit == Some(0) && said.contains("changed since it was written: sft.yaml"), "{said}");
    text.found("not finished", |out| std::fs::remove_file(out.join("export.json")).unwrap());
    for form in ["llamafactory", "ms-swift"] {
        let native = Harmed::new(form, &["--dialect", "native"]);
        native.found("rows_altered", edit("train.jsonl", "Generate an image", "Draw an image"));
        native.found("row", edit("train.jsonl", "tool", "tol"));
    }
}

/// A row, and its images as bytes and name.
type ReadRow = (serde_json::Value, Vec<(Bytes, String)>);

/// The rows of a Parquet file with their images; None when it cannot be read.
fn rows_of(file: &Path) -> Option<Vec<ReadRow>> {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    coldstart::export::dataset::table(bytes).ok()?.collect::<Result<_, _>>().ok()
}

#[test]
fn verify_finds_damage_inside_parquet() {
    for (form, name) in [
        ("universal", "train.parquet"),
        ("verl-sft", "train.parquet"),
        ("verl-rl", "train.parquet"),
        ("trl", "train.parquet"),
        ("hf", "data/train-00000.parquet"),
    ] {
        let export = Harmed::new(form, &[]);
        export.found("file", |out| {
            let bytes = std::fs::read(out.join(name)).unwrap();
            std::fs::write(out.join(name), &bytes[..bytes.len() - 8]).unwrap();
        });
        export.found("row_count", |out| {
            let _ = std::fs::remove_file(out.join(name));
        });
        // A flipped byte is found, unless it changes no row.
        export.after(|_| ());
        let rows = rows_of(&export.out().join(name)).unwrap();
        let size = std::fs::metadata(export.out().join(name)).unwrap().len();
        for k in 1..12 {
            let at = (4 + (size - 200) * k / 12) as usize;
            let (exit, said) = export.after(|out| {
                let mut bytes = std::fs::read(out.join(name)).unwrap();
                bytes[at] ^= 0x55;
                std::fs::write(out.join(name), bytes).unwrap();
            });
            let good_rows = || rows_of(&export.out().join(name)) == Some(rows.clone());
            assert!(
                exit == Some(1) || exit == Some(0) && good_rows(),
                "byte {at} of {form}: {said}"
            );
        }
    }
}
