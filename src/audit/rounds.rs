//! The trajectory read off a life: rounds with thinking, refined prompt, picture and judgement,
//! whatever stages made them.
//!
//! The one idea: what a stage did to the record follows from what its kind does (`Does`) and its calls' replies.
//! A kind that the table does not know adds nothing, and its calls are still shown with its step.

use crate::audit::steps::{CallTurn, LifeCall, LifeStep, tagged};
use crate::call::Request;
use crate::record::{Answer, Disposition, ImageRef};
use crate::stage::Does;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The conversation as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Story {
    pub rounds: Vec<StoryRound>,
    /// Draws of the raw prompt, with the judge's word on each.
    pub draws: Vec<(ImageRef, String)>,
    /// The hint shown to the reflector.
    pub reference: Option<ImageRef>,
    /// `order_ab first`, … of the comparison.
    pub comparison: Vec<String>,
    /// Ends with the closing answer.
    pub closed: bool,
}

impl Story {
    /// Every picture with its name: draws, reference, I1, I2, …
    pub fn pictures(&self) -> Vec<(String, ImageRef)> {
        let draws = self.draws.iter().enumerate();
        let draws = draws.map(|(n, (image, _))| (format!("draw {}", n + 1), *image));
        draws.chain(self.judged_pictures()).collect()
    }

    /// Those that are held against each other: reference, I1, I2, …
    pub fn judged_pictures(&self) -> Vec<(String, ImageRef)> {
        let reference = self.reference.map(|image| ("reference".to_owned(), image));
        let rounds = self.rounds.iter().enumerate();
        let rounds = rounds.filter_map(|(n, r)| Some((format!("I{}", n + 1), r.image?)));
        reference.into_iter().chain(rounds).collect()
    }
}

/// One round.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoryRound {
    pub thinking: String,
    pub refined: String,
    pub image: Option<ImageRef>,
    pub seed: Option<u64>,
    pub judgement: Option<StoryJudgement>,
}

/// A judgement with its checks in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoryJudgement {
    pub stage: String,
    pub satisfied: bool,
    pub score: Option<f32>,
    pub rationale: String,
    pub checks: Vec<StoryCheck>,
}

/// One rule's or atom's verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoryCheck {
    pub id: String,
    /// What was asked, where the request shows it.
    pub question: String,
    pub answer: Answer,
    pub evidence: String,
}

/// Reads the steps in order.
pub fn story(steps: &[LifeStep]) -> Story {
    let mut out = Story::default();
    for step in steps {
        match step.known.map(|kind| kind.does) {
            Some(Does::Trial) => draws(step, &mut out),
            Some(Does::Turn { hinted }) => turn(step, hinted, &mut out),
            Some(Does::Draw) => image(step, &mut out),
            Some(Does::Judge) => judgement(step, &mut out),
            Some(Does::Compare) => {
                let votes = step.decision.evidence.votes.iter().filter(|v| !v.is_of_reading());
                out.comparison.extend(votes.map(|v| format!("{} {}", v.ask, v.answer)));
            }
            _ => {}
        }
    }
    out.closed = out.rounds.last().and_then(|r| r.judgement.as_ref()).is_some_and(|j| j.satisfied);
    out
}

fn draws(step: &LifeStep, out: &mut Story) {
    let images = step.calls.iter().filter_map(LifeCall::image);
    let draws = step.decision.evidence.votes.iter().filter(|v| !v.is_of_reading());
    let words = draws.map(|v| v.answer.clone());
    out.draws.extend(images.zip(words.chain(std::iter::repeat(String::new()))));
}

/// A model turn: think and call. What did not keep to the form is shown as it came.
fn turn(step: &LifeStep, hinted: bool, out: &mut Story) {
    let Some(call) = step.calls.iter().rev().find(|c| !c.text().is_empty()) else { return };
    if hinted {
        let seen: Vec<ImageRef> = out.rounds.iter().filter_map(|r| r.image).collect();
        out.reference = call.shown().into_iter().find(|image| !seen.contains(image));
    }
    let turn = CallTurn::of(call.text());
    let thinking = turn.thinking.unwrap_or_else(|| call.reasoning());
    out.rounds.push(StoryRound {
        thinking: thinking.trim().to_owned(),
        refined: turn.refined().unwrap_or_else(|| call.text().trim().to_owned()),
        ..StoryRound::default()
    });
}

fn image(step: &LifeStep, out: &mut Story) {
    let Some(call) = step.calls.iter().rev().find(|c| c.image().is_some()) else { return };
    if out.rounds.is_empty() {
        out.rounds.push(StoryRound::default());
    }
    if let Some(round) = out.rounds.last_mut() {
        round.image = call.image();
        round.seed = match call.entry.as_ref().map(|e| &e.request) {
            Some(Request::Image(request)) => Some(request.seed),
            _ => None,
        };
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawJudgement {
    rationale: String,
}

fn judgement(step: &LifeStep, out: &mut Story) {
    let decision = &step.decision;
    let Some(round) = out.rounds.last_mut() else { return };
    // The checklist call's reply has no rationale; the judge's is the last that has one.
    let rationale = step.calls.iter().rev().find_map(|call| {
        let (open, close) = (call.text().find('{')?, call.text().rfind('}')?);
        let raw: RawJudgement = serde_json::from_str(call.text().get(open..=close)?).ok()?;
        Some(raw.rationale).filter(|r| !r.is_empty())
    });
    let questions = questions(&step.calls);
    let accepted = step
        .known
        .and_then(|kind| kind.accepted(decision.disposition, &decision.port, &decision.reason));
    round.judgement = Some(StoryJudgement {
        stage: decision.stage.clone(),
        satisfied: accepted.unwrap_or(false) && decision.disposition == Disposition::Passed,
        score: decision.evidence.score,
        rationale: rationale.unwrap_or_else(|| decision.evidence.note.clone()),
        checks: decision
            .evidence
            .checks
            .iter()
            .map(|check| StoryCheck {
                question: questions.get(check.id.as_str()).cloned().unwrap_or_default(),
                id: check.id.clone(),
                answer: check.answer,
                evidence: check.evidence.clone(),
            })
            .collect(),
    });
}

/// `- id: text` lines of `<rules>` and `<checklist>` in the judge's request.
fn questions(calls: &[LifeCall]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for call in calls {
        let asked = call.asked();
        for tag in ["rules", "checklist"] {
            for line in tagged(&asked, tag).unwrap_or("").lines() {
                if let Some((id, text)) = line.trim_start_matches("- ").split_once(": ") {
                    out.insert(id.trim().to_owned(), text.trim().to_owned());
                }
            }
        }
    }
    out
}
