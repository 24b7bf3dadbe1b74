//! The trajectory read off a life: rounds with thinking, refined prompt, picture and judgement,
//! whatever stages made them.
//!
//! What a stage did to the record follows from what its kind does (`Does`) and from the replies to
//! its calls. A kind that the table does not know adds nothing; its calls are still shown with its
//! step.

use crate::audit::steps::{CallTurn, LifeCall, LifeStep, tagged};
use crate::call::Request;
use crate::record::{Answer, Disposition, ImageRef, Vote};
use crate::rules::reading::{RATIONALE, field};
use crate::stage::Does;
use crate::text::json::last;
use serde::Serialize;
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
    /// What was asked; empty where neither the check nor the request says it.
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
    let draws = step.decision.evidence.votes.iter().filter(|v| v.ask.starts_with("draw_"));
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

/// A judge's reply in its own words, read as the judging stages read it.
fn rationale_of(reply: &serde_json::Value) -> Option<String> {
    let text = field(reply.as_object()?, &RATIONALE)?.as_str()?;
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn judgement(step: &LifeStep, out: &mut Story) {
    let decision = &step.decision;
    let Some(round) = out.rounds.last_mut() else { return };
    // The checklist call's reply has no rationale; the judge's is the last that has one. Of several
    // looks, the evidence names the one whose rationale was taken.
    let taken = decision.evidence.votes.iter().find(|v| v.ask == Vote::CLAIMS);
    let taken = taken.and_then(|v| v.call);
    let calls = || step.calls.iter().rev().filter(|c| taken.is_none_or(|key| c.key == key));
    let rationale = calls().find_map(|call| {
        last(call.text(), |object| rationale_of(&object).ok_or_else(String::new)).ok()
    });
    let carried = decision.evidence.checks.iter().all(|check| !check.question.is_empty());
    let old = if carried { BTreeMap::new() } else { questions_of_old(&step.calls) };
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
                question: match check.question.as_str() {
                    "" => old.get(check.id.as_str()).cloned().unwrap_or_default(),
                    question => question.to_owned(),
                },
                id: check.id.clone(),
                answer: check.answer,
                evidence: check.evidence.clone(),
            })
            .collect(),
    });
}

/// For runs of before checks carried their question: the `- id: text` lines of `<rules>` and
/// `<checklist>` in the request, as the templates of then had them.
fn questions_of_old(calls: &[LifeCall]) -> BTreeMap<String, String> {
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

#[cfg(test)]
mod tests {
    use super::story;
    use crate::audit::steps::{LifeCall, LifeStep};
    use crate::call::{ChatRequest, Output, Reply, Request, Sampling, Usage};
    use crate::journal::Entry;
    use crate::record::{
        Answer, Check, CheckSource, Decision, Disposition, Evidence, Id, Message, NanoUsd, Part,
        Speaker,
    };
    use crate::stage::{Does, Kinds};

    fn call(asked: &str) -> LifeCall {
        let message = Message { speaker: Speaker::User, parts: vec![Part::Text(asked.to_owned())] };
        let request = Request::Chat(ChatRequest {
            role: "judge".into(),
            model: "m".into(),
            messages: vec![message],
            sampling: Sampling::default(),
            schema: None,
            draw: 0,
        });
        let text = r#"{"checks": [], "rationale": "Seen."}"#.to_owned();
        let reply = Reply {
            output: Output::Text { text, reasoning: String::new() },
            finish: "stop".into(),
            usage: Usage::default(),
            served: "m".into(),
            cost: NanoUsd(0),
            simulated: true,
            attempts: 1,
            latency_ms: 1,
        };
        let key = request.key();
        LifeCall { key, entry: Some(Entry { key, at_ms: 1, request, reply }) }
    }

    /// The question that a story shows of a check that carries `question`, of a request that reads
    /// `asked`.
    fn shown(question: &str, asked: &str) -> String {
        let kind = |does: fn(Does) -> bool| Kinds::default().iter().find(|k| does(k.does)).unwrap();
        let check = Check {
            id: "r1".into(),
            source: CheckSource::Rule,
            question: question.into(),
            answer: Answer::Yes,
            evidence: String::new(),
        };
        let step = |does, checks| LifeStep {
            kind: String::new(),
            known: Some(kind(does)),
            decision: Decision {
                stage: "s".into(),
                id: Id::of("a", "b", "c"),
                category: String::new(),
                source: String::new(),
                disposition: Disposition::Passed,
                port: "accepted".into(),
                reason: String::new(),
                evidence: Evidence { checks, ..Evidence::default() },
                calls: Vec::new(),
                cost: NanoUsd(0),
                prompt: String::new(),
                prompt_chars: 0,
            },
            calls: vec![call(asked)],
        };
        let turn = step(|does| matches!(does, Does::Turn { .. }), Vec::new());
        let judged = step(|does| does == Does::Judge, vec![check]);
        let story = story(&[turn, judged]);
        story.rounds[0].judgement.as_ref().unwrap().checks[0].question.clone()
    }

    #[test]
    fn a_check_says_what_was_asked_whatever_the_template_looks_like() {
        assert_eq!(shown("no clutter", "# Regeln\n* r1 -- kein Durcheinander"), "no clutter");
        assert_eq!(shown("no clutter", "<rules>\n- r1: another\n</rules>"), "no clutter");
    }

    #[test]
    fn a_run_of_before_is_read_as_it_was() {
        assert_eq!(shown("", "<rules>\n- r1: no clutter\n</rules>"), "no clutter");
        assert_eq!(shown("", "nothing of the kind"), "");
    }
}
