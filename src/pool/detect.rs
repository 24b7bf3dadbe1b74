//! What a path is taken for.

use crate::diag::did_you_mean;
use crate::pool::PoolError;
use crate::pool::content::{HEAD, as_utf8, foreign, unlike_prompts};
use crate::pool::input::{Input, bare};
use crate::pool::readers::{READERS, Reader};

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
        let looked = tokio::task::spawn_blocking(move || {
            let unfit = unfit(&input, Some(reader), false);
            (input, unfit)
        });
        let (input, unfit) = looked.await.map_err(|_| PoolError::Lost { uri: uri.to_owned() })?;
        return match unfit {
            Some(what) => Err(unknown(what)),
            None => Ok((input, reader)),
        };
    }
    // Looking into files blocks, and a bucket's file is fetched by the runtime itself.
    let looked = tokio::task::spawn_blocking(move || {
        let reader = READERS.iter().find(|r| (r.claims)(&input));
        let unfit = unfit(&input, reader, reader.is_some_and(|reader| reader.name == "text"));
        (input, reader, unfit)
    });
    let (input, reader, unfit) =
        looked.await.map_err(|_| PoolError::Lost { uri: uri.to_owned() })?;
    if let Some(what) = unfit {
        return Err(unknown(what));
    }
    let names: Vec<&str> = READERS.iter().map(|r| r.name).collect();
    let reader = reader.ok_or_else(|| unknown(unread(&input, &names)))?;
    Ok((input, reader))
}

/// Heads that are looked at: of a folder, and of a bucket, where each costs a round trip.
const MOST_HEADS: usize = 10_000;
const MOST_HEADS_REMOTE: usize = 16;
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
fn unfit(input: &Input, reader: Option<&Reader>, text: bool) -> Option<String> {
    let packs = input.single && reader.is_some_and(|reader| !TEXTS.contains(&reader.name));
    let data = |name: &str| input.single || DATA.iter().any(|e| bare(name).ends_with(e));
    let most = if input.is_remote() { MOST_HEADS_REMOTE } else { MOST_HEADS };
    let names = input.files().iter().map(|(name, _)| name.as_str()).filter(|name| data(name));
    names.take(most).find_map(|name| {
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
    })
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
