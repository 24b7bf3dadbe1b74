//! A sheet of sample pictures for the dataset card: a line a trajectory, its images in order.

use crate::media::Picture;
use bytes::Bytes;

/// A cell's side and the gap between cells, in pixels.
const SIDE: usize = 160;
const GAP: usize = 8;

/// Composes `lines` (each the encoded images of one trajectory) into one PNG, `per_line`
/// trajectories side by side. An image that cannot be decoded is a grey cell. None without images.
pub fn grid(lines: &[Vec<Bytes>], per_line: usize) -> Option<Vec<u8>> {
    let widest = lines.iter().map(Vec::len).max().filter(|n| *n > 0)?;
    let per_line = per_line.clamp(1, lines.len());
    let cell = SIDE + GAP;
    // Twice the gap sets trajectories apart.
    let block = widest * cell + GAP;
    let width = per_line * block + GAP;
    let height = lines.len().div_ceil(per_line) * cell + GAP;
    let mut sheet = Picture { width, height, rgb: vec![255; width * height * 3] };
    for (n, images) in lines.iter().enumerate() {
        let (left, top) = (n % per_line * block + GAP, n / per_line * cell + GAP);
        for (k, bytes) in images.iter().enumerate() {
            let small = Picture::decode(bytes).map(|picture| picture.thumbnail(SIDE));
            paste(&mut sheet, &small.unwrap_or_else(missing), left + k * cell, top);
        }
    }
    sheet.to_png()
}

fn missing() -> Picture {
    Picture { width: SIDE, height: SIDE, rgb: vec![200; SIDE * SIDE * 3] }
}

/// Copies `small` to the middle of the cell at (`left`, `top`).
fn paste(sheet: &mut Picture, small: &Picture, left: usize, top: usize) {
    let left = left + (SIDE - small.width) / 2;
    let top = top + (SIDE - small.height) / 2;
    for (y, line) in small.rgb.chunks_exact(small.width * 3).enumerate() {
        let at = ((top + y) * sheet.width + left) * 3;
        sheet.rgb[at..at + line.len()].copy_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: usize, height: usize, value: u8) -> Bytes {
        let picture = Picture { width, height, rgb: vec![value; width * height * 3] };
        picture.to_png().unwrap().into()
    }

    #[test]
    fn a_sheet_holds_every_picture_in_its_cell() {
        let lines = vec![
            vec![plain(400, 200, 10), plain(64, 64, 20)],
            vec![Bytes::from_static(b"not a picture")],
        ];
        let sheet = Picture::decode(&grid(&lines, 2).unwrap()).unwrap();
        let at = |x: usize, y: usize| sheet.rgb[(y * sheet.width + x) * 3];
        assert_eq!((sheet.width, sheet.height), (2 * (2 * 168 + 8) + 8, 168 + 8));
        assert_eq!(at(8 + 80, 8 + 80), 10);
        assert_eq!(at(8 + 80, 8 + 10), 255, "a wide picture is centred");
        assert_eq!(at(8 + 168 + 80, 8 + 80), 20);
        assert_eq!(at(8 + 344 + 80, 8 + 80), 200);
        assert_eq!(grid(&[], 2), None);
    }
}
