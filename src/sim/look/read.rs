//! PNG -> what it holds: connected components, their colours, extents, labels and lettering.

use crate::sim::draw::{font, palette};
use std::io::Cursor;

/// One recognised thing; places and sizes as shares of the picture's width and height.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    pub class: String,
    pub color: Option<&'static str>,
    pub material: Option<&'static str>,
    pub x: f32,
    pub y: f32,
    /// Half of the larger extent, as a share of the picture's longer side.
    pub r: f32,
}

/// What a picture holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// From left to right.
    pub things: Vec<Thing>,
    pub lettering: Option<String>,
}

impl Seen {
    /// Nothing that can be named: blank, noise, or a picture from elsewhere.
    pub fn is_blank(&self) -> bool {
        self.things.is_empty() && self.lettering.is_none()
    }

    /// The things of `class`, of `color` if one is given.
    pub fn of<'a>(
        &'a self,
        class: &'a str,
        color: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Thing> {
        self.things
            .iter()
            .filter(move |t| t.class == class && (color.is_none() || t.color == color))
    }
}

/// Reads a picture. What is no PNG, damaged, or larger than 4096 pixels holds nothing.
pub fn read(bytes: &[u8]) -> Seen {
    match decode(bytes) {
        Some(picture) => segment(&picture),
        None => Seen::default(),
    }
}

struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

fn decode(bytes: &[u8]) -> Option<Picture> {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().ok()?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width == 0 || height == 0 || width > 4096 || height > 4096 {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut pixels).ok()?;
    pixels.truncate(frame.buffer_size());
    let samples = match (frame.color_type, frame.bit_depth) {
        (_, depth) if depth != png::BitDepth::Eight => return None,
        (png::ColorType::Indexed, _) => {
            let colors = reader.info().palette.as_deref()?;
            let mut map = [0u8; 256];
            for (to, rgb) in map.iter_mut().zip(colors.chunks_exact(3)) {
                *to = palette::index_of([rgb[0], rgb[1], rgb[2]]);
            }
            // Pictures of this world have the palette in its own order already.
            let same = map.iter().enumerate().all(|(i, to)| {
                usize::from(*to) == i || !(palette::BACKGROUNDS..palette::LEN).contains(&i)
            });
            if !same {
                pixels.iter_mut().for_each(|p| *p = map[usize::from(*p)]);
            }
            return Some(Picture { width, height, pixels });
        }
        (color, _) => color.samples(),
    };
    if samples < 3 {
        return None;
    }
    let indexed = pixels.chunks_exact(samples).map(|p| palette::index_of([p[0], p[1], p[2]]));
    Some(Picture { width, height, pixels: indexed.collect() })
}

/// A stretch of equal pixels in a row, background left out.
#[derive(Clone, Copy)]
struct Segment {
    from: usize,
    to: usize,
    index: u8,
    part: usize,
}

/// A connected component while it grows.
struct Part {
    parent: usize,
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    counts: [u32; palette::LEN],
    plate: Option<[usize; 4]>,
}

fn segment(picture: &Picture) -> Seen {
    let mut parts: Vec<Part> = Vec::new();
    let (mut above, mut row): (Vec<Segment>, Vec<Segment>) = (Vec::new(), Vec::new());
    let mut last: &[u8] = &[];
    for (y, pixels) in picture.pixels.chunks_exact(picture.width).enumerate() {
        if pixels == last {
            row.clone_from(&above);
        } else {
            scan(pixels, &mut row);
            join(&mut row, &above, &mut parts, y);
        }
        for s in &row {
            let root = root(&mut parts, s.part);
            parts[root].take(s, y);
        }
        std::mem::swap(&mut above, &mut row);
        last = pixels;
    }
    let mut seen = Seen::default();
    for part in parts.iter().enumerate().filter(|(i, p)| p.parent == *i).map(|(_, p)| p) {
        recognise(part, picture, &mut seen);
    }
    seen.things
        .sort_by(|a, b| (a.x, a.y).partial_cmp(&(b.x, b.y)).unwrap_or(std::cmp::Ordering::Equal));
    seen
}

/// The segments of a row.
fn scan(pixels: &[u8], out: &mut Vec<Segment>) {
    out.clear();
    let mut at = 0;
    while at < pixels.len() {
        let index = pixels[at];
        let len = pixels[at..].iter().position(|p| *p != index).unwrap_or(pixels.len() - at);
        if usize::from(index) >= palette::BACKGROUNDS && usize::from(index) < palette::LEN {
            out.push(Segment { from: at, to: at + len, index, part: usize::MAX });
        }
        at += len;
    }
}

