//! The trainers' forms, one file each: the files a trainer's own loader accepts with no edit.
//!
//! A form is two functions that mirror each other, an example into rows and a row back into turns, so
//! that `verify` proves of every form what was proved of the conversation. Which examples go in is up to
//! `screen` and `split`; where the files lie, to `deliver::export`.

mod atif;
mod hf;
mod jsonl;
mod llamafactory;
mod llamafactory_pairs;
mod ms_swift;
mod ms_swift_rl;
mod table;
mod trl;
mod trl_pairs;
mod trl_rl;
mod universal;
mod verl_rl;
mod verl_sft;

pub use llamafactory::DATASET_INFO;

use crate::export::conversation::{Dialect, Speaker, Turn};
use crate::export::dataset::DatasetError;
use crate::export::split;
use crate::record::{Digest, ImageRef, Trajectory};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

/// A form: its name, its documentation, and how it is written and read back.
pub struct Form {
    /// As `--format` takes it.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// What is written, who reads it, and what to mind.
    pub docs: &'static str,
    pub dialects: &'static [Dialect],
    /// Whether its rows hold the judge's rules (ground truth, never shown to the trained model).
    pub takes_rules: bool,
    pub container: Container,
    /// The files it writes beside rows and images, when it has all that they need.
    pub beside: &'static [&'static str],
    /// Where the rows hold the prompt alone: the most tokens it may have.
    pub prompt_tokens: Option<u32>,
    /// It takes preference pairs, and nothing else.
    pub pairs: bool,
    /// Begins an export.
    pub start: fn(&Settings) -> Result<Box<dyn Writer>, DatasetError>,
    /// A row of the container as turns; `what` is odd when it is not a row of this form.
    pub back: fn(&Value) -> Result<Back, String>,
}

/// Every form, in the order of the help text.
pub const FORMS: &[&Form] = &[
    &llamafactory::FORM,
    &universal::FORM,
    &verl_sft::FORM,
    &verl_rl::FORM,
    &ms_swift::FORM,
    &trl::FORM,
    &llamafactory_pairs::FORM,
    &trl_pairs::FORM,
    &ms_swift_rl::FORM,
    &trl_rl::FORM,
    &hf::FORM,
    &atif::FORM,
];

/// The form of that name.
pub fn find(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name).copied()
}

/// Whether `name` is one that some form writes. Nothing else in a folder is an export's to delete.
pub fn writes(name: &str) -> bool {
    let split = |stem: &str| split::NAMES.contains(&stem);
    match name.split_once('/') {
        None => match name.rsplit_once('.') {
            Some((stem, "jsonl" | "parquet")) => split(stem),
            _ => name == README || FORMS.iter().any(|form| form.beside.contains(&name)),
        },
        Some(("images", rest)) => match rest.split_once('/') {
            Some((short, file)) => {
                let digest = file.split('.').next().unwrap_or_default();
                digest.starts_with(short) && digest.parse::<Digest>().is_ok()
            }
            None => false,
        },
        Some((stem, rest)) if split(stem) => atif::is_document(rest),
        Some(("data", rest)) => {
            let number = rest.strip_suffix(".parquet").and_then(|stem| stem.split_once('-'));
            number.is_some_and(|(stem, n)| split(stem) && n.parse::<u32>().is_ok())
        }
        Some(_) => false,
    }
}

/// What is in the folder, for people: the form's own (`hf`) or `report::readme`.
pub const README: &str = "README.md";

/// What holds the rows of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `<split>.jsonl`, images as files beside it.
    Jsonl,
    /// `<split>.parquet`, images inside.
    Parquet,
    /// `data/<split>-00000.parquet` and on, images inside.
    Shards,
    /// A JSON file a row in folders under `<split>/`, in the order of their names; images as files.
    Documents,
}

/// What a form needs to know beside the examples.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub dialect: Dialect,
    /// Split names, in order; the first is the one that is trained.
    pub splits: Vec<String>,
    /// The cut-off that fits, in tokens; goes into the trainers' configurations.
    pub max_tokens: u32,
    /// The pixels an image is scaled down to.
    pub max_image_pixels: u64,
    /// GPUs that will train; the configurations accumulate accordingly.
    pub gpus: u32,
    /// The judge's rules as `id` and text, where the form takes them.
    pub rules: Vec<(String, String)>,
    /// The dataset's card, for `hf`.
    pub card: Option<String>,
}

