//! What is asked -> the finding, with evidence.

use crate::record::{Answer, Region, Size};
use crate::sim::look::tell::{amount, is, overview, spot, whereabouts};
use crate::sim::look::{Ask, Seen, Thing};
use crate::sim::scene::{self, Group, lexicon};

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub answer: Answer,
    pub evidence: String,
    /// The fact as a clause for prose: "there are four clocks instead of five".
    pub fact: String,
}

/// Looks for what is asked.
pub fn check(seen: &Seen, ask: &Ask) -> Finding {
    match ask {
        Ask::Exists(group) => exists(seen, group),
        Ask::Count { group, least, most } => count(seen, group, *least, *most),
        Ask::Color { class, color } => all(
            seen,
            class,
            color,
            |t| t.color == Some(*color),
            |t| t.color.unwrap_or("colourless"),
        ),
        Ask::Material { class, material } => {
            let made = format!("made of {}", lexicon::substance(material));
            all(
                seen,
                class,
                &made,
                |t| t.material == Some(*material),
                |t| t.material.unwrap_or("of no visible material"),
            )
        }
        Ask::Place { group, region } => place(seen, group, *region),
        Ask::Relation { subject, region, object } => relation(seen, subject, *region, object),
        Ask::Size { group, size } => sized(seen, group, *size),
        Ask::Lettering(text) => lettering(seen, text),
        Ask::Beyond => Finding {
            answer: Answer::Unsure,
            evidence: "Nothing in the picture lets me tell.".to_owned(),
            fact: "part of what was asked cannot be made out".to_owned(),
        },
    }
}

fn finding(good: bool, evidence: String, fact: String) -> Finding {
    Finding { answer: if good { Answer::Yes } else { Answer::No }, evidence, fact }
}

fn name(group: &Group, n: u32) -> String {
    let noun = lexicon::counted(&group.class, n);
    group.color.map_or(noun.to_string(), |color| format!("{color} {noun}"))
}

fn exists(seen: &Seen, group: &Group) -> Finding {
    let n = seen.of(&group.class, group.color).count() as u32;
    match n {
        0 => finding(
            false,
            format!("I find no {} anywhere; {}.", name(group, 1), overview(seen)),
            format!("there is no {} to be seen", name(group, 1)),
        ),
        n => finding(
            true,
            format!("{} visible {}.", amount(n, &name(group, n)), whereabouts(seen, group)),
            format!("{} can be seen", amount(n, &name(group, n))),
        ),
    }
}

fn count(seen: &Seen, group: &Group, least: u32, most: u32) -> Finding {
    let n = seen.of(&group.class, group.color).count() as u32;
    let good = (least..=most).contains(&n);
    let fact = if good {
        format!("{} {} there", amount(n, &name(group, n)), is(n))
    } else if most == 0 {
        format!("{} {} there although none should be", amount(n, &name(group, n)), is(n))
    } else if least == most {
        format!(
            "{} {} there instead of {}",
            amount(n, &name(group, n)),
            is(n),
            lexicon::number_word(least)
        )
    } else {
        format!("{} {} there, which is too many", amount(n, &name(group, n)), is(n))
    };
    finding(
        good,
        format!(
            "Counting one by one, {}: {}.",
            whereabouts(seen, group),
            amount(n, &name(group, n))
        ),
        fact,
    )
}

fn all(
    seen: &Seen,
    class: &str,
    wanted: &str,
    holds: impl Fn(&Thing) -> bool,
    look: impl Fn(&Thing) -> &'static str,
) -> Finding {
    let things: Vec<&Thing> = seen.of(class, None).collect();
    let noun = lexicon::counted(class, things.len() as u32);
    if things.is_empty() {
        return finding(
            false,
            format!("There is no {class} to look at."),
            format!("no {class} is there to be {wanted}"),
        );
    }
    let wrong: Vec<&&Thing> = things.iter().filter(|t| !holds(t)).collect();
    let looks: Vec<String> = things.iter().map(|t| look(t).to_owned()).collect();
    let evidence = format!("The {noun} from left to right: {}.", looks.join(", "));
    match wrong.first() {
        None => finding(true, evidence, format!("the {noun} {} {wanted}", is(things.len() as u32))),
        Some(first) => {
            let (n, is_now) = (wrong.len() as u32, look(first));
            let who = if wrong.len() == things.len() {
                format!("the {noun} {}", is(n))
            } else {
                format!("{} of the {noun} {}", lexicon::number_word(n), is(n))
            };
            finding(false, evidence, format!("{who} {is_now} instead of {wanted}"))
        }
    }
}

