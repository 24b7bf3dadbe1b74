//! JourneyDB: annotations as a tarred JSONL, images in numbered tgz files; joined on (split, shard,
//! base name). Of the two annotation files the one with repaired paths is read. Rows of images that
//! were never fetched are yielded without one, and counted.

use super::Reader;
use super::join::Join;
use super::jsonl;
use super::tars::{members, members_of};
use crate::pool::BadKind;
use crate::pool::input::Input;
use crate::pool::open::name_of;
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "journeydb",
    about: "JourneyDB: Midjourney prompts with their images",
    layout: "data/{train,valid}/{train_anno_realease_repath,valid_anno_repath}.jsonl.tgz: {\"prompt\", \
             \"img_path\": \"./000/x.jpg\"}, data/{train,valid}/imgs/{000..}.tgz",
    claims: |input| !annotations(input).is_empty(),
    read,
};

/// Annotation files, at most one a split: repaired paths first.
fn annotations(input: &Input) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for split in ["train", "valid"] {
        let mut names: Vec<&str> = input
            .files()
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| {
                let base = name.rsplit('/').next().unwrap_or(name);
                base.starts_with(&format!("{split}_anno")) && base.contains(".jsonl")
            })
            .collect();
        names.sort_by_key(|name| (!name.contains("repath"), name.len()));
        found.extend(names.first().map(|name| (split, (*name).to_owned())));
    }
    found
}

fn read(input: &Input, out: &mut Out) -> Flow {
    for (split, annotation) in annotations(input) {
        let mut join = Join::new(out)?;
        rows(input, out, &annotation, &mut join)?;
        if !out.wants_images() {
            continue;
        }
        join.seal();
        for (name, _) in input.files() {
            let place = input.place(name);
            if !name.contains("imgs/") || split_of(&place) != Some(split) {
                continue;
            }
            let shard = name_of(name);
            members(input, name, out, &mut |out, member| {
                let base = member.path.rsplit('/').next().unwrap_or_default().to_owned();
                let place = format!("{name}/{}", member.path);
                join.meet(out, &place, &format!("{shard}/{base}"), member)
            })?;
        }
        join.finish(out)?;
    }
    Ok(())
}

fn rows(input: &Input, out: &mut Out, annotation: &str, join: &mut Join) -> Flow {
    let mut each = |out: &mut Out, key: String, row: serde_json::Value| {
        let mut draft = out.draft_of(key, &row)?;
        draft.category = None;
        out.forget("category");
        out.mapped("image", "img_path");
        let path = row.get("img_path").and_then(|v| v.as_str()).unwrap_or_default();
        join.add(out, draft, &last_two(path))
    };
    if !annotation.ends_with(".tgz") && !annotation.ends_with(".tar.gz") {
        return jsonl::rows(input, annotation, out, &mut each);
    }
    match input.open(annotation) {
        Ok(stream) => members_of(stream, annotation, out, &mut |out, member| {
            let name = format!("{annotation}/{}", member.path);
            jsonl::rows_of(member.stream(), &name, out, &mut each)
        }),
        Err(e) => out.bad(annotation, BadKind::DamagedArchive, &e.to_string(), false),
    }
}

/// Of which split a file is, by the innermost folder that says so.
fn split_of(place: &str) -> Option<&str> {
    place.rsplit('/').find(|part| ["train", "valid", "test"].contains(part))
}

/// `000/x.jpg` of `./000/x.jpg`.
fn last_two(path: &str) -> String {
    let mut parts: Vec<&str> = path.rsplit('/').take(2).collect();
    parts.reverse();
    parts.join("/")
}
