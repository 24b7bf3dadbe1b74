//! The game: whose turn it is, and what becomes of a turn.

use crate::export::conversation::{Dialect, observation, user_turn};
use crate::markup;
use crate::record::{Ended, ImageRef, Message, Part, Rollout, RolloutTurn, Speaker};
use crate::stage::agent::{Act, Grammar, Mode, Rules, Setting, ToolCall, lax, turn};

/// Attempts of the released clients.
const ATTEMPTS: u32 = 3;
/// The longest turn that is kept, bytes: past it a turn is garbage.
const MAX_TURN: usize = 64 * 1024;

/// What is to be asked next.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// The agent, with the conversation so far; `again` counts requests of this game, so that the
    /// same conversation asked twice is two requests.
    Agent {
        messages: Vec<Message>,
        again: u32,
    },
    /// The generator.
    Draw(String),
    /// The editor: the last picture, changed.
    Edit {
        instruction: String,
        picture: ImageRef,
    },
    Nobody,
}

/// What the agent's server gave.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub text: String,
    pub reasoning: String,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub ms: u64,
}

enum Next {
    Speak,
    Draw(ToolCall),
    Over,
}

/// One rollout under way.
pub struct Game<'a> {
    rules: &'a Rules,
    prompt: &'a str,
    messages: Vec<Message>,
    next: Next,
    /// The call being drawn came with an answer.
    closing: bool,
    attempt: u32,
    /// Requests of this attempt, and of all.
    asked: u32,
    again: u32,
    /// Pictures of this attempt.
    pictures: usize,
    /// v2's client keeps the last picture through its attempts.
    kept: Option<ImageRef>,
    rollout: Rollout,
}

