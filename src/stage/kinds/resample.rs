//! `resample`: G' rollouts of a prompt to G, uniform over round counts (paper, section 3.3).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Rollout, Trajectory, Vote};
use crate::sample::{advantages, resample};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "resample",
    about: "Keeps G of a prompt's rollouts, uniform over round counts, and gives each its advantage.",
    docs: "Rollouts without a reward are out before. The places are shared among the round counts by \
           water-filling; what cannot be shared evenly, and which rollouts of a round count stay, is \
           drawn by lot from the prompt's id, without replacement and blind to rewards (the paper says \
           uniformly and no more). Advantages are equation 5 over those that stay; the row's evidence \
           holds them. Rollouts that do not stay are kept in the record without an advantage: a stage \
           that picks the best looks at all of them. The exported Python draws the same lots.",
    does: Does::Resample,
    accepts: &["resampled"],
    rejects: &["too_few"],
    arity: Arity::Some,
    ports: &[Port { name: "resampled", doc: "those that stay have their advantage" }],
    reasons: &[Reason {
        code: "too_few",
        doc: "fewer rollouts than `keep` have a reward (`short`)",
    }],
    params: &[
        Param {
            name: "keep",
            ty: Ty::Int { min: 1, max: 64 },
            default: Some("8"),
            doc: "G: rollouts that stay (the paper draws 12)",
        },
        Param {
            name: "short",
            ty: Ty::Choice(&["keep", "drop"]),
            default: Some("keep"),
            doc: "what becomes of a prompt that has fewer: a smaller group, or none",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    facts.pictured("rewarded rollouts")?;
    Ok(vec![("resampled", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let keep = cx.params.int("keep") as usize;
    Ok(Stage::Each(Arc::new(Resample { keep, drop_short: cx.params.text("short") == "drop" })))
}

struct Resample {
    keep: usize,
    drop_short: bool,
}

#[async_trait::async_trait]
impl Each for Resample {
    async fn apply(&self, mut t: Trajectory, _: &Cx<'_>) -> Result<Step, StageError> {
        let places: Vec<usize> =
            (0..t.rollouts.len()).filter(|at| t.rollouts[*at].reward.is_some()).collect();
        if places.is_empty() || (self.drop_short && places.len() < self.keep) {
            let note = format!("{} of {} rollouts have a reward", places.len(), t.rollouts.len());
            return Ok(Step::drop(t, "too_few", Evidence::note(note)));
        }
        let rounds: Vec<u32> =
            places.iter().map(|at| t.rollouts[*at].pictures().len() as u32).collect();
        let kept: Vec<usize> = resample(&t.prompt.id.hex(), &rounds, self.keep)
            .into_iter()
            .map(|place| places[place])
            .collect();
        let rewards: Vec<f64> = kept.iter().map(|at| score(&t.rollouts[*at])).collect();
        let mut votes = Vec::new();
        for (at, advantage) in kept.iter().zip(advantages(&rewards)) {
            t.rollouts[*at].advantage = Some(advantage);
            let draw = t.rollouts[*at].draw + 1;
            let fact = |what: &str, answer: String| Vote {
                ask: format!("draw_{draw}_{what}"),
                answer,
                call: None,
            };
            votes.push(fact("reward", score(&t.rollouts[*at]).to_string()));
            votes.push(fact("advantage", format!("{advantage:.6}")));
        }
        let mean = rewards.iter().sum::<f64>() / rewards.len().max(1) as f64;
        let evidence = Evidence {
            note: note(&t.rollouts, &kept),
            score: Some(mean as f32),
            votes,
            ..Evidence::default()
        };
        Ok(Step::out(t, "resampled").with(evidence))
    }
}

fn score(rollout: &Rollout) -> f64 {
    rollout.reward.map_or(0.0, |reward| reward.score)
}

/// `8 of 12 stay: 3 with 1 picture, …`
fn note(rollouts: &[Rollout], kept: &[usize]) -> String {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for at in kept {
        *counts.entry(rollouts[*at].pictures().len()).or_default() += 1;
    }
    let s = |n| if n == 1 { "" } else { "s" };
    let parts: Vec<String> =
        counts.iter().map(|(n, count)| format!("{count} with {n} picture{}", s(*n))).collect();
    format!("{} of {} stay: {}", kept.len(), rollouts.len(), parts.join(", "))
}
