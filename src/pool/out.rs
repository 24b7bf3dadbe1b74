//! Where readers put what they find: the checks that every format shares, and the channel.

use crate::pool::image::check;
use crate::pool::{Bad, BadKind, Images, Item, OnBad, Options, PoolError, RawPrompt, Reference};
use crate::record::Spec;
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

/// The reader should return: nobody wants more, or the source is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halt;

/// What a reader's function returns.
pub type Flow = Result<(), Halt>;

/// A row as a reader has it, before the shared checks.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Draft {
    /// Relative to the source: `file.jsonl#17`.
    pub key: String,
    pub text: Option<String>,
    /// The source's own category.
    pub category: Option<String>,
    pub licence: Option<String>,
    pub spec: Option<Spec>,
    pub gloss: Option<String>,
    /// Not kept where a row waits in a scratch file for its image.
    #[serde(skip)]
    pub image: Picture,
}

/// A row's image.
#[derive(Debug, Clone, Default)]
pub enum Picture {
    /// The source has none for it.
    #[default]
    None,
    Bytes(Bytes),
    /// Named, but not there; the text says where it was looked for.
    Missing(String),
}

/// The reading thread's end of the stream.
pub struct Out<'a> {
    sender: Sender<Result<Item, PoolError>>,
    pub options: &'a Options,
    /// The source's name.
    name: &'a str,
    /// As the user gave it; opens every place.
    uri: String,
    yielded: u64,
}

/// Tags of the trajectory's grammar, which may not come in by a prompt (sources.md, rule 4).
const GRAMMAR: [&str; 11] = [
    "<image>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<judge>",
    "<answer>",
    "<|im_",
    "<|vision_",
];

impl<'a> Out<'a> {
    pub(super) fn new(
        sender: Sender<Result<Item, PoolError>>,
        options: &'a Options,
        name: &'a str,
        uri: &str,
    ) -> Out<'a> {
        Out { sender, options, name, uri: uri.trim_end_matches('/').to_owned(), yielded: 0 }
    }

    /// Whether images should be read at all.
    pub fn wants_images(&self) -> bool {
        self.options.images != Images::Skip
    }

    /// A row of a table of JSON objects, by the field map. The image is the reader's business.
    pub fn draft_of(&mut self, key: String, row: &Value) -> Result<Draft, Halt> {
        let fields = &self.options.fields;
        let spec = match fields.spec_of(row) {
            Ok(spec) => spec,
            Err(why) => {
                self.bad(&key, BadKind::Field, &why, true)?;
                None
            }
        };
        let fields = &self.options.fields;
        Ok(Draft {
            text: fields.prompt_of(row),
            category: fields.category_of(row),
            licence: fields.licence_of(row),
            gloss: fields.gloss_of(row),
            spec,
            image: Picture::None,
            key,
        })
    }

    /// Checks a row and sends it on.
    pub fn row(&mut self, draft: Draft) -> Flow {
        let Some(text) = self.text(&draft)? else { return Ok(()) };
        let reference = self.picture(&draft)?;
        if self.options.images == Images::Require && reference.is_none() {
            if matches!(draft.image, Picture::None) {
                self.bad(&draft.key, BadKind::MissingImage, "the row has no image", false)?;
            }
            return Ok(());
        }
        let row = RawPrompt {
            text,
            category: self.category(draft.category),
            source: self.name.to_owned(),
            licence: self.options.licence.clone().or(draft.licence),
            spec: draft.spec,
            gloss: draft.gloss.map(|g| g.trim().to_owned()).filter(|g| !g.is_empty()),
            reference,
            key: draft.key,
        };
        self.send(Ok(Item::Row(Box::new(row))))?;
        self.yielded += 1;
        if self.options.cap.is_some_and(|cap| self.yielded >= cap) { Err(Halt) } else { Ok(()) }
    }

    fn text(&mut self, draft: &Draft) -> Result<Option<String>, Halt> {
        let text = draft.text.as_deref().unwrap_or("").trim();
        if text.is_empty() {
            let names = self.options.fields.prompt_names().join("`, `");
            let why = format!("the row has no prompt (looked for `{names}`)");
            self.bad(&draft.key, BadKind::NoPrompt, &why, false)?;
            return Ok(None);
        }
        let length = text.chars().count();
        if length > self.options.max_chars {
            let why = format!("{length} characters; at most {} are taken", self.options.max_chars);
            self.bad(&draft.key, BadKind::PromptTooLong, &why, false)?;
            return Ok(None);
        }
        let lower = text.to_lowercase();
        if let Some(tag) = GRAMMAR.iter().find(|tag| lower.contains(*tag)) {
            let why = format!("the prompt holds `{tag}`, which trajectories are written with");
            self.bad(&draft.key, BadKind::GrammarTag, &why, false)?;
            return Ok(None);
        }
        Ok(Some(text.to_owned()))
    }

    fn picture(&mut self, draft: &Draft) -> Result<Option<Reference>, Halt> {
        let kept = self.options.images != Images::Require;
        match &draft.image {
            _ if !self.wants_images() => Ok(None),
            Picture::None => Ok(None),
            Picture::Missing(wanted) => {
                let why = format!("its image `{wanted}` is not there");
                self.bad(&draft.key, BadKind::MissingImage, &why, kept)?;
                Ok(None)
            }
            Picture::Bytes(bytes) => match check(bytes, self.options.verify) {
                Ok(image) => Ok(Some(Reference { bytes: bytes.clone(), image })),
                Err(error) => {
                    self.bad(&draft.key, BadKind::DamagedImage, &error.to_string(), kept)?;
                    Ok(None)
                }
            },
        }
    }

    fn category(&self, own: Option<String>) -> String {
        if let Some(fixed) = &self.options.category {
            return fixed.clone();
        }
        let own = own.map(|c| c.trim().to_owned()).filter(|c| !c.is_empty());
        let map = &self.options.categories;
        let mapped = own.as_ref().and_then(|c| map.get(c)).or_else(|| map.get("*")).cloned();
        mapped.or(own).unwrap_or_else(|| self.name.to_owned())
    }

    /// Counts something that cannot be used; `place` is relative to the source.
    pub fn bad(&mut self, place: &str, kind: BadKind, detail: &str, row_kept: bool) -> Flow {
        let detail: String = detail.chars().take(300).collect();
        let place =
            if place.is_empty() { self.uri.clone() } else { format!("{}: {place}", self.uri) };
        if self.options.on_bad == OnBad::Stop {
            self.send(Err(PoolError::Bad { place, reason: detail }))?;
            return Err(Halt);
        }
        self.send(Ok(Item::Bad(Bad { place, kind, detail, row_kept })))
    }

    /// Ends the stream with an error that is not one row's.
    pub fn fail(&mut self, error: PoolError) -> Halt {
        // A consumer that is gone needs no error.
        let _ = self.send(Err(error));
        Halt
    }

    /// True once the consumer has enough.
    pub fn is_over(&self) -> bool {
        self.options.cap.is_some_and(|cap| self.yielded >= cap) || self.sender.is_closed()
    }

    fn send(&mut self, item: Result<Item, PoolError>) -> Flow {
        self.sender.blocking_send(item).map_err(|_| Halt)
    }
}
