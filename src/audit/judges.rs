//! What a RUN tells of its judges: every look's answers, gathered question by question, and what
//! follows for each judge (`rules::fit`); how comparisons lean to a place; who says yes to everything.
//!
//! Only runs whose stages add up looks (`judge = [..]`) say enough: of a single verdict nobody knows
//! whether it was right.

use crate::archive::RunDir;
use crate::archive::labels::{Label, Truth};
use crate::audit::error::AuditError;
use crate::record::{Decision, Vote};
use crate::rules::RULE;
use crate::rules::evidence::{Count, family};
use crate::rules::fit::{Asked, Fit, fit};
use crate::stage::Does;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a RUN's judges.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judges {
    pub fit: Fit,
    /// By stage that compares.
    pub places: Vec<Place>,
    /// By model.
    pub stamps: Vec<Stamp>,
    /// What deserves a look, in words.
    pub warnings: Vec<String>,
}

impl Judges {
    /// What was learned as `data/judges.toml` has it, under a line that names the RUN it is from. Fails
    /// only where a name cannot be written as TOML.
    pub fn to_toml(&self, run: &str) -> Result<String, toml::ser::Error> {
        let worths = toml::to_string(&self.fit.worths("the pilot"))?;
        Ok(format!(
            "# What the judges of `{}` were worth; by `coldstart judges --write`.\n\n{worths}",
            run.escape_debug()
        ))
    }
}

/// How a comparison leans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Place {
    pub stage: String,
    /// Pairs asked in both orders.
    pub pairs: u64,
    /// The two orders disagreed.
    pub disagreed: u64,
    /// Of all answers that name a picture, those for the one shown first.
    pub first: f64,
    /// A picture was held against itself so often, and one of the two was called better so often.
    pub same: [u64; 2],
}

impl Place {
    fn of(stage: &str) -> Place {
        Place { stage: stage.to_owned(), pairs: 0, disagreed: 0, first: 0.5, same: [0; 2] }
    }
}

/// Looks that say yes to everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stamp {
    pub model: String,
    /// Looks at pictures that were rejected in the end.
    pub looks: u64,
    /// Of these, yes to everything.
    pub all_yes: u64,
}

/// A picture's looks.
#[derive(Debug, Default)]
struct Picture {
    stage: String,
    kinds: Vec<String>,
    /// Model and letters of each look.
    looks: Vec<(String, String)>,
    rejected: bool,
    truth: Option<bool>,
    /// What a canary must be answered, letter by letter.
    key: Option<String>,
}

/// A judge under this in either rate is warned of.
pub const FLOOR: f64 = 0.7;

/// Reads every decision of the RUN.
///
/// # Errors
/// What the archive says; `Unlooked` is none: a RUN without looks has no judges here.
pub async fn judges(run: &RunDir, labels: &[Label]) -> Result<Judges, AuditError> {
    let mut pictures = Vec::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let told: BTreeMap<(String, String), bool> = labels.iter().filter_map(known).collect();
    run.every(&mut |row: Decision| {
        let kind = run.shape.known(&row.stage);
        if kind.is_some_and(|kind| kind.does == Does::Compare) {
            lean(&row, &mut places);
        }
        if let Some(same) = row.evidence.votes.iter().find(|v| v.ask == Vote::SAME) {
            let place = places.entry(row.stage.clone()).or_insert_with(|| Place::of(&row.stage));
            place.same[0] += 1;
            place.same[1] += u64::from(same.answer != "tie");
        }
        let accepted = kind.and_then(|k| k.accepted(row.disposition, &row.port, &row.reason));
        let label = told.get(&(row.stage.clone(), row.id.hex())).copied();
        pictures.extend(read(&row, label, accepted == Some(false)));
    })
    .await?;
    let models: BTreeSet<String> =
        pictures.iter().flat_map(|p| p.looks.iter().map(|(model, _)| model.clone())).collect();
    let models: Vec<String> = models.into_iter().collect();
    let mut names: Vec<String> = models.iter().map(|m| family(m)).collect();
    names.sort();
    names.dedup();
    let group = |m: &String| names.iter().position(|n| *n == family(m)).unwrap_or(0);
    let families: Vec<usize> = models.iter().map(group).collect();
    let mut asked: Vec<Asked> = pictures.iter().flat_map(|p| questions(p, &models)).collect();
    // In an order of their own: decisions come in any.
    asked.sort_by(|a, b| {
        let key = |a: &Asked| {
            let counts: Vec<_> = a.counts.iter().map(|c| (c.yes, c.no, c.unsure)).collect();
            (a.kind.clone(), a.stage.clone(), counts, a.truth)
        };
        key(a).cmp(&key(b))
    });
    let fit = fit(&models, &families, &asked);
    let stamps = stamps(&pictures, &models);
    let places: Vec<Place> = places.into_values().collect();
    let warnings = warnings(&fit, &stamps, &places);
    Ok(Judges { fit, places, stamps, warnings })
}

/// A label that says what the decision should have been.
fn known(label: &Label) -> Option<((String, String), bool)> {
    let truth = label.truth? == Truth::Accept;
    Some(((label.stage.clone(), label.id.hex()), truth))
}

