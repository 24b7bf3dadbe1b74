//! PNG: a signature, then chunks until `IEND` (PNG specification, third edition).

use crate::media::error::damaged;
use crate::media::{Orientation, Outline, PictureError, SIMULATED, Unread};
use crate::record::Mime;

const SIGNATURE: usize = 8;

/// Chunks that may be left out by readers and yet say how the pixels look. Others of their sort are
/// notes: text, time, EXIF, signed manifests, frames of an animation.
const LOOKS: [&[u8; 4]; 11] = [
    b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT", b"bKGD",
    b"pHYs",
];

/// Of these, what says which colours the samples stand for.
const COLOURS: [&[u8; 4]; 5] = [b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"];

/// Where the chunks after the header begin.
const AFTER_HEADER: usize = SIGNATURE + 25;

/// `png` with the chunks `colours` after its header.
pub fn with_colours(mut png: Vec<u8>, colours: &[u8]) -> Vec<u8> {
    png.splice(AFTER_HEADER..AFTER_HEADER, colours.iter().copied());
    png
}

/// See `Outline::read`.
pub fn walk(bytes: &[u8]) -> Result<Outline, PictureError> {
    let mut found = Outline::new(Mime::Png);
    let (mut by_exif, mut by_xmp) = (None, None);
    let mut at = SIGNATURE;
    found.keep(0..at);
    loop {
        let (name, data) = chunk(bytes, at)?;
        let end = at + data.len() + 12;
        if at == SIGNATURE {
            header(&mut found, name, data)?;
        }
        match &name {
            b"acTL" if data.get(..4).is_some_and(|frames| frames > [0, 0, 0, 1].as_slice()) => {
                found.unread = Some(Unread::Animated(Mime::Png));
            }
            b"eXIf" => by_exif = by_exif.or(Orientation::of_exif(data)),
            b"iTXt" if data.starts_with(b"XML:com.adobe.xmp\0") => {
                by_xmp = by_xmp.or(Orientation::of_xmp(data));
            }
            _ => {}
        }
        if COLOURS.contains(&&name) {
            found.profile.push(at..end);
        }
        if is_kept(&name, data) {
            found.keep(at..end);
        }
        at = end;
        if &name == b"IEND" {
            found.orientation = by_exif.or(by_xmp).unwrap_or(Orientation::UPRIGHT);
            return Ok(found);
        }
    }
}

/// A chunk that holds pixels.
pub struct Pixels<'a> {
    pub data: &'a [u8],
    /// Of its name and data, as the file says.
    pub crc: u32,
}

/// The chunks of pixels in order, up to the first chunk after them.
pub fn pixels(bytes: &[u8]) -> impl Iterator<Item = Pixels<'_>> {
    let mut at = SIGNATURE;
    let chunks = std::iter::from_fn(move || {
        let (name, data) = chunk(bytes, at).ok()?;
        at += data.len() + 12;
        let crc = bytes[..at].last_chunk().map_or(0, |crc| u32::from_be_bytes(*crc));
        Some((name, Pixels { data, crc }))
    });
    let pixels =
        chunks.skip_while(|(name, _)| name != b"IDAT").take_while(|(name, _)| name == b"IDAT");
    pixels.map(|(_, pixels)| pixels)
}

/// A chunk's name and data; its checksum is there as well.
fn chunk(bytes: &[u8], at: usize) -> Result<([u8; 4], &[u8]), PictureError> {
    let cut = PictureError::Cut(Mime::Png);
    let Some(&[a, b, c, d, ref name @ ..]) = bytes.get(at..at + 8) else { return Err(cut) };
    let name: [u8; 4] = name.try_into().map_err(|_| cut.clone())?;
    let length = u32::from_be_bytes([a, b, c, d]);
    if !name.iter().all(u8::is_ascii_alphabetic) || length > i32::MAX as u32 {
        return Err(damaged("a chunk of the PNG has no name"));
    }
    let data = at + 8..at + 8 + length as usize;
    if bytes.len() < data.end + 4 {
        return Err(cut);
    }
    Ok((name, &bytes[data]))
}

fn header(found: &mut Outline, name: [u8; 4], data: &[u8]) -> Result<(), PictureError> {
    let (b"IHDR", &[w1, w2, w3, w4, h1, h2, h3, h4, depth, _, _, _, _]) = (&name, data) else {
        return Err(damaged("the PNG does not begin with its header"));
    };
    found.width = u32::from_be_bytes([w1, w2, w3, w4]);
    found.height = u32::from_be_bytes([h1, h2, h3, h4]);
    if depth > 8 {
        found.unread = Some(Unread::Deep { mime: Mime::Png, bits: depth });
    }
    Ok(())
}

fn is_kept(name: &[u8; 4], data: &[u8]) -> bool {
    let critical = name[0].is_ascii_uppercase();
    let mark = name == b"tEXt" && data.strip_prefix(b"Software\0") == Some(SIMULATED.as_bytes());
    critical || mark || LOOKS.contains(&name)
}
