//! `canary`: pictures whose answer is known, slipped among the judges' real calls.

use crate::diag::Diagnostic;
use crate::record::{Evidence, ImageRef, Trajectory, Vote};
use crate::rules::Rules;
use crate::rules::reading::{Side, field, side};
use crate::stage::ask::{AskOutcome, Asker, atom_rows, members, rule_rows};
use crate::stage::canary::{Canary, canary};
use crate::stage::grammar::Fault;
use crate::stage::judging::{RULES, read_reply};
use crate::stage::looks::JUDGE;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Reason, Stage, StageError, Step,
    Ty, Wants,
};
use crate::template::Context;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "canary",
    about: "Asks the judges about pictures whose answer is known; nothing comes out of it.",
    docs: "Reads records beside the stage that judges them. Of a `share` of those that have a \
           reference picture and a spec, the reference is shown to every judge with questions made by \
           code: its own spec, which it must be found to meet, or one with a count, a colour or a \
           thing altered, which it must be found to miss; and, to `comparator`, beside itself, which \
           must be a tie. The calls are like any other. What was answered stands in the stage's \
           table, with its cost, and `coldstart judges` reads it; no canary reaches a dataset, since \
           no record goes on from here (practice, section 4).",
    does: Does::Canary,
    accepts: &[],
    rejects: &[],
    arity: Arity::Some,
    ports: &[],
    reasons: &[
        Reason { code: "not_picked", doc: "its record was not picked" },
        Reason {
            code: "no_truth",
            doc: "its record has no reference, or no spec that lists things",
        },
        Reason { code: "asked", doc: "the judges were asked" },
    ],
    params: &[
        Param {
            name: "share",
            ty: Ty::Float { min: 0.0, max: 1.0 },
            default: Some("0.1"),
            doc: "the share of records that give a canary",
        },
        JUDGE,
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt", "image", "rules", "atoms"], may: &[] },
            default: Some("judge.j2"),
            doc: "what the judges are asked",
        },
        RULES,
        Param {
            name: "comparator",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some(""),
            doc: "a role that compares; absent: none is asked",
        },
        Param {
            name: "pair_template",
            ty: Ty::Template { must: &["prompt", "image_a", "image_b"], may: &["atoms"] },
            default: Some("pairwise.j2"),
            doc: "what it is asked",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, _: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    Ok(Vec::new())
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let roles = cx.params.texts("judge");
    let judges: Result<Vec<Asker>, _> =
        roles.iter().map(|role| Asker::of_role(cx, "judge", role, "template")).collect();
    let comparator = match cx.params.text("comparator") {
        "" => None,
        role => Some(Asker::of_role(cx, "comparator", role, "pair_template")?),
    };
    Ok(Stage::Each(Arc::new(CanaryStage {
        share: cx.params.float("share"),
        judges: judges?,
        rules: cx.rules("rules")?,
        comparator,
    })))
}

struct CanaryStage {
    share: f64,
    judges: Vec<Asker>,
    rules: Arc<Rules>,
    comparator: Option<Asker>,
}

#[async_trait::async_trait]
impl Each for CanaryStage {
    async fn apply(&self, t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let mut rng = cx.rng("canary");
        if !rng.chance(self.share) {
            return Ok(Step::drop(t, "not_picked", Evidence::default()));
        }
        let known = t.prompt.reference.zip(t.prompt.spec.as_ref());
        let known = known.and_then(|(image, spec)| Some((image, canary(spec, &mut rng)?)));
        let Some((image, canary)) = known else {
            return Ok(Step::drop(t, "no_truth", Evidence::default()));
        };
        let mut votes = self.look(cx, image, &canary).await?;
        votes.extend(self.pair(cx, image, &canary).await?);
        let altered = if canary.key.contains(&false) { "altered" } else { "unaltered" };
        let note = format!("{altered}: {}", canary.prompt);
        Ok(Step::drop(t, "asked", Evidence { votes, ..Evidence::note(note) }))
    }
}

impl CanaryStage {
    /// Every judge's look.
    async fn look(
        &self,
        cx: &Cx<'_>,
        image: ImageRef,
        canary: &Canary,
    ) -> Result<Vec<Vote>, StageError> {
        let rules = self.rules.applying(&canary.atoms, Some(&canary.spec));
        let kinds = rules.rules.iter().map(|_| crate::rules::RULE);
        let kinds: Vec<&str> =
            kinds.chain(canary.atoms.iter().map(crate::stage::ask::question_kind)).collect();
        let unknown = rules.rules.iter().map(|_| '-');
        let key = unknown.chain(canary.key.iter().map(|holds| if *holds { 'y' } else { 'n' }));
        let mut votes = vec![
            Vote { ask: Vote::QUESTIONS.into(), answer: kinds.join(","), call: None },
            Vote { ask: Vote::KEY.into(), answer: key.collect(), call: None },
        ];
        let context = Context::new()
            .text("prompt", &canary.prompt)
            .image("image", image)
            .rows("rules", rule_rows(&rules))
            .rows("atoms", atom_rows(&canary.atoms));
        for (number, judge) in (1..).zip(&self.judges) {
            let read = |value| read_reply(&rules, &canary.atoms, false, value);
            let asked = judge.json(cx, &context, 0, read).await?;
            votes.extend(asked.faults);
            if let AskOutcome::Read(reading, key) = asked.said {
                let answer = reading.verdict.checks.iter().map(|c| c.answer.letter()).collect();
                let ask = format!("look_{number}:{}", judge.role.model);
                votes.push(Vote { ask, answer, call: Some(key) });
            }
        }
        Ok(votes)
    }

    /// A picture beside itself.
    async fn pair(
        &self,
        cx: &Cx<'_>,
        image: ImageRef,
        canary: &Canary,
    ) -> Result<Vec<Vote>, StageError> {
        let Some(comparator) = &self.comparator else { return Ok(Vec::new()) };
        let context = Context::new()
            .text("prompt", &canary.prompt)
            .rows("atoms", atom_rows(&canary.atoms))
            .image("image_a", image)
            .image("image_b", image);
        let read = |value| {
            let reply = members(value)?;
            let named = field(&reply, &["better", "winner", "verdict", "answer", "result"]);
            named.and_then(side).ok_or_else(|| Fault {
                code: "unanswered",
                what: "`better` is none of A, B and tie".to_owned(),
            })
        };
        let asked = comparator.json(cx, &context, 0, read).await?;
        let mut votes = asked.faults;
        if let AskOutcome::Read(side, key) = asked.said {
            let answer = match side {
                Side::A => "first",
                Side::B => "second",
                Side::Tie => "tie",
            };
            votes.push(Vote { ask: Vote::SAME.into(), answer: answer.into(), call: Some(key) });
        }
        Ok(votes)
    }
}
