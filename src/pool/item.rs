//! What a source yields.

use crate::record::Prompt;
use bytes::Bytes;

/// One step of a source.
#[derive(Debug, Clone, PartialEq)]
pub enum PoolItem {
    Row(Box<PoolRow>),
    Bad(Bad),
    /// The last of a source that was read to its end, or to its cap.
    End(Box<Ending>),
}

/// What a source turned out to be, once it has been walked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// (our field, the name under which the source has it, rows): most rows first.
    pub fields: Vec<(&'static str, String, u64)>,
    /// Files of the folder that were not opened: how many, and the first few names.
    pub unread: u64,
    pub unread_names: Vec<String>,
}

/// A prompt as its source has it, checked: not empty, bounded, without grammar tags.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolRow {
    /// Its `key` is where the row is in its source (`file.jsonl#17`, `shard.tar/member`), stable over
    /// runs; its `reference` is the image below.
    pub prompt: Prompt,
    /// The bytes of the image that came with the prompt, verified.
    pub image: Option<Bytes>,
    /// What the row came without (`missing_image: …`); each was a `PoolItem::Bad` of its own.
    pub losses: Vec<String>,
}

/// Something that a reader could not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// As the user would find it: `pool/shard.tar: 00017.jpg`, `rows.jsonl line 3`.
    pub place: String,
    pub kind: BadKind,
    /// One line for people.
    pub detail: String,
    /// True when the row itself still came (without its image).
    pub row_kept: bool,
}

/// Why, as a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BadKind {
    /// No prompt field, or an empty one.
    NoPrompt,
    /// Longer than `SourceOptions::max_chars`.
    PromptTooLong,
    /// Holds a tag of the trajectory's grammar (`<tool_call>`, `<image>`, …).
    GrammarTag,
    /// Not UTF-8, or not of the format's syntax.
    Syntax,
    Encoding,
    /// A line or member over the bound.
    TooLarge,
    /// A spec or another structured field of the wrong shape; the row came without it.
    Field,
    /// The row names an image that is not there.
    MissingImage,
    /// An image that is not decodable, or out of bounds.
    DamagedImage,
    /// An image that no row names.
    OrphanImage,
    /// A member of an archive that is neither a file nor a folder: a link, a device.
    NotAFile,
    /// An absolute path, or one with `..`.
    UnsafePath,
    /// The archive ends early or is not one.
    DamagedArchive,
}

impl BadKind {
    pub const ALL: [BadKind; 13] = [
        BadKind::NoPrompt,
        BadKind::PromptTooLong,
        BadKind::GrammarTag,
        BadKind::Syntax,
        BadKind::Encoding,
        BadKind::TooLarge,
        BadKind::Field,
        BadKind::MissingImage,
        BadKind::DamagedImage,
        BadKind::OrphanImage,
        BadKind::NotAFile,
        BadKind::UnsafePath,
        BadKind::DamagedArchive,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            BadKind::NoPrompt => "no_prompt",
            BadKind::PromptTooLong => "prompt_too_long",
            BadKind::GrammarTag => "grammar_tag",
            BadKind::Syntax => "syntax",
            BadKind::Encoding => "encoding",
            BadKind::TooLarge => "too_large",
            BadKind::Field => "field",
            BadKind::MissingImage => "missing_image",
            BadKind::DamagedImage => "damaged_image",
            BadKind::OrphanImage => "orphan_image",
            BadKind::NotAFile => "not_a_file",
            BadKind::UnsafePath => "unsafe_path",
            BadKind::DamagedArchive => "damaged_archive",
        }
    }
}
