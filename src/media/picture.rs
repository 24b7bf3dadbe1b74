//! A picture for looking at: RGB, upright, and small versions of it.

use crate::media::pixels::{Pixels, decode};
use crate::media::{MAX_PIXELS, Outline};
use std::ops::Range;

/// The longer side of a thumbnail, pixels.
const THUMBNAIL: usize = 192;

/// RGB, 8 bits, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

/// A small PNG of the picture; None when it cannot be decoded.
pub fn thumbnail(bytes: &[u8]) -> Option<Vec<u8>> {
    Picture::decode(bytes)?.thumbnail(THUMBNAIL).to_png()
}

impl Picture {
    /// The picture as it is to be seen; what is transparent lies on white. None when it is damaged,
    /// no PNG, JPEG or WebP, or has more than `MAX_PIXELS`: decoding it could take the machine down.
    pub fn decode(bytes: &[u8]) -> Option<Picture> {
        let outline = Outline::read(bytes).ok()?;
        if !(1..=MAX_PIXELS).contains(&outline.pixels()) {
            return None;
        }
        Some(on_white(outline.upright(decode(bytes, &outline).ok()?)))
    }

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

    fn mean(&self, rows: Range<usize>, columns: Range<usize>) -> [u8; 3] {
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

fn on_white(pixels: Pixels) -> Picture {
    let Pixels { width, height, channels, data } = pixels;
    let over = |c: u8, a: u8| (255 - u32::from(a) + u32::from(c) * u32::from(a) / 255) as u8;
    let rgb = match channels {
        3 => data,
        1 => data.iter().flat_map(|grey| [*grey; 3]).collect(),
        2 => data.chunks_exact(2).flat_map(|p| [over(p[0], p[1]); 3]).collect(),
        _ => data.chunks_exact(4).flat_map(|p| [0, 1, 2].map(|n| over(p[n], p[3]))).collect(),
    };
    Picture { width, height, rgb }
}
