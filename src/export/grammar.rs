//! The conversation's grammar, read back: what `conversation` writes, and nothing else, passes.
//!
//! A turn is taken apart into its outside texts, each of which must hold no control token; so an escaped
//! tag can never have opened or closed anything.

use crate::export::control;
use crate::export::conversation::{Dialect, Speaker, TOOL};

/// A model turn taken apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelTurn {
    pub judgement: Option<String>,
    pub thinking: Option<String>,
    /// The call's caption.
    pub caption: Option<String>,
    /// Whether it ends with `<answer>done</answer>`.
    pub answer: bool,
}

/// What is wrong with a conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// A stable code.
    pub code: &'static str,
    pub what: String,
}

fn fault(code: &'static str, what: impl Into<String>) -> Fault {
    Fault { code, what: what.into() }
}

/// Takes a model turn apart; `first` turns hug their tags, later ones have newlines.
pub fn model_turn(text: &str, first: bool) -> Result<ModelTurn, Fault> {
    let mut turn = ModelTurn::default();
    let odd = |what: &str| fault("grammar", format!("a model turn {what}"));
    let mut rest = text;
    if !first {
        let (judgement, after) =
            between(rest, "<judge>\n", "\n</judge>\n").ok_or_else(|| odd("opens with no judge"))?;
        turn.judgement = Some(judgement.to_string());
        rest = after;
        if rest == "<answer>done</answer>" {
            turn.answer = true;
            return check(turn);
        }
    }
    let (open, close) = if first {
        ("<think>", "</think> <tool_call>\n")
    } else {
        ("<think>\n", "\n</think>\n<tool_call>\n")
    };
    let (thinking, after) = between(rest, open, close).ok_or_else(|| odd("has no thinking"))?;
    turn.thinking = Some(thinking.to_string());
    let call = after.strip_suffix("\n</tool_call>").ok_or_else(|| odd("does not end its call"))?;
    let call: serde_json::Value =
        serde_json::from_str(call).map_err(|e| odd(&format!("has a call that is no JSON: {e}")))?;
    let caption = call["arguments"]["caption"].as_str();
    let (Some(TOOL), Some(caption)) = (call["name"].as_str(), caption) else {
        return Err(odd(&format!("does not call `{TOOL}` with a caption")));
    };
    turn.caption = Some(caption.to_string());
    check(turn)
}

/// What stands between `open`, which `text` begins with, and the first `close`; and the rest.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(open)?.split_once(close)
}

fn check(turn: ModelTurn) -> Result<ModelTurn, Fault> {
    let texts = [&turn.judgement, &turn.thinking, &turn.caption];
    for text in texts.into_iter().flatten() {
        if let Some(token) = control::find(text) {
            return Err(fault("control_token", format!("model text holds `{token}`")));
        }
        if text.trim().is_empty() {
            return Err(fault("empty_text", "a part of a model turn is empty"));
        }
    }
    Ok(turn)
}

/// Checks a whole conversation: system, prompt, then model turns and observations in turn, ending
/// on the model; no answer before the end; no control token in what came from outside. Gives the
/// model turns and the number of image slots.
pub fn conversation(
    turns: &[(Speaker, String)],
    dialect: Dialect,
) -> Result<(Vec<ModelTurn>, usize), Vec<Fault>> {
    let mut faults = Vec::new();
    let mut model = Vec::new();
    let mut slots = 0;
    if turns.len() < 3 || turns.len().is_multiple_of(2) {
        faults.push(fault("turn_count", format!("{} turns do not end on the model", turns.len())));
    }
    for (at, (speaker, text)) in turns.iter().enumerate() {
        let asked = match (at, at % 2) {
            (0, _) => Speaker::System,
            (1, _) => Speaker::User,
            (_, 0) => Speaker::Model,
            _ => Speaker::Observation,
        };
        // Forms that write observations as user turns give them back as such.
        let seen = if asked == Speaker::Observation && *speaker == Speaker::User {
            Speaker::Observation
        } else {
            *speaker
        };
        if seen != asked {
            faults.push(fault("alternation", format!("turn {at} is not the {asked:?}'s")));
        }
        match asked {
            Speaker::System => {}
            Speaker::User => faults.extend(prompt(text)),
            Speaker::Model => match model_turn(text, at == 2) {
                Ok(turn) => model.push(turn),
                Err(found) => faults.push(found),
            },
            Speaker::Observation => {
                faults.extend(observation(text, dialect));
                slots += text.matches("<image>").count();
            }
        }
    }
    let answers = model.iter().rev().skip(1).filter(|turn| turn.answer).count();
    if answers > 0 {
        faults.push(fault("grammar", "the conversation goes on after its answer"));
    }
    if faults.is_empty() { Ok((model, slots)) } else { Err(faults) }
}

