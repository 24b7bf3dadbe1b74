//! `pick_best`: the best rollout of a prompt becomes its conversation, for another round of
//! supervised training by rejection sampling.

use crate::diag::Diagnostic;
use crate::record::{Evidence, Trajectory, Vote};
use crate::stage::agent::conversation;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty,
};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "pick_best",
    about: "Takes a prompt's best rollout as its conversation (rejection sampling).",
    docs: "Of all rollouts that keep the grammar to the end, the one with the highest reward, if that is \
           at least `min_reward`; among equals one is drawn by lot, so that neither short nor long ones \
           are favoured. `by = \"point\"` holds all equal whose last picture satisfies every condition: the \
           pairwise part pays for going on, so that by the whole reward hardly one is picked that was \
           right at once, and the next agent reflects too much. One that ends without accepting its last picture, each of which was better than \
           the one before, is marked as improved: `balance` may keep it as an open one, as it does in \
           stage one.",
    does: Does::Resample,
    accepts: &["picked"],
    rejects: &["below"],
    arity: Arity::Some,
    ports: &[Port { name: "picked", doc: "its conversation is its best rollout" }],
    reasons: &[Reason { code: "below", doc: "no whole rollout reaches `min_reward`" }],
    params: &[
        Param {
            name: "min_reward",
            ty: Ty::Float { min: -0.2, max: 1.0 },
            default: Some("0.7"),
            doc: "the least reward that is worth training on (0.7: every condition holds)",
        },
        Param {
            name: "by",
            ty: Ty::Choice(&["reward", "point"]),
            default: Some("reward"),
            doc: "what is compared: the whole reward, or its pointwise part alone",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    facts.pictured("rewarded rollouts")?;
    Ok(vec![("picked", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(PickBest {
        least: cx.params.float("min_reward"),
        by_point: cx.params.text("by") == "point",
    })))
}

struct PickBest {
    least: f64,
    by_point: bool,
}

#[async_trait::async_trait]
impl Each for PickBest {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let mut best: Vec<usize> = Vec::new();
        let mut most = f64::NEG_INFINITY;
        for (at, rollout) in t.rollouts.iter().enumerate() {
            let Some(reward) = rollout.reward.filter(|_| rollout.is_whole()) else { continue };
            let worth = if self.by_point { reward.point } else { reward.score };
            if worth > most {
                (most, best) = (worth, Vec::new());
            }
            if worth == most {
                best.push(at);
            }
        }
        let Some(at) = cx.rng("best").pick(&best).copied().filter(|_| most >= self.least) else {
            let note = match best.is_empty() {
                true => "no rollout is whole and has a reward".to_owned(),
                false => format!("the best reward is {most}"),
            };
            return Ok(Step::drop(t, "below", Evidence::note(note)));
        };
        let rollout = t.rollouts[at].clone();
        let whole = conversation(&mut t, &rollout);
        let reward = rollout.reward.filter(|_| whole);
        let Some(reward) = reward else {
            let note = "its turns make no conversation";
            return Ok(Step::drop(t, "below", Evidence::note(note)));
        };
        t.improved = reward.pair > 0.0;
        let vote = |ask: &str, answer: String| Vote { ask: ask.into(), answer, call: None };
        let evidence = Evidence {
            note: format!("rollout {} of {}, reward {}", at + 1, t.rollouts.len(), reward.score),
            score: Some(reward.score as f32),
            votes: vec![
                vote("picked", format!("draw_{}", rollout.draw + 1)),
                vote("equals", best.len().to_string()),
            ],
            ..Evidence::default()
        };
        Ok(Step::out(t, "picked").with(evidence))
    }
}
