//! A picture's file as its container shows it, without decoding: size, end, notes, orientation.

use crate::media::container::{jpeg, png, webp};
use crate::media::{Kind, Orientation, PictureError, Unread, bounds, kind};
use crate::record::Mime;
use bytes::Bytes;
use std::ops::Range;

/// See the module's header. Costs one pass over the file's parts, microseconds for most.
#[derive(Debug, Clone)]
pub struct Outline {
    pub mime: Mime,
    /// Pixels, as they are stored: `orientation` may turn them.
    pub width: u32,
    pub height: u32,
    pub orientation: Orientation,
    /// Why the picture is not taken, though its container is whole.
    pub(super) unread: Option<Unread>,
    /// The file's parts that are pixels and what they mean, in order; neighbours are one range.
    pub(super) kept: Vec<Range<usize>>,
    /// What says which colours the samples stand for, in order: pieces of a colour profile, or whole
    /// chunks of a PNG.
    pub(super) profile: Vec<Range<usize>>,
}

impl Outline {
    /// Walks the container to its end. An error when the bytes are no PNG, JPEG or WebP, or not a
    /// whole one. Bytes after the end, size and notes are no errors here.
    pub fn read(bytes: &[u8]) -> Result<Outline, PictureError> {
        match Kind::of(bytes) {
            Some(found) => match found.mime() {
                Some(Mime::Png) => png::walk(bytes),
                Some(Mime::Jpeg) => jpeg::walk(bytes),
                Some(Mime::Webp) => webp::walk(bytes),
                None if found.is_picture() => Err(Unread::Format(found).into()),
                None => Err(PictureError::NotAPicture(found.name().to_owned())),
            },
            None => Err(PictureError::NotAPicture(kind::describe(bytes))),
        }
    }

    pub(super) fn new(mime: Mime) -> Outline {
        Outline {
            mime,
            width: 0,
            height: 0,
            orientation: Orientation::UPRIGHT,
            unread: None,
            kept: Vec::new(),
            profile: Vec::new(),
        }
    }

    pub(super) fn keep(&mut self, part: Range<usize>) {
        match self.kept.last_mut() {
            Some(last) if last.end == part.start => last.end = part.end,
            _ => self.kept.push(part),
        }
    }

    /// Stored pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether a picture like this may be taken.
    pub(super) fn acceptable(&self) -> Result<(), PictureError> {
        match self.unread {
            Some(unread) => Err(unread.into()),
            None => bounds::check(self.width, self.height),
        }
    }

    /// The file without its notes and without what comes after its end; the same bytes, not copied,
    /// where there is neither.
    pub(super) fn without_notes(&self, bytes: &Bytes) -> Bytes {
        match &self.kept[..] {
            // Nothing is cut but what follows the end: the same bytes, also where a WebP is odd.
            [one] if self.mime != Mime::Webp || webp::end(bytes) == Some(one.end) => {
                return bytes.slice(one.clone());
            }
            kept if self.mime == Mime::Webp => return webp::rebuilt(bytes, kept),
            _ => {}
        }
        let parts: Vec<&[u8]> = self.kept.iter().map(|part| &bytes[part.clone()]).collect();
        parts.concat().into()
    }

    /// What `profile` holds, joined.
    pub(super) fn colours(&self, bytes: &[u8]) -> Vec<u8> {
        let parts: Vec<&[u8]> = self.profile.iter().map(|part| &bytes[part.clone()]).collect();
        parts.concat()
    }
}