fn center<'a>(things: impl Iterator<Item = &'a Thing>) -> Option<(f32, f32, f32)> {
    let (mut n, mut sum) = (0f32, (0f32, 0f32, 0f32));
    for t in things {
        n += 1.0;
        sum = (sum.0 + t.x, sum.1 + t.y, sum.2 + t.r);
    }
    (n > 0.0).then(|| (sum.0 / n, sum.1 / n, sum.2 / n))
}

fn beyond(a: (f32, f32, f32), b: (f32, f32, f32), region: Region) -> bool {
    const MARGIN: f32 = 0.06;
    match region {
        Region::Left => a.0 < b.0 - MARGIN,
        Region::Right => a.0 > b.0 + MARGIN,
        Region::Above => a.1 < b.1 - MARGIN,
        Region::Below => a.1 > b.1 + MARGIN,
    }
}

fn place(seen: &Seen, group: &Group, region: Region) -> Finding {
    let where_to = scene::say::place(region);
    let noun = name(group, 2);
    let Some(mine) = center(seen.of(&group.class, group.color)) else {
        return finding(
            false,
            format!("There is no {} to place.", name(group, 1)),
            format!("no {} is there to stand {where_to}", name(group, 1)),
        );
    };
    let n = seen.of(&group.class, group.color).count() as u32;
    let noun = if n == 1 { name(group, 1) } else { noun };
    let others = center(seen.things.iter().filter(|t| t.class != group.class));
    let good = beyond(mine, others.unwrap_or((0.5, 0.5, 0.0)), region);
    let evidence = format!("The {noun} {} {}.", is(n), spot(mine.0, mine.1));
    let fact = if good {
        format!("the {noun} {} {where_to}", is(n))
    } else {
        format!("the {noun} {} {} instead of {where_to}", is(n), spot(mine.0, mine.1))
    };
    finding(good, evidence, fact)
}

fn relation(seen: &Seen, subject: &Group, region: Region, object: &Group) -> Finding {
    let (s, o) = (name(subject, 1), name(object, 1));
    let how = scene::say::relation(region);
    let (Some(a), Some(b)) = (
        center(seen.of(&subject.class, subject.color)),
        center(seen.of(&object.class, object.color)),
    ) else {
        return finding(
            false,
            format!("The {s} and the {o} are not both there."),
            format!("the {s} and the {o} are not both there, so neither is {how} the other"),
        );
    };
    let evidence = format!("The {s} is {}, the {o} {}.", spot(a.0, a.1), spot(b.0, b.1));
    let good = beyond(a, b, region);
    let fact = if good {
        format!("the {s} is {how} the {o}")
    } else {
        format!("the {s} is not {how} the {o}")
    };
    finding(good, evidence, fact)
}

fn sized(seen: &Seen, group: &Group, size: Size) -> Finding {
    let n = name(group, 1);
    let than = if size == Size::Larger { "larger" } else { "smaller" };
    let mine = center(seen.of(&group.class, group.color));
    let others = center(seen.things.iter().filter(|t| t.class != group.class));
    match (mine, others) {
        (Some(mine), Some(others)) => {
            let ratio = mine.2 / others.2.max(0.001);
            let good = if size == Size::Larger { ratio > 1.1 } else { ratio < 0.9 };
            let evidence = format!("The {n} measures about {:.1} times what else is there.", ratio);
            let fact = if good {
                format!("the {n} is clearly {than}")
            } else {
                format!("the {n} is not {than} than the rest")
            };
            finding(good, evidence, fact)
        }
        (Some(_), None) => finding(
            true,
            format!("The {n} has nothing beside it to be compared with."),
            format!("the {n} stands alone"),
        ),
        _ => finding(
            false,
            format!("There is no {n}."),
            format!("there is no {n} that could be {than}"),
        ),
    }
}

fn lettering(seen: &Seen, text: &str) -> Finding {
    let wanted = crate::sim::draw::font::written(text);
    match &seen.lettering {
        Some(read) if *read == wanted => finding(
            true,
            format!("A board reads {read:?}."),
            format!("the lettering reads \"{read}\""),
        ),
        Some(read) => finding(
            false,
            format!("A board reads {read:?}."),
            format!("the lettering reads \"{read}\" instead of \"{wanted}\""),
        ),
        None => finding(
            false,
            "No lettering anywhere.".to_owned(),
            format!("the lettering \"{wanted}\" is missing"),
        ),
    }
}
