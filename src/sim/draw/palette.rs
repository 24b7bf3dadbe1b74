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

/// The colours that things have by themselves.
const NATURAL: &[(&str, &str)] = &[
    (
        "red",
        "apple, strawberry, tomato, cherry, raspberry, radish, fire truck, fire hydrant, \
         stop sign, heart, crab, lobster, ladybug, rose, rooster, telephone",
    ),
    (
        "orange",
        "orange, carrot, pumpkin, fox, goldfish, tiger, basketball, campfire, tulip, shrimp, \
         robin, peach",
    ),
    (
        "yellow",
        "banana, lemon, giraffe, bee, sun, star, sunflower, cheese, school bus, taxi, rubber duck, \
         daffodil, pencil, corn, straw, pineapple",
    ),
    (
        "green",
        "broccoli, tree, pine tree, palm tree, christmas tree, bush, plant, potted plant, fern, \
         leaf, frog, turtle, cactus, crocodile, lizard, dragon, dinosaur, cucumber, lime, cabbage, \
         avocado, bottle, grasshopper, bamboo, tractor, kiwi, watermelon, wreath",
    ),
    (
        "blue",
        "whale, dolphin, fish, globe, butterfly, pond, fountain, jeans, blueberry, kayak, raincoat",
    ),
    ("purple", "plum, grape, eggplant, octopus, violet, jellyfish, witch, wizard"),
    ("pink", "pig, flamingo, donut, cupcake, eraser, worm, ice cream, piggy bank"),
    (
        "brown",
        "bear, horse, dog, monkey, beaver, owl, sparrow, deer, moose, kangaroo, squirrel, \
         hedgehog, potato, coconut, chocolate, cookie, bread, violin, guitar, cello, chair, table, \
         dining table, desk, bench, stool, door, bookshelf, shelf, barrel, basket, log, \
         treasure chest, mushroom, football, boot, walnut, acorn, snail, spider, beetle, turkey, \
         ant, teddy bear, ladder, fence",
    ),
    (
        "black",
        "crow, penguin, piano, bat, umbrella, tire, camera, tv, hat, tuxedo, gorilla, microphone, \
         cannon, pan, frying pan, anvil, stove",
    ),
    (
        "white",
        "sheep, swan, egg, snowman, cloud, goose, goat, dove, seagull, rabbit, toilet, sink, \
         bathtub, igloo, refrigerator, lighthouse, ghost, plate, cup, snowflake, skull, bone, \
         pillow, llama, envelope, candle, chicken, daisy, lily, unicorn, bed",
    ),
    (
        "gray",
        "elephant, mouse, rat, wolf, shark, rhino, hippo, donkey, koala, mountain, rock, pigeon, \
         iceberg, castle, tower, statue, bridge, raccoon, seal, hammer",
    ),
    (
        "gold",
        "lion, crown, trumpet, saxophone, trombone, bell, coin, trophy, medal, key, ring, \
         croissant, pretzel, bagel, pancake, waffle, horn, harp, watch, compass",
    ),
    (
        "silver",
        "fork, spoon, knife, moon, airplane, rocket, scissors, spaceship, satellite, submarine, \
         can, robot, sword, mirror, padlock, toaster, kettle, telescope, wrench, needle",
    ),
    ("beige", "camel, pyramid, island, shell, sandal, scarecrow"),
    ("turquoise", "peacock, hummingbird, mermaid, teapot, vase, dragonfly"),
];

/// The colour a thing has when none is asked for.
pub fn natural(class: &str) -> &'static str {
    let holds = |classes: &str| classes.split(", ").any(|c| c == class);
    NATURAL.iter().find(|(_, classes)| holds(classes)).map_or_else(
        || {
            let sum = class.bytes().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
            lexicon::COLORS[sum as usize % lexicon::COLORS.len()]
        },
        |(color, _)| color,
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

    #[test]
    fn every_natural_colour_is_of_a_class_and_named_once() {
        let mut seen = std::collections::HashSet::new();
        for (color, classes) in NATURAL {
            assert!(lexicon::COLORS.contains(color), "{color}");
            for class in classes.split(", ") {
                assert_eq!(lexicon::noun(class).map(|n| n.class), Some(class));
                assert!(seen.insert(class), "{class} twice");
            }
        }
    }
}
