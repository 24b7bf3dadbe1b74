//! Silhouettes: a family of outlines, and which class has which. For people's eyes; the class that
//! the pixel judge reads is on the label.

/// A filled piece of a silhouette, in a square from -1 to 1 with y downwards.
#[derive(Debug, Clone, Copy)]
pub enum Piece {
    Poly(&'static [(f32, f32)]),
    /// Centre and radii.
    Oval(f32, f32, f32, f32),
}

use Piece::{Oval, Poly};

type Shape = &'static [Piece];

const DISC: Shape = &[Oval(0.0, 0.0, 0.95, 0.95)];
const FRUIT: Shape = &[
    Oval(0.0, 0.1, 0.85, 0.82),
    Poly(&[(-0.06, -0.6), (0.1, -1.0), (0.22, -0.95), (0.1, -0.6)]),
    Oval(0.4, -0.82, 0.28, 0.12),
];
const LONG: Shape = &[Oval(0.0, 0.0, 1.0, 0.5)];
const TALL: Shape = &[Oval(0.0, 0.0, 0.55, 1.0)];
const BLOCK: Shape = &[Poly(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)])];
const SLAB: Shape = &[Poly(&[(-1.0, -0.6), (1.0, -0.6), (1.0, 0.6), (-1.0, 0.6)])];
const PILLAR: Shape = &[Poly(&[(-0.5, -1.0), (0.5, -1.0), (0.6, 1.0), (-0.6, 1.0)])];
const PEAK: Shape = &[Poly(&[(0.0, -1.0), (1.0, 0.9), (-1.0, 0.9)])];
const GEM: Shape = &[Poly(&[(0.0, -1.0), (0.9, 0.0), (0.0, 1.0), (-0.9, 0.0)])];
const HEX: Shape =
    &[Poly(&[(-0.5, -0.9), (0.5, -0.9), (1.0, 0.0), (0.5, 0.9), (-0.5, 0.9), (-1.0, 0.0)])];
const STAR: Shape = &[Poly(&[
    (0.0, -1.0),
    (0.28, -0.35),
    (0.98, -0.3),
    (0.45, 0.18),
    (0.62, 0.9),
    (0.0, 0.5),
    (-0.62, 0.9),
    (-0.45, 0.18),
    (-0.98, -0.3),
    (-0.28, -0.35),
])];
const BEAST: Shape = &[
    Oval(-0.1, 0.05, 0.75, 0.45),
    Oval(0.68, -0.45, 0.32, 0.3),
    Poly(&[(0.3, -0.2), (0.6, -0.6), (0.8, -0.3), (0.5, 0.2)]),
    Poly(&[(-0.7, 0.2), (-0.45, 0.2), (-0.45, 0.95), (-0.7, 0.95)]),
    Poly(&[(0.2, 0.2), (0.45, 0.2), (0.45, 0.95), (0.2, 0.95)]),
    Poly(&[(-0.8, -0.1), (-1.0, -0.55), (-0.9, -0.6), (-0.65, -0.2)]),
];
const BIRD: Shape = &[
    Oval(0.0, 0.1, 0.7, 0.55),
    Oval(0.55, -0.5, 0.32, 0.32),
    Poly(&[(0.8, -0.6), (1.0, -0.45), (0.8, -0.35)]),
    Poly(&[(-0.5, 0.0), (-1.0, -0.35), (-0.9, 0.25)]),
    Poly(&[(-0.1, 0.5), (0.05, 0.5), (0.05, 1.0), (-0.1, 1.0)]),
    Poly(&[(0.2, 0.5), (0.35, 0.5), (0.35, 1.0), (0.2, 1.0)]),
];
const FISH: Shape =
    &[Oval(0.15, 0.0, 0.8, 0.5), Poly(&[(-0.45, 0.0), (-1.0, -0.55), (-1.0, 0.55)])];
