//! A row between a reader and `Out`: what a format found, before what every format is checked for.

use crate::record::Spec;
use bytes::Bytes;

/// A row as a reader has it, before the shared checks.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Draft {
    /// Relative to the source: `file.jsonl#17`.
    pub key: String,
    pub text: Option<String>,
    /// Without a text: what was there instead, for the message.
    pub unread: Option<String>,
    /// The source's own category.
    pub category: Option<String>,
    pub licence: Option<String>,
    pub spec: Option<Spec>,
    pub gloss: Option<String>,
    /// What the row does without; see `Out::lost`.
    pub losses: Vec<String>,
    /// None: the source has none for it. `Err`: named, but not there; says where it was looked for.
    /// Not kept where a row waits in a scratch file for its image.
    #[serde(skip)]
    pub image: Option<Result<Bytes, String>>,
}
