//! A trajectory as the conversation that is trained: the released agent's interaction format v1
//! (reference: github deep-kaixun/geagent, commit c2e355f1), byte-stable.
//!
//! The conversation is a pure function of the prompt's text and of `rounds`. Hint, rules, spec, checks
//! and verdicts are never read, so they cannot get out. Roles and files of a trainer are `formats`'; the
//! shapes below are templates (`shape`).
//!
//! | turn | text dialect |
//! |---|---|
//! | user | `Prompt: {q}` |
//! | first | `<think>T1</think> <tool_call>⏎{call}⏎</tool_call>` |
//! | observation | `<tool_response><image></tool_response>` |
//! | reject | `<judge>⏎J⏎</judge>⏎<think>⏎T2⏎</think>⏎<tool_call>⏎{call}⏎</tool_call>` |
//! | accept | `<judge>⏎J⏎</judge>⏎<answer>done</answer>` |
//!
//! Readings of what the paper leaves open: texts are trimmed and otherwise kept as they are (T1's
//! own newlines stay); a last round without an accepting judgement ends on its tool call, and its
//! observation is left out with its image, since a conversation must end on a model turn.

mod shape;

use crate::export::control::{self, ControlTokens};
use crate::markup;
use crate::record::{ImageRef, Judgement, Outcome, Round, Trajectory};

/// The tool of format v1, as `data/export/turns/call.txt` names it.
pub const TOOL: &str = "image_generation_tool";

/// The tool's signature, as it stands inside `<tools></tools>`.
pub const TOOL_SIGNATURE: &str = r#"{"type":"function","function":{"name":"image_generation_tool","description":"Generate an image based on the provided prompt","parameters":{"type":"object","properties":{"caption":{"type":"string","description":"A descriptive caption for the image to be generated"}},"required":["caption"]}}}"#;

/// The system turn of the text dialect (ours; `ConversationOptions::system` replaces it).
pub const SYSTEM_TEXT: &str = include_str!("../../data/export/system_text.txt");

/// The system turn of the native dialect: the trainer's template adds the tools.
pub const SYSTEM_NATIVE: &str = include_str!("../../data/export/system_native.txt");

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Speaker {
    System,
    User,
    /// The model: the only turns with loss.
    Model,
    /// What the tool gave back.
    Observation,
}

/// How tools and observations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// As the released agent does: all in text, the observation in a user turn.
    #[default]
    Text,
    /// A `tools` column and the trainer's own tool turns.
    Native,
}

impl Dialect {
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::Text => "text",
            Dialect::Native => "native",
        }
    }
}

/// What shapes a conversation.
#[derive(Debug, Clone, Default)]
pub struct ConversationOptions {
    pub dialect: Dialect,
    pub control: ControlTokens,
    /// The system turn's text; absent: ours for the dialect. Kept byte for byte.
    pub system: Option<String>,
}

impl ConversationOptions {
    /// The system turn's text.
    pub fn system(&self) -> &str {
        match (&self.system, self.dialect) {
            (Some(text), _) => text,
            (None, Dialect::Text) => SYSTEM_TEXT,
            (None, Dialect::Native) => SYSTEM_NATIVE,
        }
    }
}

/// One turn. `text` holds one `<image>` for each of `images`.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    pub speaker: Speaker,
    pub text: String,
    pub images: Vec<ImageRef>,
    /// Whether a model turn ends in a tool call.
    pub calls: bool,
}

/// The turns, and how many control tokens of outside text were broken.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub turns: Vec<Turn>,
    pub escaped: usize,
}

/// Why a trajectory has no conversation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("it has no round")]
    NoRound,
    #[error("the {what} is empty")]
    Empty { what: &'static str },
    #[error("round {round} goes on without an image of round {}", round - 1)]
    NoImage { round: usize },
    #[error("round {round} goes on without a judgement of round {}", round - 1)]
    NoJudgement { round: usize },
    #[error("round {round} goes on although round {} was accepted", round - 1)]
    AfterAccept { round: usize },
    #[error("its outcome is `{outcome}`, but its rounds end otherwise")]
    Outcome { outcome: &'static str },
    #[error("the {what} holds the control token `{token}`")]
    ControlToken { what: &'static str, token: String },
}

impl Refusal {
    /// A stable code for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NoRound => "no_round",
            Refusal::Empty { .. } => "empty_text",
            Refusal::NoImage { .. } => "no_image",
            Refusal::NoJudgement { .. } => "no_judgement",
            Refusal::AfterAccept { .. } => "after_accept",
            Refusal::Outcome { .. } => "outcome_mismatch",
            Refusal::ControlToken { .. } => "control_token",
        }
    }
}

/// The images of the conversation, in order: what the rows of every export embed. The image of a
/// last round that is not accepted is not among them.
pub fn images(trajectory: &Trajectory) -> Vec<ImageRef> {
    let last = trajectory.rounds.len().saturating_sub(1);
    let seen = |(k, round): (usize, &Round)| {
        let shown = k < last || accepted(round);
        round.image.filter(|_| shown)
    };
    trajectory.rounds.iter().enumerate().filter_map(seen).collect()
}

