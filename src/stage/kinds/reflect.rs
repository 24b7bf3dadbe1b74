//! `reflect`: the next round's thinking and call, by a stronger teacher that sees a private hint.

use crate::call::{ImageRequest, Output, Request};
use crate::diag::Diagnostic;
use crate::record::{Evidence, ImageRef, Trajectory};
use crate::stage::hint::{HINT_JUDGE, HINT_RULES, HINT_TEMPLATE, Held, HintJudge};
use crate::stage::teaching::{
    AGAIN, Copy, FORMAT_REASONS, FORMAT_REJECTS, LANGUAGE, META_TALK, TALK, THINKING, Teacher,
};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Role, RoleKind, Stage,
    StageError, Step, Ty, Wants,
};
use crate::template::Context;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "reflect",
    about: "A stronger teacher, shown a private hint, thinks again and calls again: T2 and P2.",
    docs: "Asks the role `model` with q, P1, T1, J1, I1 and a hint that only it sees (paper, \
           section 3.2: the reference image). `hint` says which: the prompt's `reference` image, \
           the `gloss` (plain meaning, as text), `both`, or `none`. Where `reference` is wanted \
           and a record has none, the role `illustrator` (if set) draws one from the plain \
           meaning, once per prompt. A reference can be wrong (an illustrator draws a riddle's raw \
           words): the role `hint_judge` holds it to the checklist before it is shown, and one that \
           fails is not shown, which the evidence says (answers `hint`). J1 was made before any hint \
           is shown, so it cannot leak. A \
           turn that breaks the form is asked for once more, then dropped with what was wrong.",
    does: Does::Turn { hinted: true },
    accepts: &["passed"],
    rejects: FORMAT_REJECTS,
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "well-formed" }],
    reasons: FORMAT_REASONS,
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::SEEN_TEXT),
            default: Some("reflector"),
            doc: "the role that reflects",
        },
        Param {
            name: "template",
            ty: Ty::Template {
                must: &["prompt", "image", "refined", "judgement"],
                may: &["thinking", "hint", "hint_text", "apart"],
            },
            default: Some("reflect.j2"),
            doc: "what it is asked",
        },
        THINKING,
        AGAIN,
        META_TALK,
        TALK,
        LANGUAGE,
        Param {
            name: "hint",
            ty: Ty::Choice(&["reference", "gloss", "both", "none"]),
            default: Some("reference"),
            doc: "what the reflector is shown in private",
        },
        Param {
            name: "illustrator",
            ty: Ty::Image,
            default: Some(""),
            doc: "the role that draws a reference where a record has none; absent: go without",
        },
        HINT_JUDGE,
        HINT_TEMPLATE,
        HINT_RULES,
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds == 0 || !facts.image || !facts.judged {
        return Err("a last round with an image and a judgement".into());
    }
    let wants = matches!(params.text("hint"), "reference" | "both");
    if wants && !facts.reference && params.text("illustrator").is_empty() {
        return Err("a reference image (or an `illustrator` that draws one)".into());
    }
    let next = Facts {
        rounds: facts.rounds + 1,
        image: false,
        judged: false,
        compared: false,
        reference: facts.reference || wants,
        other_grammar: facts.other_grammar,
    };
    Ok(vec![("passed", next)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let teacher = Teacher::compile(cx)?;
    let illustrator =
        if cx.params.text("illustrator").is_empty() { None } else { Some(cx.role("illustrator")?) };
    let hint = cx.params.text("hint");
    Ok(Stage::Each(Arc::new(Reflect {
        teacher,
        illustrator,
        hint_judge: HintJudge::compile(cx)?,
        show_image: matches!(hint, "reference" | "both"),
        show_text: matches!(hint, "gloss" | "both"),
        seed: cx.seed,
    })))
}

struct Reflect {
    teacher: Teacher,
    illustrator: Option<Role>,
    hint_judge: Option<HintJudge>,
    show_image: bool,
    show_text: bool,
    seed: u64,
}

#[async_trait::async_trait]
impl Each for Reflect {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let drawn = self.show_image && t.prompt.reference.is_none();
        if drawn {
            t.prompt.reference = self.illustrate(&t, cx).await?;
        }
        let hint = t.prompt.reference.filter(|_| self.show_image);
        let held = match (&self.hint_judge, hint) {
            (Some(judge), Some(image)) => Some(judge.hold(cx, &t, image).await?),
            _ => None,
        };
        let hint = hint.filter(|_| held.as_ref().is_none_or(|held| held.good));
        if drawn {
            // What was drawn for this record alone, and is wrong, is nobody's reference.
            t.prompt.reference = hint;
        }
        let Some(context) = self.context(&t, hint) else {
            return Err(StageError::Record {
                code: "not_judged",
                what: "the last round has no judged image".into(),
            });
        };
        let before = t.rounds.last().map(|r| r.refined.clone()).unwrap_or_default();
        let what = "the new caption repeats the one that failed";
        Ok(match self.teacher.turn(cx, context, Some(Copy { of: &before, what })).await? {
            Err((reason, evidence)) => Step::drop(t, reason, with(evidence, held)),
            Ok((round, evidence)) => {
                t.rounds.push(round);
                Step::out(t, "passed").with(with(evidence, held))
            }
        })
    }
}

/// `evidence`, and what was found of the hint.
fn with(mut evidence: Evidence, held: Option<Held>) -> Evidence {
    let Some(Held { note, votes, .. }) = held else { return evidence };
    evidence.votes.extend(votes);
    let notes = [evidence.note, note];
    evidence.note = notes.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join("; ");
    evidence
}

impl Reflect {
    fn context(&self, t: &Trajectory, hint: Option<ImageRef>) -> Option<Context> {
        let last = t.rounds.last()?;
        let mut context = Context::new()
            .text("prompt", &t.prompt.text)
            .image("image", last.image?)
            .text("refined", &last.refined)
            .text("thinking", &last.thinking)
            .text("judgement", &last.judgement.as_ref()?.rationale);
        context = match hint {
            Some(hint) => context.image("hint", hint),
            None => context.text("hint", ""),
        };
        let plain = t.prompt.gloss.as_deref().filter(|_| self.show_text);
        Some(context.text("hint_text", plain.unwrap_or_default()))
    }

    /// A reference drawn from the plain meaning; None when there is no illustrator or it refuses.
    async fn illustrate(
        &self,
        t: &Trajectory,
        cx: &Cx<'_>,
    ) -> Result<Option<ImageRef>, StageError> {
        let Some(role) = &self.illustrator else { return Ok(None) };
        let RoleKind::Image { width, height, steps, guidance, negative_prompt } = &role.kind else {
            return Ok(None);
        };
        let plain = match (&t.prompt.gloss, &t.prompt.spec) {
            (Some(gloss), _) => gloss.clone(),
            (None, Some(spec)) => crate::text::gloss::gloss(spec),
            (None, None) => t.prompt.text.clone(),
        };
        // Keyed by the run's seed and the record alone, so that a third round shares the picture.
        let seed =
            crate::env::Rng::keyed(self.seed, &["illustrate", &t.prompt.id.hex()]).image_seed();
        let request = Request::Image(ImageRequest {
            role: role.name.clone(),
            model: role.model.clone(),
            prompt: plain,
            negative_prompt: negative_prompt.clone(),
            width: *width,
            height: *height,
            steps: *steps,
            guidance: *guidance,
            seed,
            draw: 0,
            edits: None,
        });
        Ok(match cx.call(&request).await?.output {
            Output::Image { image, .. } => Some(image),
            Output::Text { .. } | Output::Refused { .. } => None,
        })
    }
}