impl<'a> Game<'a> {
    pub fn new(rules: &'a Rules, prompt: &'a str, draw: u32) -> Game<'a> {
        let next = match rules.setting {
            Setting::Raw => Next::Draw(ToolCall::drawing(prompt)),
            Setting::Agent | Setting::WithoutTool => Next::Speak,
        };
        let ended = Ended::Raw;
        Game {
            rules,
            prompt,
            messages: opening(rules, prompt),
            next,
            closing: false,
            attempt: 1,
            asked: 0,
            again: 0,
            pictures: 0,
            kept: None,
            rollout: Rollout {
                draw,
                turns: Vec::new(),
                instead: None,
                ended,
                scores: Vec::new(),
                reward: None,
                advantage: None,
            },
        }
    }

    pub fn ask(&self) -> Ask {
        match &self.next {
            Next::Speak => Ask::Agent { messages: self.messages.clone(), again: self.again },
            Next::Draw(ToolCall { text, edits }) => match self.kept.filter(|_| *edits) {
                Some(picture) => Ask::Edit { instruction: text.clone(), picture },
                None => Ask::Draw(text.clone()),
            },
            Next::Over => Ask::Nobody,
        }
    }

    /// Pictures drawn so far, which is which one is drawn next.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// The rollout as which its next request is made: the first one's, as long as that is shared.
    pub fn asks_as(&self) -> u32 {
        let shared = self.rules.branch && self.rollout.pictures().is_empty();
        if shared { 0 } else { self.rollout.draw }
    }

    /// The turns so far.
    pub fn turns(&self) -> &[RolloutTurn] {
        &self.rollout.turns
    }

    pub fn over(self) -> Rollout {
        self.rollout
    }

    /// The agent's turn came back.
    pub fn heard(&mut self, heard: &Heard) {
        self.asked += 1;
        self.again += 1;
        let text = self.whole_text(heard);
        let first = self.pictures == 0;
        let apart = if text.contains("<think>") { "" } else { heard.reasoning.as_str() };
        let seen = turn::read(self.rules.grammar, first, &text, apart);
        let (fault, what) = seen.fault.map_or(("", String::new()), |(code, what)| (code, what));
        let call = match &seen.act {
            Act::Call(call) | Act::Both(call) => Some(call),
            Act::Answer | Act::Nothing => None,
        };
        self.rollout.turns.push(RolloutTurn {
            attempt: self.attempt,
            text: text.clone(),
            fault: fault.to_owned(),
            what,
            caption: call.map(|call| call.text.clone()),
            edits: call.is_some_and(|call| call.edits),
            answer: matches!(seen.act, Act::Answer | Act::Both(_)),
            thinking: seen.thinking,
            judgement: seen.judgement,
            tokens_in: heard.tokens_in,
            tokens_out: heard.tokens_out,
            ms: heard.ms,
            ..RolloutTurn::default()
        });
        match self.rules.mode {
            Mode::Strict => self.strictly(seen.act, text),
            Mode::Parity => self.as_released(&text),
        }
    }

    /// The reply as the turn of the conversation: thinking that was served apart in its place, and
    /// the tag that the request stops at closed again, as the export writes it.
    fn whole_text(&self, heard: &Heard) -> String {
        let mut text = heard.text.trim().to_owned();
        let mut end = text.len().min(MAX_TURN);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let thought = heard.reasoning.trim();
        let leads = self.pictures == 0 || self.rules.grammar.is_v2();
        if leads && !thought.is_empty() && !text.contains("<think>") {
            let joint = if self.pictures == 0 { " " } else { "\n" };
            text = format!("<think>{thought}</think>{joint}{text}");
        }
        let open = text.rfind("<tool_call>").is_some_and(|at| !text[at..].contains("</tool_call>"));
        if open {
            // The released client strips the text before it closes the tag.
            let joint = if self.rules.mode == Mode::Parity { "" } else { "\n" };
            text = format!("{}{joint}</tool_call>", text.trim_end());
        }
        text
    }

    fn strictly(&mut self, act: Act, text: String) {
        self.say(text);
        match act {
            Act::Call(_) | Act::Both(_) if self.pictures >= self.rules.most() => {
                self.end(Ended::Cut);
            }
            Act::Call(call) => self.next = Next::Draw(call),
            Act::Both(call) => {
                self.closing = true;
                self.next = Next::Draw(call);
            }
            Act::Answer => self.end(Ended::Answer),
            Act::Nothing => self.end(Ended::Malformed),
        }
    }

    fn as_released(&mut self, text: &str) {
        let act = match lax::act(self.rules.grammar, text) {
            Ok(act) => act,
            Err(what) => {
                if let Some(turn) = self.rollout.turns.last_mut().filter(|t| t.fault.is_empty()) {
                    turn.fault = "bad_json".to_owned();
                    turn.what = what;
                }
                return self.attempt_dies();
            }
        };
        match act {
            // There is no picture to change: the client's request fails.
            Act::Call(call) | Act::Both(call) if call.edits && self.kept.is_none() => {
                self.attempt_dies();
            }
            Act::Call(call) | Act::Both(call) => {
                self.say(text.to_owned());
                self.closing =
                    lax::act(self.rules.grammar, text).is_ok_and(|a| matches!(a, Act::Both(_)));
                if let Some(turn) = self.rollout.turns.last_mut() {
                    turn.caption = Some(call.text.clone());
                    turn.edits = call.edits;
                }
                self.next = Next::Draw(call);
            }
            Act::Answer => self.close_attempt(Ended::Answer),
            Act::Nothing => {
                // v1 sends the same request again; v2 lets the turn stand and asks on.
                if self.rules.grammar.is_v2() {
                    self.say(text.to_owned());
                }
                let most = if self.rules.grammar.is_v2() { 10 } else { 9 };
                if self.asked >= most {
                    self.attempt_dies();
                }
            }
        }
    }

    /// The picture that was asked for came.
    pub fn drawn(&mut self, image: ImageRef, seed: u64, ms: u64) {
        if self.is_raw() {
            self.rollout.instead = Some(image);
            return self.end(Ended::Raw);
        }
        self.pictures += 1;
        self.kept = Some(image);
        if let Some(turn) = self.rollout.turns.last_mut() {
            turn.picture = Some(image);
            turn.seed = Some(seed);
            turn.draw_ms = ms;
        }
        if self.closing {
            return self.close_attempt(Ended::Answer);
        }
        let parity = self.rules.mode == Mode::Parity;
        let stops = parity || self.rules.setting == Setting::WithoutTool;
        if stops && self.pictures >= self.rules.most() {
            return self.close_attempt(Ended::Cut);
        }
        let (before, after) = observation(self.dialect());
        let parts = vec![Part::Text(before), Part::Image(image), Part::Text(after)];
        self.messages.push(Message { speaker: Speaker::User, parts });
        self.next = Next::Speak;
    }

    /// The agent or the generator will not go on.
    pub fn refused(&mut self, what: &str) {
        let by_agent = matches!(self.next, Next::Speak);
        if by_agent {
            self.asked += 1;
            self.again += 1;
            self.rollout.turns.push(RolloutTurn {
                attempt: self.attempt,
                fault: "refused".to_owned(),
                what: what.to_owned(),
                ..RolloutTurn::default()
            });
        }
        let raw = self.is_raw();
        match self.rules.mode {
            Mode::Parity if !raw => self.attempt_dies(),
            _ => self.end(Ended::Refused),
        }
    }

    fn dialect(&self) -> Dialect {
        if self.rules.grammar == Grammar::Native { Dialect::Native } else { Dialect::Text }
    }

    fn say(&mut self, text: String) {
        self.messages.push(Message { speaker: Speaker::Assistant, parts: vec![Part::Text(text)] });
    }

    /// Whether the picture under way is the raw prompt's own.
    fn is_raw(&self) -> bool {
        self.rules.setting == Setting::Raw || self.attempt > ATTEMPTS
    }

    fn end(&mut self, ended: Ended) {
        self.rollout.ended = ended;
        self.next = Next::Over;
    }

    /// An attempt that came to an end of its own; without a picture the raw prompt is drawn.
    fn close_attempt(&mut self, ended: Ended) {
        let nothing = self.pictures == 0 && self.kept.is_none();
        if self.rules.mode == Mode::Parity && nothing {
            return self.attempt_dies();
        }
        self.end(ended);
    }

    /// The released client starts anew; its third attempt keeps what it has drawn.
    fn attempt_dies(&mut self) {
        let keeps = self.rules.grammar.is_v2() || self.attempt == ATTEMPTS;
        if self.attempt == ATTEMPTS && keeps && self.kept.is_some() && self.has_kept() {
            self.rollout.instead = self.kept.filter(|_| self.pictures == 0);
            return self.end(Ended::TurnLimit);
        }
        self.attempt += 1;
        self.asked = 0;
        self.pictures = 0;
        self.closing = false;
        self.messages = opening(self.rules, self.prompt);
        self.next = Next::Speak;
        if self.attempt > ATTEMPTS {
            self.next = Next::Draw(ToolCall::drawing(self.prompt));
        }
    }

    /// v1 resets its picture at each attempt.
    fn has_kept(&self) -> bool {
        self.rules.grammar.is_v2() || self.pictures > 0
    }
}

fn opening(rules: &Rules, prompt: &str) -> Vec<Message> {
    let (prompt, _) = markup::escape(prompt.trim());
    let text = |speaker, text: String| Message { speaker, parts: vec![Part::Text(text)] };
    vec![text(Speaker::System, rules.system.clone()), text(Speaker::User, user_turn(&prompt))]
}
