//! What a probe concludes: one name for each known mistake.

use crate::call::probe::ask::{Asking, SHAPE};
use crate::call::probe::{Ask, Sort};
use crate::call::{CallError, Fatal, Output, Reply};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Worth knowing.
    Note,
    /// Data would be worse than they look.
    Warning,
    /// A run would fail, or its data be wrong.
    Error,
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Finding {
    pub gravity: Gravity,
    /// Stable: `seed_ignored`.
    pub name: &'static str,
    pub what: String,
    pub help: &'static str,
}

/// A chat reply, and how it was asked for.
pub struct Told<'a> {
    pub model: &'a str,
    pub asking: Asking,
    pub text: &'a str,
    pub reasoning: &'a str,
    pub finish: &'a str,
}

/// What a chat reply gives away.
pub fn judge_text(ask: &Ask, told: &Told<'_>, findings: &mut Vec<Finding>) {
    let Told { model, asking, text, reasoning, finish } = *told;
    let Sort::Chat { vision, json, .. } = ask.sort else { return };
    let (silent, thought) = (text.trim().is_empty(), !reasoning.trim().is_empty());
    let cut = matches!(finish, "length" | "MAX_TOKENS");
    let named = |word| model.to_lowercase().contains(word);
    let thinker = named("thinking");
    let mut add = |gravity, name, what: String, help| {
        findings.push(Finding { gravity, name, what, help });
    };
    // An Instruct model has nothing to think: what a parser took for thinking was its answer.
    if silent && thought && (!cut || named("instruct")) {
        add(
            Gravity::Error,
            "reasoning_parser_on_instruct",
            "the answer is empty and all of it stands in the reasoning".to_owned(),
            "serve this model without a reasoning parser, or send extra = \
             {chat_template_kwargs = {enable_thinking = false}}",
        );
    } else if silent && cut {
        add(
            Gravity::Error,
            "thinking_cut",
            "the thinking used up max_tokens before a word of the answer".to_owned(),
            "raise the role's max_tokens in _models.toml",
        );
    } else if silent {
        add(Gravity::Error, "silent", "the answer is empty".to_owned(), "look at the server's log");
    }
    if thinker && !thought && !silent {
        add(
            Gravity::Warning,
            "no_thinking",
            format!("`{model}` is a thinking model and no thinking came"),
            "start the server with its reasoning parser, and have it return the reasoning",
        );
    }
    if json && !silent {
        findings.extend(shape(asking, text));
    }
    let mut add = |gravity, name, what: String, help| {
        findings.push(Finding { gravity, name, what, help });
    };
    if vision && !silent && !text.to_lowercase().contains("red") {
        add(
            Gravity::Warning,
            "picture_not_seen",
            "a plain red picture was not called red".to_owned(),
            "check that the model takes pictures and that the server passes them on",
        );
    }
}

/// Whether the JSON came that was asked for. Stages read it with care and ask again, whatever is found.
fn shape(asking: Asking, text: &str) -> Option<Finding> {
    let found = parse_json(text);
    let warning = |name, what: &str, help| {
        Some(Finding { gravity: Gravity::Warning, name, what: what.to_owned(), help })
    };
    match asking {
        Asking::Schema if !found.as_ref().is_some_and(|value| SHAPE.fits(value)) => warning(
            "schema_ignored",
            "a schema was sent and the answer does not have its shape",
            "write json = \"off\" into the role's table, or start the server with structured outputs",
        ),
        Asking::Json if found.is_none() => warning(
            "response_format_ignored",
            "the server was told to answer in JSON and the answer is none",
            "write json = \"off\", or \"schema\" where the server takes schemas",
        ),
        Asking::Words if found.is_none() => warning(
            "no_json",
            "JSON was asked for in words and the answer is none",
            "where the server takes schemas, write json = \"schema\" into the role's table",
        ),
        _ => None,
    }
}

fn parse_json(text: &str) -> Option<serde_json::Value> {
    let text = text.trim().trim_start_matches("```json").trim_start_matches("```");
    serde_json::from_str(text.trim_end_matches("```").trim()).ok()
}

pub fn same_picture(first: &Reply, second: &Reply) -> Option<Finding> {
    let digest = |reply: &Reply| match &reply.output {
        Output::Image { image, .. } => Some(image.digest),
        _ => None,
    };
    (digest(first)? == digest(second)?).then(|| Finding {
        gravity: Gravity::Error,
        name: "seed_ignored",
        what: "two draws with different seeds are one picture: three draws would be one".to_owned(),
        help: "choose the dialect that sends the seed, or a server that takes one",
    })
}

