//! ShareGPT-4o-Image: one JSON array of `{input_prompt, output_image}` and tars of PNGs, joined by
//! path without extension. The half with input images is editing and is not read.

use super::Reader;
use super::join::Join;
use super::jsonl::safe_path;
use super::tars::members;
use super::{json_array, webdataset::tars};
use crate::pool::BadKind;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "sharegpt_4o",
    about: "ShareGPT-4o-Image: a JSON array of prompts and tars of images",
    layout: "text_to_image.json: [{\"input_prompt\", \"output_image\"}], text_to_image_part_*.tar",
    claims: |input| !input.named("text_to_image.json").is_empty(),
    read,
};

fn read(input: &Input, out: &mut Out) -> Flow {
    let mut join = Join::new(out)?;
    for name in input.named("text_to_image.json") {
        json_array::rows(input, name, out, &mut |out, key, row| {
            let mut draft = out.draft_of(key, &row)?;
            let image = row.get("output_image").and_then(|v| v.as_str()).unwrap_or_default();
            out.mapped("image", "output_image");
            match safe_path(image) {
                Some(path) => join.add(out, draft, stem(&path)),
                None => {
                    let why = format!("`{image}` leads out of the source");
                    out.lost(&mut draft, BadKind::UnsafePath, &why)?;
                    out.row(draft)
                }
            }
        })?;
    }
    if !out.wants_images() {
        return Ok(());
    }
    join.seal();
    for name in tars(input) {
        if !name.rsplit('/').next().is_some_and(|base| base.starts_with("text_to_image_part_")) {
            continue;
        }
        members(input, name, out, &mut |out, member| {
            let path = member.path.clone();
            join.meet(out, &format!("{name}/{path}"), stem(&path), member)
        })?;
    }
    join.finish(out)
}

/// A path without its extension.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    path[name..].rfind('.').map_or(path, |dot| &path[..name + dot])
}
