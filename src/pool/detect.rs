//! What a path is taken for.

use crate::diag::did_you_mean;
use crate::pool::PoolError;
use crate::pool::content::{HEAD, as_utf8, foreign, unlike_prompts};
use crate::pool::input::{Input, bare};
use crate::pool::readers::{READERS, Reader};
use futures::StreamExt;
use std::sync::Arc;

/// A path's format, and why it was taken for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The reader's name.
    pub format: &'static str,
    /// One line of docs.
    pub about: &'static str,
    /// Files at the path, and their bytes.
    pub files: usize,
    pub bytes: u64,
}

/// Says what `uri` would be read as, or with `format`, that it is known.
pub async fn detect(uri: &str, format: Option<&str>) -> Result<Detected, PoolError> {
    let (input, reader) = find(uri, format).await?;
    Ok(Detected {
        format: reader.name,
        about: reader.about,
        files: input.files().len(),
        bytes: input.files().iter().map(|(_, size)| size).sum(),
    })
}

pub(super) async fn find(
    uri: &str,
    format: Option<&str>,
) -> Result<(Input, &'static Reader), PoolError> {
    let input = Input::resolve(uri).await?;
    let unknown = |what: String| PoolError::Unknown { uri: uri.to_owned(), what };
    if let Some(format) = format {
        let reader = READERS.iter().find(|r| r.name == format).ok_or_else(|| {
            let names: Vec<&str> = READERS.iter().map(|r| r.name).collect();
            let near = did_you_mean(format, names.iter().copied())
                .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            unknown(format!("there is no format `{format}`{near} (known: {})", names.join(", ")))
        })?;
        let input = Arc::new(input);
        return match unfit(&input, Some(reader), false).await? {
            Some(what) => Err(unknown(what)),
            None => Ok((Arc::unwrap_or_clone(input), reader)),
        };
    }
    // Looking into files blocks, and a bucket's file is fetched by the runtime itself.
    let looked = tokio::task::spawn_blocking(move || {
        let reader = READERS.iter().find(|r| (r.claims)(&input));
        (input, reader)
    });
    let (input, reader) = looked.await.map_err(|_| PoolError::Lost { uri: uri.to_owned() })?;
    let input = Arc::new(input);
    let text = reader.is_some_and(|reader| reader.name == "text");
    if let Some(what) = unfit(&input, reader, text).await? {
        return Err(unknown(what));
    }
    let names: Vec<&str> = READERS.iter().map(|r| r.name).collect();
    let reader = reader.ok_or_else(|| unknown(unread(&input, &names)))?;
    Ok((Arc::unwrap_or_clone(input), reader))
}

/// Heads that are looked at before anything is read. What comes after them is looked at when it is
/// read.
const MOST_HEADS: usize = 10_000;
/// Heads that are fetched at once: of a bucket, each costs a round trip.
const HEADS_AT_ONCE: usize = 32;
/// A text is judged by so much of it.
const TEXT_HEAD: u64 = 64 << 10;

/// Names of data; what else lies in a folder is not looked into.
const DATA: [&str; 11] = [
    ".txt",
    ".json",
    ".jsonl",
    ".ndjson",
    ".jsonlines",
    ".csv",
    ".tsv",
    ".parquet",
    ".tar",
    ".tgz",
    ".arrow",
];

/// Formats of text: another's files are packed, whatever they are called.
const TEXTS: [&str; 6] = ["text", "jsonl", "json", "csv", "unigenbench", "partiprompts"];

/// Why a file of `input` is none that `reader` could read, by its name. `text`: each line would be a
/// prompt, though nobody has said so.
async fn unfit(
    input: &Arc<Input>,
    reader: Option<&'static Reader>,
    text: bool,
) -> Result<Option<String>, PoolError> {
    let packs = input.single && reader.is_some_and(|reader| !TEXTS.contains(&reader.name));
    let data = |name: &str| input.single || DATA.iter().any(|e| bare(name).ends_with(e));
    let names = input.files().iter().map(|(name, _)| name).filter(|name| data(name));
    let names: Vec<String> = names.take(MOST_HEADS).cloned().collect();
    let folder = input.clone();
    let looks = names.into_iter().map(move |name| {
        let input = folder.clone();
        // Looking into files blocks, and a bucket's file is fetched by the runtime itself.
        tokio::task::spawn_blocking(move || unlike(&input, &name, packs, text))
    });
    let mut looks = futures::stream::iter(looks).buffered(HEADS_AT_ONCE);
    while let Some(looked) = looks.next().await {
        let looked = looked.map_err(|_| PoolError::Lost { uri: input.uri.clone() })?;
        if looked.is_some() {
            return Ok(looked);
        }
    }
    Ok(None)
}

/// Why the file `name` is none of prompts.
fn unlike(input: &Input, name: &str, packs: bool, text: bool) -> Option<String> {
    let packed =
        packs || [".parquet", ".tar", ".tgz", ".arrow"].iter().any(|e| bare(name).ends_with(e));
    let is_text = bare(name).ends_with(".txt");
    let len = if text && is_text { TEXT_HEAD } else { HEAD as u64 };
    let head = input.head(name, len);
    let why = foreign(&head, !packed).or_else(|| {
        let whole = (head.len() as u64) < len;
        let head = as_utf8(Box::new(std::io::Cursor::new(head))).ok()?;
        let mut shown = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(head, len), &mut shown).ok()?;
        let shown = String::from_utf8_lossy(&shown);
        if text && is_text { unlike_prompts(name, &shown, whole) } else { None }
    })?;
    Some(if input.single { why } else { format!("`{name}`: {why}") })
}

/// What is there where no format was found.
fn unread(input: &Input, formats: &[&str]) -> String {
    let mut endings: Vec<String> = Vec::new();
    for (name, _) in input.files() {
        let base = name.rsplit('/').next().unwrap_or(name);
        let ending = base.rsplit_once('.').map_or("no ending".to_owned(), |(_, e)| format!(".{e}"));
        if !endings.contains(&ending) && endings.len() < 6 {
            endings.push(ending);
        }
    }
    let there = endings.join(", ");
    let list = formats.join(", ");
    format!(
        "its format is not recognised: its files are named {there}; write them as JSON lines or Parquet, or \
         name what they are with `--read-as` or `format = …` ({list})"
    )
}
