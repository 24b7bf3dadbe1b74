//! OpenGPT-4o-Image: one tar.gz in split parts, holding `gen.json` and `gen/*.png`. Where the rows
//! come after the images (or between), the parts are read twice rather than held.

use super::Reader;
use super::join::Join;
use super::json_array;
use super::sharegpt_4o::stem;
use super::tars::members_of;
use crate::pool::BadKind;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "opengpt_4o",
    about: "OpenGPT-4o-Image: a split tar.gz of prompts and images",
    layout: "gen.tar.gz.* (parts of one archive): OpenGPT-4o-Image/gen.json {\"input_prompt\", \
             \"output_image\"} as lines or an array, …/gen/*.png; gen.json may lie beside the parts",
    claims: |input| !parts(input).is_empty(),
    read,
};

/// The parts in the order of their names: `gen.tar.gz.aa`, `.ab`, … or `.00`, `.01`, …
fn parts(input: &Input) -> Vec<&str> {
    let part = |name: &str| {
        let base = name.rsplit('/').next().unwrap_or(name);
        base.starts_with("gen.tar.gz.") || base == "gen.tar.gz" || base == "gen.tgz"
    };
    input.files().iter().map(|(name, _)| name.as_str()).filter(|name| part(name)).collect()
}

fn read(input: &Input, out: &mut Out) -> Flow {
    let mut join = Join::new(out)?;
    let loose = input.named("gen.json");
    for name in &loose {
        json_array::rows(input, name, out, &mut |out, key, row| {
            let draft = out.draft_of(key, &row)?;
            join.add(out, draft, image_of(&row))
        })?;
    }
    if loose.is_empty() {
        walk(input, out, &mut |out, member| {
            if member.path.rsplit('/').next() != Some("gen.json") {
                return Ok(());
            }
            let name = member.path.clone();
            json_array::rows_of(member.stream(), &name, out, &mut |out, key, row| {
                let draft = out.draft_of(key, &row)?;
                join.add(out, draft, image_of(&row))
            })
        })?;
    }
    if !out.wants_images() {
        return Ok(());
    }
    join.seal();
    walk(input, out, &mut |out, member| {
        let Some(at) = member.path.find("gen/") else { return Ok(()) };
        let name = stem(&member.path[at..]).to_owned();
        let place = member.path.clone();
        join.meet(out, &place, &name, member)
    })?;
    join.finish(out)
}

/// `gen/0` of `gen/0.png` or of a longer path that ends so.
fn image_of(row: &serde_json::Value) -> &str {
    let path = row.get("output_image").and_then(|v| v.as_str()).unwrap_or_default();
    stem(path.find("gen/").map_or(path, |at| &path[at..]))
}

fn walk(
    input: &Input,
    out: &mut Out,
    each: &mut dyn FnMut(&mut Out, &mut super::tars::Member) -> Flow,
) -> Flow {
    match input.open_parts(&parts(input)) {
        Ok(stream) => members_of(stream, "gen.tar.gz", out, each),
        Err(e) => out.bad("gen.tar.gz", BadKind::DamagedArchive, &e.to_string(), false),
    }
}
