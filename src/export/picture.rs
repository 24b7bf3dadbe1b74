//! Pictures as pixels, for looking at only: headers, decoding under a bound, thumbnails.
//!
//! Not here: anything that changes an exported image: those are passed on byte for byte. The one
//! idea: image bytes come from outside, so nothing is allocated before its size is known.

use crate::record::Mime;
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// RGB, 8 bits, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

/// The most pixels that are decoded.
pub const MAX_PIXELS: u64 = 64 << 20;

/// Type and size by the header, without decoding. None when it is no PNG, JPEG or WebP.
pub fn header(bytes: &[u8]) -> Option<(Mime, u32, u32)> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let first = bytes.get(12..16)? == b"IHDR";
        return first.then_some((Mime::Png, number(16)?, number(20)?));
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
        decoder.decode_headers().ok()?;
        let info = decoder.info()?;
        return Some((Mime::Jpeg, u32::from(info.width), u32::from(info.height)));
    }
    if bytes.starts_with(b"RIFF") {
        let (width, height) = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?.dimensions();
        return Some((Mime::Webp, width, height));
    }
    None
}

/// Whether the file ends as its type's files end: a cut file does not.
pub fn is_whole(bytes: &[u8], mime: Mime) -> bool {
    match mime {
        Mime::Png => bytes.ends_with(b"\0\0\0\0IEND\xaeB`\x82"),
        Mime::Jpeg => bytes.ends_with(&[0xff, 0xd9]),
        Mime::Webp => {
            let size = bytes.get(4..8).and_then(|size| size.try_into().ok());
            size.is_some_and(|size| u32::from_le_bytes(size) as usize + 8 == bytes.len())
        }
    }
}

/// The pixels. None when it is damaged, of another type, or larger than `MAX_PIXELS`.
pub fn decode(bytes: &[u8]) -> Option<Picture> {
    let (mime, width, height) = header(bytes)?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS {
        return None;
    }
    let (data, channels) = match mime {
        Mime::Png => png(bytes)?,
        Mime::Jpeg => {
            let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
            (JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().ok()?, 3)
        }
        Mime::Webp => {
            let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
            let mut data = vec![0; decoder.output_buffer_size()?];
            decoder.read_image(&mut data).ok()?;
            (data, if decoder.has_alpha() { 4 } else { 3 })
        }
    };
    let rgb: Vec<u8> = match channels {
        1 | 2 => data.chunks_exact(channels).flat_map(|px| [px[0]; 3]).collect(),
        3 => data,
        _ => data.chunks_exact(4).flat_map(|px| [px[0], px[1], px[2]]).collect(),
    };
    let (width, height) = (width as usize, height as usize);
    (rgb.len() == width * height * 3).then_some(Picture { width, height, rgb })
}

fn png(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let mut data = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut data).ok()?;
    data.truncate(info.buffer_size());
    Some((data, info.color_type.samples()))
}

impl Picture {
    /// The picture scaled to fit a square of `side` pixels, each pixel the mean of those it covers.
    /// Never enlarged.
    pub fn thumbnail(&self, side: usize) -> Picture {
        let longest = self.width.max(self.height);
        if longest <= side {
            return self.clone();
        }
        let scale = |n: usize| (n * side / longest).max(1);
        let (width, height) = (scale(self.width), scale(self.height));
        let mut rgb = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            let rows = y * self.height / height..((y + 1) * self.height / height);
            for x in 0..width {
                let columns = x * self.width / width..((x + 1) * self.width / width);
                rgb.extend(self.mean(rows.clone(), columns));
            }
        }
        Picture { width, height, rgb }
    }

    fn mean(&self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> [u8; 3] {
        let mut sums = [0u64; 3];
        let count = (rows.len() * columns.len()).max(1) as u64;
        for y in rows {
            let line = &self.rgb[(y * self.width + columns.start) * 3..];
            for pixel in line.chunks_exact(3).take(columns.len()) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += u64::from(*value);
                }
            }
        }
        sums.map(|sum| (sum / count) as u8)
    }

    /// As a PNG file.
    pub fn to_png(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&self.rgb).ok()?;
        writer.finish().ok()?;
        Some(out)
    }
}