/// Gives each segment its component: that of its left neighbour or of what it touches above.
fn join(row: &mut [Segment], above: &[Segment], parts: &mut Vec<Part>, y: usize) {
    let mut first = 0;
    for i in 0..row.len() {
        let s = row[i];
        let mut part = usize::MAX;
        if i > 0 && row[i - 1].to == s.from {
            part = root(parts, row[i - 1].part);
        }
        while first < above.len() && above[first].to <= s.from {
            first += 1;
        }
        for other in above[first..].iter().take_while(|o| o.from < s.to) {
            let theirs = root(parts, other.part);
            part = if part == usize::MAX { theirs } else { merge(parts, part, theirs) };
        }
        if part == usize::MAX {
            part = parts.len();
            parts.push(Part {
                parent: part,
                left: s.from,
                right: s.to,
                top: y,
                bottom: y,
                counts: [0; palette::LEN],
                plate: None,
            });
        }
        row[i].part = part;
    }
}

fn root(parts: &mut [Part], mut at: usize) -> usize {
    while parts[at].parent != at {
        parts[at].parent = parts[parts[at].parent].parent;
        at = parts[at].parent;
    }
    at
}

fn merge(parts: &mut [Part], a: usize, b: usize) -> usize {
    if a == b {
        return a;
    }
    let (into, from) = (a.min(b), a.max(b));
    let (head, tail) = parts.split_at_mut(from);
    let (to, gone) = (&mut head[into], &mut tail[0]);
    gone.parent = into;
    to.left = to.left.min(gone.left);
    to.right = to.right.max(gone.right);
    to.top = to.top.min(gone.top);
    to.bottom = to.bottom.max(gone.bottom);
    for (sum, n) in to.counts.iter_mut().zip(gone.counts) {
        *sum += n;
    }
    if let Some(plate) = gone.plate {
        to.widen(plate);
    }
    into
}

impl Part {
    fn take(&mut self, s: &Segment, y: usize) {
        self.left = self.left.min(s.from);
        self.right = self.right.max(s.to);
        self.bottom = y;
        self.counts[usize::from(s.index)] += (s.to - s.from) as u32;
        if s.index == palette::PLATE || s.index == palette::BOARD {
            self.widen([s.from, y, s.to, y + 1]);
        }
    }

    fn widen(&mut self, [l, t, r, b]: [usize; 4]) {
        let old = self.plate.unwrap_or([l, t, r, b]);
        self.plate = Some([old[0].min(l), old[1].min(t), old[2].max(r), old[3].max(b)]);
    }
}

fn recognise(part: &Part, picture: &Picture, seen: &mut Seen) {
    let Some(plate) = part.plate else { return };
    let Some(text) = label(picture, plate) else { return };
    if part.counts[usize::from(palette::BOARD)] > 0 {
        seen.lettering = Some(text.trim().to_owned());
        return;
    }
    let most = |from: u8, to: usize| {
        (usize::from(from)..to)
            .filter(|i| part.counts[*i] > 0)
            .max_by_key(|i| part.counts[*i])
            .map(|i| i as u8)
    };
    let (w, h) = (picture.width as f32, picture.height as f32);
    let extent = (part.right - part.left).max(part.bottom + 1 - part.top) as f32;
    seen.things.push(Thing {
        class: text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
        color: most(palette::COLOR, palette::MATERIAL.into()).and_then(palette::color_name),
        material: most(palette::MATERIAL, palette::LEN).and_then(palette::material_name),
        x: (part.left + part.right) as f32 / 2.0 / w,
        y: (part.top + part.bottom + 1) as f32 / 2.0 / h,
        r: extent / 2.0 / w.max(h),
    });
}

/// The text on a plate: tries each number of lines, and takes the one in which every glyph reads.
fn label(picture: &Picture, [left, top, right, bottom]: [usize; 4]) -> Option<String> {
    let (w, h) = (right - left, bottom - top);
    (1..=4).find_map(|lines| {
        let scale = h / (6 * lines + 1);
        if scale == 0 || scale * (6 * lines + 1) != h || w % scale != 0 || (w / scale) % 4 != 1 {
            return None;
        }
        let columns = w / scale / 4;
        let mut text = String::new();
        for line in 0..lines {
            for column in 0..columns {
                let x = left + (1 + column * 4) * scale;
                let y = top + (1 + line * 6) * scale;
                text.push(glyph(picture, x, y, scale)?);
            }
            text.push(' ');
        }
        (!text.trim().is_empty()).then_some(text)
    })
}

fn glyph(picture: &Picture, x: usize, y: usize, scale: usize) -> Option<char> {
    let mut rows = [0u8; 5];
    for (i, row) in rows.iter_mut().enumerate() {
        for bit in 0..3 {
            let at = (y + i * scale + scale / 2) * picture.width + x + bit * scale + scale / 2;
            if *picture.pixels.get(at)? == palette::INK {
                *row |= 4 >> bit;
            }
        }
    }
    font::letter(rows)
}
