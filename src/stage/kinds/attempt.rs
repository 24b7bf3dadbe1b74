//! `attempt`: keeps only prompts that the plain generator fails (paper: FLUX fails 3 of 3).

use super::generate::{BLANK, Drawn, draw};
use crate::diag::Diagnostic;
use crate::record::{Attempt, Evidence, Trajectory, Vote};
use crate::stage::checklist::{CHECKLIST, CHECKLIST_TEMPLATE, Checklist};
use crate::stage::judging::{Judged, Judging, RULES};
use crate::stage::looks::{JUDGE, LOOK_AT, MAX_LOOKS, PRICES, PURITY, WORTH};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Role, Stage,
    StageError, Step, Ty, Wants,
};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "attempt",
    about: "Draws the raw prompt several times; keeps it only if every draw fails.",
    docs: "Draws q itself `draws` times with distinct, recorded seeds, one after the other, and has \
           the judge grade each by rules and checklist; the first success ends it and drops the \
           prompt as `solved` (paper, section 3.2: pass@3 = 0). The checklist is made here, once per \
           prompt, and stays with the record. A draw of which the judge cannot tell ends it too: such \
           a prompt is neither solved nor hard. Two seeds that give one picture are no two draws: the \
           record is dropped. (A server that ignores seeds stops the run before its twins are \
           journaled.)",
    does: Does::Trial,
    accepts: &["hard"],
    rejects: &["solved", "same_image", "garbage", "blank"],
    arity: Arity::Some,
    ports: &[Port { name: "hard", doc: "every draw failed" }],
    reasons: &[
        Reason { code: "solved", doc: "a draw satisfied the judge" },
        Reason { code: "no_checklist", doc: "no checklist could be made of the prompt" },
        Reason { code: "undecided", doc: "the judge cannot tell: nothing is no, something unsure" },
        Reason { code: "refused", doc: "generator or judge will not answer" },
        Reason { code: "garbage", doc: "text came back where a picture was asked" },
        Reason { code: "blank", doc: "the picture is of one colour (with `refuse_blank`)" },
        Reason { code: "same_image", doc: "two seeds gave one picture: a safety filter's blank" },
    ],
    params: &[
        Param {
            name: "generator",
            ty: Ty::Image,
            default: Some("generator"),
            doc: "the role that draws",
        },
        Param {
            name: "draws",
            ty: Ty::Int { min: 1, max: 64 },
            default: Some("3"),
            doc: "at most so many draws, each with its own seed",
        },
        Param {
            name: "refuse_blank",
            ty: Ty::Bool,
            default: Some("false"),
            doc: "drop the record when its picture is of one colour (a filter's blank); else such \
                  pictures are only counted by `audit`",
        },
        Param {
            name: "model",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some("judge"),
            doc: "the role that grades",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt", "image", "rules", "atoms"], may: &[] },
            default: Some("judge.j2"),
            doc: "what the judge is asked",
        },
        RULES,
        JUDGE,
        PURITY,
        MAX_LOOKS,
        LOOK_AT,
        WORTH,
        PRICES,
        CHECKLIST,
        CHECKLIST_TEMPLATE,
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds > 0 {
        return Err("a prompt without rounds".into());
    }
    Ok(vec![("hard", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(AttemptStage {
        generator: cx.role("generator")?,
        draws: cx.params.int("draws") as u32,
        refuse_blank: cx.params.bool("refuse_blank"),
        judging: Judging::compile_verdict(cx)?,
        checklist: Checklist::compile(cx)?,
    })))
}

struct AttemptStage {
    generator: Role,
    draws: u32,
    refuse_blank: bool,
    judging: Judging,
    checklist: Checklist,
}

#[async_trait::async_trait]
impl Each for AttemptStage {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let faults = match self.checklist.ensure(&mut t, cx).await? {
            Ok(faults) => faults,
            Err(evidence) => return Ok(Step::drop(t, "no_checklist", evidence)),
        };
        Step::told(self.draws(t, cx).await, faults)
    }
}

impl AttemptStage {
    async fn draws(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let mut votes = Vec::new();
        let mut best = 0.0_f32;
        for (number, seed) in (1..).zip(distinct_seeds(cx, self.draws)) {
            let judged = match self.draw(cx, &mut t, number, seed).await? {
                Ok(judged) => judged,
                Err((reason, evidence)) => {
                    votes.extend(evidence.votes);
                    return Ok(Step::drop(t, reason, Evidence { votes, ..evidence }));
                }
            };
            let satisfied = judged.judgement.satisfied;
            best = best.max(judged.judgement.score);
            votes.push(Vote {
                ask: format!("draw_{number}"),
                answer: if satisfied { "satisfied" } else { "unsatisfied" }.into(),
                call: judged.evidence.votes.iter().find_map(|v| v.call),
            });
            let looks = self.judging.looks.is_some();
            let kept = |v: &Vote| looks || v.is_of_reading();
            votes.extend(judged.evidence.votes.into_iter().filter(kept));
            if satisfied {
                let note = format!("draw {number} of {} satisfied the judge", self.draws);
                let evidence = Evidence { note, score: Some(best), votes, ..Evidence::default() };
                return Ok(Step::drop(t, "solved", evidence));
            }
        }
        let note = format!("{0} of {0} draws failed", self.draws);
        let evidence = Evidence { note, score: Some(best), votes, ..Evidence::default() };
        Ok(Step::out(t, "hard").with(evidence))
    }
}

impl AttemptStage {
    /// One draw, graded and kept with the record; or why the record ends here.
    async fn draw(
        &self,
        cx: &Cx<'_>,
        t: &mut Trajectory,
        number: u32,
        seed: u64,
    ) -> Result<Result<Judged, (&'static str, Evidence)>, StageError> {
        let prompt = &t.prompt.text;
        let image = match draw(&self.generator, cx, prompt, seed, number - 1).await? {
            Ok(drawn) if drawn.blank && self.refuse_blank => {
                return Ok(Err(("blank", Evidence::note(BLANK))));
            }
            Ok(Drawn { image, .. }) => image,
            Err(dropped) => return Ok(Err(dropped)),
        };
        if let Some(twin) = t.attempts.iter().find(|a| a.image.digest == image.digest) {
            let note = format!("seeds {} and {seed} gave one picture", twin.seed);
            return Ok(Err(("same_image", Evidence::note(note))));
        }
        let judged = match self.judging.judge(cx, t, image, None, 1).await? {
            Ok(judged) => judged,
            Err(unjudged) => return Ok(Err(unjudged.reason())),
        };
        t.attempts.push(Attempt { seed, image, satisfied: judged.judgement.satisfied });
        Ok(Ok(judged))
    }
}

/// `n` seeds, all different.
fn distinct_seeds(cx: &Cx<'_>, n: u32) -> Vec<u64> {
    let mut rng = cx.rng("draws");
    let mut seeds = Vec::new();
    while seeds.len() < n as usize {
        let seed = rng.image_seed();
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    seeds
}
