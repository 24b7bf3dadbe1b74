//! A meaning as a PNG: silhouettes in well-separated colours, each with its class on a label, so
//! that `look` can read the picture back from its pixels alone. What a generator gets wrong is bent
//! into the meaning before it is drawn (`mind::generator`).

mod canvas;
pub mod font;
mod layout;
mod outlines;
pub mod palette;
mod shapes;

use crate::env::Rng;
use crate::media;
use crate::sim::scene::{Group, Meaning};
use canvas::{Canvas, label_size};

/// Draws `meaning`. `rng` moves things within their places; equal streams give equal bytes.
/// Sizes are clamped to 64..=2048 pixels.
pub fn draw(meaning: &Meaning, width: u32, height: u32, rng: &mut Rng) -> Vec<u8> {
    let (width, height) = (width.clamp(64, 2048), height.clamp(64, 2048));
    let theme = rng.below(6);
    let mut canvas = Canvas::new(width as usize, height as usize, 0.55 + rng.unit() as f32 * 0.25);
    let (w, mut h) = (width as f32, height as f32);
    if let Some(text) = &meaning.text {
        let board = if meaning.groups.is_empty() { h } else { h * 0.24 };
        lettering(&mut canvas, text, w / 2.0, h - board / 2.0, w * 0.9, board * 0.8);
        h -= board;
    }
    if !meaning.groups.is_empty() {
        for placed in layout::place(meaning, w, h, rng) {
            thing(&mut canvas, &meaning.groups[placed.group], &placed);
        }
    }
    canvas.png(theme, media::SIMULATED)
}

fn thing(canvas: &mut Canvas, group: &Group, placed: &layout::Placed) {
    let (x, y, r) = (placed.x, placed.y, placed.r);
    let color = palette::color_index(group.color.unwrap_or_else(|| palette::natural(&group.class)));
    let pieces = shapes::silhouette(&group.class);
    let edge = (r * 0.035).max(1.0);
    for (dx, dy) in [(edge, 0.0), (-edge, 0.0), (0.0, edge), (0.0, -edge)] {
        for piece in pieces {
            canvas.piece(*piece, x + dx, y + dy, r, palette::OUTLINE);
        }
    }
    for piece in pieces {
        canvas.piece(*piece, x, y, r, color);
    }
    if let Some(material) = group.material {
        pattern(canvas, palette::material_index(material), x, y, r);
    }
    let lines = lines(&group.class);
    canvas.label(&lines, x, y, label_scale(&lines, r), canvas::LABEL);
}

/// Stripes of the material's colour over the whole of a thing.
fn pattern(canvas: &mut Canvas, index: u8, x: f32, y: f32, r: f32) {
    let thick = (r * 0.06).max(1.0) as i32;
    let period = (r * 0.22).max(3.0) as usize;
    for row in ((y - r) as i32..(y + r) as i32).step_by(period) {
        for line in row..row + thick {
            stripe(canvas, line, (x - r) as i32, (x + r) as i32, index);
        }
    }
}

/// Recolours only what is already part of a thing, so that stripes do not stick out.
fn stripe(canvas: &mut Canvas, y: i32, from: i32, to: i32, index: u8) {
    if y < 0 || y >= canvas.height as i32 {
        return;
    }
    let row = y as usize * canvas.width;
    let from = from.clamp(0, canvas.width as i32) as usize;
    let to = to.clamp(0, canvas.width as i32) as usize;
    for pixel in &mut canvas.pixels[row + from..row + to] {
        if *pixel >= palette::COLOR && *pixel < palette::MATERIAL {
            *pixel = index;
        }
    }
}

fn lines(class: &str) -> Vec<&str> {
    class.split(' ').collect()
}

fn label_scale(lines: &[&str], r: f32) -> i32 {
    let (w, h) = label_size(lines, 1);
    ((r * 1.3 / w as f32).min(r * 0.9 / h as f32) as i32).max(1)
}

fn lettering(canvas: &mut Canvas, text: &str, x: f32, y: f32, w: f32, h: f32) {
    let written = font::written(text);
    let lines = [written.as_str()];
    let (unit_w, unit_h) = label_size(&lines, 1);
    let scale = ((w / unit_w as f32).min(h / unit_h as f32) as i32).max(1);
    let (bw, bh) = label_size(&lines, scale);
    canvas.rect(x as i32 - bw / 2 - 3, y as i32 - bh / 2 - 3, bw + 6, bh + 6, palette::OUTLINE);
    canvas.label(&lines, x, y, scale, palette::BOARD);
}

/// Makes a PNG at least `least` bytes long by a private ancillary chunk before its end.
pub fn pad(png: &mut Vec<u8>, least: usize) {
    const END: usize = 12;
    let Some(missing) = least.checked_sub(png.len() + 12).filter(|n| *n > 0) else { return };
    let Some(at) = png.len().checked_sub(END) else { return };
    let end = png.split_off(at);
    let mut noise = vec![0; missing];
    let mut hasher = blake3::Hasher::new();
    hasher.update(png);
    hasher.finalize_xof().fill(&mut noise);
    let start = png.len() + 4;
    png.extend((missing as u32).to_be_bytes());
    png.extend(b"cpAd");
    png.extend(noise);
    let mut crc = flate2::Crc::new();
    crc.update(&png[start..]);
    png.extend(crc.sum().to_be_bytes());
    png.extend(end);
}
