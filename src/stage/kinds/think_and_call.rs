//! `think_and_call`: the first round's thinking and tool call (paper, section 3.2: T1, P1).

use crate::diag::Diagnostic;
use crate::record::Trajectory;
use crate::stage::teaching::{
    AGAIN, Copy, FORMAT_REASONS, FORMAT_REJECTS, LANGUAGE, META_TALK, TALK, THINKING, Teacher,
};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Stage, StageError, Step, Ty,
    Wants,
};
use crate::template::Context;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "think_and_call",
    about: "The teacher thinks and calls the generator: T1 and P1.",
    docs: "Asks the role `model` with `template` for one turn in the released agent's form, \
           `<think>T</think> <tool_call>{…}</tool_call>`. A server that returns thinking apart \
           (`reasoning`) may leave the tags out. A call is read leniently (fences, trailing commas, \
           raw line breaks) and kept as its caption alone. A turn that breaks the form is asked for \
           once more, with what was wrong; then it is dropped (paper, section 3.2: format errors are \
           dropped).",
    does: Does::Turn { hinted: false },
    accepts: &["passed"],
    rejects: FORMAT_REJECTS,
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "well-formed" }],
    reasons: FORMAT_REASONS,
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::TEXT),
            default: Some("teacher"),
            doc: "the role that thinks",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt"], may: &["apart"] },
            default: Some("think_and_call.j2"),
            doc: "what it is asked",
        },
        THINKING,
        AGAIN,
        META_TALK,
        TALK,
        LANGUAGE,
        Param {
            name: "allow_copy",
            ty: Ty::Bool,
            default: Some("false"),
            doc: "keep a P that repeats q word for word",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds > 0 {
        return Err("a prompt without rounds".into());
    }
    Ok(vec![("passed", Facts { rounds: 1, image: false, judged: false, ..facts })])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let teacher = Teacher::compile(cx)?;
    Ok(Stage::Each(Arc::new(ThinkAndCall { teacher, allow_copy: cx.params.bool("allow_copy") })))
}

struct ThinkAndCall {
    teacher: Teacher,
    allow_copy: bool,
}

#[async_trait::async_trait]
impl Each for ThinkAndCall {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let context = Context::new().text("prompt", &t.prompt.text);
        let copy =
            Copy { of: &t.prompt.text, what: "the caption repeats the prompt word for word" };
        let copy = (!self.allow_copy).then_some(copy);
        Ok(match self.teacher.turn(cx, context, copy).await? {
            Err((reason, evidence)) => Step::drop(t, reason, evidence),
            Ok((round, evidence)) => {
                t.rounds.push(round);
                Step::out(t, "passed").with(evidence)
            }
        })
    }
}
