//! WebDataset tars: `{key}.jpg` with `{key}.txt` or `{key}.json`, next to each other.

use super::Reader;
use super::tars::{IMAGES, Sample, samples};
use crate::pool::BadKind;
use crate::pool::draft::Draft;
use crate::pool::input::Input;
use crate::pool::out::{Flow, Out};
use serde_json::Value;

pub const READER: Reader = Reader {
    name: "webdataset",
    about: "tars of image + text or image + JSON samples",
    layout: "*.tar (.gz, .zst, .tgz): {key}.jpg|png|webp + {key}.txt (the prompt) or {key}.json (fields \
             as for `jsonl`); a key ends at the first dot of the file's name",
    claims: |input| !tars(input).is_empty(),
    read: |input, out| {
        for name in input.ending_or_all(&TARS) {
            samples(input, name, out, wanted, &mut |out, sample| row(out, sample, None))?;
        }
        Ok(())
    },
};

const TARS: [&str; 2] = [".tar", ".tgz"];

/// The tar files of a source.
pub fn tars(input: &Input) -> Vec<&str> {
    input.ending(&TARS)
}

/// Whether `row` reads a part of this ending.
pub fn wanted(ending: &str) -> bool {
    ending == "json" || TEXTS.contains(&ending) || IMAGES.contains(&ending)
}

/// The endings of a sample's text.
const TEXTS: [&str; 4] = ["txt", "text", "caption", "prompt.txt"];

/// One sample as a row; its category is `category` or what its JSON says.
pub fn row(out: &mut Out, mut sample: Sample, category: Option<&str>) -> Flow {
    let image = sample.take(&IMAGES);
    let draft = match sample.take(&["json"]) {
        Some(bytes) => match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) => out.draft_of(sample.key.clone(), &value)?,
            Err(e) => return out.bad(&sample.key, BadKind::Syntax, &e.to_string(), false),
        },
        None => Draft { key: sample.key.clone(), ..Draft::default() },
    };
    let own = draft.text.is_none();
    let left = sample.left.take();
    let text = match sample.text(&TEXTS) {
        Ok(text) => draft.text.clone().or(text),
        Err(why) => return out.bad(&sample.key, BadKind::Encoding, &why, false),
    };
    if own && text.is_some() {
        out.mapped("prompt", "{key}.txt");
    }
    if image.is_some() {
        out.mapped("image", "{key}.jpg|png|webp");
    }
    let image = image.ok_or_else(|| format!("{}.jpg", sample.key));
    let category = category.map(str::to_owned).or(draft.category);
    let unread = draft.unread.or(match (left, &image) {
        (Some(left), _) => Some(format!(
            "`{left}` beside it is not read: a key ends at the first dot of a file's name"
        )),
        (None, Ok(_)) => Some(
            "there is a picture of that key, no text near it: sort the tar (`tar --sort=name`)"
                .to_owned(),
        ),
        (None, _) => None,
    });
    out.row(Draft { text, unread, category, image: Some(image), ..draft })
}
