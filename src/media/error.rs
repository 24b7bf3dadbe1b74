//! Why bytes are not taken as a picture, in words for the person who has to do something about it.

use crate::media::{Kind, MAX_PIXELS, MAX_RATIO, MIN_SIDE};
use crate::record::Mime;
use std::fmt;

/// Why a picture is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Text, another kind of file, or bytes of no known kind.
    #[error("it is not a PNG, JPEG or WebP picture but {0}")]
    NotAPicture(String),
    /// A picture, of a sort that is not read. The same server will send the same again.
    #[error("{0}")]
    Unread(Unread),
    #[error(
        "its size is {width} x {height}; taken are pictures of at least {MIN_SIDE} pixels a side, \
         at most {MAX_PIXELS} in all, and sides in a ratio of at most {MAX_RATIO}"
    )]
    Bounds { width: u32, height: u32 },
    /// The container breaks off before its end.
    #[error("the {} does not decode: it is cut off, its end is missing", name(*.0))]
    Cut(Mime),
    #[error("it does not decode: {0}")]
    Damaged(String),
}

/// Pictures that are known and not read, since trainers and judges would see different things in
/// them, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// GIF, AVIF, HEIC and others.
    Format(Kind),
    /// More than one frame.
    Animated(Mime),
    /// More than 8 bits a sample; of those that trainers' readers clip rather than scale.
    Deep { mime: Mime, bits: u8 },
    /// A JPEG in print colours.
    Cmyk,
    /// A JPEG coded in a way that few readers know: lossless, hierarchical, arithmetic.
    RareJpeg,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Format(kind) => write!(
                f,
                "it is {}; PNG, JPEG and WebP are read: ask its server for one of these \
                 (`output_format`, or the save node of a workflow), or convert the file",
                kind.name()
            ),
            Unread::Animated(mime) => write!(
                f,
                "it is an animated {}; still pictures are read: ask for a single frame, or save the \
                 first one as a picture of its own",
                name(*mime)
            ),
            Unread::Deep { mime, bits } => write!(
                f,
                "it is a {} of {bits} bits a sample; 8 are read: have it saved with 8, which is what \
                 models see",
                name(*mime)
            ),
            Unread::Cmyk => write!(
                f,
                "it is a JPEG in print colours (CMYK); RGB and grey are read: have it saved as RGB"
            ),
            Unread::RareJpeg => write!(
                f,
                "it is a JPEG of a rare coding (lossless, hierarchical or arithmetic); baseline and \
                 progressive ones are read: have it saved as one of these"
            ),
        }
    }
}

impl From<Unread> for PictureError {
    fn from(unread: Unread) -> PictureError {
        PictureError::Unread(unread)
    }
}

/// What a decoder says of a file, bounded: it may quote the file.
pub(super) fn damaged(what: impl fmt::Display) -> PictureError {
    let what = what.to_string();
    let plain = what.chars().map(|c| if c.is_control() { ' ' } else { c });
    PictureError::Damaged(plain.take(200).collect())
}

fn name(mime: Mime) -> &'static str {
    match mime {
        Mime::Png => "PNG",
        Mime::Jpeg => "JPEG",
        Mime::Webp => "WebP",
    }
}
