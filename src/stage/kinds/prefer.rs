//! `prefer`: a preference pair of a prompt's rollouts, cut at the turn where they part.

use crate::diag::Diagnostic;
use crate::export::conversation::{ConversationOptions, Speaker, turns};
use crate::record::{Ended, Evidence, Rejected, Rollout, Trajectory, Vote};
use crate::stage::agent::conversation;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty,
};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "prefer",
    about: "Makes a preference pair of a better and a worse rollout of the same prompt.",
    docs: "A pair is cut at the turn where the two rollouts part: what was said and shown before is the \
           prompt, the better one's next turn is chosen, the worse one's rejected. Trainers want it so: \
           an answer is one turn of the model, and the tool's observations must bear no loss. \
           `of = \"rollout\"` takes the best and the worst of all rollouts, which part at the first \
           turn; `\"second_turn\"` takes two that share their first turn and picture (`roll_out` with \
           `branch = true` makes such), so that judging and reflecting alone are compared. Rewards must \
           differ by `margin`; the chosen turn keeps the grammar, the rejected one need not.",
    does: Does::Resample,
    accepts: &["paired"],
    rejects: &["no_pair"],
    arity: Arity::Some,
    ports: &[Port {
        name: "paired",
        doc: "ends on the chosen turn, with the rejected one beside it",
    }],
    reasons: &[Reason {
        code: "no_pair",
        doc: "no two rollouts part there and differ by `margin`",
    }],
    params: &[
        Param {
            name: "of",
            ty: Ty::Choice(&["rollout", "second_turn"]),
            default: Some("rollout"),
            doc: "which two are held against each other",
        },
        Param {
            name: "margin",
            ty: Ty::Float { min: 0.0, max: 1.2 },
            default: Some("0.15"),
            doc: "the least difference of their rewards",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    facts.pictured("rewarded rollouts")?;
    Ok(vec![("paired", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let parting = usize::from(cx.params.text("of") == "second_turn");
    Ok(Stage::Each(Arc::new(Prefer { parting, margin: cx.params.float("margin") })))
}

struct Prefer {
    /// The turn at which the two part, from 0.
    parting: usize,
    margin: f64,
}

/// Two rollouts by their places, and their rewards.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Two {
    better: usize,
    worse: usize,
    rewards: (f64, f64),
}

#[async_trait::async_trait]
impl Each for Prefer {
    async fn apply(&self, t: Trajectory, _: &Cx<'_>) -> Result<Step, StageError> {
        let found = self.find(&t.rollouts);
        let made = found.and_then(|two| Some((two, self.pair(&t, two)?)));
        let Some((two, paired)) = made else {
            let note = format!("of {} rollouts no two will do", t.rollouts.len());
            return Ok(Step::drop(t, "no_pair", Evidence::note(note)));
        };
        let (chosen, rejected) = two.rewards;
        let vote = |ask: &str, at: usize| Vote {
            ask: ask.into(),
            answer: format!("draw_{}", t.rollouts[at].draw + 1),
            call: None,
        };
        let evidence = Evidence {
            note: format!("{chosen} against {rejected}, parted at turn {}", self.parting + 1),
            score: Some((chosen - rejected) as f32),
            votes: vec![vote("chosen", two.better), vote("rejected", two.worse)],
            ..Evidence::default()
        };
        Ok(Step::out(paired, "paired").with(evidence))
    }
}

impl Prefer {
    /// The two that differ most; of equals the first.
    fn find(&self, rollouts: &[Rollout]) -> Option<Two> {
        let mut best: Option<Two> = None;
        for (better, one) in rollouts.iter().enumerate() {
            for (worse, other) in rollouts.iter().enumerate() {
                let (Some(high), Some(low)) = (one.reward, other.reward) else { continue };
                let by = high.score - low.score;
                let more = best.is_none_or(|b| by > b.rewards.0 - b.rewards.1);
                if by > 0.0 && by + 1e-9 >= self.margin && more && self.parts(one, other) {
                    best = Some(Two { better, worse, rewards: (high.score, low.score) });
                }
            }
        }
        best
    }

    /// Whether the two part at our turn, the first having said something that can be chosen.
    fn parts(&self, one: &Rollout, other: &Rollout) -> bool {
        let (a, b): (Vec<_>, Vec<_>) =
            (one.last_attempt().collect(), other.last_attempt().collect());
        let (Some(chosen), Some(rejected)) = (a.get(self.parting), b.get(self.parting)) else {
            return false;
        };
        let shared = a.iter().zip(&b).take(self.parting);
        let same = shared.clone().all(|(a, b)| a.text == b.text && a.picture == b.picture);
        let well_formed = a.iter().take(self.parting + 1).all(|turn| turn.fault.is_empty());
        same && well_formed && chosen.text.trim() != rejected.text.trim()
    }

    /// The pair as a trajectory; None where the turns make no conversation.
    fn pair(&self, t: &Trajectory, two: Two) -> Option<Trajectory> {
        let (chosen, rejected) = two.rewards;
        let mut out = self.upto(t, two.better)?;
        let turn = self.turn(t, two.worse)?;
        out.rejected = Some(Rejected { turn, reward: rejected, chosen_reward: chosen });
        Some(out)
    }

    /// `t` with the turns of one rollout up to ours.
    fn upto(&self, t: &Trajectory, at: usize) -> Option<Trajectory> {
        let mut rollout = t.rollouts[at].clone();
        let attempt = rollout.turns.last()?.attempt;
        rollout.turns.retain(|turn| turn.attempt == attempt);
        rollout.turns.truncate(self.parting + 1);
        let answers = rollout.turns.last()?.answer;
        rollout.ended = if answers { Ended::Answer } else { Ended::Cut };
        let mut out = t.clone();
        conversation(&mut out, &rollout).then_some(out)
    }

    /// The worse one's turn: as the grammar writes it, or as it came where it breaks the grammar.
    fn turn(&self, t: &Trajectory, at: usize) -> Option<String> {
        let whole = self.upto(t, at).and_then(|t| turns(&t, &ConversationOptions::default()).ok());
        if let Some(conversation) = whole {
            let last = conversation.turns.last().filter(|turn| turn.speaker == Speaker::Model);
            return last.map(|turn| turn.text.clone());
        }
        let raw = t.rollouts[at].last_attempt().nth(self.parting)?.text.trim().to_owned();
        // What a trainer's template would take for a picture's place, or for a turn's end.
        let opens = ["<image>", "<video>", "<audio>", "<|"].iter().any(|mark| raw.contains(mark));
        (!raw.is_empty() && !opens).then_some(raw)
    }
}
