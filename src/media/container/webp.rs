//! WebP: chunks in a RIFF envelope that says its length (RFC 9649).

use crate::media::error::damaged;
use crate::media::{Orientation, Outline, PictureError, Unread};
use crate::record::Mime;
use bytes::Bytes;
use std::ops::Range;

/// `RIFF`, length, `WEBP`.
const ENVELOPE: usize = 12;

/// Flags of `VP8X`.
const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;
const ANIMATED: u8 = 0x02;

/// See `Outline::read`.
pub fn walk(bytes: &[u8]) -> Result<Outline, PictureError> {
    let mut found = Outline::new(Mime::Webp);
    let end = end(bytes).ok_or(PictureError::Cut(Mime::Webp))?;
    found.keep(0..ENVELOPE);
    let (mut by_exif, mut by_xmp) = (None, None);
    let (mut at, mut drawn, mut size) = (ENVELOPE, false, None);
    while at + 8 <= end {
        let name = &bytes[at..at + 4];
        let data = length(bytes, at + 4).map(|length| at + 8..at + 8 + length);
        let data = data.filter(|data| data.end <= end);
        let data = data.ok_or_else(|| damaged("a chunk of the WebP is longer than its file"))?;
        // A chunk of odd length has a byte after it, which some writers leave out at the end.
        let next = (data.end + data.len() % 2).min(end);
        let held = &bytes[data.clone()];
        match name {
            b"VP8X" => {
                size = size.or(canvas(held));
                if held.first().is_some_and(|flags| flags & ANIMATED != 0) {
                    found.unread = Some(Unread::Animated(Mime::Webp));
                }
            }
            b"VP8 " | b"VP8L" => {
                drawn = true;
                size = size.or(frame(name, held));
            }
            b"ANMF" => {
                drawn = true;
                found.unread = Some(Unread::Animated(Mime::Webp));
            }
            b"ICCP" => found.profile.push(data),
            b"EXIF" => by_exif = by_exif.or(Orientation::of_exif(held)),
            b"XMP " => by_xmp = by_xmp.or(Orientation::of_xmp(held)),
            _ => {}
        }
        if matches!(name, b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" | b"ICCP" | b"ANIM" | b"ANMF") {
            found.keep(at..next);
        }
        at = next;
    }
    let size = size.filter(|_| drawn).ok_or_else(|| damaged("the WebP has no pixels"))?;
    (found.width, found.height) = size;
    found.orientation = by_exif.or(by_xmp).unwrap_or(Orientation::UPRIGHT);
    Ok(found)
}

/// Where the file ends by its envelope; None when it is cut short.
pub fn end(bytes: &[u8]) -> Option<usize> {
    length(bytes, 4)?.checked_add(8).filter(|end| *end <= bytes.len())
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(four) as usize)
}

/// The size that `VP8X` says.
fn canvas(held: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, _, w1, w2, w3, h1, h2, h3, ..] = held else { return None };
    let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
    Some((side(w1, w2, w3), side(h1, h2, h3)))
}

/// The size that a frame says.
fn frame(name: &[u8], held: &[u8]) -> Option<(u32, u32)> {
    match (name, held) {
        (b"VP8L", &[0x2f, a, b, c, d, ..]) => {
            let bits = u32::from_le_bytes([a, b, c, d]);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, w1, w2, h1, h2, ..]) => {
            let side = |a, b| u32::from(u16::from_le_bytes([a, b]) & 0x3fff);
            Some((side(w1, w2), side(h1, h2)))
        }
        _ => None,
    }
}

/// The file made of its `kept` parts alone: with a length and flags that are true of them, and
/// without `VP8X` where nothing is left that needs it, so that it is the file which the same encoder
/// writes without notes.
pub fn rebuilt(bytes: &[u8], kept: &[Range<usize>]) -> Bytes {
    let mut chunks: Vec<(&[u8], &[u8])> = Vec::new();
    for part in kept {
        let mut rest = &bytes[part.start.max(ENVELOPE)..part.end];
        while let Some(length) = length(rest, 4) {
            chunks.push((&rest[..4], &rest[8..8 + length]));
            rest = &rest[(8 + length + length % 2).min(rest.len())..];
        }
    }
    let profile = if chunks.iter().any(|(name, _)| *name == b"ICCP") { PROFILE } else { 0 };
    let plain = needs_no_header(&chunks);
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    for (name, held) in &chunks {
        if *name == b"VP8X" && plain {
            continue;
        }
        out.extend_from_slice(name);
        out.extend_from_slice(&(held.len() as u32).to_le_bytes());
        let at = out.len();
        out.extend_from_slice(held);
        if *name == b"VP8X" && !held.is_empty() {
            out[at] &= profile | ALPHA | ANIMATED;
        }
        out.resize(out.len() + held.len() % 2, 0);
    }
    let length = (out.len() - 8) as u32;
    out[4..8].copy_from_slice(&length.to_le_bytes());
    out.into()
}

/// Whether a picture without `VP8X` has the same size and the same transparency as with it.
fn needs_no_header(chunks: &[(&[u8], &[u8])]) -> bool {
    let held = |name: &[u8]| chunks.iter().find(|(n, _)| *n == name).map(|(_, held)| *held);
    if [b"ICCP", b"ALPH", b"ANMF"].iter().any(|name| held(*name).is_some()) {
        return false;
    }
    let Some(header) = held(b"VP8X") else { return true };
    let alpha = header.first().is_some_and(|flags| flags & ALPHA != 0);
    let (size, own_alpha) = match (held(b"VP8L"), held(b"VP8 ")) {
        (Some(held), _) => (frame(b"VP8L", held), held.get(4).is_some_and(|byte| byte & 0x10 != 0)),
        (None, Some(held)) => (frame(b"VP8 ", held), false),
        (None, None) => return false,
    };
    size == canvas(header) && alpha == own_alpha
}
