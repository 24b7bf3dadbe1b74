//! An agent at play: its grammars, how a turn is read, and the game of turns and pictures as a
//! machine that says what is to be asked next and takes what came back.
//!
//! The machine knows neither models nor time. `roll_out` drives it with a model behind it, and who
//! reads a RUN drives it with the journal: so a rollout on disk is its calls, and nothing is kept
//! twice. What the released client does in parity mode is told in reference to deep-kaixun/geagent,
//! commit c2e355f1.

mod game;
mod lax;
mod replay;
mod story;
mod turn;

pub use game::{Ask, Game, Heard};
pub use replay::{numbered, replay, take};
pub use story::conversation;
pub use turn::{Act, Seen, ToolCall, read};

use crate::export::conversation::{SYSTEM_NATIVE, SYSTEM_TEXT};

/// How the agent writes its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar {
    /// The paper's: judge before think, all in text.
    V1,
    /// The later release's: think before judge, and an editing tool where something edits.
    V2 { edits: bool },
    /// v1's turns as the Qwen chat template renders tools and their answers.
    Native,
}

/// What is done about turns that break the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As the released client: same request again, three attempts, then the raw prompt.
    Parity,
    /// Every turn is kept and counted, nothing is asked twice, a last judge turn is always asked.
    Strict,
}

/// A row of the paper's Table 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Agent,
    /// Its first caption only.
    WithoutTool,
    /// The prompt straight to the generator.
    Raw,
}

/// All that shapes a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub grammar: Grammar,
    pub mode: Mode,
    pub setting: Setting,
    /// At most so many pictures.
    pub n_max: usize,
    pub system: String,
    /// All rollouts of a prompt share what comes up to the first picture, and part after it.
    pub branch: bool,
}

impl Rules {
    /// From the words of a stage file; an unknown word is the default, since `plan` has checked
    /// them. `system` empty: ours for the grammar.
    pub fn of(grammar: &str, mode: &str, setting: &str, n_max: usize, system: &str) -> Rules {
        let grammar = match grammar {
            "v2" => Grammar::V2 { edits: false },
            "native" => Grammar::Native,
            _ => Grammar::V1,
        };
        let mode = if mode == "parity" { Mode::Parity } else { Mode::Strict };
        let setting = match setting {
            "without_tool" => Setting::WithoutTool,
            "raw" => Setting::Raw,
            _ => Setting::Agent,
        };
        let system = if system.is_empty() { grammar.system() } else { system.to_owned() };
        Rules { grammar, mode, setting, n_max: n_max.max(1), system, branch: false }
    }

    /// Sharing the first turn and picture, if so.
    pub fn branching(self, branch: bool) -> Rules {
        Rules { branch, ..self }
    }

    /// With an editing tool, which v2 alone knows.
    pub fn editing(mut self) -> Rules {
        if let Grammar::V2 { edits: false } = self.grammar {
            let ours = self.system == self.grammar.system();
            self.grammar = Grammar::V2 { edits: true };
            if ours {
                self.system = self.grammar.system();
            }
        }
        self
    }

    /// Pictures after which nothing is drawn.
    fn most(&self) -> usize {
        if self.setting == Setting::WithoutTool { 1 } else { self.n_max }
    }
}

impl Grammar {
    pub fn is_v2(self) -> bool {
        matches!(self, Grammar::V2 { .. })
    }

    /// Our system turn.
    fn system(self) -> String {
        match self {
            Grammar::V1 => SYSTEM_TEXT.to_owned(),
            Grammar::V2 { edits: false } => {
                include_str!("../../../data/export/system_v2.txt").to_owned()
            }
            Grammar::V2 { edits: true } => {
                include_str!("../../../data/export/system_v2_edit.txt").to_owned()
            }
            Grammar::Native => {
                let tools = include_str!("../../../data/export/qwen_tools.txt");
                format!("{SYSTEM_NATIVE}{tools}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