/// The pictures that a row's looks were taken at.
fn read(row: &Decision, label: Option<bool>, rejected: bool) -> Vec<Picture> {
    let mut out: Vec<Picture> = Vec::new();
    for vote in &row.evidence.votes {
        if vote.ask == Vote::QUESTIONS {
            let kinds = vote.answer.split(',').map(str::to_owned).collect();
            let stage = row.stage.clone();
            out.push(Picture { stage, kinds, truth: label, rejected, ..Picture::default() });
        }
        let Some(picture) = out.last_mut() else { continue };
        if let Some((_, model)) = vote.ask.strip_prefix("look_").and_then(|r| r.split_once(':')) {
            picture.looks.push((model.to_owned(), vote.answer.clone()));
        }
        if vote.ask == Vote::KEY {
            picture.key = Some(vote.answer.clone());
        }
    }
    out
}

/// The questions of one picture, with every look's answer. A rule's no beside an atom's no is no
/// finding of its own, as in the run.
fn questions(picture: &Picture, models: &[String]) -> Vec<Asked> {
    let letters = |text: &str| -> Vec<char> { text.chars().collect() };
    let key = picture.key.as_deref().map(letters);
    let truth = |at: usize| match &key {
        Some(key) => match key.get(at) {
            Some('y') => Some(true),
            Some('n') => Some(false),
            _ => None,
        },
        // That all holds says it of each; that not all holds does not say which.
        None => picture.truth.filter(|accepted| *accepted),
    };
    let mut asked: Vec<Asked> = picture
        .kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| Asked {
            stage: picture.stage.clone(),
            kind: kind.clone(),
            counts: vec![Count::default(); models.len()],
            truth: truth(at),
        })
        .collect();
    for (model, answers) in &picture.looks {
        let Some(j) = models.iter().position(|m| m == model) else { continue };
        let answers = letters(answers);
        let rule = |at: usize| picture.kinds.get(at).is_some_and(|k| k == RULE);
        let fault = answers.iter().enumerate().any(|(at, a)| *a == 'n' && !rule(at));
        for (at, (asked, answer)) in asked.iter_mut().zip(&answers).enumerate() {
            match answer {
                'y' => asked.counts[j].yes += 1,
                'n' if !(fault && rule(at)) => asked.counts[j].no += 1,
                'u' => asked.counts[j].unsure += 1,
                _ => {}
            }
        }
    }
    asked.retain(|a| a.counts.iter().any(|c| c.yes + c.no > 0));
    asked
}

fn lean(row: &Decision, places: &mut BTreeMap<String, Place>) {
    let of = |ask: &str| {
        let found = row.evidence.votes.iter().find(|v| v.ask == ask);
        found.map(|v| v.answer.as_str())
    };
    let (Some(ab), Some(ba)) = (of("order_ab"), of("order_ba")) else { return };
    let place = places.entry(row.stage.clone()).or_insert_with(|| Place::of(&row.stage));
    // In the first order the earlier picture is shown first, in the second the later one.
    let shown_first = u8::from(ab == "first") + u8::from(ba == "second");
    let named = [ab, ba].iter().filter(|a| **a != "tie").count();
    let before = place.pairs as f64;
    let share = if named == 0 { 0.5 } else { f64::from(shown_first) / named as f64 };
    place.first = (place.first * before + share) / (before + 1.0);
    place.pairs += 1;
    place.disagreed += u64::from(ab != ba);
}

fn stamps(pictures: &[Picture], models: &[String]) -> Vec<Stamp> {
    let mut out: Vec<Stamp> =
        models.iter().map(|m| Stamp { model: m.clone(), looks: 0, all_yes: 0 }).collect();
    for picture in pictures.iter().filter(|p| p.rejected) {
        for (model, answers) in picture.looks.iter().filter(|(_, a)| !a.contains('-')) {
            if let Some(stamp) = out.iter_mut().find(|s| s.model == *model) {
                stamp.looks += 1;
                stamp.all_yes += u64::from(answers.chars().all(|a| a == 'y'));
            }
        }
    }
    out
}

fn warnings(fit: &Fit, stamps: &[Stamp], places: &[Place]) -> Vec<String> {
    let mut out = Vec::new();
    for judge in fit.judges.iter().filter(|j| j.kind.as_deref() != Some(RULE)) {
        let kind = judge.kind.as_deref().unwrap_or("all kinds");
        for (what, share) in [("sees", &judge.sensitivity), ("misses no", &judge.specificity)] {
            if share.of >= 10.0 && share.value < FLOOR {
                let fault = if what == "sees" { "of what is there" } else { "of the faults" };
                out.push(format!(
                    "`{}` on {kind}: sees {:.0} % {fault}, under the floor of {:.0} %",
                    judge.model,
                    share.value * 100.0,
                    FLOOR * 100.0
                ));
            }
        }
    }
    for stamp in stamps.iter().filter(|s| s.looks >= 20) {
        let share = stamp.all_yes as f64 / stamp.looks as f64;
        let specificity = fit.judges.iter().find(|j| j.model == stamp.model && j.kind.is_none());
        let slips = 1.0 - specificity.map_or(0.8, |j| j.specificity.value);
        if share > 2.0 * slips + 0.1 {
            out.push(format!(
                "`{}` says yes to everything in {:.0} % of its looks at pictures that were rejected: \
                 a rubber stamp",
                stamp.model,
                share * 100.0
            ));
        }
    }
    for place in places.iter().filter(|p| p.pairs >= 30 && (p.first - 0.5).abs() > 0.15) {
        let side = if place.first > 0.5 { "first" } else { "second" };
        out.push(format!(
            "`{}` leans to the picture that is shown {side}: {:.0} % of its answers",
            place.stage,
            place.first.max(1.0 - place.first) * 100.0
        ));
    }
    out
}
