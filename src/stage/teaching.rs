//! A teacher's turn: asked for, read, held to what a trainer wants, and asked for once more where it
//! is not (`think_and_call`, `reflect`).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Round, Vote};
use crate::stage::ask::{AskOutcome, Asker};
use crate::stage::grammar::{Call, Fault, parse_call};
use crate::stage::{Compile, Cx, Param, Reason, StageError, Ty};
use crate::template::Context;
use crate::text::leak::Patterns;
use std::sync::Arc;

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
    Reason { code: "meta_talk", doc: "T or P speaks of tips, format, test or the model's maker" },
    Reason { code: "caption_language", doc: "P is in another language than English" },
];

/// Those of them by which a turn is found wanting: all but a refusal.
pub const FORMAT_REJECTS: &[&str] = &[
    "no_tool_call",
    "many_tool_calls",
    "call_and_answer",
    "stray_text",
    "bad_json",
    "wrong_tool",
    "wrong_arguments",
    "empty_caption",
    "no_thinking",
    "unclosed_think",
    "control_token",
    "garbage",
    "copied_prompt",
];

/// Where the thinking comes.
pub const THINKING: Param = Param {
    name: "thinking",
    ty: Ty::Choice(&["inline", "apart"]),
    default: Some("inline"),
    doc: "where the role's thinking comes: `inline`, in tags that it is asked for, or \
              `apart`, in a field of the server's (then the call alone is asked for)",
};

/// What becomes of talk.
pub const META_TALK: Param = Param {
    name: "meta_talk",
    ty: Ty::Choice(&["cut", "ask"]),
    default: Some("cut"),
    doc: "thinking that speaks of tips, rules, format, test or the model's maker: `cut` takes out those \
          sentences and counts them, `ask` takes the turn for one that breaks the form. A caption that \
          does so always breaks it",
};

/// Where the phrases of talk stand.
pub const TALK: Param = Param {
    name: "talk",
    ty: Ty::File,
    default: Some("talk_patterns.toml"),
    doc: "the phrases of such talk, as data",
};

/// The caption's language.
pub const LANGUAGE: Param = Param {
    name: "caption_language",
    ty: Ty::Choice(&["english", "any"]),
    default: Some("english"),
    doc: "`english`: a caption in another language (by its script and small words; lettering in \
          quotation marks apart) breaks the form",
};

/// Who gives turns.
pub struct Teacher {
    asker: Asker,
    again: u32,
    apart: bool,
    talk: Arc<Patterns>,
    cuts: bool,
    english: bool,
}

/// A turn that was read, and how many sentences were cut from its thinking.
struct ReadTurn {
    call: Call,
    cut: usize,
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
            talk: cx.patterns("talk")?,
            cuts: cx.params.text("meta_talk") == "cut",
            english: cx.params.text("caption_language") == "english",
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
        let read = |text: &str, reasoning: &str| self.read(text, reasoning, copy);
        let asked = self.asker.ask(cx, &context, 0, self.again, read).await?;
        let mut votes = asked.faults;
        if let AskOutcome::Read(ReadTurn { cut: cut @ 1.., .. }, key) = &asked.said {
            let (ask, answer) = (Vote::CUT.to_owned(), cut.to_string());
            votes.push(Vote { ask, answer, call: Some(*key) });
        }
        let evidence = |note: String| Evidence { votes, ..Evidence::note(note) };
        Ok(match asked.said {
            AskOutcome::Unusable(fault) => Err((fault.code, evidence(fault.what))),
            AskOutcome::Refused(what) => Err(("refused", evidence(what))),
            AskOutcome::Read(ReadTurn { call: Call { thinking, refined }, cut }, _) => {
                let round = Round { thinking, refined, image: None, seed: None, judgement: None };
                let note = match cut {
                    0 => String::new(),
                    1 => "1 sentence of talk was cut from the thinking".to_owned(),
                    n => format!("{n} sentences of talk were cut from the thinking"),
                };
                Ok((round, evidence(note)))
            }
        })
    }
}

impl Teacher {
    fn read(&self, text: &str, reasoning: &str, copy: Option<Copy<'_>>) -> Result<ReadTurn, Fault> {
        let mut call = parse_call(text, reasoning)?;
        let fault = |code, what: String| Err(Fault { code, what });
        if let Some(Copy { what, .. }) = copy.filter(|c| same_words(&call.refined, c.of)) {
            return fault("copied_prompt", what.to_owned());
        }
        if self.english && !is_english(&call.refined) {
            return fault("caption_language", "the caption is not in English".to_owned());
        }
        if let Some(hit) = self.talk.phrase(&call.refined) {
            return fault("meta_talk", format!("the caption says “{}”", hit.quote));
        }
        let mut cut = 0;
        if let Some(hit) = self.talk.phrase(&call.thinking) {
            let kept = self.cuts.then(|| self.talk.cut(&call.thinking));
            let Some((kept, n)) = kept.filter(|(kept, _)| !kept.is_empty()) else {
                let what = "the reasoning speaks of something else than the picture";
                return fault("meta_talk", format!("{what}: “{}”", hit.quote));
            };
            (call.thinking, cut) = (kept, n);
        }
        Ok(ReadTurn { call, cut })
    }
}

/// By script and small words; what stands in quotation marks is lettering.
fn is_english(caption: &str) -> bool {
    let said: String = caption.split(['"', '\u{201c}', '\u{201d}']).step_by(2).collect();
    matches!(crate::text::language::guess(&said), "en" | "und")
}

/// Equal but for case, punctuation and white space.
fn same_words(a: &str, b: &str) -> bool {
    crate::text::normalise(a) == crate::text::normalise(b)
}
