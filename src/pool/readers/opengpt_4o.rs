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

/// The parts in the order in which they were cut: `gen.tar.gz.aa`, `.ab`, …, or `.0`, …, `.9`, `.10`.
fn parts(input: &Input) -> Vec<&str> {
    let part = |name: &str| {
        let base = name.rsplit('/').next().unwrap_or(name);
        base.starts_with("gen.tar.gz.") || base == "gen.tar.gz" || base == "gen.tgz"
    };
    let names = input.files().iter().map(|(name, _)| name.as_str());
    let mut parts: Vec<&str> = names.filter(|name| part(name)).collect();
    parts.sort_by_key(|name| (name.len(), *name));
    parts
}

fn read(input: &Input, out: &mut Out) -> Flow {
    let mut join = Join::new(out)?;
    let loose = input.named("gen.json");
    let mut found = !loose.is_empty();
    for name in &loose {
        json_array::rows(input, name, out, &mut |out, key, row| add(&mut join, out, key, &row))?;
    }
    if loose.is_empty() {
        // What else is in the archive, and what is wrong with it, is told on the second walk.
        let twice = out.wants_images();
        out.hush(twice);
        walk(input, out, &mut |out, member| {
            if member.path.rsplit('/').next() != Some("gen.json") {
                return Ok(());
            }
            found = true;
            out.hush(false);
            let name = member.path.clone();
            json_array::rows_of(member.stream(), &name, out, &mut |out, key, row| {
                add(&mut join, out, key, &row)
            })?;
            out.hush(twice);
            Ok(())
        })?;
        out.hush(false);
    }
    if !found {
        out.bad(
            "gen.json",
            BadKind::NoPrompt,
            "it is neither in the archive nor beside it",
            false,
        )?;
    }
    if !out.wants_images() {
        return Ok(());
    }
    join.seal();
    walk(input, out, &mut |out, member| {
        let Some(name) = inside_gen(&member.path).map(str::to_owned) else { return Ok(()) };
        let place = member.path.clone();
        join.meet(out, &place, &name, member)
    })?;
    join.finish(out)
}

fn add(join: &mut Join, out: &mut Out, key: String, row: &serde_json::Value) -> Flow {
    let draft = out.draft_of(key, row)?;
    let path = row.get("output_image").and_then(|v| v.as_str()).unwrap_or_default();
    out.mapped("image", "output_image");
    join.add(out, draft, inside_gen(path).unwrap_or_else(|| stem(path)))
}

/// `gen/0` of `gen/0.png`, or of a longer path that ends so; None outside of `gen/`.
fn inside_gen(path: &str) -> Option<&str> {
    let at = match path.starts_with("gen/") {
        true => 0,
        false => path.find("/gen/")? + 1,
    };
    Some(stem(&path[at..]))
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
