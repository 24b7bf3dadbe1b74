//! What a kind does to a record, in words that the viewer, calibration, sampling, the probe and the
//! findings understand; and the table of kinds as a value, so that a program may bring its own.

use crate::stage::{KINDS, Kind};

/// What a stage of a kind does to a record. Who reads a run asks for this and never for a kind's
/// name, so that a kind of which it knows nothing is shown, sampled and calibrated all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Does {
    /// Brings records in.
    Source,
    /// Takes records that somebody sends, and answers them: its pipeline has no end.
    Receive,
    /// Keeps or drops by code, by what the prompt says.
    Filter,
    /// Draws the raw prompt some times and has each draw graded.
    Trial,
    /// The model's turn: thinking and a call. `hinted`: it may be shown a reference picture.
    Turn { hinted: bool },
    /// Draws the last round's picture.
    Draw,
    /// Gives the last round its judgement.
    Judge,
    /// Holds two pictures against each other.
    Compare,
    /// Reads the turns and keeps or drops.
    Review,
    /// Picks so many of each stratum: a drop says nothing of the record.
    Quota,
    /// An agent and a generator take turns to the end.
    RollOut,
    /// Scores a finished roll-out.
    Score,
    /// Gives a finished roll-out its reward.
    Reward,
    /// Picks among the roll-outs of one prompt.
    Resample,
    /// Asks what is known, to learn of who is asked.
    Canary,
    /// Writes what is left.
    Write,
}

impl Does {
    /// Whether a person can tell by looking if its decision was right.
    pub fn can_be_labelled(self) -> bool {
        matches!(self, Does::Judge | Does::Compare | Does::Review)
    }
}

/// A table of kinds. The default is the built-in one, `KINDS`.
#[derive(Clone, Copy)]
pub struct Kinds(&'static [&'static Kind]);

impl Default for Kinds {
    fn default() -> Kinds {
        Kinds(KINDS)
    }
}

impl Kinds {
    pub fn new(kinds: &'static [&'static Kind]) -> Kinds {
        Kinds(kinds)
    }

    /// The kind of that name.
    pub fn get(self, name: &str) -> Option<&'static Kind> {
        self.iter().find(|k| k.name == name)
    }

    /// In the table's order.
    pub fn iter(self) -> impl Iterator<Item = &'static Kind> {
        self.0.iter().copied()
    }
}

impl PartialEq for Kinds {
    fn eq(&self, other: &Kinds) -> bool {
        self.iter().map(|k| k.name).eq(other.iter().map(|k| k.name))
    }
}

impl std::fmt::Debug for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|k| k.name)).finish()
    }
}
