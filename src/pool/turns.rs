//! Items on their way out, in order, while the images of some are still looked at elsewhere.
//!
//! Not here: what a row is and what becomes of it when its image is bad (`out`). The one idea: a bounded
//! line in the source's order. Hashing and decoding use the other cores, and nothing about which image
//! was done first shows.

use crate::media::Verify;
use crate::pool::image::{Checked, take};
use crate::pool::task::{Crew, Task};
use crate::pool::{Item, RawPrompt};
use bytes::Bytes;
use std::collections::VecDeque;
use tokio::runtime::Handle;

/// Items in the line: enough that a thread which is kept waiting does not keep the reading.
const LONGEST: usize = 2 * AT_ONCE;
/// Image bytes in the line, but for the last that came.
const HELD: u64 = 16 << 20;
/// Images looked at at once, however many cores there are: a decoded one takes memory.
const AT_ONCE: usize = 8;
/// Smaller images are hashed sooner than handed over.
const SMALL: usize = 16 << 10;

/// What waits its turn.
pub enum Turn {
    Said(Item),
    Row(Box<RawPrompt>, Option<Look>),
}

/// A row's image while it is looked at.
pub struct Look {
    /// Bytes held meanwhile.
    held: u64,
    pub task: Task<Checked>,
}

/// The line.
pub struct Turns {
    crew: Crew,
    line: VecDeque<Turn>,
    rows: u64,
    held: u64,
}

impl Turns {
    /// To be called on a thread of a runtime.
    pub fn new() -> Turns {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let crew = Crew::new(Handle::current(), cores.min(AT_ONCE));
        Turns { crew, line: VecDeque::new(), rows: 0, held: 0 }
    }

    /// Rows in the line.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn say(&mut self, item: Item) {
        self.line.push_back(Turn::Said(item));
    }

    /// A row without an image.
    pub fn plain(&mut self, row: Box<RawPrompt>) {
        self.rows += 1;
        self.line.push_back(Turn::Row(row, None));
    }

    /// A row whose image is to be looked at.
    pub fn row(&mut self, row: Box<RawPrompt>, bytes: Bytes, verify: Verify) {
        let held = bytes.len() as u64;
        let task = if verify == Verify::Header && bytes.len() < SMALL {
            Task::done(take(&bytes, verify))
        } else {
            self.crew.start(move || take(&bytes, verify))
        };
        self.rows += 1;
        self.held += held;
        self.line.push_back(Turn::Row(row, Some(Look { held, task })));
    }

    /// The first of the line, if it must go because the line is long, or may go without a wait.
    pub fn due(&mut self) -> Option<Turn> {
        let ready = match self.line.front()? {
            Turn::Said(_) | Turn::Row(_, None) => true,
            Turn::Row(_, Some(look)) => look.task.is_done(),
        };
        if ready || self.line.len() > LONGEST || self.held > HELD { self.next() } else { None }
    }

    /// The first of the line.
    pub fn next(&mut self) -> Option<Turn> {
        let turn = self.line.pop_front()?;
        if let Turn::Row(_, look) = &turn {
            self.rows -= 1;
            self.held -= look.as_ref().map_or(0, |look| look.held);
        }
        Some(turn)
    }
}