pub fn failed(error: &CallError) -> Finding {
    let what = error.to_string();
    let (name, help) = match error {
        CallError::Fatal { kind: Fatal::Key, .. } => ("key", "give a key that may use this model"),
        CallError::Fatal { kind: Fatal::Model, .. } => {
            ("model", "ask for a model that the server has, by `model`, or accept its name")
        }
        CallError::Fatal { kind: Fatal::Address, .. } => {
            ("address", "see the message; mend `urls` or the server")
        }
        CallError::Fatal { kind: Fatal::Money, .. } => ("payment", "top up the account"),
        CallError::Fatal { kind: Fatal::Quota, .. } => ("quota", "wait, or raise the quota"),
        CallError::Store(_) | CallError::Fatal { .. } => ("endpoint", "see the message"),
        CallError::Transient { .. } if what.contains("cannot be reached") => {
            ("unreachable", "start the server, or mend `urls`")
        }
        CallError::Transient { overload: true, .. } => {
            ("overloaded", "wait, or lower max_in_flight")
        }
        CallError::Transient { .. } => ("broken_answer", "look at the server's log"),
        CallError::Record { .. } | CallError::Stopped => ("request_refused", "see the message"),
    };
    Finding { gravity: Gravity::Error, name, what, help }
}

pub fn refused(output: &Output) -> Finding {
    let what = match output {
        Output::Refused { reason } => format!("a harmless request was refused: {reason}"),
        _ => "the answer is of another sort than was asked".to_owned(),
    };
    Finding { gravity: Gravity::Error, name: "refused", what, help: "look at the safety settings" }
}

pub fn wrong_sort(protocol: &str) -> Finding {
    Finding {
        gravity: Gravity::Error,
        name: "wrong_protocol",
        what: format!("protocol `{protocol}` does not serve what this role asks"),
        help: "chat roles take openai-chat or gemini, image roles one of the others",
    }
}

#[cfg(test)]
mod tests {
    use super::{Told, judge_text};
    use crate::call::Sampling;
    use crate::call::probe::ask::Asking;
    use crate::call::probe::{Ask, Sort};

    fn found(model: &str, text: &str, reasoning: &str, finish: &str) -> Vec<&'static str> {
        with(Asking::Words, model, text, reasoning, finish)
    }

    fn with(
        asking: Asking,
        model: &str,
        text: &str,
        reasoning: &str,
        finish: &str,
    ) -> Vec<&'static str> {
        let sort = Sort::Chat { sampling: Sampling::default(), vision: true, json: true };
        let ask = Ask { role: "r".into(), model: model.into(), sort };
        let mut findings = Vec::new();
        judge_text(&ask, &Told { model, asking, text, reasoning, finish }, &mut findings);
        findings.iter().map(|f| f.name).collect()
    }

    #[test]
    fn each_mistake_has_its_name() {
        let none: [&str; 0] = [];
        assert_eq!(found("x-Instruct", r#"{"answer":"red"}"#, "", "stop"), none);
        assert_eq!(found("x-Instruct", "", "it is red", "stop"), ["reasoning_parser_on_instruct"]);
        assert_eq!(found("x-Instruct", "", "it", "length"), ["reasoning_parser_on_instruct"]);
        assert_eq!(found("x-Thinking", "", "it is", "length"), ["thinking_cut"]);
        assert_eq!(found("x-Thinking", r#"{"answer":"red"}"#, "", "stop"), ["no_thinking"]);
        assert_eq!(found("x", "Red.", "", "stop"), ["no_json"]);
        let held = r#"{"in_one_word":"red"}"#;
        assert_eq!(with(Asking::Schema, "x", held, "", "stop"), none);
        let guessed = r#"{"colour":"red"}"#;
        assert_eq!(with(Asking::Schema, "x", guessed, "", "stop"), ["schema_ignored"]);
        assert_eq!(with(Asking::Json, "x", guessed, "", "stop"), none);
        assert_eq!(with(Asking::Json, "x", "Red.", "", "stop"), ["response_format_ignored"]);
        assert_eq!(found("x", r#"{"answer":"blue"}"#, "", "stop"), ["picture_not_seen"]);
    }
}
