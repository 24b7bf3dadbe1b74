//! Is this an image that can be used? Sniffed by content, bounded, and decoded.
//!
//! Not here: storing it. The one idea: a declared name or type counts for nothing.

use crate::record::{Digest, ImageRef, Mime};
use parking_lot::Mutex;
use std::io::Cursor;

/// Largest number of pixels; larger ones are refused before anything is allocated.
pub const MAX_PIXELS: u64 = 64 << 20;
/// Smallest width and height that is worth showing to a model.
pub const MIN_SIDE: u32 = 16;

/// From here on one image is decoded at a time: its pixels are what takes memory.
const LARGE: u64 = 4 << 20;
static LARGE_DECODE: Mutex<()> = Mutex::new(());

/// How far an image is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Type and size from its header, and that its end is there: thousands of images a second.
    Header,
    /// Every pixel decoded.
    #[default]
    Decode,
}

/// Why an image cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    #[error("it is no PNG, JPEG or WebP image")]
    Type,
    #[error(
        "its size is {width} x {height}; {MIN_SIDE} pixels a side at least and {MAX_PIXELS} in all are taken"
    )]
    Size { width: u64, height: u64 },
    #[error("it cannot be decoded: {0}")]
    Damaged(String),
}

/// What checking says.
pub type Checked = Result<ImageRef, ImageError>;

/// Checks by decoding; see `check`.
pub fn image_check(bytes: &[u8]) -> Checked {
    check(bytes, Verify::Decode)
}

/// What the bytes are, checked as far as `verify` says. A decoder that panics on hostile bytes has
/// found damage, which is this image's and not its source's.
pub fn check(bytes: &[u8], verify: Verify) -> Checked {
    std::panic::catch_unwind(|| checked(bytes, verify))
        .unwrap_or_else(|_| Err(ImageError::Damaged("the decoder gave up on it".to_owned())))
}

fn checked(bytes: &[u8], verify: Verify) -> Checked {
    let (mime, width, height) = header(bytes)?;
    let pixels = u64::from(width) * u64::from(height);
    if width < MIN_SIDE || height < MIN_SIDE || pixels > MAX_PIXELS {
        return Err(ImageError::Size { width: width.into(), height: height.into() });
    }
    if verify == Verify::Decode {
        let alone = (pixels > LARGE).then_some(&LARGE_DECODE);
        let _alone = alone.map(|lock| lock.lock());
        decode(mime, bytes)?;
    }
    Ok(ImageRef { digest: Digest::of(bytes), mime, width, height, bytes: bytes.len() as u64 })
}

fn damaged(error: impl ToString) -> ImageError {
    ImageError::Damaged(error.to_string().chars().take(200).collect())
}

fn header(bytes: &[u8]) -> Result<(Mime, u32, u32), ImageError> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let reader = png::Decoder::new(Cursor::new(bytes)).read_info().map_err(damaged)?;
        let (width, height) = reader.info().size();
        if !ends(bytes, 8, |w| w.starts_with(b"IEND")) {
            return Err(ImageError::Damaged("its end is missing".to_owned()));
        }
        return Ok((Mime::Png, width, height));
    }
    if bytes.starts_with(b"\xff\xd8\xff") {
        let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(bytes));
        decoder.decode_headers().map_err(damaged)?;
        let (width, height) = decoder.dimensions().unwrap_or((0, 0));
        if !ends(bytes, 2, |w| w == b"\xff\xd9") {
            return Err(ImageError::Damaged("its end is missing".to_owned()));
        }
        return Ok((Mime::Jpeg, width as u32, height as u32));
    }
    if bytes.len() > 12 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WEBP" {
        let decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        let size = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        if bytes.len() < size as usize + 8 {
            return Err(ImageError::Damaged("its end is missing".to_owned()));
        }
        return Ok((Mime::Webp, width, height));
    }
    Err(ImageError::Type)
}

/// Whether a mark of `len` bytes is near the end: mostly in the last bytes, but cameras and editors
/// append notes, so the last 64 KB are looked through.
fn ends(bytes: &[u8], len: usize, is: impl Fn(&[u8]) -> bool + Copy) -> bool {
    let last = |n: usize| &bytes[bytes.len().saturating_sub(n)..];
    last(16).windows(len).any(is) || last(64 << 10).windows(len).any(is)
}

fn decode(mime: Mime, bytes: &[u8]) -> Result<(), ImageError> {
    match mime {
        Mime::Png => {
            let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().map_err(damaged)?;
            while reader.next_row().map_err(damaged)?.is_some() {}
        }
        Mime::Jpeg => {
            zune_jpeg::JpegDecoder::new(Cursor::new(bytes)).decode().map_err(damaged)?;
        }
        Mime::Webp => {
            let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
            let size = decoder.output_buffer_size().ok_or_else(|| damaged("its size overflows"))?;
            decoder.read_image(&mut vec![0; size]).map_err(damaged)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ImageError, Verify, check, image_check};
    use crate::record::Mime;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&vec![7; (width * height * 3) as usize]).unwrap();
        writer.finish().unwrap();
        out
    }

    #[test]
    fn a_good_image_is_described() {
        let bytes = png(20, 30);
        let image = image_check(&bytes).unwrap();
        assert_eq!((image.mime, image.width, image.height), (Mime::Png, 20, 30));
        assert_eq!(image.bytes, bytes.len() as u64);
    }

    #[test]
    fn damage_and_bounds_are_said() {
        let good = png(20, 20);
        assert!(matches!(image_check(b"<html>"), Err(ImageError::Type)));
        assert!(matches!(image_check(&png(4, 400)), Err(ImageError::Size { .. })));
        assert!(check(&good[..good.len() - 20], Verify::Header).is_err());
        let mut flipped = good.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0xff;
        assert!(matches!(image_check(&flipped), Err(ImageError::Damaged(_))));
        for cut in 0..good.len() {
            assert!(image_check(&good[..cut]).is_err(), "cut at {cut}");
        }
    }
}
