//! The colours of simulated pictures: fixed ones that mean something, and backgrounds that do not.

use crate::sim::scene::lexicon;

/// Palette indices. Backgrounds come first; whatever is no fixed colour is background.
pub const BACKGROUNDS: usize = 4;
pub const PLATE: u8 = 4;
pub const INK: u8 = 5;
pub const OUTLINE: u8 = 6;
pub const BOARD: u8 = 7;
pub const COLOR: u8 = 8;
pub const MATERIAL: u8 = COLOR + lexicon::COLORS.len() as u8;
pub const LEN: usize = MATERIAL as usize + lexicon::MATERIALS.len();

const FIXED: [[u8; 3]; LEN - BACKGROUNDS] = [
    [250, 250, 246], // plate
    [24, 22, 20],    // ink
    [58, 54, 52],    // outline
    [236, 226, 190], // board
    [214, 40, 40],   // red
    [245, 130, 32],  // orange
    [250, 214, 30],  // yellow
    [52, 156, 74],   // green
    [38, 98, 200],   // blue
    [130, 62, 168],  // purple
    [244, 142, 186], // pink
    [122, 78, 42],   // brown
    [36, 36, 42],    // black
    [255, 255, 255], // white
    [142, 144, 148], // gray
    [206, 166, 52],  // gold
    [190, 196, 206], // silver
    [222, 202, 166], // beige
    [50, 186, 186],  // turquoise
    [160, 112, 64],  // wooden
    [204, 232, 244], // glass
    [110, 120, 134], // metal
    [98, 56, 34],    // leather
    [240, 238, 226], // paper
    [128, 124, 116], // stone
    [230, 90, 120],  // plastic
    [150, 130, 180], // fabric
    [246, 240, 232], // ceramic
];

/// Sky-to-floor tints; none is a fixed colour.
const THEMES: [[[u8; 3]; BACKGROUNDS]; 6] = [
    [[214, 230, 240], [222, 236, 244], [206, 216, 204], [198, 208, 194]],
    [[240, 232, 220], [244, 238, 228], [226, 214, 198], [218, 204, 186]],
    [[226, 224, 236], [234, 232, 242], [208, 204, 222], [200, 196, 214]],
    [[218, 236, 222], [226, 242, 230], [204, 222, 202], [194, 214, 192]],
    [[236, 236, 236], [242, 242, 242], [222, 222, 222], [214, 214, 214]],
    [[250, 226, 208], [252, 234, 218], [232, 208, 192], [224, 198, 180]],
];

/// The RGB palette of a picture with background `theme` (taken modulo their number).
pub fn rgb(theme: usize) -> Vec<u8> {
    let backgrounds = THEMES[theme % THEMES.len()];
    backgrounds.iter().chain(&FIXED).flatten().copied().collect()
}

/// The index that an RGB triple has here; background if it is no fixed colour.
pub fn index_of(rgb: [u8; 3]) -> u8 {
    FIXED.iter().position(|c| *c == rgb).map_or(0, |i| (i + BACKGROUNDS) as u8)
}

/// The colour's name behind an index.
pub fn color_name(index: u8) -> Option<&'static str> {
    lexicon::COLORS.get(usize::from(index.checked_sub(COLOR)?)).copied()
}

/// The material's name behind an index.
pub fn material_name(index: u8) -> Option<&'static str> {
    lexicon::MATERIALS.get(usize::from(index.checked_sub(MATERIAL)?)).copied()
}

/// The index of a basic colour.
pub fn color_index(name: &str) -> u8 {
    COLOR + lexicon::COLORS.iter().position(|c| *c == name).unwrap_or(0) as u8
}

/// The index of a material's pattern.
pub fn material_index(name: &str) -> u8 {
    MATERIAL + lexicon::MATERIALS.iter().position(|m| *m == name).unwrap_or(0) as u8
}

/// Classes with a colour of their own.
const NATURAL: [(&str, &str); 40] = [
    ("apple", "red"),
    ("banana", "yellow"),
    ("lemon", "yellow"),
    ("orange", "orange"),
    ("carrot", "orange"),
    ("pumpkin", "orange"),
    ("broccoli", "green"),
    ("tree", "green"),
    ("frog", "green"),
    ("turtle", "green"),
    ("cactus", "green"),
    ("strawberry", "red"),
    ("tomato", "red"),
    ("fire truck", "red"),
    ("fire hydrant", "red"),
    ("stop sign", "red"),
    ("elephant", "gray"),
    ("mouse", "gray"),
    ("pig", "pink"),
    ("flamingo", "pink"),
    ("sheep", "white"),
    ("swan", "white"),
    ("egg", "white"),
    ("snowman", "white"),
    ("crow", "black"),
    ("penguin", "black"),
    ("piano", "black"),
    ("bear", "brown"),
    ("horse", "brown"),
    ("camel", "beige"),
    ("giraffe", "yellow"),
    ("bee", "yellow"),
    ("sun", "yellow"),
    ("lion", "gold"),
    ("crown", "gold"),
    ("trumpet", "gold"),
    ("fork", "silver"),
    ("spoon", "silver"),
    ("knife", "silver"),
    ("moon", "silver"),
];

/// The colour a thing has when none is asked for.
pub fn natural(class: &str) -> &'static str {
    NATURAL.iter().find(|(c, _)| *c == class).map_or_else(
        || {
            let sum = class.bytes().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
            lexicon::COLORS[sum as usize % lexicon::COLORS.len()]
        },
        |(_, color)| color,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_fixed_colours_are_one() {
        for (i, rgb) in FIXED.iter().enumerate() {
            assert_eq!(usize::from(index_of(*rgb)), i + BACKGROUNDS);
        }
        for rgb in THEMES.iter().flatten() {
            assert_eq!(index_of(*rgb), 0);
        }
    }
}
