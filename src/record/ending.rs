//! How a run ended: one word, one exit code, one reaction. The report and the RUN's session carry the
//! word, the process the code, so that a scheduler can tell "again" from "never".

use serde::{Deserialize, Serialize};

/// The endings of `coldstart run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Done,
    /// Something for the user to mend; until then every try ends so.
    Yours,
    /// A defect of coldstart.
    Defect,
    /// By a signal.
    Stopped,
    /// A successor has taken the RUN over.
    Fenced,
    /// `--budget`, the account's money or its spend limit.
    OutOfBudget,
    /// It came to its end, and some records failed on the way.
    PartlyFailed,
    /// An endpoint or the store is down, or the day's quota is used up.
    Unavailable,
}

/// An ending as README's table and `--help` show it.
#[derive(Debug, Clone, Copy)]
pub struct EndingRow {
    pub ending: Ending,
    /// Exit code.
    pub code: u8,
    pub means: &'static str,
    /// What a scheduler does about it.
    pub then: &'static str,
}

const fn row(ending: Ending, code: u8, means: &'static str, then: &'static str) -> EndingRow {
    EndingRow { ending, code, means, then }
}

/// Every ending. Codes are never given a second meaning.
pub const ENDINGS: &[EndingRow] = &[
    row(Ending::Done, 0, "done", "nothing"),
    row(
        Ending::Yours,
        1,
        "something is yours to mend: key, model, address, certificate, file, pool",
        "mend it first",
    ),
    row(Ending::Defect, 2, "a defect of coldstart", "report it"),
    row(Ending::Stopped, 3, "stopped by a signal", "the same command goes on"),
    row(Ending::Fenced, 4, "another process took the RUN over", "never again: the other goes on"),
    row(Ending::OutOfBudget, 5, "the budget or the account is spent", "raise it, then go on"),
    row(
        Ending::PartlyFailed,
        6,
        "done, but some records failed",
        "the same command tries them again",
    ),
    row(
        Ending::Unavailable,
        7,
        "an endpoint, the store or a quota is down",
        "the same command, later",
    ),
];

impl Ending {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        // The table is complete: a test holds it.
        ENDINGS.iter().find(|row| row.ending == self).map_or(2, |row| row.code)
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDINGS, Ending};
    use std::collections::BTreeSet;

    #[test]
    fn every_ending_has_a_code_of_its_own() {
        let codes: BTreeSet<u8> = ENDINGS.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), ENDINGS.len());
        // A match without a wildcard: a new ending does not compile until it stands here.
        for row in ENDINGS {
            let expected = match row.ending {
                Ending::Done => 0,
                Ending::Yours => 1,
                Ending::Defect => 2,
                Ending::Stopped => 3,
                Ending::Fenced => 4,
                Ending::OutOfBudget => 5,
                Ending::PartlyFailed => 6,
                Ending::Unavailable => 7,
            };
            assert_eq!(row.code, expected);
            assert_eq!(row.ending.code(), expected);
        }
        assert_eq!(ENDINGS.len(), 8);
    }
}
