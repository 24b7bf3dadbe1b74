//! A teacher's turn: asked for, read, held to what a trainer wants, and asked for once more where it
//! is not (`think_and_call`, `reflect`).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Round};
use crate::stage::ask::{Asker, Said};
use crate::stage::grammar::{Call, Fault, parse_call};
use crate::stage::{Compile, Cx, Param, Reason, StageError, Ty};
use crate::template::Context;

/// How often a turn that breaks the form is asked for once more.
pub const AGAIN: Param = Param {
    name: "asks_again",
    ty: Ty::Int { min: 0, max: 5 },
    default: Some("1"),
    doc: "a turn that breaks the form is asked for so many times more, each a fresh draw that says \
          what was wrong, before the record is dropped",
};

/// Drop reasons of the tool-call grammar.
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

/// Where the thinking comes.
pub const THINKING: Param = Param {
    name: "thinking",
    ty: Ty::Choice(&["inline", "apart"]),
    default: Some("inline"),
    doc: "where the role's thinking comes: `inline`, in tags that it is asked for, or \
              `apart`, in a field of the server's (then the call alone is asked for)",
};

/// Who gives turns.
pub struct Teacher {
    asker: Asker,
    again: u32,
    apart: bool,
}

/// A text that a caption may not repeat word for word, and what to say of one that does.
#[derive(Clone, Copy)]
pub struct Copy<'a> {
    pub of: &'a str,
    pub what: &'static str,
}

impl Teacher {
    /// From the parameters `model`, `template`, `thinking` and `asks_again`.
    pub fn compile(cx: &Compile<'_>) -> Result<Teacher, Vec<Diagnostic>> {
        Ok(Teacher {
            asker: Asker::compile(cx, "model", "template")?,
            again: cx.params.int("asks_again") as u32,
            apart: cx.params.text("thinking") == "apart",
        })
    }

    /// Asks for a turn: a fresh round and what is to be told of it, or the drop reason.
    pub async fn turn(
        &self,
        cx: &Cx<'_>,
        context: Context,
        copy: Option<Copy<'_>>,
    ) -> Result<Result<(Round, Evidence), (&'static str, Evidence)>, StageError> {
        let context = context.text("apart", if self.apart { "apart" } else { "" });
        let read = |text: &str, reasoning: &str| read(text, reasoning, copy);
        let asked = self.asker.ask(cx, &context, 0, self.again, read).await?;
        let votes = asked.faults;
        let evidence = |note: String| Evidence { votes, ..Evidence::note(note) };
        Ok(match asked.said {
            Said::Unusable(fault) => Err((fault.code, evidence(fault.what))),
            Said::Refused(what) => Err(("refused", evidence(what))),
            Said::Read(call, _) => {
                let Call { thinking, refined } = call;
                let round = Round { thinking, refined, image: None, seed: None, judgement: None };
                Ok((round, evidence(String::new())))
            }
        })
    }
}

fn read(text: &str, reasoning: &str, copy: Option<Copy<'_>>) -> Result<Call, Fault> {
    let call = parse_call(text, reasoning)?;
    match copy {
        Some(Copy { of, what }) if same_words(&call.refined, of) => {
            Err(Fault { code: "copied_prompt", what: what.to_owned() })
        }
        _ => Ok(call),
    }
}

/// Equal but for case, punctuation and white space.
fn same_words(a: &str, b: &str) -> bool {
    crate::text::normalise(a) == crate::text::normalise(b)
}
