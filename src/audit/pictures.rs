//! What bytes of a picture are, and small versions of pictures.
//!
//! The one idea: a picture of a RUN may be anything; its type is what its bytes are, never what
//! somebody said they are, and one too large to decode safely is left alone.

use crate::record::Mime;
use std::io::Cursor;

/// The longer side of a thumbnail, pixels.
const SIDE: usize = 192;
/// Larger pictures are shown as they are: decoding them could take the machine down.
const MOST_PIXELS: usize = 64 << 20;

/// What the bytes are.
pub fn sniff(bytes: &[u8]) -> Option<Mime> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(Mime::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Mime::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Mime::Webp),
        _ => None,
    }
}

/// A small PNG of the picture; None when it cannot be decoded.
pub fn thumbnail(bytes: &[u8]) -> Option<Vec<u8>> {
    let picture = match sniff(bytes)? {
        Mime::Png => png(bytes)?,
        Mime::Jpeg => jpeg(bytes)?,
        Mime::Webp => webp(bytes)?,
    };
    encode(&shrink(&picture))
}

/// RGB, 3 bytes a pixel.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// From rows of `channels` bytes a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. What is
    /// transparent is laid on white.
    fn of(width: usize, height: usize, channels: usize, data: &[u8]) -> Option<Picture> {
        if data.len() < width.checked_mul(height)?.checked_mul(channels)? || width * height == 0 {
            return None;
        }
        let over = |c: u8, a: u8| (255 - u32::from(a) + u32::from(c) * u32::from(a) / 255) as u8;
        let mut rgb = Vec::with_capacity(width * height * 3);
        for pixel in data.chunks_exact(channels).take(width * height) {
            match *pixel {
                [g] => rgb.extend([g; 3]),
                [g, a] => rgb.extend([over(g, a); 3]),
                [r, g, b] => rgb.extend([r, g, b]),
                [r, g, b, a] => rgb.extend([over(r, a), over(g, a), over(b, a)]),
                _ => return None,
            }
        }
        Some(Picture { width, height, rgb })
    }
}

fn png(bytes: &[u8]) -> Option<Picture> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let size = reader.output_buffer_size().filter(|size| *size <= MOST_PIXELS * 4)?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).ok()?;
    let channels = frame.color_type.samples();
    Picture::of(frame.width as usize, frame.height as usize, channels, &data)
}

fn jpeg(bytes: &[u8]) -> Option<Picture> {
    let mut decoder =
        zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(bytes));
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    if width.checked_mul(height)? > MOST_PIXELS {
        return None;
    }
    let data = decoder.decode().ok()?;
    Picture::of(width, height, data.len() / (width * height).max(1), &data)
}

fn webp(bytes: &[u8]) -> Option<Picture> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    let size = decoder.output_buffer_size().filter(|size| *size <= MOST_PIXELS * 4)?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).ok()?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    Picture::of(width as usize, height as usize, channels, &data)
}

/// Box filter; never enlarges.
fn shrink(from: &Picture) -> Picture {
    let longer = from.width.max(from.height);
    if longer <= SIDE {
        return Picture { width: from.width, height: from.height, rgb: from.rgb.clone() };
    }
    let width = (from.width * SIDE / longer).max(1);
    let height = (from.height * SIDE / longer).max(1);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let ys = y * from.height / height..((y + 1) * from.height / height).max(1);
        for x in 0..width {
            let xs = x * from.width / width..((x + 1) * from.width / width).max(1);
            rgb.extend(mean(from, xs, ys.clone()));
        }
    }
    Picture { width, height, rgb }
}

fn mean(of: &Picture, xs: std::ops::Range<usize>, ys: std::ops::Range<usize>) -> [u8; 3] {
    let mut sums = [0u64; 3];
    let mut count = 0;
    for y in ys {
        let row = &of.rgb[(y * of.width + xs.start) * 3..(y * of.width + xs.end) * 3];
        for pixel in row.chunks_exact(3) {
            for (sum, c) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*c);
            }
            count += 1;
        }
    }
    sums.map(|sum| (sum / count.max(1)) as u8)
}

fn encode(picture: &Picture) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, picture.width as u32, picture.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().ok()?.write_image_data(&picture.rgb).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_keeps_the_shape_and_the_mean() {
        let rgb: Vec<u8> = (0..400 * 200)
            .flat_map(|i| if i % 400 < 200 { [255, 0, 0] } else { [0, 0, 255] })
            .collect();
        let whole = encode(&Picture { width: 400, height: 200, rgb }).unwrap();
        let thumb = png(&thumbnail(&whole).unwrap()).unwrap();
        assert_eq!((thumb.width, thumb.height), (192, 96));
        assert_eq!(thumb.rgb[..3], [255, 0, 0]);
        assert_eq!(thumb.rgb[thumb.rgb.len() - 3..], [0, 0, 255]);
    }

    #[test]
    fn what_is_no_picture_gives_none() {
        assert!(thumbnail(b"<svg onload=alert(1)>").is_none());
        assert!(thumbnail(&[0x89, b'P', b'N', b'G', 0, 0]).is_none());
        assert!(thumbnail(&[0xff, 0xd8, 0xff, 0, 1]).is_none());
        assert_eq!(sniff(b"<html>"), None);
    }

    #[test]
    fn what_is_transparent_lies_on_white() {
        let picture = Picture::of(1, 1, 4, &[10, 20, 30, 0]).unwrap();
        assert_eq!(picture.rgb, [255, 255, 255]);
    }
}