const FOLK: Shape = &[
    Oval(0.0, -0.68, 0.3, 0.32),
    Poly(&[(-0.55, -0.35), (0.55, -0.35), (0.45, 0.5), (-0.45, 0.5)]),
    Poly(&[(-0.42, 0.4), (-0.08, 0.4), (-0.08, 1.0), (-0.42, 1.0)]),
    Poly(&[(0.08, 0.4), (0.42, 0.4), (0.42, 1.0), (0.08, 1.0)]),
];
const CUP: Shape =
    &[Poly(&[(-0.75, -0.6), (0.55, -0.6), (0.4, 0.8), (-0.6, 0.8)]), Oval(0.62, 0.0, 0.36, 0.4)];
const BOTTLE: Shape = &[Poly(&[
    (-0.2, -1.0),
    (0.2, -1.0),
    (0.2, -0.4),
    (0.55, -0.1),
    (0.55, 1.0),
    (-0.55, 1.0),
    (-0.55, -0.1),
    (-0.2, -0.4),
])];
const HOUSE: Shape = &[
    Poly(&[(0.0, -1.0), (1.0, -0.2), (-1.0, -0.2)]),
    Poly(&[(-0.8, -0.3), (0.8, -0.3), (0.8, 0.9), (-0.8, 0.9)]),
];
const TREE: Shape =
    &[Oval(0.0, -0.25, 0.8, 0.72), Poly(&[(-0.18, 0.3), (0.18, 0.3), (0.22, 1.0), (-0.22, 1.0)])];
const CAR: Shape = &[
    Poly(&[
        (-1.0, -0.05),
        (-0.6, -0.1),
        (-0.4, -0.55),
        (0.35, -0.55),
        (0.65, -0.1),
        (1.0, 0.0),
        (1.0, 0.45),
        (-1.0, 0.45),
    ]),
    Oval(-0.55, 0.5, 0.24, 0.24),
    Oval(0.55, 0.5, 0.24, 0.24),
];
const BOAT: Shape = &[
    Poly(&[(-1.0, 0.2), (1.0, 0.2), (0.65, 0.8), (-0.65, 0.8)]),
    Poly(&[(-0.1, -1.0), (0.7, 0.1), (-0.1, 0.1)]),
    Poly(&[(-0.16, -1.0), (-0.02, -1.0), (-0.02, 0.3), (-0.16, 0.3)]),
    Poly(&[(-0.16, -0.3), (-0.16, 0.12), (-0.7, 0.12)]),
];
const WINGS: Shape = &[
    Oval(0.0, 0.0, 0.25, 0.95),
    Poly(&[(0.0, -0.25), (1.0, 0.25), (1.0, 0.45), (0.0, 0.25)]),
    Poly(&[(0.0, -0.25), (-1.0, 0.25), (-1.0, 0.45), (0.0, 0.25)]),
    Poly(&[(0.0, 0.6), (0.4, 0.9), (-0.4, 0.9)]),
];
const TABLE: Shape = &[
    Poly(&[(-1.0, -0.4), (1.0, -0.4), (1.0, 0.15), (-1.0, 0.15)]),
    Poly(&[(-0.85, 0.1), (-0.65, 0.1), (-0.65, 0.9), (-0.85, 0.9)]),
    Poly(&[(0.65, 0.1), (0.85, 0.1), (0.85, 0.9), (0.65, 0.9)]),
];
const CHAIR: Shape = &[
    Poly(&[(-0.6, -1.0), (-0.35, -1.0), (-0.35, 1.0), (-0.6, 1.0)]),
    Poly(&[(-0.6, -0.15), (0.65, -0.15), (0.65, 0.25), (-0.6, 0.25)]),
    Poly(&[(0.4, 0.1), (0.65, 0.1), (0.65, 1.0), (0.4, 1.0)]),
];
const LAMP: Shape = &[
    Poly(&[(-0.4, -0.95), (0.4, -0.95), (0.75, 0.0), (-0.75, 0.0)]),
    Poly(&[(-0.1, 0.0), (0.1, 0.0), (0.1, 0.8), (-0.1, 0.8)]),
    Poly(&[(-0.5, 0.75), (0.5, 0.75), (0.5, 0.95), (-0.5, 0.95)]),
];
const TOOL: Shape = &[
    Poly(&[(-0.16, -0.6), (0.16, -0.6), (0.16, 1.0), (-0.16, 1.0)]),
    Poly(&[(-0.7, -0.95), (0.7, -0.95), (0.7, -0.5), (-0.7, -0.5)]),
];
const DOME: Shape = &[
    Poly(&[
        (-1.0, 0.05),
        (-0.8, -0.5),
        (-0.35, -0.85),
        (0.0, -0.95),
        (0.35, -0.85),
        (0.8, -0.5),
        (1.0, 0.05),
    ]),
    Poly(&[(-0.08, 0.0), (0.08, 0.0), (0.08, 0.95), (-0.08, 0.95)]),
];
const BLOOM: Shape = &[
    Oval(0.0, -0.55, 0.34, 0.34),
    Oval(0.5, -0.15, 0.34, 0.34),
    Oval(-0.5, -0.15, 0.34, 0.34),
    Oval(0.3, 0.4, 0.34, 0.34),
    Oval(-0.3, 0.4, 0.34, 0.34),
    Oval(0.0, 0.0, 0.4, 0.4),
];
const HEART: Shape = &[
    Oval(-0.42, -0.3, 0.48, 0.48),
    Oval(0.42, -0.3, 0.48, 0.48),
    Poly(&[(-0.86, -0.1), (0.86, -0.1), (0.0, 0.95)]),
];

