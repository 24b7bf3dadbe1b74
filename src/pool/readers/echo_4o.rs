//! Echo-4o-Image: folders of one JSON file (lines, or an array) and `images/*.tar.gz`. Base names
//! repeat over the folders, so images are joined on (folder, base name); `output_image` has a
//! made-up absolute prefix, which is dropped. The multi-reference half is editing and is not read.

use super::Reader;
use super::join::Join;
use super::json_array;
use super::tars::members;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Halt, Out};
use serde_json::Value;

pub const READER: Reader = Reader {
    name: "echo_4o",
    about: "Echo-4o-Image: surreal and instruction-following prompts with GPT-4o's images",
    layout: "{Surrel-Fantasy-Image,Instruction-Following-Image}/*.jsonl: {\"instruction\", \
             \"output_image\"}, …/images/*.tar.gz; the category is the folder",
    claims: |input| !subsets(input).is_empty(),
    read,
};

/// The spelling is theirs.
const SUBSETS: [(&str, &str); 3] = [
    ("Surrel-Fantasy-Image", "fantasy"),
    ("Surreal-Fantasy-Image", "fantasy"),
    ("Instruction-Following-Image", "instruction_following"),
];

/// (folder as it stands before its files' names, category).
fn subsets(input: &Input) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &str)> = Vec::new();
    for (folder, category) in SUBSETS {
        let inside = input.files().iter().any(|(n, _)| n.contains(&format!("{folder}/")));
        if inside {
            found.push((format!("{folder}/"), category));
        } else if input.uri.trim_end_matches('/').ends_with(folder) {
            found.push((String::new(), category));
        }
    }
    found
}

fn read(input: &Input, out: &mut Out) -> Flow {
    for (folder, category) in subsets(input) {
        subset(input, out, &folder, category)?;
    }
    Ok(())
}

fn subset(input: &Input, out: &mut Out, folder: &str, category: &str) -> Flow {
    let inside = |names: Vec<&str>| -> Vec<String> {
        let own = |n: &&str| folder.is_empty() || n.contains(folder);
        names.into_iter().filter(own).map(str::to_owned).collect()
    };
    let mut join = Join::new(out)?;
    for name in inside(input.ending(&[".jsonl", ".json"])) {
        json_array::rows(input, &name, out, &mut |out, key, row| {
            add(&mut join, out, key, &row, category)
        })?;
    }
    if !out.wants_images() {
        return Ok(());
    }
    join.seal();
    for name in inside(input.ending(&[".tar", ".tgz"])) {
        members(input, &name, out, &mut |out, member| {
            let base = base(&member.path).to_owned();
            join.meet(out, &format!("{name}/{}", member.path), &base, member)
        })?;
    }
    join.finish(out)
}

fn add(
    join: &mut Join,
    out: &mut Out,
    key: String,
    row: &Value,
    category: &str,
) -> Result<(), Halt> {
    let mut draft = out.draft_of(key, row)?;
    draft.category = Some(category.to_owned());
    out.forget("category");
    let image = row.get("output_image").and_then(Value::as_str).unwrap_or_default();
    out.mapped("image", "output_image");
    join.add(out, draft, base(image))
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