/// The user's turn.
pub fn prompt(text: &str) -> Option<Fault> {
    let Some(q) = text.strip_prefix("Prompt: ") else {
        return Some(fault("grammar", "the user's turn does not begin with `Prompt: `"));
    };
    let token = control::find(q)?;
    Some(fault("control_token", format!("the prompt holds `{token}`")))
}

fn observation(text: &str, dialect: Dialect) -> Option<Fault> {
    let wanted = match dialect {
        Dialect::Text => "<tool_response><image></tool_response>",
        Dialect::Native => "<image>",
    };
    (text != wanted).then(|| fault("grammar", "an observation is not a picture alone"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::conversation::{ConversationOptions, call_json, turns};
    use crate::markup;
    use crate::record::{Digest, Id, ImageRef, Judgement, Mime, Prompt, Round, Trajectory};
    use proptest::prelude::*;

    fn trajectory(texts: &[String], accepted: bool) -> Trajectory {
        let mut texts = texts.iter().cycle().cloned();
        let mut next = || texts.next().unwrap_or_default();
        let q = next();
        let prompt = Prompt {
            id: Id::of("t", "1", &q),
            text: q,
            category: "c".into(),
            source: "t".into(),
            key: None,
            reference: None,
            spec: None,
            gloss: None,
            licence: None,
        };
        let digest = Digest([1; 32]);
        let image = ImageRef { digest, mime: Mime::Png, width: 1, height: 1, bytes: 1 };
        let mut round = |satisfied| Round {
            thinking: next(),
            refined: next(),
            image: Some(image),
            seed: None,
            judgement: Some(Judgement {
                rationale: next(),
                satisfied,
                score: 1.0,
                ..Judgement::default()
            }),
        };
        let rounds = vec![round(false), round(accepted)];
        Trajectory { rounds, ..Trajectory::new(prompt) }
    }

    proptest! {
        /// Whatever models write, what is exported is read back as the same texts.
        #[test]
        fn every_conversation_keeps_the_grammar(
            texts in prop::collection::vec(prop_oneof![
                "\\PC{1,30}",
                prop::sample::select(markup::spelt()).prop_map(|t| format!("x {t}\n{t} y")),
                prop::sample::select(markup::spelt())
                    .prop_map(|t| format!("x {0}\n{0} y", t.to_uppercase())),
                Just("\n</judge>\n<answer>done</answer>".to_string()),
            ], 7),
            accepted: bool,
        ) {
            prop_assume!(texts.iter().all(|text| !text.trim().is_empty()));
            let trajectory = trajectory(&texts, accepted);
            let made = turns(&trajectory, &ConversationOptions::default()).unwrap();
            let plain: Vec<_> = made.turns.iter().map(|t| (t.speaker, t.text.clone())).collect();
            let (model, slots) = conversation(&plain, Dialect::Text).unwrap();
            prop_assert_eq!(model.len(), if accepted { 3 } else { 2 });
            prop_assert_eq!(slots, model.len() - 1);
            let caption = markup::escape(trajectory.rounds[1].refined.trim()).0.into_owned();
            prop_assert_eq!(model[1].caption.as_deref(), Some(caption.as_str()));
        }
    }

    #[test]
    fn what_the_loaders_would_drop_is_a_fault() {
        let call = format!("<think>t</think> <tool_call>\n{}\n</tool_call>", call_json("p"));
        let good = |speaker, text: &str| (speaker, text.to_string());
        let base = vec![
            good(Speaker::System, "s"),
            good(Speaker::User, "Prompt: q"),
            good(Speaker::Model, &call),
        ];
        assert!(conversation(&base, Dialect::Text).is_ok());
        let codes = |turns: &[(Speaker, String)]| {
            let faults = conversation(turns, Dialect::Text).unwrap_err();
            faults.into_iter().map(|fault| fault.code).collect::<Vec<_>>()
        };
        let seen = good(Speaker::User, "<tool_response><image></tool_response>");
        assert_eq!(codes(&[base.clone(), vec![seen.clone()]].concat()), ["turn_count"]);
        let odd = good(Speaker::Model, "<judge>\nj</judge> <answer>done</answer>");
        assert_eq!(codes(&[base.clone(), vec![seen.clone(), odd]].concat()), ["grammar"]);
        let two = good(Speaker::Model, &call);
        assert_eq!(
            codes(&[base.clone(), vec![two.clone(), two]].concat()),
            ["alternation", "grammar", "grammar"]
        );
        let mut injected = base.clone();
        injected[1].1.push_str(" <|im_end|>");
        assert_eq!(codes(&injected), ["control_token"]);
    }
}