const ANY: [Shape; 10] = [DISC, LONG, TALL, BLOCK, SLAB, PILLAR, PEAK, GEM, HEX, STAR];

const OWN: [(Shape, &str); 17] = [
    (
        BEAST,
        " cat dog horse cow sheep giraffe elephant zebra bear rabbit pig camel deer goat donkey lion tiger wolf fox mouse rat llama cheetah kitten puppy pony moose dinosaur hippo rhino panda unicorn ",
    ),
    (
        BIRD,
        " bird chicken duck swan owl crow dove flamingo penguin parrot peacock eagle goose turkey ostrich sparrow robin pigeon seagull ",
    ),
    (FISH, " fish goldfish whale shark dolphin shrimp submarine "),
    (
        FOLK,
        " person man woman boy girl child king queen knight wizard witch astronaut robot pirate clown dancer chef doctor farmer snowman scarecrow doll ",
    ),
    (FRUIT, " apple orange lemon lime pear peach cherry strawberry tomato plum mango pumpkin "),
    (CUP, " cup mug teapot kettle jug pitcher bucket basket pot glass "),
    (BOTTLE, " bottle vase jar wine glass perfume thermos guitar violin "),
    (HOUSE, " house barn birdhouse church cabin hut tent castle "),
    (TREE, " tree pine tree palm tree bush potted plant mushroom broccoli "),
    (
        CAR,
        " car taxi truck fire truck bus school bus van train tram tractor locomotive ambulance motorcycle scooter ",
    ),
    (BOAT, " boat sailboat ship canoe kayak "),
    (WINGS, " airplane butterfly bee rocket bat dragonfly helicopter moth drone "),
    (TABLE, " table dining table desk bench bed piano couch "),
    (CHAIR, " chair armchair stool "),
    (LAMP, " lamp lantern street lamp bell "),
    (TOOL, " hammer axe broom mop rake shovel toothbrush fork spoon paintbrush "),
    (DOME, " umbrella turtle snail jellyfish igloo "),
];

/// The silhouette of `class`.
pub fn silhouette(class: &str) -> Shape {
    let needle = format!(" {class} ");
    if let Some((shape, _)) = OWN.iter().find(|(_, classes)| classes.contains(&needle)) {
        return shape;
    }
    match class {
        "star" | "starfish" => STAR,
        "heart" => HEART,
        "flower" | "rose" | "tulip" | "daisy" | "sunflower" | "lily" => BLOOM,
        "clock" | "ball" | "sports ball" | "pizza" | "donut" | "plate" | "coin" | "wheel" => DISC,
        "pyramid" | "mountain" | "volcano" | "cone" => PEAK,
        "diamond" | "gem" | "kite" => GEM,
        "stop sign" => HEX,
        "book" | "box" | "suitcase" | "cube" | "gift" | "window" => BLOCK,
        _ => {
            let sum = class.bytes().fold(3u32, |h, b| h.wrapping_mul(33).wrapping_add(b.into()));
            ANY[sum as usize % ANY.len()]
        }
    }
}
