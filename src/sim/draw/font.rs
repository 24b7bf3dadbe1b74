//! A 3 x 5 bitmap font, in which pictures are labelled and lettered, and its inverse.

/// Glyph rows from top to bottom, three bits each, leftmost bit highest.
const GLYPHS: [(char, [u8; 5]); 43] = [
    ('A', [2, 5, 7, 5, 5]),
    ('B', [6, 5, 6, 5, 6]),
    ('C', [3, 4, 4, 4, 3]),
    ('D', [6, 5, 5, 5, 6]),
    ('E', [7, 4, 6, 4, 7]),
    ('F', [7, 4, 6, 4, 4]),
    ('G', [3, 4, 5, 5, 3]),
    ('H', [5, 5, 7, 5, 5]),
    ('I', [7, 2, 2, 2, 7]),
    ('J', [1, 1, 1, 5, 2]),
    ('K', [5, 5, 6, 5, 5]),
    ('L', [4, 4, 4, 4, 7]),
    ('M', [5, 7, 7, 5, 5]),
    ('N', [6, 5, 5, 5, 5]),
    ('O', [2, 5, 5, 5, 2]),
    ('P', [6, 5, 6, 4, 4]),
    ('Q', [2, 5, 5, 2, 1]),
    ('R', [6, 5, 6, 6, 5]),
    ('S', [3, 4, 2, 1, 6]),
    ('T', [7, 2, 2, 2, 2]),
    ('U', [5, 5, 5, 5, 7]),
    ('V', [5, 5, 5, 5, 2]),
    ('W', [5, 5, 7, 7, 5]),
    ('X', [5, 5, 2, 5, 5]),
    ('Y', [5, 5, 2, 2, 2]),
    ('Z', [7, 1, 2, 4, 7]),
    ('0', [7, 5, 5, 5, 7]),
    ('1', [2, 6, 2, 2, 7]),
    ('2', [6, 1, 2, 4, 6]),
    ('3', [7, 1, 3, 1, 7]),
    ('4', [5, 5, 7, 1, 1]),
    ('5', [7, 4, 6, 1, 6]),
    ('6', [3, 4, 7, 5, 7]),
    ('7', [7, 1, 1, 2, 2]),
    ('8', [7, 5, 7, 5, 7]),
    ('9', [7, 5, 7, 1, 6]),
    ('-', [0, 0, 7, 0, 0]),
    ('.', [0, 0, 0, 0, 2]),
    ('!', [2, 2, 2, 0, 2]),
    ('?', [6, 1, 2, 0, 2]),
    ('\'', [2, 2, 0, 0, 0]),
    ('&', [2, 5, 2, 5, 3]),
    (' ', [0, 0, 0, 0, 0]),
];

/// The rows of `c` (letters in capitals); what the font lacks is drawn as `?`.
pub fn glyph(c: char) -> [u8; 5] {
    let c = c.to_ascii_uppercase();
    let find = |c: char| GLYPHS.iter().find(|(g, _)| *g == c).map(|(_, rows)| *rows);
    find(c).or_else(|| find('?')).unwrap_or([7; 5])
}

/// The character with exactly these rows.
pub fn letter(rows: [u8; 5]) -> Option<char> {
    GLYPHS.iter().find(|(_, g)| *g == rows).map(|(c, _)| *c)
}

/// `text` as the font can write it: what a reader of the picture will read.
pub fn written(text: &str) -> String {
    let known = |c: char| GLYPHS.iter().any(|(g, _)| *g == c);
    text.chars().map(|c| c.to_ascii_uppercase()).map(|c| if known(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_glyph_is_its_own() {
        for (c, rows) in GLYPHS {
            assert_eq!(letter(rows), Some(c), "{c}");
        }
    }
}
