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
    pub port: Vec<Name>,
    pub reason: Vec<Name>,
    pub disposition: Vec<Disposition>,
    /// NaN where the stage gave none.
    pub score: Vec<f32>,
    /// 1e-9 US dollars.
    pub cost: Vec<u64>,
    pub calls: CallColumn,
    pub prompts: Texts,
    /// Empty unless asked for.
    pub notes: Texts,
    /// Of failed records, a few at least: what their error says.
    pub failures: Vec<(Id, String)>,
    /// Votes that tell of how a reply could be read. Empty unless asked for.
    pub replies: Vec<Vote>,
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
        self.port.push(self.names.intern(&row.port));
        self.reason.push(self.names.intern(&row.reason));
        self.disposition.push(row.disposition);
        self.score.push(row.evidence.score.unwrap_or(f32::NAN));
        self.cost.push(row.cost.0);
        self.calls.push(row.calls.iter().copied());
        self.prompts.push(&row.prompt);
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

    /// Appends another part of the same table.
    pub fn append(&mut self, part: Columns) {
        if self.is_empty() {
            let stage = std::mem::take(&mut self.stage);
            *self = Columns { stage, ..part };
            return;
        }
        let map = self.names.absorb(&part.names);
        let here = |names: Vec<Name>| names.into_iter().map(|name| map[name as usize]).collect();
        let [category, source, port, reason]: [Vec<Name>; 4] =
            [part.category, part.source, part.port, part.reason].map(here);
        self.category.extend(category);
        self.source.extend(source);
        self.port.extend(port);
        self.reason.extend(reason);
        self.ids.extend(part.ids);
        self.disposition.extend(part.disposition);
        self.score.extend(part.score);
        self.cost.extend(part.cost);
        self.calls.append(part.calls);
        self.prompts.append(part.prompts);
        self.notes.append(part.notes);
        self.failures.extend(part.failures);
        self.replies.extend(part.replies);
    }

    /// The rows in the order of their ids, as tables are.
    pub fn by_id(self) -> Columns {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|row| self.ids[*row]);
        let mut out = Columns::new(&self.stage);
        out.names = self.names.clone();
        out.failures = self.failures.clone();
        out.replies = self.replies.clone();
        for row in order {
            out.ids.push(self.ids[row]);
            out.category.push(self.category[row]);
            out.source.push(self.source[row]);
            out.port.push(self.port[row]);
            out.reason.push(self.reason[row]);
            out.disposition.push(self.disposition[row]);
            out.score.push(self.score[row]);
            out.cost.push(self.cost[row]);
            out.calls.push(self.calls.get(row).iter().copied());
            out.prompts.push(self.prompts.get(row));
            if !self.notes.is_empty() {
                out.notes.push(self.notes.get(row));
            }
        }
        out
    }
}
