//! Where readers put what they find: the checks that every format shares, and the channel.
//!
//! Images are looked at by `image`, on other threads. What a reader says goes out in its order and
//! counts only when it goes out, so that nothing shows of who checked it.

use crate::env::ahead::{Bounds, OrderedBuffer, Sender};
use crate::media::{Taken, Verify};
use crate::pool::draft::Draft;
use crate::pool::fields;
use crate::pool::image::{Checked, take};
use crate::pool::prompt::prompt;
use crate::pool::{
    Bad, BadKind, Ending, Fields, Images, OnBad, PoolError, PoolItem, PoolRow, SourceOptions,
};
use crate::record::{Id, Prompt};
use crate::store::Buffers;
use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Handle;

/// Images looked at at once, however many cores there are: a decoded one takes memory.
const AT_ONCE: usize = 8;

/// Items in the line: enough that a thread which is kept waiting does not keep the reading. Bytes are
/// of images.
const LINE: Bounds = Bounds { count: 2 * AT_ONCE, bytes: 16 << 20 };

/// The category of a row whose source names none: its own word, and not the file's name, which says
/// nothing of the prompt.
pub const NO_CATEGORY: &str = "uncategorised";

/// Smaller images are hashed sooner than handed over.
const SMALL: usize = 16 << 10;

/// What a source yields.
pub type Step = Result<PoolItem, PoolError>;

/// What waits in the line, with what was found of a row's image, if it has one.
type Waiting = (PoolItem, Option<Checked>);

/// The reader should return: nobody wants more, or the source is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halt;

/// What a reader's function returns.
pub type Flow = Result<(), Halt>;

/// The reading thread's end of the stream.
pub struct Out<'a> {
    sender: Sender<Step>,
    /// Items on their way out, while the images of some are still looked at.
    line: OrderedBuffer<Waiting>,
    /// Rows in the line.
    waiting: u64,
    /// For images that are read whole.
    pub buffers: Buffers,
    pub options: &'a SourceOptions,
    /// The source's name.
    name: std::borrow::Cow<'a, str>,
    /// As the user gave it; opens every place.
    uri: String,
    yielded: u64,
    /// (our field, theirs, rows): a handful.
    fields: Vec<(&'static str, String, u64)>,
    hushed: bool,
    failed: bool,
}

