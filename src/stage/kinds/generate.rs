//! `generate`: draws the last round's refined prompt (I from P).

use crate::call::{ImageRequest, Output, Request};
use crate::diag::Diagnostic;
use crate::record::{Evidence, ImageRef, Trajectory};
use crate::stage::grammar::clip;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Role, RoleKind,
    Stage, StageError, Step, Ty,
};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "generate",
    about: "Draws an image from the last refined prompt.",
    docs: "One image per record, with an explicit seed that is kept with the round. `seed = \
           \"fresh\"` draws a new one for the record; `\"previous\"` takes the seed of the round \
           before, so that only the prompt changes between I1 and I2 and their comparison is about \
           the prompt.",
    does: Does::Draw,
    accepts: &["passed"],
    rejects: &["garbage", "blank"],
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "drawn" }],
    reasons: &[
        Reason { code: "refused", doc: "the generator will not draw it (safety, policy)" },
        Reason { code: "garbage", doc: "text came back where a picture was asked" },
        Reason { code: "blank", doc: "the picture is of one colour (with `refuse_blank`)" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Image,
            default: Some("generator"),
            doc: "the role that draws",
        },
        Param {
            name: "seed",
            ty: Ty::Choice(&["fresh", "previous"]),
            default: Some("fresh"),
            doc: "where the seed comes from",
        },
        Param {
            name: "refuse_blank",
            ty: Ty::Bool,
            default: Some("false"),
            doc: "drop the record when its picture is of one colour (a filter's blank); else such \
                  pictures are only counted by `audit`",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds == 0 || facts.image {
        return Err("a last round with a refined prompt and no image yet".into());
    }
    if params.text("seed") == "previous" && facts.rounds < 2 {
        return Err("an earlier round to take the seed from".into());
    }
    Ok(vec![("passed", Facts { image: true, judged: false, ..facts })])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let previous = cx.params.text("seed") == "previous";
    let refuse_blank = cx.params.bool("refuse_blank");
    Ok(Stage::Each(Arc::new(Generate { role: cx.role("model")?, previous, refuse_blank })))
}

struct Generate {
    role: Role,
    previous: bool,
    refuse_blank: bool,
}

#[async_trait::async_trait]
impl Each for Generate {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let before = t.rounds.iter().rev().nth(1).and_then(|r| r.seed);
        let seed = match before.filter(|_| self.previous) {
            Some(seed) => seed,
            None => cx.rng("seed").image_seed(),
        };
        let refined = t.rounds.last().map(|r| r.refined.clone()).unwrap_or_default();
        match draw(&self.role, cx, &refined, seed, 0).await? {
            Err((reason, evidence)) => Ok(Step::drop(t, reason, evidence)),
            Ok(drawn) if drawn.blank && self.refuse_blank => {
                Ok(Step::drop(t, "blank", Evidence::note(BLANK)))
            }
            Ok(Drawn { image, .. }) => {
                if let Some(round) = t.rounds.last_mut() {
                    round.image = Some(image);
                    round.seed = Some(seed);
                }
                Ok(Step::out(t, "passed"))
            }
        }
    }
}

/// What is said of a picture that is dropped as `blank`.
pub const BLANK: &str = "the picture is of one colour";

/// A picture, and whether it is of one colour.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    pub image: ImageRef,
    pub blank: bool,
}

/// One picture of `prompt`, or the drop reason.
pub async fn draw(
    role: &Role,
    cx: &Cx<'_>,
    prompt: &str,
    seed: u64,
    draw: u32,
) -> Result<Result<Drawn, (&'static str, Evidence)>, StageError> {
    make(role, cx, prompt, None, (seed, draw)).await
}

/// `picture` changed as `instruction` says, or the drop reason.
pub async fn edit(
    role: &Role,
    cx: &Cx<'_>,
    instruction: &str,
    picture: ImageRef,
    seed_and_draw: (u64, u32),
) -> Result<Result<Drawn, (&'static str, Evidence)>, StageError> {
    make(role, cx, instruction, Some(picture), seed_and_draw).await
}

async fn make(
    role: &Role,
    cx: &Cx<'_>,
    prompt: &str,
    edits: Option<ImageRef>,
    (seed, draw): (u64, u32),
) -> Result<Result<Drawn, (&'static str, Evidence)>, StageError> {
    let RoleKind::Image { width, height, steps, guidance, negative_prompt } = &role.kind else {
        return Err(StageError::Record {
            code: "wrong_role",
            what: format!("role `{}` chats and cannot draw", role.name),
        });
    };
    let request = Request::Image(ImageRequest {
        role: role.name.clone(),
        model: role.model.clone(),
        prompt: prompt.to_owned(),
        negative_prompt: negative_prompt.clone(),
        width: *width,
        height: *height,
        steps: *steps,
        guidance: *guidance,
        seed,
        draw,
        edits,
    });
    Ok(match cx.call(&request).await?.output {
        Output::Image { image, blank, .. } => Ok(Drawn { image, blank }),
        Output::Refused { reason } => Err(("refused", Evidence::note(clip(&reason)))),
        Output::Text { text, .. } => Err(("garbage", Evidence::note(clip(&text)))),
    })
}