/// A trajectory that goes into the export.
pub struct Example<'a> {
    pub trajectory: &'a Trajectory,
    pub turns: &'a [Turn],
    /// The conversation's images.
    pub images: &'a [(Bytes, ImageRef)],
    pub split: &'a str,
}

/// Writes one form.
pub trait Writer: Send {
    /// Adds an example's row and images, and gives the row (without image bytes). None when the
    /// form does not take it (`verl-rl`: its prompt is in already).
    fn push(
        &mut self,
        example: &Example<'_>,
        out: &mut Files,
    ) -> Result<Option<Value>, DatasetError>;

    /// The rest of the data, and the files beside it. `rows` counts by split.
    fn finish(&mut self, rows: &BTreeMap<String, u64>, out: &mut Files)
    -> Result<(), DatasetError>;
}

/// Bytes that belong into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The file's whole content.
    Whole(String, Bytes),
    /// What comes next in a file that grows.
    Next(String, Bytes),
    /// A growing file is done.
    End(String),
}

impl Piece {
    /// Bytes that it brings.
    pub fn len(&self) -> usize {
        match self {
            Piece::Whole(_, bytes) | Piece::Next(_, bytes) => bytes.len(),
            Piece::End(_) => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a form has written since it was last taken away.
#[derive(Debug, Default)]
pub struct Files(Vec<Piece>);

impl Files {
    pub fn whole(&mut self, name: impl Into<String>, bytes: impl Into<Bytes>) {
        self.0.push(Piece::Whole(name.into(), bytes.into()));
    }

    pub fn next(&mut self, name: impl Into<String>, bytes: impl Into<Bytes>) {
        self.0.push(Piece::Next(name.into(), bytes.into()));
    }

    pub fn end(&mut self, name: impl Into<String>) {
        self.0.push(Piece::End(name.into()));
    }

    /// The whole files among what was written, but images.
    pub fn beside(&self) -> impl Iterator<Item = (String, &Bytes)> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Whole(name, bytes) if !name.starts_with("images/") => {
                Some((name.clone(), bytes))
            }
            _ => None,
        })
    }

    pub fn take(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.0)
    }
}

/// A row read back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Back {
    pub id: String,
    /// Speaker and text, images as `<image>`; the observation's speaker may be `User` where the
    /// form does not tell them apart.
    pub turns: Vec<(Speaker, String)>,
    /// Paths of the images, where the row names them (the container's own images count else).
    pub images: Vec<String>,
    /// The prompt alone (`verl-rl`): no model turn is expected.
    pub prompt_only: bool,
}

/// `images/ab/<digest>.png`: an image file's place beside JSON lines.
fn image_file(image: &ImageRef) -> String {
    let name = crate::export::dataset::image_name(image);
    format!("images/{}/{name}", &name[..2])
}

/// The string under `key`, or what is wrong with it.
fn string<'a>(row: &'a Value, key: &str) -> Result<&'a str, String> {
    row.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is not a string"))
}

/// The list under `key`.
fn array<'a>(row: &'a Value, key: &str) -> Result<&'a [Value], String> {
    row.get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("`{key}` is not a list"))
}

/// What a row that holds a prompt alone says under `key`, with its truth, which must be JSON.
fn prompt_back(row: &Value, key: &str, id: &str, truth: &str) -> Result<Back, String> {
    let mut turns = Vec::new();
    for message in array(row, key)? {
        let speaker = match string(message, "role")? {
            "system" => Speaker::System,
            "user" => Speaker::User,
            other => return Err(format!("`{other}` has no place in a prompt")),
        };
        turns.push((speaker, string(message, "content")?.to_string()));
    }
    serde_json::from_str::<Value>(truth).map_err(|e| format!("the truth is no JSON: {e}"))?;
    Ok(Back { id: id.to_owned(), turns, images: Vec::new(), prompt_only: true })
}

/// The Parquet file of each split that has rows, as a Python dictionary.
fn files_of(splits: &[String], rows: &BTreeMap<String, u64>) -> String {
    let filled = splits.iter().filter(|split| rows.get(*split).is_some_and(|n| *n > 0));
    let files: Vec<String> =
        filled.map(|split| format!("\"{split}\": \"{split}.parquet\"")).collect();
    format!("{{{}}}", files.join(", "))
}

#[cfg(test)]
mod tests;
