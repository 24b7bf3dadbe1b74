//! Pixels: the one decoder of each format, and what is asked of them.

use crate::media::error::damaged;
use crate::media::inflate::all_rows;
use crate::media::{Outline, PictureError};
use crate::record::Mime;
use std::io::Cursor;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The longest side that the decoder of JPEGs is let read: what the format can say.
const LONGEST: usize = u16::MAX as usize;

/// How far the samples of a picture of one colour may lie apart, of 255: JPEG rounds.
const NOISE: u8 = 2;

/// Decoded pixels of 8 bits a sample, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    pub width: usize,
    pub height: usize,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    pub channels: usize,
    /// `width * height * channels` bytes.
    pub data: Vec<u8>,
}

/// Decodes all pixels of a file that `outline` was read of. Its size must be bounded.
pub fn decode(bytes: &[u8], outline: &Outline) -> Result<Pixels, PictureError> {
    guarded(|| {
        let (data, channels) = match outline.mime {
            Mime::Png => png(bytes)?,
            Mime::Jpeg => jpeg(bytes, outline)?,
            Mime::Webp => webp(bytes, outline)?,
        };
        let (width, height) = (outline.width as usize, outline.height as usize);
        if !(1..=4).contains(&channels) || data.len() != width * height * channels {
            return Err(damaged("its pixels are not as many as its header says"));
        }
        Ok(Pixels { width, height, channels, data })
    })
}

/// Decodes all pixels, keeps none, and says whether the picture is of one colour.
pub fn look(bytes: &[u8], outline: &Outline) -> Result<bool, PictureError> {
    if outline.mime == Mime::Png {
        return guarded(|| png_rows(bytes, outline));
    }
    let pixels = decode(bytes, outline)?;
    let mut colour = OneColour::new(pixels.channels, NOISE);
    pixels.data.chunks_exact(pixels.width * pixels.channels).for_each(|row| colour.row(row));
    Ok(colour.holds)
}

/// A decoder that panics on hostile bytes has found damage, which is this picture's alone.
fn guarded<T>(
    decode: impl FnOnce() -> Result<T, PictureError> + std::panic::UnwindSafe,
) -> Result<T, PictureError> {
    std::panic::catch_unwind(decode).unwrap_or_else(|_| Err(damaged("the decoder gave up on it")))
}

fn png_reader(
    bytes: &[u8],
    transformations: png::Transformations,
) -> Result<png::Reader<Cursor<&[u8]>>, PictureError> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(transformations);
    decoder.read_info().map_err(damaged)
}

fn png(bytes: &[u8]) -> Result<(Vec<u8>, usize), PictureError> {
    let mut reader = png_reader(bytes, png::Transformations::normalize_to_color8())?;
    let size = reader.output_buffer_size().ok_or_else(|| damaged("its size overflows"))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(damaged)?;
    data.truncate(frame.buffer_size());
    Ok((data, frame.color_type.samples()))
}

/// Row by row, so that a large picture takes no memory; put together only until two colours have
/// been seen, then inflated.
fn png_rows(bytes: &[u8], outline: &Outline) -> Result<bool, PictureError> {
    let mut reader = png_reader(bytes, png::Transformations::IDENTITY)?;
    let info = reader.info();
    if info.size() != (outline.width, outline.height) {
        return Err(damaged("its header says two sizes"));
    }
    // A palette's indices are compared as they are; so are samples that share bytes, where the last
    // byte of a row may differ in bits that are no pixels: such a picture does not count as plain.
    let noise = match (info.color_type, info.bit_depth) {
        (png::ColorType::Indexed, _) => 0,
        (_, png::BitDepth::Eight) => NOISE,
        _ => 0,
    };
    let (height, interlaced) = (info.height as usize, info.interlaced);
    let width = reader.output_line_size(info.width).ok_or_else(|| damaged("its size overflows"))?;
    let mut colour = OneColour::new(info.bytes_per_pixel(), noise);
    let mut may_inflate = !interlaced;
    while let Some(row) = reader.next_row().map_err(damaged)? {
        colour.row(row.data());
        // Once: where that is not certain, the rest is put together as well.
        if !colour.holds && std::mem::take(&mut may_inflate) && all_rows(bytes, height, width) {
            break;
        }
    }
    Ok(colour.holds)
}

fn jpeg(bytes: &[u8], outline: &Outline) -> Result<(Vec<u8>, usize), PictureError> {
    let options = DecoderOptions::default().set_max_width(LONGEST).set_max_height(LONGEST);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let size = decoder.dimensions().map(|(width, height)| (width as u32, height as u32));
    if size != Some((outline.width, outline.height)) {
        return Err(damaged("its header says two sizes"));
    }
    let data = decoder.decode().map_err(damaged)?;
    let channels = data.len() / (outline.pixels() as usize).max(1);
    Ok((data, channels))
}

fn webp(bytes: &[u8], outline: &Outline) -> Result<(Vec<u8>, usize), PictureError> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
    if decoder.dimensions() != (outline.width, outline.height) {
        return Err(damaged("its header says two sizes"));
    }
    let size = decoder.output_buffer_size().ok_or_else(|| damaged("its size overflows"))?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).map_err(damaged)?;
    Ok((data, if decoder.has_alpha() { 4 } else { 3 }))
}

/// Whether all pixels so far are of one colour; stops looking at the first that is not.
struct OneColour {
    /// Bytes a pixel.
    width: usize,
    noise: u8,
    first: Vec<u8>,
    holds: bool,
}

impl OneColour {
    fn new(width: usize, noise: u8) -> OneColour {
        OneColour { width, noise, first: Vec::new(), holds: true }
    }

    fn row(&mut self, row: &[u8]) {
        if self.first.is_empty() {
            self.first = row[..self.width.min(row.len())].to_vec();
        }
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= self.noise;
        self.holds = self.holds
            && row.chunks_exact(self.width).all(|pixel| pixel.iter().zip(&self.first).all(near));
    }
}
