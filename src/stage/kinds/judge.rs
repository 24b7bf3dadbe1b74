//! `judge`: grades the last image by explicit rules and the prompt's checklist (J).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Trajectory};
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
    name: "judge",
    about: "Grades the last image by explicit rules and a checklist; code makes the verdict.",
    docs: "The judge sees q, the image, the rules and the checklist, reports evidence and \
           yes/no/unsure per item, and writes a rationale (J). Rules that do not apply to the prompt \
           are not shown. Code derives the verdict: satisfied if every non-void item is yes, \
           unsatisfied if one is no, else undecided, which drops the record; a child of a failed atom \
           is void. An item without an answer, or a rationale that closes against the answers, is \
           asked again with what was wrong; in vain, the record fails as `undecided`. \
           The rules are shown to the judge and absent from the training text (paper, section 3.2): \
           a rationale that quotes one is dropped. `votes` asks several times and takes the \
           majority. With `judge`, looks are bought one at a time and added up question by question, \
           each weighed by what its judge is worth, until the verdict is as probable as `purity` says; \
           J is then a rationale whose every answer is as settled, or one more that is written given \
           the settled answers. J is made before any hint is shown.",
    does: Does::Judge,
    accepts: &["satisfied"],
    rejects: &["unsatisfied"],
    arity: Arity::Some,
    ports: &[
        Port { name: "satisfied", doc: "every check passed" },
        Port { name: "unsatisfied", doc: "a check failed: reflect on it" },
    ],
    reasons: &[
        Reason { code: "no_checklist", doc: "no checklist could be made of the prompt" },
        Reason { code: "undecided", doc: "the judge cannot tell: nothing is no, something unsure" },
        Reason { code: "refused", doc: "the judge will not answer (safety, policy)" },
        Reason { code: "rules_quoted", doc: "the rationale quotes a rule" },
        Reason { code: "control_token", doc: "the rationale holds a tag or control token" },
        Reason { code: "hint_mentioned", doc: "the rationale speaks of a picture not in sight" },
    ],
    params: &[
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
            doc: "what it is asked",
        },
        RULES,
        Param {
            name: "votes",
            ty: Ty::Int { min: 1, max: 15 },
            default: Some("1"),
            doc: "ask so many times; the majority decides, a tie is unsatisfied",
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

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    facts.pictured("an image in the last round")?;
    let after = Facts { judged: true, ..facts };
    Ok(vec![("satisfied", after), ("unsatisfied", after)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(Judge {
        patterns: cx.patterns("patterns")?,
        judging: Judging::compile(cx, false)?,
        checklist: Checklist::compile(cx)?,
        votes: cx.params.int("votes") as u32,
    })))
}

struct Judge {
    patterns: Arc<Patterns>,
    judging: Judging,
    checklist: Checklist,
    votes: u32,
}

#[async_trait::async_trait]
impl Each for Judge {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let faults = match self.checklist.ensure(&mut t, cx).await? {
            Ok(faults) => faults,
            Err(evidence) => return Ok(Step::drop(t, "no_checklist", evidence)),
        };
        Step::told(self.grade(t, cx).await, faults)
    }
}

impl Judge {
    async fn grade(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let Some(image) = t.rounds.last().and_then(|r| r.image) else {
            return Err(StageError::Record { code: "no_image", what: "no image to judge".into() });
        };
        let judged = match self.judging.judge(cx, &t, image, None, self.votes).await? {
            Ok(judged) => judged,
            Err(unjudged) => {
                let (reason, evidence) = unjudged.reason();
                return Ok(Step::drop(t, reason, evidence));
            }
        };
        if let Some((reason, what)) = judged.tainted(&self.judging.rules, &self.patterns) {
            return Ok(Step::drop(t, reason, Evidence { note: what, ..judged.evidence }));
        }
        let port = if judged.judgement.satisfied { "satisfied" } else { "unsatisfied" };
        if let Some(round) = t.rounds.last_mut() {
            round.judgement = Some(judged.judgement);
        }
        Ok(Step::out(t, port).with(judged.evidence))
    }
}
