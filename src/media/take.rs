//! Taking a picture in: checked, freed of its notes, set upright.

use crate::media::container::png::with_colours;
use crate::media::error::damaged;
use crate::media::pixels::{Pixels, decode, look};
use crate::media::{Outline, PictureError};
use crate::record::{Digest, ImageRef, Mime};
use bytes::Bytes;

/// How far a picture is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Type, size and end by its container: thousands of pictures a second. What must be set upright
    /// is decoded all the same.
    Header,
    /// Every pixel decoded.
    #[default]
    Decode,
}

/// A picture as it goes into a RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The bytes to keep: those that came, without notes; or a PNG of the picture set upright.
    pub bytes: Bytes,
    /// What `bytes` are.
    pub image: ImageRef,
    /// The picture is of one colour, as filters and failing servers send. False where the pixels were
    /// not looked at.
    pub blank: bool,
}

/// Reads `bytes` and takes them. CPU-bound, milliseconds a megapixel.
pub fn take(bytes: &Bytes, verify: Verify) -> Result<Taken, PictureError> {
    Outline::read(bytes)?.take(bytes, verify)
}

impl Outline {
    /// Takes the picture that this is the outline of. What has been taken is taken again as it is.
    pub fn take(&self, bytes: &Bytes, verify: Verify) -> Result<Taken, PictureError> {
        self.acceptable()?;
        if !self.orientation.is_upright() {
            return self.turned(bytes);
        }
        let bytes = self.without_notes(bytes);
        let blank = verify == Verify::Decode && look(&bytes, self)?;
        let image = ImageRef {
            digest: Digest::of(&bytes),
            mime: self.mime,
            width: self.width,
            height: self.height,
            bytes: bytes.len() as u64,
        };
        Ok(Taken { bytes, image, blank })
    }

    fn turned(&self, bytes: &Bytes) -> Result<Taken, PictureError> {
        let blank = look(bytes, self)?;
        let upright = self.upright(decode(bytes, self)?);
        let colours = self.colours(bytes);
        let png = match self.mime {
            Mime::Png => encode(&upright, &[]).map(|png| with_colours(png, &colours)),
            Mime::Jpeg | Mime::Webp => encode(&upright, &colours),
        };
        let png = png.map_err(damaged)?;
        let image = ImageRef {
            digest: Digest::of(&png),
            mime: Mime::Png,
            width: upright.width as u32,
            height: upright.height as u32,
            bytes: png.len() as u64,
        };
        Ok(Taken { bytes: png.into(), image, blank })
    }

    /// `stored` with its pixels where they are to be seen.
    pub(super) fn upright(&self, stored: Pixels) -> Pixels {
        let Pixels { width, height, channels, ref data } = stored;
        if self.orientation.is_upright() {
            return stored;
        }
        let (w, h) = if self.orientation.swaps() { (height, width) } else { (width, height) };
        let mut out = Vec::with_capacity(data.len());
        for y in 0..h {
            for x in 0..w {
                let (sx, sy) = self.orientation.source((x, y), (width, height));
                let at = (sy * width + sx) * channels;
                out.extend_from_slice(&data[at..at + channels]);
            }
        }
        Pixels { width: w, height: h, channels, data: out }
    }
}

/// A PNG of `pixels` in the colours of `profile`, which may be empty.
fn encode(pixels: &Pixels, profile: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut info = png::Info::with_size(pixels.width as u32, pixels.height as u32);
    info.icc_profile = (!profile.is_empty()).then_some(profile.into());
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = match pixels.channels {
        1 => png::ColorType::Grayscale,
        2 => png::ColorType::GrayscaleAlpha,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    };
    let mut out = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut out, info)?;
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels.data)?;
    writer.finish()?;
    Ok(out)
}
