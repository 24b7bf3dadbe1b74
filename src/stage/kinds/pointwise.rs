//! `pointwise`: the last image against the user's request, by a standard (J2).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Preference, Trajectory};
use crate::stage::checklist::{CHECKLIST, CHECKLIST_TEMPLATE, Checklist};
use crate::stage::judging::{Judging, PATTERNS, RULES};
use crate::stage::looks::{JUDGE, LOOK_AT, MAX_LOOKS, PRICES, PURITY, WORTH};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use crate::text::leak::Patterns;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "pointwise",
    about: "Holds the last image against the request: score, verdict and J2.",
    docs: "The grader sees q, the image, the checklist, the rules and a `standard` in words. Good \
           means: every check passes (by code) and the score reaches `min_score`; a reply without a \
           score is asked again, as one without an answer is (see `judge`). What was better \
           (by `pairwise`, which must come before; a tie is not better) but is not good leaves by \
           `improved` when `keep_improved` is set: such records can become open trajectories; else \
           they are dropped (paper, section 3.2: pointwise filter). With `rest = \"pass\"` they leave by \
           `not_good` instead: where verdicts are trusted, a picture that meets the request beats one \
           that does not, and only the rest needs a comparison. `judge` and what goes with it: see \
           `judge`.",
    does: Does::Judge,
    accepts: &["good"],
    rejects: &["improved", "not_good"],
    arity: Arity::Some,
    ports: &[
        Port { name: "good", doc: "meets the request" },
        Port { name: "improved", doc: "better than before, not good" },
        Port { name: "not_good", doc: "does not meet the request (with `rest = \"pass\"`)" },
    ],
    reasons: &[
        Reason { code: "not_good", doc: "does not meet the request" },
        Reason { code: "no_checklist", doc: "no checklist could be made of the prompt" },
        Reason { code: "undecided", doc: "the judge cannot tell: nothing is no, something unsure" },
        Reason { code: "refused", doc: "the grader will not answer (safety, policy)" },
        Reason { code: "rules_quoted", doc: "the rationale quotes a rule" },
        Reason { code: "control_token", doc: "the rationale holds a tag or control token" },
        Reason { code: "hint_mentioned", doc: "the rationale speaks of a picture not in sight" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some("grader"),
            doc: "the role that grades",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt", "image", "rules", "atoms"], may: &["standard"] },
            default: Some("pointwise.j2"),
            doc: "what it is asked",
        },
        RULES,
        Param {
            name: "standard",
            ty: Ty::Text,
            default: Some(
                "Every part of the request is visible and right; nothing asked for is missing, \
                 nothing contradicts it.",
            ),
            doc: "what good means, in words",
        },
        Param {
            name: "min_score",
            ty: Ty::Float { min: 0.0, max: 10.0 },
            default: Some("7.0"),
            doc: "the grader's own score must reach this, of 10",
        },
        Param {
            name: "keep_improved",
            ty: Ty::Bool,
            default: Some("true"),
            doc: "let better-but-not-good records go on as `improved`",
        },
        Param {
            name: "rest",
            ty: Ty::Choice(&["drop", "pass"]),
            default: Some(""),
            doc: "what becomes of a picture that is not good: dropped (unless given), or out by `not_good`",
        },
        PATTERNS,
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

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    facts.pictured("an image in the last round")?;
    let after = Facts { judged: true, ..facts };
    let mut ports = vec![("good", after)];
    if facts.compared && params.bool("keep_improved") {
        ports.push(("improved", after));
    }
    if params.text("rest") == "pass" {
        ports.push(("not_good", after));
    }
    Ok(ports)
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let min_score = cx.params.float("min_score") as f32;
    Ok(Stage::Each(Arc::new(Pointwise {
        patterns: cx.patterns("patterns")?,
        // Where no score is wanted, a template need not ask for one.
        judging: Judging::compile(cx, min_score > 0.0)?,
        checklist: Checklist::compile(cx)?,
        standard: cx.params.text("standard").to_owned(),
        min_score,
        keep_improved: cx.params.bool("keep_improved"),
        pass_rest: cx.params.text("rest") == "pass",
    })))
}

struct Pointwise {
    patterns: Arc<Patterns>,
    judging: Judging,
    checklist: Checklist,
    standard: String,
    min_score: f32,
    keep_improved: bool,
    pass_rest: bool,
}

#[async_trait::async_trait]
impl Each for Pointwise {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let faults = match self.checklist.ensure(&mut t, cx).await? {
            Ok(faults) => faults,
            Err(evidence) => return Ok(Step::drop(t, "no_checklist", evidence)),
        };
        Step::told(self.grade(t, cx).await, faults)
    }
}

impl Pointwise {
    async fn grade(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let Some(image) = t.rounds.last().and_then(|r| r.image) else {
            return Err(StageError::Record { code: "no_image", what: "no image to grade".into() });
        };
        let mut judged = match self.judging.judge(cx, &t, image, Some(&self.standard), 1).await? {
            Ok(judged) => judged,
            Err(unjudged) => {
                let (reason, evidence) = unjudged.reason();
                return Ok(Step::drop(t, reason, evidence));
            }
        };
        if let Some((reason, what)) = judged.tainted(&self.judging.rules, &self.patterns) {
            return Ok(Step::drop(t, reason, Evidence { note: what, ..judged.evidence }));
        }
        let given = judged.given_score.unwrap_or(judged.judgement.score * 10.0);
        judged.evidence.score = Some(given / 10.0);
        let good = judged.judgement.satisfied && given >= self.min_score;
        judged.judgement.satisfied = good;
        if let Some(round) = t.rounds.last_mut() {
            round.judgement = Some(judged.judgement);
        }
        let better = t.comparisons.last().is_some_and(|c| c.winner == Preference::Second);
        t.improved = !good && better;
        Ok(match (good, t.improved && self.keep_improved) {
            (true, _) => Step::out(t, "good").with(judged.evidence),
            (false, true) => Step::out(t, "improved").with(judged.evidence),
            (false, false) if self.pass_rest => Step::out(t, "not_good").with(judged.evidence),
            (false, false) => Step::drop(t, "not_good", judged.evidence),
        })
    }
}
