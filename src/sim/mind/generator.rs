//! The image generator: reads a caption literally, gets some of it wrong, draws the rest.
//!
//! Each possible fault has its own number, drawn from (seed, caption, class, kind), and happens when
//! that number is below a rate that the caption's clarity sets. So a clearer caption draws better on
//! the whole, and yet a new picture: with a real generator too, other words under the kept seed put
//! what was right at risk.

use crate::record::{Region, Relation, Size};
use crate::sim::World;
use crate::sim::draw;
use crate::sim::scene::{self, Group, Meaning, lexicon};

/// A request for one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Order<'a> {
    pub caption: &'a str,
    pub width: u32,
    pub height: u32,
    pub seed: u64,
    /// Draws without error (an illustrator).
    pub faithful: bool,
}

/// The picture as PNG bytes.
pub fn picture(world: &World, order: &Order<'_>) -> Vec<u8> {
    let mut meaning = scene::parse(order.caption);
    let seed = format!("{}, {}", order.seed, order.caption);
    if meaning.is_empty() {
        improvise(&mut meaning, world, &seed, order.caption);
    } else if !order.faithful {
        err(world, &seed, order.caption, &mut meaning);
    }
    let mut rng = world.rng(&["layout", &seed]);
    draw::draw(&meaning, order.width, order.height, &mut rng)
}

/// Nothing was understood: something is drawn anyway.
fn improvise(meaning: &mut Meaning, world: &World, seed: &str, caption: &str) {
    let mut rng = world.rng(&["improvise", seed, caption]);
    const ANY: [&str; 8] =
        ["tree", "cloud", "person", "house", "flower", "mountain", "star", "lamp"];
    for _ in 0..1 + rng.below(3) {
        let class = rng.pick(&ANY).copied().unwrap_or("cloud");
        if meaning.groups.iter().all(|g| g.class != class) {
            let count = Some(1 + rng.below(3) as u32);
            meaning.groups.push(Group { class: class.to_owned(), count, ..Group::default() });
        }
    }
}

struct Errs<'a> {
    world: &'a World,
    seed: &'a str,
    /// 0 (every word understood) to 1.
    vague: f64,
    stubborn: bool,
    surplus_barred: bool,
}

impl Errs<'_> {
    /// Does the fault `kind` of `class` happen at `rate`, restated `stress` times?
    fn happens(&self, class: &str, kind: &str, rate: f64, stress: u8) -> bool {
        let ease = 0.36f64.powi(i32::from(stress.min(4)));
        let floor = if self.stubborn { 0.5 } else { 0.0 };
        let rate = ((rate + 0.25 * self.vague) * ease).max(rate.min(floor));
        self.u(class, kind) < rate * self.world.clumsiness
    }

    fn u(&self, class: &str, kind: &str) -> f64 {
        self.world.rng(&["fault", self.seed, class, kind]).unit()
    }
}

fn err(world: &World, seed: &str, caption: &str, meaning: &mut Meaning) {
    let classes: Vec<&str> = meaning.groups.iter().map(|g| g.class.as_str()).collect();
    let unknown = meaning.unparsed.len() as f64;
    let errs = Errs {
        world,
        seed,
        vague: unknown / (unknown + 3.0 * (1.0 + meaning.groups.len() as f64)),
        stubborn: world.rng(&["stubborn", &classes.join("+")]).chance(world.stubborn),
        surplus_barred: caption.contains("nothing else") || caption.contains("Nothing else"),
    };
    let crowd = meaning.groups.len() as f64;
    let coloured = meaning.groups.iter().filter(|g| g.color.is_some()).count() as f64;
    for group in &mut meaning.groups {
        miscount(&errs, group);
        misattribute(&errs, group, coloured);
        misplace(&errs, group);
    }
    misrelate(&errs, meaning);
    swap_colours(&errs, &mut meaning.groups, coloured);
    lose(&errs, meaning, crowd);
    misspell(&errs, meaning);
    add(&errs, meaning);
}

fn miscount(errs: &Errs<'_>, group: &mut Group) {
    let n = group.count.unwrap_or(3);
    let rate = match n {
        0 | 1 => 0.03,
        2 => 0.16,
        3 => 0.34,
        4 => 0.48,
        n => (0.54 + 0.05 * f64::from(n - 4)).min(0.9),
    };
    let class = group.class.clone();
    if errs.happens(&class, "count", rate, group.stress.count) {
        let u = errs.u(&class, "count by");
        let by = if n >= 5 && u > 0.7 { 2 } else { 1 };
        group.count = Some(if u < 0.45 && n > 1 { n - by.min(n - 1) } else { n + by });
    }
}

