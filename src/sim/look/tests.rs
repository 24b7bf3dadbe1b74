//! A thousand random scenes, drawn and read back from their pixels.

use crate::env::Rng;
use crate::record::{Answer, Region, Size};
use crate::sim::look::{Ask, check, read};
use crate::sim::mind::{Chat, Mind};
use crate::sim::scene::{Group, Meaning, lexicon};
use crate::sim::{World, draw};
use std::collections::BTreeSet;

const CLASSES: [&str; 24] = [
    "cat",
    "clock",
    "potted plant",
    "tree",
    "knife",
    "sheep",
    "umbrella",
    "computer keyboard",
    "boat",
    "star",
    "teapot",
    "fish",
    "person",
    "key",
    "lamp",
    "chair",
    "table",
    "airplane",
    "heart",
    "baseball glove",
    "bottle",
    "car",
    "flower",
    "owl",
];

fn scene(rng: &mut Rng) -> Meaning {
    let mut classes = CLASSES.to_vec();
    rng.shuffle(&mut classes);
    let n = 1 + rng.below(4);
    let mut groups: Vec<Group> = classes[..n]
        .iter()
        .map(|class| Group {
            class: (*class).to_owned(),
            count: Some(1 + rng.below(9) as u32),
            color: Some(lexicon::COLORS[rng.below(lexicon::COLORS.len())]),
            material: rng.chance(0.2).then(|| lexicon::MATERIALS[rng.below(9)]),
            ..Group::default()
        })
        .collect();
    if n == 2 && rng.chance(0.5) {
        let sides = [[Region::Left, Region::Right], [Region::Above, Region::Below]][rng.below(2)];
        groups.iter_mut().zip(sides).for_each(|(g, side)| g.region = Some(side));
    }
    if n == 2 && rng.chance(0.3) {
        (groups[0].size, groups[1].size) = (Some(Size::Larger), Some(Size::Smaller));
    }
    let text = rng.chance(0.2).then(|| "OPEN 24".to_owned());
    Meaning { groups, text, ..Meaning::default() }
}

fn told(things: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = things.collect();
    all.sort();
    all
}

#[test]
fn a_thousand_scenes_are_read_back() {
    for i in 0..1000 {
        let mut rng = Rng::keyed(i, &["scene"]);
        let meaning = scene(&mut rng);
        let size = [256, 320, 384, 512][rng.below(4)].max(
            if meaning.groups.iter().map(|g| g.count.unwrap_or(0)).sum::<u32>() > 12 {
                512
            } else {
                0
            },
        );
        let seen = read(&draw::draw(&meaning, size, size, &mut rng));
        let drawn = told(meaning.groups.iter().flat_map(|g| {
            let one = format!("{} {:?} {:?}", g.class, g.color, g.material);
            std::iter::repeat_n(one, g.count.unwrap_or(0) as usize)
        }));
        let found =
            told(seen.things.iter().map(|t| format!("{} {:?} {:?}", t.class, t.color, t.material)));
        assert_eq!(found, drawn, "scene {i}, {size} px");
        assert_eq!(seen.lettering, meaning.text, "scene {i}");
    }
}

/// Also that an outline hangs together: a loose piece would leave its thing too small, a label
/// beside its outline without a colour.
#[test]
fn every_class_is_drawn_and_read_back() {
    for class in lexicon::classes() {
        let group = Group {
            class: class.to_owned(),
            count: Some(2),
            color: Some("red"),
            ..Group::default()
        };
        let meaning = Meaning { groups: vec![group], ..Meaning::default() };
        for size in [256, 512] {
            let seen = read(&draw::draw(&meaning, size, size, &mut Rng::keyed(9, &[class])));
            assert_eq!(seen.of(class, Some("red")).count(), 2, "{class} at {size}: {seen:?}");
            let least = seen.things.iter().map(|t| t.r).fold(1.0, f32::min);
            assert!(least > 0.13, "{class} at {size}: {seen:?}");
        }
    }
}

/// The checklist that the world's own model makes, answered for the scene drawn without error.
#[test]
fn a_right_picture_passes_its_checklist_and_a_wrong_one_fails() {
    let mind = Mind::new(World::default());
    for i in 0..100 {
        let mut rng = Rng::keyed(i, &["checklist"]);
        let meaning = scene(&mut rng);
        let spec = serde_json::to_string(&meaning.to_spec()).unwrap();
        let chat = Chat {
            system: "# Task: checklist".to_owned(),
            user: format!("<request>\nx\n</request>\n<spec>\n{spec}\n</spec>"),
            ..Chat::default()
        };
        let reply: serde_json::Value = serde_json::from_str(&mind.answer(&chat).text).unwrap();
        let failing = |meaning: &Meaning| {
            let seen = read(&draw::draw(meaning, 512, 512, &mut Rng::keyed(i, &["draw"])));
            let atoms = reply["atoms"].as_array().unwrap().clone();
            let said = |a: &serde_json::Value, k: &str| a[k].as_str().unwrap().to_owned();
            atoms
                .iter()
                .filter(|a| {
                    check(&seen, &Ask::of(&said(a, "question"), &said(a, "expected"))).answer
                        != Answer::Yes
                })
                .map(|a| said(a, "question"))
                .collect::<BTreeSet<String>>()
        };
        assert_eq!(failing(&meaning), BTreeSet::new(), "scene {i}: {spec}");
        let mut wrong = meaning.clone();
        wrong.groups[0].count = wrong.groups[0].count.map(|n| n + 1);
        assert!(!failing(&wrong).is_empty(), "scene {i}: {spec}");
        let mut wrong = meaning.clone();
        wrong.groups[0].color =
            wrong.groups[0].color.map(|c| if c == "red" { "blue" } else { "red" });
        assert!(!failing(&wrong).is_empty(), "scene {i}: {spec}");
    }
}

#[test]
fn blank_foreign_and_damaged_pictures_hold_nothing() {
    let mut noise = vec![0; 64 * 64];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 64, 64);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&noise).unwrap();
    assert!(read(&png).is_blank());
    assert!(read(&png[..png.len() / 2]).is_blank());
    assert!(read(b"\xff\xd8\xff\xe0 not a picture").is_blank());
    assert!(read(&draw::draw(&Meaning::default(), 256, 256, &mut Rng::keyed(1, &[]))).is_blank());
}

#[test]
fn a_padded_picture_reads_the_same() {
    let meaning = scene(&mut Rng::keyed(4, &["pad"]));
    let plain = draw::draw(&meaning, 512, 512, &mut Rng::keyed(1, &[]));
    let mut padded = plain.clone();
    draw::pad(&mut padded, 300_000);
    assert_eq!(padded.len(), 300_000);
    assert_eq!(read(&padded), read(&plain));
}
