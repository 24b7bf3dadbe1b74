//! Plain text: one prompt a line; and UniGenBench's training prompts, which are such a file.

use super::Reader;
use crate::pool::BadKind;
use crate::pool::content::NOT_UTF8;
use crate::pool::draft::Draft;
use crate::pool::input::{Input, Stream, bare};
use crate::pool::lines::{Line, Lines};
use crate::pool::out::{Flow, Out};

pub const READER: Reader = Reader {
    name: "text",
    about: "plain text, one prompt a line",
    layout: "*.txt (.gz, .zst), UTF-8; several files: the category is the file's name",
    claims: |input| !texts(input).is_empty(),
    read: |input, out| lines(input, out, None),
};

pub const UNIGENBENCH: Reader = Reader {
    name: "unigenbench",
    about: "UniGenBench's training prompts, one a line",
    layout: "train_prompt.txt (or unigenbench_train_prompt.txt); CC BY 4.0. Many open with an \
             instruction (`Please draw`), which is kept",
    claims: |input| {
        let whose = |n: &&str| bare(n).ends_with("train_prompt.txt");
        let texts = texts(input);
        !texts.is_empty() && texts.iter().all(whose)
    },
    read: |input, out| lines(input, out, Some("CC BY 4.0")),
};

fn texts(input: &Input) -> Vec<&str> {
    input.ending(&[".txt"])
}

fn lines(input: &Input, out: &mut Out, licence: Option<&str>) -> Flow {
    let names = input.ending_or_all(&[".txt"]);
    for name in &names {
        let category = (names.len() > 1).then(|| crate::pool::open::name_of(name));
        input.with_text(name, out, |stream, out| {
            lines_of(stream, name, out, (category.as_deref(), licence))
        })?;
    }
    Ok(())
}

fn lines_of(
    stream: Stream,
    name: &str,
    out: &mut Out,
    (category, licence): (Option<&str>, Option<&str>),
) -> Flow {
    let mut reader = Lines::new(stream, out.options.max_bytes);
    let key = |number: u64| format!("{name}#{number}");
    loop {
        match reader.next_line() {
            Ok(None) => return Ok(()),
            Ok(Some(Line::Text(_, text))) if text.trim().is_empty() => {}
            Ok(Some(Line::Text(number, text))) => {
                out.mapped("prompt", "the line");
                out.row(Draft {
                    key: key(number),
                    text: Some(text),
                    category: category.map(str::to_owned),
                    licence: licence.map(str::to_owned),
                    ..Draft::default()
                })?
            }
            Ok(Some(Line::Encoding(n))) => out.bad(&key(n), BadKind::Encoding, NOT_UTF8, false)?,
            Ok(Some(Line::TooLong(n))) => {
                out.bad(&key(n), BadKind::TooLarge, "the line is over the bound", false)?;
            }
            Err(e) => return out.bad(name, BadKind::DamagedArchive, &e.to_string(), false),
        }
    }
}
