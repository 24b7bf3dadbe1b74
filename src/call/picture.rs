//! A server's bytes as a picture: its type by content, its size bounded before and its pixels
//! decoded once, so that nothing that is not an image is ever journaled.
//!
//! Not here: pixels' meaning (`sim`, stages). The one idea: trust neither the server's
//! content type nor its headers; bound the pixels first, then decode all of them.

use crate::record::{Digest, ImageRef, Mime};
use bytes::Bytes;
use std::io::Cursor;

/// More than this is not decoded: 64 megapixels (8k x 8k).
pub const MAX_PIXELS: u64 = 64 << 20;

/// Bytes at a JPEG's end in which its last marker must stand.
const JPEG_TAIL: usize = 1 << 10;

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    #[error("{0}")]
    NotAnImage(String),
    #[error("the image is {width}x{height}, more than {MAX_PIXELS} pixels")]
    TooLarge { width: u64, height: u64 },
    #[error("the image does not decode: {0}")]
    Damaged(String),
}

/// The type that the first bytes show.
pub fn sniff(bytes: &[u8]) -> Option<Mime> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Mime::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Mime::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Mime::Webp),
        _ => None,
    }
}

/// Decodes all of `bytes` (CPU-bound, milliseconds per megapixel) and says what they are.
pub fn check(bytes: &[u8]) -> Result<ImageRef, PictureError> {
    let Some(mime) = sniff(bytes) else {
        let head = crate::call::http::excerpt(&String::from_utf8_lossy(bytes), 60);
        return Err(PictureError::NotAnImage(format!("not a PNG, JPEG or WebP: `{head}`")));
    };
    let (width, height) = match mime {
        Mime::Png => png(bytes),
        Mime::Jpeg => jpeg(bytes),
        Mime::Webp => webp(bytes),
    }?;
    Ok(ImageRef { digest: Digest::of(bytes), mime, width, height, bytes: bytes.len() as u64 })
}

/// `bytes` without what a PNG says beside its pixels. ComfyUI and others write prompt, seed and
/// workflow there: two draws of one picture would seem to be two, and the notes would go out with
/// the dataset. `Software` stays, by which the simulated world marks its pictures.
pub fn without_notes(bytes: Bytes) -> Bytes {
    const SIGNATURE: usize = 8;
    if sniff(&bytes) != Some(Mime::Png) {
        return bytes;
    }
    let mut kept = Vec::new();
    let (mut from, mut at) = (0, SIGNATURE);
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        // Length, type, data, checksum.
        let end = at.saturating_add(length).saturating_add(12).min(bytes.len());
        let note = matches!(&head[4..], b"tEXt" | b"zTXt" | b"iTXt" | b"eXIf" | b"tIME");
        if note && !bytes[at + 8..end].starts_with(b"Software\0") {
            kept.extend_from_slice(&bytes[from..at]);
            from = end;
        }
        at = end;
    }
    if from == 0 {
        return bytes;
    }
    kept.extend_from_slice(&bytes[from..]);
    kept.into()
}

fn damaged(error: impl std::fmt::Display) -> PictureError {
    PictureError::Damaged(error.to_string())
}

fn bounded(width: u64, height: u64) -> Result<(), PictureError> {
    match width.checked_mul(height) {
        Some(pixels) if pixels > 0 && pixels <= MAX_PIXELS => Ok(()),
        Some(0) => Err(PictureError::Damaged("it has no pixels".to_owned())),
        _ => Err(PictureError::TooLarge { width, height }),
    }
}

fn png(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = (reader.info().width, reader.info().height);
    bounded(width.into(), height.into())?;
    // Row by row: the pixels are looked at, not kept.
    while reader.next_row().map_err(damaged)?.is_some() {}
    Ok((width, height))
}

fn jpeg(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(bytes));
    decoder.decode_headers().map_err(|e| damaged(format!("{e:?}")))?;
    let info = decoder.info().ok_or_else(|| damaged("no header"))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    bounded(width.into(), height.into())?;
    decoder.decode().map_err(|e| damaged(format!("{e:?}")))?;
    // The decoder greys out what is missing. A whole picture ends with the marker of its end, and
    // little after it.
    let tail = &bytes[bytes.len().saturating_sub(JPEG_TAIL)..];
    match tail.windows(2).any(|pair| pair == [0xff, 0xd9]) {
        true => Ok((width, height)),
        false => Err(damaged("it is cut off")),
    }
}

fn webp(bytes: &[u8]) -> Result<(u32, u32), PictureError> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    bounded(width.into(), height.into())?;
    let size = decoder.output_buffer_size().ok_or_else(|| damaged("no size"))?;
    decoder.read_image(&mut vec![0; size]).map_err(damaged)?;
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use super::{PictureError, check, without_notes};
    use crate::record::Mime;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(&vec![9; (width * height * 3) as usize]).expect("pixels");
        drop(writer);
        out
    }

    #[test]
    fn a_whole_png_is_taken_and_a_cut_one_is_not() {
        let whole = png(8, 4);
        let image = check(&whole).expect("a picture");
        assert_eq!((image.mime, image.width, image.height), (Mime::Png, 8, 4));
        assert!(matches!(check(&whole[..whole.len() / 2]), Err(PictureError::Damaged(_))));
    }

    #[test]
    fn what_a_png_says_beside_its_pixels_is_left_out() {
        let drawn = |notes: &[(&str, &str)]| -> bytes::Bytes {
            let mut out = Vec::new();
            let mut encoder = png::Encoder::new(&mut out, 2, 2);
            encoder.set_color(png::ColorType::Rgb);
            for (name, note) in notes {
                encoder.add_text_chunk((*name).to_owned(), (*note).to_owned()).expect("a note");
            }
            let mut writer = encoder.write_header().expect("a header");
            writer.write_image_data(&[7; 12]).expect("pixels");
            writer.finish().expect("an end");
            out.into()
        };
        let plain = drawn(&[]);
        assert_eq!(without_notes(plain.clone()), plain);
        let noted = drawn(&[("prompt", "{\"seed\": 5}"), ("workflow", "{}")]);
        assert_ne!(noted, plain);
        assert_eq!(without_notes(noted), plain);
        let marked = drawn(&[("Software", "simulated")]);
        assert_eq!(without_notes(marked.clone()), marked);
        for length in 0..plain.len() {
            let cut = plain.slice(..length);
            assert_eq!(without_notes(cut.clone()), cut, "a damaged one is left as it is");
        }
    }

    /// 16 x 16 grey, baseline.
    const JPEG: &str = concat!(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxO",
        "QERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/wAALCAAQABABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAEC",
        "AwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAk",
        "M2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJ",
        "ipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3",
        "+Pn6/9oACAEBAAA/AI6KKK//2Q==",
    );

    #[test]
    fn a_cut_jpeg_is_refused() {
        let whole = base64_simd::STANDARD.decode_to_vec(JPEG).expect("base64");
        let image = check(&whole).expect("a picture");
        assert_eq!((image.mime, image.width, image.height), (Mime::Jpeg, 16, 16));
        assert!(check(&whole[..whole.len() - 12]).is_err());
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        let mut bomb = png(8, 4);
        bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        // The header's checksum is wrong as well, so either answer is a refusal before decoding.
        assert!(check(&bomb).is_err());
        assert!(matches!(check(b"<html>busy</html>"), Err(PictureError::NotAnImage(_))));
    }
}
