//! JPEG: segments and scans between `SOI` and `EOI` (ITU-T T.81, annex B).

use crate::media::error::damaged;
use crate::media::{Orientation, Outline, PictureError, Unread};
use crate::record::Mime;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const COM: u8 = 0xfe;

const PROFILE: &[u8] = b"ICC_PROFILE\0";

/// What the notes of a JPEG say, gathered on the way.
#[derive(Default)]
struct Notes {
    by_exif: Option<Orientation>,
    by_xmp: Option<Orientation>,
    /// Number of the piece, and where it lies.
    profile: Vec<(u8, std::ops::Range<usize>)>,
}

/// See `Outline::read`. Stray bytes between segments are passed over, as libjpeg does.
pub fn walk(bytes: &[u8]) -> Result<Outline, PictureError> {
    let mut found = Outline::new(Mime::Jpeg);
    let mut notes = Notes::default();
    found.keep(0..2);
    let mut at = 2;
    let mut drawn = false;
    loop {
        let (marker, start) = marker(bytes, at)?;
        at = start + 2;
        match marker {
            EOI if drawn && found.height > 0 => {
                found.keep(start..at);
                break;
            }
            EOI | SOI => return Err(damaged("the JPEG has no pixels before its end")),
            // Without a length: TEM and stray restarts.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let data = segment(bytes, at)?;
        at += data.len() + 2;
        if marker == SOS {
            drawn = true;
            at = scan_end(bytes, at)?;
        }
        frame(&mut found, marker, data)?;
        if note(&mut notes, marker, data, at) {
            continue;
        }
        found.keep(start..at);
    }
    found.orientation = notes.by_exif.or(notes.by_xmp).unwrap_or(Orientation::UPRIGHT);
    notes.profile.sort_by_key(|(number, _)| *number);
    found.profile = notes.profile.into_iter().map(|(_, part)| part).collect();
    Ok(found)
}

/// The next marker from `at` on, and where its `ff` stands.
fn marker(bytes: &[u8], at: usize) -> Result<(u8, usize), PictureError> {
    for place in memchr::memchr_iter(0xff, &bytes[at..]) {
        match bytes.get(at + place + 1) {
            Some(0 | 0xff) => {}
            Some(&marker) => return Ok((marker, at + place)),
            None => break,
        }
    }
    Err(PictureError::Cut(Mime::Jpeg))
}

/// What a segment holds after its length.
fn segment(bytes: &[u8], at: usize) -> Result<&[u8], PictureError> {
    let cut = PictureError::Cut(Mime::Jpeg);
    let Some(&[high, low]) = bytes.get(at..at + 2) else { return Err(cut) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < 2 {
        return Err(damaged("a segment of the JPEG has no length"));
    }
    bytes.get(at + 2..at + length).ok_or(cut)
}

/// Where the coded pixels that begin at `at` end: at the next marker that is no restart.
fn scan_end(bytes: &[u8], at: usize) -> Result<usize, PictureError> {
    for place in memchr::memchr_iter(0xff, &bytes[at..]) {
        match bytes.get(at + place + 1) {
            Some(0 | 0xff | 0xd0..=0xd7) => {}
            Some(_) => return Ok(at + place),
            None => break,
        }
    }
    Err(PictureError::Cut(Mime::Jpeg))
}

/// Reads a frame's header (SOF).
fn frame(found: &mut Outline, marker: u8, data: &[u8]) -> Result<(), PictureError> {
    if !matches!(marker, 0xc0..=0xcf) || matches!(marker, 0xc4 | 0xc8 | 0xcc) || found.height > 0 {
        return Ok(());
    }
    let &[bits, h1, h2, w1, w2, components, ..] = data else {
        return Err(damaged("the JPEG's header is too short"));
    };
    found.height = u32::from(u16::from_be_bytes([h1, h2]));
    found.width = u32::from(u16::from_be_bytes([w1, w2]));
    found.unread = match marker {
        0xc0..=0xc2 if bits > 8 => Some(Unread::Deep { mime: Mime::Jpeg, bits }),
        0xc0..=0xc2 if components == 4 => Some(Unread::Cmyk),
        0xc0..=0xc2 => None,
        _ => Some(Unread::RareJpeg),
    };
    Ok(())
}

/// Whether a segment is a note, read for what it says of the pixels. Kept are JFIF's header, Adobe's
/// word on the colours, and the colour profile.
fn note(notes: &mut Notes, marker: u8, data: &[u8], end: usize) -> bool {
    match marker {
        APP0 if data.starts_with(b"JFIF\0") => false,
        APP14 if data.starts_with(b"Adobe") => false,
        APP2 if data.starts_with(PROFILE) => {
            let head = PROFILE.len() + 2;
            if let Some(number) = data.get(PROFILE.len()).filter(|_| data.len() >= head) {
                notes.profile.push((*number, end - data.len() + head..end));
            }
            false
        }
        APP1 if data.starts_with(b"Exif\0") => {
            let block = data.get(6..).unwrap_or_default();
            notes.by_exif = notes.by_exif.or(Orientation::of_exif(block));
            true
        }
        APP1 if data.starts_with(b"http://ns.adobe.com/xap/1.0/\0") => {
            notes.by_xmp = notes.by_xmp.or(Orientation::of_xmp(data));
            true
        }
        APP0..=0xef | COM => true,
        _ => false,
    }
}
