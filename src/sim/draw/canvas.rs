//! A picture as palette indices, filled by spans, and its PNG.

use crate::sim::draw::font;
use crate::sim::draw::palette::{self, INK, PLATE};
use crate::sim::draw::shapes::Piece;

/// Rows of palette indices.
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

impl Canvas {
    /// A canvas with a plain two-part background.
    pub fn new(width: usize, height: usize, horizon: f32) -> Canvas {
        let mut pixels = vec![0; width * height];
        let floor = (height as f32 * horizon) as usize;
        let bands = [(0, floor / 2, 0), (floor / 2, floor, 1), (floor, height, 2)];
        for (from, to, index) in bands {
            pixels[from * width..to * width].fill(index);
        }
        Canvas { width, height, pixels }
    }

    /// Fills columns `from..to` of row `y`, clipped.
    pub fn span(&mut self, y: i32, from: i32, to: i32, index: u8) {
        if y < 0 || y >= self.height as i32 {
            return;
        }
        let from = from.clamp(0, self.width as i32) as usize;
        let to = to.clamp(0, self.width as i32) as usize;
        if from < to {
            let row = y as usize * self.width;
            self.pixels[row + from..row + to].fill(index);
        }
    }

    /// Fills a rectangle given by its corner and size.
    pub fn rect(&mut self, x: i32, y: i32, w: i32, h: i32, index: u8) {
        for row in y..y + h {
            self.span(row, x, x + w, index);
        }
    }

    /// Fills `piece`, scaled by `r` around (`x`, `y`).
    pub fn piece(&mut self, piece: Piece, x: f32, y: f32, r: f32, index: u8) {
        match piece {
            Piece::Oval(cx, cy, rx, ry) => {
                self.oval(x + cx * r, y + cy * r, rx * r, ry * r, index);
            }
            Piece::Poly(points) => self.poly(points, x, y, r, index),
        }
    }

    fn oval(&mut self, cx: f32, cy: f32, rx: f32, ry: f32, index: u8) {
        for row in (cy - ry).ceil() as i32..=(cy + ry).floor() as i32 {
            let t = (row as f32 - cy) / ry;
            let half = rx * (1.0 - t * t).max(0.0).sqrt();
            self.span(row, (cx - half).round() as i32, (cx + half).round() as i32 + 1, index);
        }
    }

    fn poly(&mut self, points: &[(f32, f32)], x: f32, y: f32, r: f32, index: u8) {
        let top = points.iter().fold(f32::MAX, |m, p| m.min(p.1));
        let bottom = points.iter().fold(f32::MIN, |m, p| m.max(p.1));
        for row in (y + top * r).ceil() as i32..=(y + bottom * r).floor() as i32 {
            let at = (row as f32 - y) / r;
            let mut cuts = [0f32; 16];
            let mut n = 0;
            for (i, a) in points.iter().enumerate() {
                let b = points[(i + 1) % points.len()];
                if (a.1 <= at) != (b.1 <= at) && n < cuts.len() {
                    cuts[n] = a.0 + (at - a.1) / (b.1 - a.1) * (b.0 - a.0);
                    n += 1;
                }
            }
            let cuts = &mut cuts[..n];
            cuts.sort_by(f32::total_cmp);
            for pair in cuts.chunks_exact(2) {
                let (from, to) = ((x + pair[0] * r).round(), (x + pair[1] * r).round());
                self.span(row, from as i32, to as i32 + 1, index);
            }
        }
    }

    /// Writes `lines` on a plate around (`x`, `y`), glyph pixels `scale` wide, on ground `plate`.
    pub fn label(&mut self, lines: &[&str], x: f32, y: f32, scale: i32, plate: u8) {
        let (w, h) = label_size(lines, scale);
        let (left, top) = (x as i32 - w / 2, y as i32 - h / 2);
        self.rect(left, top, w, h, plate);
        for (line, text) in lines.iter().enumerate() {
            let row = top + scale + line as i32 * 6 * scale;
            for (column, c) in text.chars().enumerate() {
                let at = left + scale + column as i32 * 4 * scale;
                for (i, bits) in font::glyph(c).into_iter().enumerate() {
                    for bit in 0..3 {
                        if bits & (4 >> bit) != 0 {
                            self.rect(at + bit * scale, row + i as i32 * scale, scale, scale, INK);
                        }
                    }
                }
            }
        }
    }

    /// The picture as an indexed PNG with the background `theme`.
    pub fn png(&self, theme: usize, stamp: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 << 10);
        // Writing to memory cannot fail, and the sizes agree by construction.
        let _ = self.encode(&mut out, theme, stamp);
        out
    }

    fn encode(
        &self,
        out: &mut Vec<u8>,
        theme: usize,
        stamp: &str,
    ) -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(out, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(palette::rgb(theme));
        encoder.set_compression(png::Compression::Fastest);
        // Rows mostly repeat the row above, which the fast deflater then stores as zeros.
        encoder.set_filter(png::Filter::Up);
        encoder.add_text_chunk("Software".to_owned(), stamp.to_owned())?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()
    }
}

/// Width and height of a label.
pub fn label_size(lines: &[&str], scale: i32) -> (i32, i32) {
    let chars = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0) as i32;
    ((chars * 4 + 1) * scale, (lines.len() as i32 * 6 + 1) * scale)
}

/// The plate's ground under labels of things.
pub const LABEL: u8 = PLATE;
