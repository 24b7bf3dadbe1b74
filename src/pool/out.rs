//! Where readers put what they find: the checks that every format shares, and the channel.

use crate::pool::image::check;
use crate::pool::{
    Bad, BadKind, Ending, Fields, Images, Item, OnBad, Options, PoolError, RawPrompt, Reference,
};
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
    /// What the row does without; see `Out::lost`.
    pub losses: Vec<String>,
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
    /// (our field, theirs, rows): a handful.
    fields: Vec<(&'static str, String, u64)>,
    hushed: bool,
    failed: bool,
}

/// Tags of the trajectory's grammar, which may not come in by a prompt (sources.md, rule 4).
const GRAMMAR: [&str; 15] = [
    "<image>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<judge>",
    "</judge>",
    "<answer>",
    "</answer>",
    "<video>",
    "<audio>",
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
        let uri = uri.trim_end_matches('/').to_owned();
        Out {
            sender,
            options,
            name,
            uri,
            yielded: 0,
            fields: Vec::new(),
            hushed: false,
            failed: false,
        }
    }

    /// Whether images should be read at all.
    pub fn wants_images(&self) -> bool {
        self.options.images != Images::Skip
    }

    /// Notes where the source has a field of ours.
    pub fn mapped(&mut self, ours: &'static str, theirs: &str) {
        match self.fields.iter_mut().find(|(o, t, _)| *o == ours && t == theirs) {
            Some((_, _, rows)) => *rows += 1,
            None => self.fields.push((ours, theirs.to_owned(), 1)),
        }
    }

    /// The source has been walked, as far as was wanted; `unread` are files that were left alone. An
    /// error stays the last item.
    pub(super) fn end(mut self, unread: Vec<&str>) {
        if self.failed {
            return;
        }
        let mut fields = std::mem::take(&mut self.fields);
        let place = |ours: &str| Fields::NAMES.iter().position(|name| *name == ours);
        fields.sort_by_key(|(ours, _, rows)| (place(ours), std::cmp::Reverse(*rows)));
        let unread_names = unread.iter().take(5).map(|name| clean(name)).collect();
        let unread = unread.len() as u64;
        // A consumer that is gone needs no ending.
        let _ = self.send(Ok(Item::End(Box::new(Ending { fields, unread, unread_names }))));
    }

    /// What was noted of a field does not count: the reader knows it from elsewhere.
    pub fn forget(&mut self, ours: &'static str) {
        self.fields.retain(|(o, _, _)| *o != ours);
    }

    fn taken<T>(&mut self, ours: &'static str, found: Option<(&str, T)>) -> Option<T> {
        let (theirs, value) = found?;
        self.mapped(ours, theirs);
        Some(value)
    }

    /// A row of a table of JSON objects, by the field map. The image is the reader's business.
    pub fn draft_of(&mut self, key: String, row: &Value) -> Result<Draft, Halt> {
        let fields = &self.options.fields;
        let (spec, wrong) = match fields.spec_of(row) {
            Ok(spec) => (self.taken("spec", spec), None),
            Err(why) => (None, Some(why)),
        };
        let own_category = self.options.category.is_none();
        let mut draft = Draft {
            text: self.taken("prompt", fields.prompt_of(row)),
            category: self.taken("category", fields.category_of(row).filter(|_| own_category)),
            licence: self.taken("licence", fields.licence_of(row)),
            gloss: self.taken("gloss", fields.gloss_of(row)),
            spec,
            key,
            ..Draft::default()
        };
        if let Some(why) = wrong {
            self.lost(&mut draft, BadKind::Field, &why)?;
        }
        Ok(draft)
    }

    /// Counts something that the row goes on without.
    pub fn lost(&mut self, draft: &mut Draft, kind: BadKind, what: &str) -> Flow {
        draft.losses.push(format!("{}: {}", kind.as_str(), clean(what)));
        self.bad(&draft.key, kind, what, true)
    }

    /// Checks a row and sends it on.
    pub fn row(&mut self, mut draft: Draft) -> Flow {
        let Some(text) = self.text(&draft)? else { return Ok(()) };
        let reference = self.picture(&mut draft)?;
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
            losses: draft.losses,
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

    fn picture(&mut self, draft: &mut Draft) -> Result<Option<Reference>, Halt> {
        let (kind, why) = match &draft.image {
            _ if !self.wants_images() => return Ok(None),
            Picture::None => return Ok(None),
            Picture::Missing(wanted) => {
                (BadKind::MissingImage, format!("its image `{wanted}` is not there"))
            }
            Picture::Bytes(bytes) => match check(bytes, self.options.verify) {
                Ok(image) => return Ok(Some(Reference { bytes: bytes.clone(), image })),
                Err(error) => (BadKind::DamagedImage, error.to_string()),
            },
        };
        match self.options.images {
            Images::Require => self.bad(&draft.key, kind, &why, false)?,
            Images::Load | Images::Skip => self.lost(draft, kind, &why)?,
        }
        Ok(None)
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

    /// While on, what cannot be used is not counted: for what is walked again.
    pub fn hush(&mut self, on: bool) {
        self.hushed = on;
    }

    /// Counts something that cannot be used; `place` is relative to the source.
    pub fn bad(&mut self, place: &str, kind: BadKind, detail: &str, row_kept: bool) -> Flow {
        if self.hushed {
            return Ok(());
        }
        let detail: String = clean(detail).chars().take(300).collect();
        let place = clean(place);
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

    fn send(&mut self, item: Result<Item, PoolError>) -> Flow {
        self.failed |= item.is_err();
        self.sender.blocking_send(item).map_err(|_| Halt)
    }
}

/// Names and messages hold what a foreign archive says; a terminal must not obey it.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