impl<'a> Out<'a> {
    pub(super) fn new(
        sender: Sender<Step>,
        options: &'a SourceOptions,
        name: &'a str,
        uri: &str,
    ) -> Out<'a> {
        let uri = uri.trim_end_matches('/').to_owned();
        Out {
            sender,
            line: OrderedBuffer::new(&Handle::current(), AT_ONCE, LINE),
            waiting: 0,
            buffers: Buffers::default(),
            options,
            name: name.into(),
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

    /// What this source's rows are known by, whatever the user calls it.
    pub fn rename(&mut self, name: &str) {
        self.name = name.to_owned().into();
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
        // Nobody listens, or a row was fatal: nothing comes after that.
        if self.settle().is_err() {
            return;
        }
        let mut fields = std::mem::take(&mut self.fields);
        let place = |ours: &str| Fields::NAMES.iter().position(|name| *name == ours);
        fields.sort_by_key(|(ours, _, rows)| (place(ours), std::cmp::Reverse(*rows)));
        let unread_names = unread.iter().take(5).map(|name| clean(name)).collect();
        let unread = unread.len() as u64;
        // A consumer that is gone needs no ending.
        let _ = self.send(Ok(PoolItem::End(Box::new(Ending { fields, unread, unread_names }))));
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
        let (text, unread) = match fields.prompt_of(row) {
            Ok(Some(found)) => (self.taken("prompt", Some(found)), None),
            Ok(None) => (None, fields::found_in(row)),
            Err(why) => (None, Some(why)),
        };
        let mut draft = Draft {
            text,
            unread,
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
        draft.losses.push(loss(kind, what));
        self.bad(&draft.key, kind, what, true)
    }

    /// Checks a row and sends it on, once its image has been looked at.
    pub fn row(&mut self, mut draft: Draft) -> Flow {
        let text = match prompt(draft.text.as_deref(), draft.unread.as_deref(), self.options) {
            Ok(text) => text,
            Err((kind, why)) => return self.bad(&draft.key, kind, &why, false),
        };
        let required = self.options.images == Images::Require;
        let (bytes, why) = match draft.image.take() {
            _ if !self.wants_images() => (None, None),
            Some(Ok(bytes)) => (Some(bytes), None),
            None => (None, required.then(|| "the row has no image".to_owned())),
            Some(Err(at)) => (None, Some(format!("its image `{at}` is not there"))),
        };
        match why {
            Some(why) if required => {
                return self.bad(&draft.key, BadKind::MissingImage, &why, false);
            }
            Some(why) => self.lost(&mut draft, BadKind::MissingImage, &why)?,
            None => {}
        }
        self.line_up(draft, text, bytes)
    }

    /// Gives a row its place in the line.
    fn line_up(&mut self, draft: Draft, text: String, bytes: Option<Bytes>) -> Flow {
        let source = self.name.to_string();
        let prompt = Prompt {
            id: Id::of(&source, &draft.key, &text),
            text,
            category: self.category(draft.category),
            source,
            key: Some(draft.key),
            reference: None,
            spec: draft.spec,
            gloss: draft.gloss.map(|g| g.trim().to_owned()).filter(|g| !g.is_empty()),
            licence: self.options.licence.clone().or(draft.licence),
        };
        let row = PoolRow { prompt, image: None, losses: draft.losses };
        let row = PoolItem::Row(Box::new(row));
        self.waiting += 1;
        let verify = self.options.verify;
        match bytes {
            None => self.line.push_ready((row, None)),
            Some(bytes) if verify == Verify::Header && bytes.len() < SMALL => {
                self.line.push_ready((row, Some(take(&bytes, verify))));
            }
            Some(bytes) => self.line.push(bytes.len(), move || (row, Some(take(&bytes, verify)))),
        }
        // Nothing is read past the last row that is wanted.
        let last = self.options.cap.is_some_and(|cap| self.yielded + self.waiting >= cap);
        if last { self.settle() } else { self.settle_due() }
    }

    /// Sends what is ready or must make room.
    fn settle_due(&mut self) -> Flow {
        while let Some(turn) = self.line.due() {
            self.take_turn(turn)?;
        }
        Ok(())
    }

    /// Sends all that waits; after an error nothing goes out.
    fn settle(&mut self) -> Flow {
        if self.failed {
            return Err(Halt);
        }
        while let Some(turn) = self.line.take() {
            self.take_turn(turn)?;
        }
        Ok(())
    }

    fn take_turn(&mut self, (item, checked): Waiting) -> Flow {
        let mut row = match item {
            PoolItem::Row(row) => row,
            other => return self.send(Ok(other)),
        };
        self.waiting -= 1;
        if let Some(checked) = checked {
            match checked {
                Ok(Taken { bytes, image, .. }) => {
                    row.prompt.reference = Some(image);
                    row.image = Some(bytes);
                }
                Err(error) => {
                    let (kind, why) = (BadKind::DamagedImage, error.to_string());
                    let kept = self.options.images != Images::Require;
                    let place = row.prompt.key.as_deref().unwrap_or_default();
                    self.send_bad(self.told(place, kind, &why, kept))?;
                    if !kept {
                        return Ok(());
                    }
                    row.losses.push(loss(kind, &why));
                }
            }
        }
        self.send(Ok(PoolItem::Row(row)))?;
        self.yielded += 1;
        if self.options.cap.is_some_and(|cap| self.yielded >= cap) { Err(Halt) } else { Ok(()) }
    }

    fn category(&self, own: Option<String>) -> String {
        if let Some(fixed) = &self.options.category {
            return fixed.clone();
        }
        let own = own.map(|c| c.trim().to_owned()).filter(|c| !c.is_empty());
        let map = &self.options.categories;
        let mapped = own.as_ref().and_then(|c| map.get(c)).or_else(|| map.get("*")).cloned();
        mapped.or(own).unwrap_or_else(|| NO_CATEGORY.to_owned())
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
        let bad = self.told(place, kind, detail, row_kept);
        if self.options.on_bad == OnBad::Stop {
            self.settle()?;
            return self.send_bad(bad);
        }
        self.line.push_ready((PoolItem::Bad(bad), None));
        self.settle_due()
    }

    fn told(&self, place: &str, kind: BadKind, detail: &str, row_kept: bool) -> Bad {
        let detail: String = clean(detail).chars().take(300).collect();
        let place = clean(place);
        let place =
            if place.is_empty() { self.uri.clone() } else { format!("{}: {place}", self.uri) };
        Bad { place, kind, detail, row_kept }
    }

    fn send_bad(&mut self, bad: Bad) -> Flow {
        if self.options.on_bad == OnBad::Stop {
            self.send(Err(PoolError::Bad { place: bad.place, reason: bad.detail }))?;
            return Err(Halt);
        }
        self.send(Ok(PoolItem::Bad(bad)))
    }

    /// Ends the stream with an error that is not one row's; what was read before it comes first.
    pub fn fail(&mut self, error: PoolError) -> Halt {
        if self.settle().is_ok() {
            // A consumer that is gone needs no error.
            let _ = self.send(Err(error));
        }
        Halt
    }

    fn send(&mut self, step: Step) -> Flow {
        self.failed |= step.is_err();
        let bytes = match &step {
            Ok(PoolItem::Row(row)) => row.image.as_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        self.sender.send_blocking(step, bytes).map_err(|_| Halt)
    }
}

/// What a row went without, as it stands in the row.
fn loss(kind: BadKind, what: &str) -> String {
    format!("{}: {}", kind.as_str(), clean(what))
}

/// Names and messages hold what a foreign archive says; a terminal must not obey it.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
