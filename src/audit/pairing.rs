//! Two runs record by record: at which stages their decisions part, and at which they decide the same of
//! other words or pictures. Records are matched by id.

use crate::audit::diff::Side;
use crate::audit::index::{Index, Record, StageRows};
use crate::audit::show::way;
use crate::record::{Disposition, Id};

/// All records of two runs.
#[derive(Debug, Default)]
pub struct Pairs {
    /// A's order; B's own stages follow the one they follow in B.
    pub stages: Vec<String>,
    /// A's records in their order, then those of B alone.
    pub pairs: Vec<Pair>,
    /// Of each stage, each record's row (`NO_ROW`: none), in A and in B.
    rows: [Vec<Vec<u32>>; 2],
}

/// One record in two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub id: Id,
    /// Its number in A and in B.
    pub a: Option<Record>,
    pub b: Option<Record>,
    /// Stages at which the two decide otherwise, in order; none of a record of one side.
    pub decided: Vec<u16>,
    /// Stages that decide the same of other calls.
    pub said: Vec<u16>,
    /// A replay cannot say what becomes of it: a call is not in the journal.
    pub unknown: bool,
}

const NO_ROW: u32 = u32::MAX;

/// A decision without its evidence: disposition, port, reason, and the bits of its score.
type Bare<'a> = (Disposition, &'a str, &'a str, u32);

impl Pair {
    /// Whether the two runs differ in it at all.
    pub fn differs(&self) -> bool {
        self.a.is_none() || self.b.is_none() || !self.decided.is_empty() || !self.said.is_empty()
    }
}

/// Matches the records of two runs. Linear in the rows.
pub fn pairs(a: &Side, b: &Side) -> Pairs {
    let stages = stage_order(a, b);
    let rows = [rows_by_record(a.index, &stages), rows_by_record(b.index, &stages)];
    let mut out = Pairs { stages, pairs: Vec::new(), rows };
    for (ra, id) in a.index.records.id.iter().enumerate() {
        let rb = b.index.records.find(id);
        let mut pair = Pair {
            id: *id,
            a: Some(ra as Record),
            b: rb,
            decided: Vec::new(),
            said: Vec::new(),
            unknown: false,
        };
        if rb.is_some() {
            out.hold(&mut pair, a, b);
        }
        out.pairs.push(pair);
    }
    let alone = b.index.records.id.iter().enumerate();
    let alone = alone.filter(|(_, id)| a.index.records.find(id).is_none());
    out.pairs.extend(alone.map(|(rb, id)| Pair {
        id: *id,
        a: None,
        b: Some(rb as Record),
        decided: Vec::new(),
        said: Vec::new(),
        unknown: false,
    }));
    out
}

impl Pairs {
    /// Finds the stages at which a record of both differs.
    fn hold(&self, pair: &mut Pair, a: &Side, b: &Side) {
        for at in 0..self.stages.len() {
            let (one, other) = (self.said(0, at, pair.a, a), self.said(1, at, pair.b, b));
            if one != other {
                let lost = other.is_some_and(|said| said.0 == Disposition::Failed);
                pair.unknown |= pair.decided.is_empty() && b.replayed && lost;
                pair.decided.push(at as u16);
            } else if self.calls(0, at, pair.a, a) != self.calls(1, at, pair.b, b) {
                pair.said.push(at as u16);
            }
        }
    }

    fn row<'a>(
        &self,
        side: usize,
        stage: usize,
        record: Option<Record>,
        of: &'a Index,
    ) -> Option<(&'a StageRows, usize)> {
        let row = *self.rows[side][stage].get(record? as usize)?;
        let (_, rows) = of.stage(&self.stages[stage])?;
        (row != NO_ROW).then_some((rows, row as usize))
    }

    fn said<'a>(
        &self,
        side: usize,
        stage: usize,
        record: Option<Record>,
        of: &Side<'a>,
    ) -> Option<Bare<'a>> {
        let (rows, row) = self.row(side, stage, record, of.index)?;
        let name = |name| of.index.names.get(name);
        let (port, reason) = (name(rows.port[row]), name(rows.reason[row]));
        Some((rows.disposition[row], port, reason, rows.score[row].to_bits()))
    }

    fn calls<'a>(
        &self,
        side: usize,
        stage: usize,
        record: Option<Record>,
        of: &Side<'a>,
    ) -> &'a [crate::record::CallKey] {
        let found = self.row(side, stage, record, of.index);
        found.map_or(&[], |(rows, row)| rows.calls.get(row))
    }

    /// What A and B decide at a stage, in words: `passed satisfied`, `dropped leak`, `not there`.
    pub fn words(&self, stage: usize, pair: &Pair, a: &Side, b: &Side) -> (String, String) {
        let words = |said: Option<Bare>| {
            said.map_or("not there".to_owned(), |(disposition, port, reason, _)| {
                way(disposition, port, reason)
            })
        };
        let from = words(self.said(0, stage, pair.a, a));
        let to = words(self.said(1, stage, pair.b, b));
        let to = if from == to { format!("{to}, another score") } else { to };
        (from, to)
    }

    /// The stage's place in `stages`.
    pub fn stage(&self, name: &str) -> Option<u16> {
        self.stages.iter().position(|stage| stage == name).map(|at| at as u16)
    }
}

fn stage_order(a: &Side, b: &Side) -> Vec<String> {
    let mut out: Vec<String> = a.index.stages.iter().map(|s| s.stage.clone()).collect();
    let mut last = None;
    for stage in &b.index.stages {
        match out.iter().position(|s| *s == stage.stage) {
            Some(at) => last = Some(at),
            None => {
                let at = last.map_or(0, |l: usize| l + 1);
                out.insert(at, stage.stage.clone());
                last = Some(at);
            }
        }
    }
    out
}

fn rows_by_record(index: &Index, stages: &[String]) -> Vec<Vec<u32>> {
    let of = |rows: Option<(usize, &StageRows)>| {
        let mut out = vec![NO_ROW; index.records.len()];
        if let Some((_, rows)) = rows {
            for (row, record) in rows.record.iter().enumerate() {
                out[*record as usize] = row as u32;
            }
        }
        out
    };
    stages.iter().map(|stage| of(index.stage(stage))).collect()
}