/// The conversation of `trajectory`: system, user, then model turns and observations in turn,
/// ending on a model turn.
pub fn turns(
    trajectory: &Trajectory,
    options: &ConversationOptions,
) -> Result<Conversation, Refusal> {
    let mut draft = Draft { options, turns: Vec::new(), escaped: 0 };
    draft.turn(Speaker::System, options.system().to_string(), Vec::new(), false);
    let q = draft.outside("prompt", &trajectory.prompt.text)?;
    draft.turn(Speaker::User, shape::user(&q), Vec::new(), false);
    let rounds = &trajectory.rounds;
    let last = rounds.len().checked_sub(1).ok_or(Refusal::NoRound)?;
    for (k, round) in rounds.iter().enumerate() {
        let before = k.checked_sub(1).and_then(|before| rounds[before].judgement.as_ref());
        let text = draft.think_and_call(before, round)?;
        draft.turn(Speaker::Model, text, Vec::new(), true);
        if k < last {
            check_goes_on(round, k + 2)?;
        }
        match round.image {
            Some(image) if k < last || accepted(round) => draft.observe(image),
            _ => {}
        }
    }
    let closing = rounds[last].judgement.as_ref().filter(|j| j.satisfied);
    if let Some(judgement) = closing {
        if rounds[last].image.is_none() {
            return Err(Refusal::NoImage { round: last + 2 });
        }
        let text = shape::accept(&draft.judgement(judgement)?);
        draft.turn(Speaker::Model, text, Vec::new(), false);
    }
    check_outcome(trajectory, closing.is_some())?;
    Ok(Conversation { turns: draft.turns, escaped: draft.escaped })
}

fn accepted(round: &Round) -> bool {
    round.judgement.as_ref().is_some_and(|judgement| judgement.satisfied)
}

fn check_goes_on(round: &Round, next: usize) -> Result<(), Refusal> {
    match (&round.image, &round.judgement) {
        (None, _) => Err(Refusal::NoImage { round: next }),
        (_, None) => Err(Refusal::NoJudgement { round: next }),
        (_, Some(judgement)) if judgement.satisfied => Err(Refusal::AfterAccept { round: next }),
        _ => Ok(()),
    }
}

fn check_outcome(trajectory: &Trajectory, closed: bool) -> Result<(), Refusal> {
    let one = trajectory.rounds.len() == 1;
    let fits = match trajectory.outcome {
        None => true,
        Some(Outcome::OneRound) => closed && one,
        Some(Outcome::Closed) => closed && !one,
        Some(Outcome::Open) => !closed,
    };
    match trajectory.outcome {
        Some(outcome) if !fits => Err(Refusal::Outcome { outcome: outcome.as_str() }),
        _ => Ok(()),
    }
}

/// `{"name": "image_generation_tool", "arguments": {"caption": …}}` as Python's `json.dumps(…,
/// ensure_ascii=False)` writes it.
pub fn call_json(caption: &str) -> String {
    shape::call(&serde_json::Value::from(caption).to_string())
}

/// A model turn of its parts, as `grammar::model_turn` takes it apart: the judgement of the picture
/// before it, then thinking and caption, or neither where it ends.
pub fn model_turn(judgement: Option<&str>, call: Option<(&str, &str)>) -> String {
    match (judgement, call) {
        (Some(judgement), Some((thinking, caption))) => {
            shape::again(judgement, thinking, &call_json(caption))
        }
        (None, Some((thinking, caption))) => shape::first(thinking, &call_json(caption)),
        (judgement, None) => shape::accept(judgement.unwrap_or_default()),
    }
}

/// The user's turn of a prompt that holds no control token.
pub fn user_turn(prompt: &str) -> String {
    shape::user(prompt)
}

/// What stands before and behind a picture that an agent is shown, as the model meets it: in the
/// native dialect the trainer's template writes the tags (Qwen's, with newlines).
pub fn observation(dialect: Dialect) -> (String, String) {
    let text = match dialect {
        Dialect::Text => shape::observation_text(),
        Dialect::Native => {
            format!("<tool_response>\n{}\n</tool_response>", shape::observation_native())
        }
    };
    let (before, after) = text.split_once("<image>").unwrap_or((&text, ""));
    (before.to_owned(), after.to_owned())
}

struct Draft<'a> {
    options: &'a ConversationOptions,
    turns: Vec<Turn>,
    escaped: usize,
}

impl Draft<'_> {
    fn turn(&mut self, speaker: Speaker, text: String, images: Vec<ImageRef>, calls: bool) {
        self.turns.push(Turn { speaker, text, images, calls });
    }

    /// Text from outside: trimmed, without control tokens.
    fn outside(&mut self, what: &'static str, text: &str) -> Result<String, Refusal> {
        if self.options.control == ControlTokens::Reject
            && let Some(token) = control::find(text.trim())
        {
            return Err(Refusal::ControlToken { what, token: token.to_string() });
        }
        let (text, count) = markup::escape(text.trim());
        self.escaped += count;
        if text.is_empty() {
            return Err(Refusal::Empty { what });
        }
        Ok(text.into_owned())
    }

    fn judgement(&mut self, judgement: &Judgement) -> Result<String, Refusal> {
        self.outside("judgement", &judgement.rationale)
    }

    /// A round's turn; `before` is the judgement of the round before it.
    fn think_and_call(
        &mut self,
        before: Option<&Judgement>,
        round: &Round,
    ) -> Result<String, Refusal> {
        let judgement = before.map(|judgement| self.judgement(judgement)).transpose()?;
        let thinking = self.outside("thinking", &round.thinking)?;
        let call = call_json(&self.outside("refined prompt", &round.refined)?);
        Ok(match judgement {
            None => shape::first(&thinking, &call),
            Some(judgement) => shape::again(&judgement, &thinking, &call),
        })
    }

    fn observe(&mut self, image: ImageRef) {
        let text = match self.options.dialect {
            Dialect::Text => shape::observation_text(),
            Dialect::Native => shape::observation_native(),
        };
        self.turn(Speaker::Observation, text, vec![image], false);
    }
}

#[cfg(test)]
mod tests;