fn misattribute(errs: &Errs<'_>, group: &mut Group, coloured: f64) {
    let class = group.class.clone();
    if group.color.is_some() {
        let odd = group.color != Some(draw::palette::natural(&class));
        let rate = if odd { 0.12 + 0.05 * coloured } else { 0.03 };
        if errs.happens(&class, "colour", rate, group.stress.color) {
            // A thing falls back to the colour it usually has.
            let natural = draw::palette::natural(&class);
            let pick = (errs.u(&class, "colour by") * 10.0) as usize;
            group.color = if odd { Some(natural) } else { lexicon::COLORS.get(pick).copied() };
        }
    }
    if group.material.is_some() && errs.happens(&class, "material", 0.25, group.stress.color) {
        group.material = None;
    }
    if group.size.is_some() && errs.happens(&class, "size", 0.4, group.stress.size) {
        group.size = None;
    }
}

fn misplace(errs: &Errs<'_>, group: &mut Group) {
    let class = group.class.clone();
    if group.region.is_some() && errs.happens(&class, "place", 0.3, group.stress.place) {
        group.region = match errs.u(&class, "place by") {
            u if u < 0.5 => None,
            _ => group.region.map(opposite),
        };
    }
}

fn opposite(region: Region) -> Region {
    match region {
        Region::Left => Region::Right,
        Region::Right => Region::Left,
        Region::Above => Region::Below,
        Region::Below => Region::Above,
    }
}

fn misrelate(errs: &Errs<'_>, meaning: &mut Meaning) {
    let groups = &meaning.groups;
    for relation in &mut meaning.relations {
        let Some(subject) = groups.get(relation.subject) else { continue };
        if errs.happens(&subject.class, "relation", 0.42, subject.stress.place) {
            *relation = Relation { region: opposite(relation.region), ..*relation };
        }
    }
}

/// The colours of two things change places.
fn swap_colours(errs: &Errs<'_>, groups: &mut [Group], coloured: f64) {
    if coloured < 2.0 {
        return;
    }
    for i in 1..groups.len() {
        let stress = groups[i].stress.color.min(groups[i - 1].stress.color);
        let both = groups[i].color.is_some() && groups[i - 1].color.is_some();
        if both && errs.happens(&groups[i].class.clone(), "swap", 0.12, stress) {
            let (a, b) = groups.split_at_mut(i);
            std::mem::swap(&mut a[i - 1].color, &mut b[0].color);
        }
    }
}

/// A thing is left out.
fn lose(errs: &Errs<'_>, meaning: &mut Meaning, crowd: f64) {
    let gone = meaning.groups.iter().rposition(|g| {
        let known = g.stress.count + g.stress.place;
        errs.happens(&g.class, "missing", 0.06 * (crowd - 1.0), known)
    });
    if let Some(gone) = gone.filter(|_| meaning.groups.len() > 1) {
        meaning.groups.remove(gone);
        meaning.relations.clear();
    }
}

fn misspell(errs: &Errs<'_>, meaning: &mut Meaning) {
    let Some(text) = &mut meaning.text else { return };
    let rate = 0.2 + 0.04 * text.len() as f64;
    if !errs.happens(text, "spelling", rate.min(0.8), meaning.text_stress) {
        return;
    }
    let mut letters: Vec<char> = text.chars().collect();
    let at = (errs.u(text, "spelling by") * letters.len() as f64) as usize;
    if letters.len() > 2 && errs.u(text, "spelling how") < 0.5 {
        letters.remove(at.min(letters.len() - 1));
    } else if let Some(letter) = letters.get_mut(at) {
        *letter = if *letter == 'E' { 'F' } else { 'E' };
    }
    *text = letters.into_iter().collect();
}

/// Something nobody asked for appears.
fn add(errs: &Errs<'_>, meaning: &mut Meaning) {
    let rate = if errs.surplus_barred { 0.01 } else { 0.06 };
    if errs.u("", "surplus") >= rate * errs.world.clumsiness {
        return;
    }
    const ANY: [&str; 6] = ["leaf", "ball", "box", "bird", "plate", "shell"];
    let class = ANY[(errs.u("", "surplus by") * 6.0) as usize % 6];
    if meaning.groups.iter().all(|g| g.class != class) {
        let size = meaning.groups.iter().any(|g| g.size.is_some()).then_some(Size::Smaller);
        let group = Group { class: class.to_owned(), count: Some(1), size, ..Group::default() };
        meaning.groups.push(group);
    }
}
