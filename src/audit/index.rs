//! All stage tables of a RUN in memory, joined by record: what the funnel, the findings and the
//! viewer's pages are computed from.
//!
//! A row takes about a hundred bytes, so that a million rows fit. Evidence and the models' texts stay
//! in the tables and the journal, and are read when one record is looked at.

use crate::archive::{ArchiveError, Columns, Name, Names, Outcomes, Reading, RunDir, Seen, Texts};
use crate::record::{CallKey, Id};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A record's number within an `Index`.
pub type Record = u32;

/// Ids and keys are hashes already: their first bytes are as good as any hash of them.
#[derive(Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
    // The length prefix of an array's `Hash`.
    fn write_usize(&mut self, _: usize) {}
}

/// A map keyed by `Id`, `CallKey` or `Digest`.
pub type HashedMap<K, V> = HashMap<K, V, BuildHasherDefault<FirstBytes>>;
/// A set of `Id`, `CallKey` or `Digest`.
pub type HashedSet<K> = std::collections::HashSet<K, BuildHasherDefault<FirstBytes>>;

/// The joined tables.
#[derive(Debug, Default)]
pub struct Index {
    pub names: Names,
    /// In the pipeline's order.
    pub stages: Vec<StageRows>,
    pub records: Records,
    /// Rows whose category, source or prompt is not what the record's first row says.
    pub conflicts: Vec<Conflict>,
}

/// A row that contradicts the record's first row.
#[derive(Debug, Clone, Copy)]
pub struct Conflict {
    pub stage: usize,
    pub row: usize,
    pub what: &'static str,
}

/// One stage's rows; all columns have the same length.
#[derive(Debug, Default)]
pub struct StageRows {
    pub stage: String,
    pub record: Vec<Record>,
    /// By the names of the `Index`.
    pub outcomes: Outcomes,
}

/// Rows are read as columns of their outcomes.
impl std::ops::Deref for StageRows {
    type Target = Outcomes;

    fn deref(&self) -> &Outcomes {
        &self.outcomes
    }
}

impl StageRows {
    pub fn len(&self) -> usize {
        self.record.len()
    }

    pub fn is_empty(&self) -> bool {
        self.record.is_empty()
    }
}

/// What is the same at every stage, once per record.
#[derive(Debug, Default)]
pub struct Records {
    pub id: Vec<Id>,
    pub category: Vec<Name>,
    pub source: Vec<Name>,
    /// The prompt's first 200 characters.
    pub prompt: Texts,
    numbers: HashedMap<Id, Record>,
}

impl Records {
    pub fn len(&self) -> usize {
        self.id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    pub fn find(&self, id: &Id) -> Option<Record> {
        self.numbers.get(id).copied()
    }

    /// Records whose id starts with the hex digits `prefix`.
    pub fn starting_with(&self, prefix: &str) -> Vec<Id> {
        self.id.iter().filter(|id| id.hex().starts_with(prefix)).copied().collect()
    }
}

impl Index {
    /// Joins stage tables, given in the pipeline's order.
    pub fn assemble(tables: Vec<Columns>) -> Index {
        let mut index = Index::default();
        for table in tables {
            index.add(table);
        }
        index
    }

    /// The tables of `run`, joined as they are read.
    pub async fn read(run: &RunDir, reading: Reading) -> Result<(Index, Seen), ArchiveError> {
        let mut index = Index::default();
        let seen = run.each_table(reading, &mut |table| index.add(table)).await?;
        Ok((index, seen))
    }

    fn add(&mut self, table: Columns) {
        let map = self.names.absorb(&table.names);
        let here = |name: &Name| map[*name as usize];
        let stage = self.stages.len();
        let mut record = Vec::with_capacity(table.len());
        for (row, id) in table.ids.iter().enumerate() {
            let category = here(&table.category[row]);
            let source = here(&table.source[row]);
            let prompt = table.prompts.get(row);
            record.push(self.record(*id, category, source, prompt, (stage, row)));
        }
        let outcomes = table.outcomes.renamed(&map);
        self.stages.push(StageRows { stage: table.stage, record, outcomes });
    }

    fn record(
        &mut self,
        id: Id,
        category: Name,
        source: Name,
        prompt: &str,
        at: (usize, usize),
    ) -> Record {
        let records = &mut self.records;
        if let Some(&known) = records.numbers.get(&id) {
            let k = known as usize;
            let what = if records.category[k] != category {
                "category"
            } else if records.source[k] != source {
                "source"
            } else if records.prompt.get(k) != prompt {
                "prompt"
            } else {
                return known;
            };
            self.conflicts.push(Conflict { stage: at.0, row: at.1, what });
            return known;
        }
        let number = records.id.len() as Record;
        records.id.push(id);
        records.category.push(category);
        records.source.push(source);
        records.prompt.push(prompt);
        records.numbers.insert(id, number);
        number
    }

    /// A stage's place and rows by its name.
    pub fn stage(&self, name: &str) -> Option<(usize, &StageRows)> {
        self.stages.iter().enumerate().find(|(_, s)| s.stage == name)
    }

    /// Rows over all stages.
    pub fn rows(&self) -> usize {
        self.stages.iter().map(StageRows::len).sum()
    }

    /// How many rows used each call.
    pub fn call_uses(&self) -> HashedMap<CallKey, u32> {
        let total = self.stages.iter().map(|s| s.calls.all().len()).sum();
        let mut uses = HashedMap::with_capacity_and_hasher(total, Default::default());
        for stage in &self.stages {
            for key in stage.calls.all() {
                *uses.entry(*key).or_insert(0) += 1;
            }
        }
        uses
    }

    /// For each record, its rows as (stage, row), in the pipeline's order.
    pub fn rows_of(&self, record: Record) -> Vec<(usize, usize)> {
        let mut out = Vec::new();
        for (s, stage) in self.stages.iter().enumerate() {
            out.extend(
                stage.record.iter().enumerate().filter(|(_, r)| **r == record).map(|(i, _)| (s, i)),
            );
        }
        out
    }
}
