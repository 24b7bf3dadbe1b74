//! What is known of a record at a point of the graph, before anything runs.
//!
//! `plan` pushes `Facts` along the edges; a kind says what it needs and what it leaves behind. So
//! a stage that needs an image where none can be is an error of `check`, not of hour three.

/// The shape of a trajectory on an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Facts {
    /// Rounds begun (each has T and P).
    pub rounds: u8,
    /// The last round has its image.
    pub image: bool,
    /// The last round has its judgement.
    pub judged: bool,
    /// The last two images were compared.
    pub compared: bool,
    /// A reference image may be there.
    pub reference: bool,
    /// The turns are of a grammar that no row is written in.
    pub other_grammar: bool,
}

impl Facts {
    /// As a user reads it.
    pub fn describe(self) -> String {
        let mut parts = vec![match self.rounds {
            0 => "no round yet".to_owned(),
            1 => "1 round".to_owned(),
            n => format!("{n} rounds"),
        }];
        if self.rounds > 0 {
            parts.push(if self.image { "an image" } else { "no image in the last" }.to_owned());
            parts.push(
                if self.judged { "a judgement" } else { "no judgement of the last" }.to_owned(),
            );
        }
        if !self.reference {
            parts.push("no reference image".to_owned());
        }
        if self.other_grammar {
            parts.push("turns of a grammar that rows are not written in".to_owned());
        }
        parts.join(", ")
    }
}
