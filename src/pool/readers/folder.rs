//! A folder of images, each with a text beside it: `cat.png` + `cat.txt` (or `cat.json`).

use super::Reader;
use super::tars::{IMAGES, is_image};
use crate::pool::BadKind;
use crate::pool::content::text_of;
use crate::pool::draft::Draft;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};
use std::collections::BTreeMap;

pub const READER: Reader = Reader {
    name: "folder",
    about: "a folder of images, each with a text file of the same name",
    layout: "{name}.png|jpg|webp + {name}.txt (the prompt) or {name}.json (fields as for `jsonl`); \
             the category is the sub-folder",
    claims,
    read,
};

/// Images with texts of their own names, or images and nothing that could hold rows.
fn claims(input: &Input) -> bool {
    let mut images = input.files().iter().map(|(name, _)| name.as_str()).filter(|n| is_image(n));
    if input.single || images.clone().next().is_none() {
        return false;
    }
    let texts: std::collections::BTreeSet<&str> = input
        .ending(&[".txt", ".json"])
        .iter()
        .filter_map(|n| n.rsplit_once('.'))
        .map(|p| p.0)
        .collect();
    let rows = input.ending(&[".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt"]);
    rows.is_empty()
        || images.any(|n| n.rsplit_once('.').is_some_and(|(stem, _)| texts.contains(stem)))
}

fn read(input: &Input, out: &mut Out) -> Flow {
    // Names only; what is in them is read one by one.
    let mut stems: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
    for (name, _) in input.files() {
        let Some((stem, ending)) = name.rsplit_once('.') else { continue };
        let entry = stems.entry(stem).or_default();
        match ending.to_lowercase().as_str() {
            e if IMAGES.contains(&e) => entry.0 = Some(name),
            "txt" | "json" => entry.1 = Some(name),
            _ => {}
        }
    }
    for (stem, pair) in stems {
        match pair {
            (Some(image), Some(text)) => row(input, out, stem, image, text)?,
            (Some(image), None) => {
                out.bad(image, BadKind::NoPrompt, "there is no text beside this image", false)?;
            }
            (None, _) => {}
        }
    }
    Ok(())
}

fn row(input: &Input, out: &mut Out, stem: &str, image: &str, text: &str) -> Flow {
    let max = out.options.max_bytes;
    let bytes = match input.small_file(text, max) {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(e) => return out.bad(text, BadKind::TooLarge, &e.to_string(), false),
    };
    let mut draft = if text.to_lowercase().ends_with(".json") {
        match serde_json::from_slice(&bytes) {
            Ok(value) => out.draft_of(stem.to_owned(), &value)?,
            Err(e) => return out.bad(text, BadKind::Syntax, &e.to_string(), false),
        }
    } else {
        match text_of(bytes) {
            Some(prompt) => {
                out.mapped("prompt", "{name}.txt");
                Draft { key: stem.to_owned(), text: Some(prompt), ..Draft::default() }
            }
            None => return out.bad(text, BadKind::Encoding, "not UTF-8", false),
        }
    };
    let folder = stem.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    draft.category = draft.category.or(folder);
    if out.wants_images() {
        out.mapped("image", "{name}.png|jpg|webp");
        draft.image = Some(match input.small_file(image, max) {
            Ok(Some(bytes)) => Ok(bytes.into()),
            Ok(None) => Err(image.to_owned()),
            Err(e) => Err(format!("{image} ({e})")),
        });
    }
    out.row(draft)
}
