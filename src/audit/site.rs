//! The audit as a folder of pages, for who does not have the program: the page of `page`, and one for
//! each sampled trajectory with its pictures, turns, decisions and calls.
//!
//! Each page stands alone and can be opened from a disk or mailed: nothing is fetched, nothing runs, and
//! links lead to the folder's other pages only.

use crate::audit::evidence::{calls, evidence, outcome};
use crate::audit::page::{Page, Sample, framed, page, rollouts};
use crate::audit::panels::said;
use crate::audit::show::{line, money};
use crate::audit::trajectory::{Shown, figure, trajectory};
use crate::record::{Id, ImageRef};
use maud::{Markup, html};

/// The page that the others are reached from.
pub const INDEX: &str = "index.html";

/// The folder of the trajectories' pages.
pub const TRAJECTORIES: &str = "trajectories";

/// A trajectory's page, relative to the folder.
pub fn file_of(id: &Id) -> String {
    format!("{TRAJECTORIES}/{}.html", id.hex())
}

/// All files: their names, relative to the folder, and their texts.
pub fn site(made: &Page<'_>) -> Vec<(String, String)> {
    let mut out = vec![(INDEX.to_owned(), page(made))];
    let samples = made.samples;
    for (n, sample) in samples.iter().enumerate() {
        let near = |at: Option<usize>| samples.get(at?).map(|sample| sample.life.id);
        let beside = [near(n.checked_sub(1)), near(n.checked_add(1))];
        out.push((file_of(&sample.life.id), one(made, sample, beside)));
    }
    out
}

/// The data URL of bytes whose media type is known.
pub fn embedded(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", base64_simd::STANDARD.encode_to_string(bytes))
}

fn one(made: &Page<'_>, sample: &Sample, [before, after]: [Option<Id>; 2]) -> String {
    let life = &sample.life;
    let draw = |image: &ImageRef, title: &str, word: &str, whole: bool| {
        picture(sample, image, title, word, whole)
    };
    let there = |id: Id| format!("{}.html", id.hex());
    let body = html! {
        div.pages {
            a href={ "../" (INDEX) } { "↑ the audit" }
            @if let Some(id) = before { a rel="prev" href=(there(id)) { "← previous" } }
            @if let Some(id) = after { a rel="next" href=(there(id)) { "next →" } }
        }
        h1.prompt { (said(&life.prompt)) }
        div.meta {
            span { (said(&life.category)) } span { (said(&life.source)) } span { (money(life.cost_usd)) }
            span.id { (life.id) }
        }
        @for part in &life.unreadable { p.alert { (said(&part.name)) " cannot be read: " (said(&part.what.to_string())) } }
        @if sample.plays.is_empty() { (trajectory(life, Shown::All, &draw)) } @else { (rollouts(sample)) }
        section { h2 { "Its life, stage by stage" }
            ol.life { @for step in &life.steps { li.step {
                @let d = &step.decision;
                h3 {
                    a href={ "../" (INDEX) "#" (d.stage) } { (d.stage) } " "
                    (outcome(d.disposition, &d.port, &d.reason))
                    @if let Some(score) = d.evidence.score { span.size { "score " (format!("{score:.2}")) } }
                    @if d.cost.0 > 0 { span.size { (money(d.cost.usd())) } }
                }
                (evidence(step))
                (calls(step, &draw))
            } } }
        }
    };
    framed(made, &format!("Trajectory {}", &life.id.hex()[..8]), &body)
}

/// What the page holds of a picture: all of it, a thumbnail, or a word that it is not there.
fn picture(sample: &Sample, image: &ImageRef, title: &str, word: &str, whole: bool) -> Markup {
    let all = sample.whole.get(&image.digest).filter(|_| whole);
    let src = all
        .map(|bytes| embedded(image.mime.as_str(), bytes))
        .or_else(|| sample.thumbs.get(&image.digest).map(|png| embedded("image/png", png)));
    match src {
        Some(src) => figure(image, (None, &src), title, word),
        None => html! { div.none { (title) ": the picture is not there" } },
    }
}

/// The trajectories as cells that lead to their pages.
pub fn cells(samples: &[Sample]) -> Markup {
    html! {
        ul.rows.grid { @for sample in samples { li {
            div.pictures.small { @for (what, png) in sample.pictures.iter().take(4) {
                figure {
                    img alt=(what) src=(embedded("image/png", png));
                    figcaption { (what) }
                }
            } }
            a href=(file_of(&sample.life.id)) { (said(&line(&sample.life.prompt, 120))) }
            div.meta { span { (said(&sample.life.category)) } span.id { (&sample.life.id.hex()[..8]) } }
        } } }
    }
}
