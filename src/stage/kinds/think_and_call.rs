//! `think_and_call`: the first round's thinking and tool call (paper, section 3.2: T1, P1).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Round, Trajectory};
use crate::stage::ask::{Asker, Said};
use crate::stage::{
    Arity, Compile, Cx, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError, Step,
    Ty, parse_call,
};
use crate::template::Context;
use std::sync::Arc;

/// Drop reasons of the tool-call grammar; `reflect` has the same.
pub const FORMAT_REASONS: &[Reason] = &[
    Reason { code: "no_tool_call", doc: "no `<tool_call>` in the turn" },
    Reason { code: "many_tool_calls", doc: "more than one `<tool_call>` in the turn" },
    Reason { code: "call_and_answer", doc: "a call and an answer in one turn" },
    Reason { code: "stray_text", doc: "text outside of think and call" },
    Reason { code: "bad_json", doc: "the call is not the JSON asked for" },
    Reason { code: "wrong_tool", doc: "calls a tool that does not exist" },
    Reason { code: "wrong_arguments", doc: "the arguments are not one text `caption`" },
    Reason { code: "empty_caption", doc: "the caption is empty" },
    Reason { code: "no_thinking", doc: "no thinking, neither in tags nor from the server" },
    Reason { code: "unclosed_think", doc: "`<think>` is never closed" },
    Reason { code: "control_token", doc: "a tag or chat-control token inside a text" },
    Reason { code: "garbage", doc: "the reply is no text of a sane size" },
    Reason { code: "refused", doc: "the server will not answer (safety, policy)" },
    Reason { code: "copied_prompt", doc: "P repeats q word for word" },
];

pub const KIND: Kind = Kind {
    name: "think_and_call",
    about: "The teacher thinks and calls the generator: T1 and P1.",
    docs: "Asks the role `model` with `template` for one turn in the released agent's form, \
           `<think>T</think> <tool_call>{…}</tool_call>`. A server that returns thinking apart \
           (`reasoning`) may leave the tags out. A turn that breaks the form is dropped with what \
           was wrong (paper, section 3.2: format errors are dropped).",
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "well-formed" }],
    reasons: FORMAT_REASONS,
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat,
            default: Some("teacher"),
            doc: "the role that thinks",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt"], may: &[] },
            default: Some("think_and_call.j2"),
            doc: "what it is asked",
        },
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
    let asker = Asker { role: cx.role("model")?, template: cx.template("template")? };
    Ok(Stage::Each(Arc::new(ThinkAndCall { asker, allow_copy: cx.params.bool("allow_copy") })))
}

struct ThinkAndCall {
    asker: Asker,
    allow_copy: bool,
}

#[async_trait::async_trait]
impl Each for ThinkAndCall {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let context = Context::new().text("prompt", &t.prompt.text);
        match call_turn(&self.asker, cx, &context).await? {
            Err((reason, evidence)) => Ok(Step::drop(t, reason, evidence)),
            Ok(round) if !self.allow_copy && same_words(&round.refined, &t.prompt.text) => {
                let note = "the caption repeats the prompt word for word";
                Ok(Step::drop(t, "copied_prompt", Evidence::note(note)))
            }
            Ok(round) => {
                t.rounds.push(round);
                Ok(Step::out(t, "passed"))
            }
        }
    }
}

/// Asks for a turn and reads it: a fresh round, or the drop reason.
pub async fn call_turn(
    asker: &Asker,
    cx: &Cx<'_>,
    context: &Context,
) -> Result<Result<Round, (&'static str, Evidence)>, StageError> {
    Ok(match asker.text(cx, context, 0).await? {
        Said::Garbage(what) => Err(("garbage", Evidence::note(what))),
        Said::Refused(what) => Err(("refused", Evidence::note(what))),
        Said::Read((text, reasoning), _) => match parse_call(&text, &reasoning) {
            Err(fault) => Err((fault.code, Evidence::note(fault.what))),
            Ok(call) => Ok(Round {
                thinking: call.thinking,
                refined: call.refined,
                image: None,
                seed: None,
                judgement: None,
            }),
        },
    })
}

/// Equal but for case, punctuation and white space.
pub fn same_words(a: &str, b: &str) -> bool {
    crate::text::normalise(a) == crate::text::normalise(b)
}
