//! What a probe concludes: one name for each known mistake.

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

/// What a chat reply gives away.
pub fn judge_text(
    ask: &Ask,
    model: &str,
    text: &str,
    reasoning: &str,
    finish: &str,
    findings: &mut Vec<Finding>,
) {
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
    if json && !silent && parse_json(text).is_none() {
        add(
            Gravity::Warning,
            "response_format_ignored",
            "a schema was asked for and the answer is no JSON".to_owned(),
            "set json = \"object\" or \"off\", or a server that follows response_format; stages \
             drop what does not parse",
        );
    }
    if vision && !silent && !text.to_lowercase().contains("red") {
        add(
            Gravity::Warning,
            "picture_not_seen",
            "a plain red picture was not called red".to_owned(),
            "check that the model takes pictures and that the server passes them on",
        );
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
    use super::judge_text;
    use crate::call::Sampling;
    use crate::call::probe::{Ask, Sort};

    fn found(model: &str, text: &str, reasoning: &str, finish: &str) -> Vec<&'static str> {
        let sort = Sort::Chat { sampling: Sampling::default(), vision: true, json: true };
        let ask = Ask { role: "r".into(), model: model.into(), sort };
        let mut findings = Vec::new();
        judge_text(&ask, model, text, reasoning, finish, &mut findings);
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
        assert_eq!(found("x", "Red.", "", "stop"), ["response_format_ignored"]);
        assert_eq!(found("x", r#"{"answer":"blue"}"#, "", "stop"), ["picture_not_seen"]);
    }
}
