//! One stage's decisions, column by column: what a reader of a stage table fills.
//!
//! How the rows are read is `rows`' and `decode`'s; they are joined over stages by `audit::Index`.

use crate::archive::names::{Name, Names, Texts};
use crate::record::{CallKey, Decision, Disposition, Id, Vote};

/// What of the texts to read with the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Prompts: what an audit compares and shows.
    Prompts,
    /// And how replies could be read: what an audit counts.
    Replies,
    /// Prompts, and notes as well: what the viewer searches.
    Notes,
}

/// The rows of one stage in the order they were read. Names are local to it.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    pub stage: String,
    pub names: Names,
    pub ids: Vec<Id>,
    pub category: Vec<Name>,
    pub source: Vec<Name>,
    pub prompts: Texts,
    pub outcomes: Outcomes,
}

/// What a stage made of its records, column by column, whoever the records are.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    pub port: Vec<Name>,
    pub reason: Vec<Name>,
    pub disposition: Vec<Disposition>,
    /// NaN where the stage gave none.
    pub score: Vec<f32>,
    /// 1e-9 US dollars.
    pub cost: Vec<u64>,
    pub calls: CallColumn,
    /// Empty unless asked for.
    pub notes: Texts,
    /// Of failed records, a few at least: what their error says.
    pub failures: Vec<(Id, String)>,
    /// Votes that tell of how a reply could be read. Empty unless asked for.
    pub replies: Vec<Vote>,
}

/// Rows are read as columns of their outcomes.
impl std::ops::Deref for Columns {
    type Target = Outcomes;

    fn deref(&self) -> &Outcomes {
        &self.outcomes
    }
}

/// A list of call keys per row, in one buffer.
#[derive(Debug, Clone, Default)]
pub struct CallColumn {
    keys: Vec<CallKey>,
    ends: Vec<u32>,
}

impl CallColumn {
    pub fn push(&mut self, calls: impl IntoIterator<Item = CallKey>) {
        self.keys.extend(calls);
        self.ends.push(self.keys.len() as u32);
    }

    fn append(&mut self, other: CallColumn) {
        let base = self.keys.len() as u32;
        self.keys.extend(other.keys);
        self.ends.extend(other.ends.into_iter().map(|end| base + end));
    }

    /// The keys of row `row`, in the order the stage used them.
    pub fn get(&self, row: usize) -> &[CallKey] {
        let Some(&end) = self.ends.get(row) else { return &[] };
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.keys[start as usize..end as usize]
    }

    /// Every key, rows one after another.
    pub fn all(&self) -> &[CallKey] {
        &self.keys
    }
}

impl Columns {
    pub fn new(stage: &str) -> Columns {
        Columns { stage: stage.to_owned(), ..Columns::default() }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Appends a row; all rows of a table by the same `reading`.
    pub fn push(&mut self, row: &Decision, reading: Reading) {
        self.ids.push(row.id);
        self.category.push(self.names.intern(&row.category));
        self.source.push(self.names.intern(&row.source));
        self.prompts.push(&row.prompt);
        let [port, reason] = [&row.port, &row.reason].map(|name| self.names.intern(name));
        self.outcomes.push(row, (port, reason), reading);
    }

    /// Appends another part of the same table.
    pub fn append(&mut self, part: Columns) {
        if self.is_empty() {
            let stage = std::mem::take(&mut self.stage);
            *self = Columns { stage, ..part };
            return;
        }
        let map = self.names.absorb(&part.names);
        let here = |name: &Name| map[*name as usize];
        self.category.extend(part.category.iter().map(here));
        self.source.extend(part.source.iter().map(here));
        self.ids.extend(part.ids);
        self.prompts.append(part.prompts);
        self.outcomes.append(part.outcomes.renamed(&map));
    }

    /// The rows in the order of their ids, as tables are.
    pub fn by_id(self) -> Columns {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|row| self.ids[*row]);
        let mut prompts = Texts::default();
        order.iter().for_each(|row| prompts.push(self.prompts.get(*row)));
        Columns {
            ids: order.iter().map(|row| self.ids[*row]).collect(),
            category: order.iter().map(|row| self.category[*row]).collect(),
            source: order.iter().map(|row| self.source[*row]).collect(),
            outcomes: self.outcomes.in_order(&order),
            prompts,
            ..self
        }
    }
}

impl Outcomes {
    /// Appends a row's, whose port and reason have these names.
    fn push(&mut self, row: &Decision, (port, reason): (Name, Name), reading: Reading) {
        self.port.push(port);
        self.reason.push(reason);
        self.disposition.push(row.disposition);
        self.score.push(row.evidence.score.unwrap_or(f32::NAN));
        self.cost.push(row.cost.0);
        self.calls.push(row.calls.iter().copied());
        if reading == Reading::Notes {
            self.notes.push(&row.evidence.note);
        }
        if reading == Reading::Replies {
            let votes = row.evidence.votes.iter();
            self.replies.extend(votes.filter(|vote| vote.is_of_reading()).cloned());
        }
        if row.disposition == Disposition::Failed {
            self.failures.push((row.id, row.evidence.note.clone()));
        }
    }

    /// With the names that `map` has for its own (see `Names::absorb`).
    pub fn renamed(mut self, map: &[Name]) -> Outcomes {
        for name in self.port.iter_mut().chain(&mut self.reason) {
            *name = map[*name as usize];
        }
        self
    }

    fn append(&mut self, other: Outcomes) {
        self.port.extend(other.port);
        self.reason.extend(other.reason);
        self.disposition.extend(other.disposition);
        self.score.extend(other.score);
        self.cost.extend(other.cost);
        self.calls.append(other.calls);
        self.notes.append(other.notes);
        self.failures.extend(other.failures);
        self.replies.extend(other.replies);
    }

    /// Row for row as in `order`.
    fn in_order(self, order: &[usize]) -> Outcomes {
        let (mut calls, mut notes) = (CallColumn::default(), Texts::default());
        for row in order {
            calls.push(self.calls.get(*row).iter().copied());
            if !self.notes.is_empty() {
                notes.push(self.notes.get(*row));
            }
        }
        Outcomes {
            port: order.iter().map(|row| self.port[*row]).collect(),
            reason: order.iter().map(|row| self.reason[*row]).collect(),
            disposition: order.iter().map(|row| self.disposition[*row]).collect(),
            score: order.iter().map(|row| self.score[*row]).collect(),
            cost: order.iter().map(|row| self.cost[*row]).collect(),
            calls,
            notes,
            ..self
        }
    }
}
