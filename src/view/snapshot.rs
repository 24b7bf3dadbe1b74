//! A RUN as the viewer holds it: the joined tables in memory, refreshed while a run works.
//!
//! A page is computed from one immutable snapshot, so that it never shows half of a change; a new
//! one takes its place when the RUN's files have changed.

use crate::archive::{Reading, RunDir};
use crate::audit::{AuditError, Costs, Funnel, Index, funnel};
use crate::record::Disposition;
use crate::view::query::Filter;

/// See the module's header.
pub struct Snapshot {
    pub run: RunDir,
    pub index: Index,
    pub funnel: Funnel,
    /// Each record's last row: (stage, row).
    pub last: Vec<(u32, u32)>,
    /// Changes when the RUN's files do.
    pub version: String,
    pub live: bool,
    /// Stages whose table could not be read.
    pub unreadable: usize,
}

impl Snapshot {
    pub async fn take(run: &RunDir, costs: &Costs) -> Result<Snapshot, AuditError> {
        let mut run = run.clone();
        let version = run.version().await?;
        run.reload_report().await?;
        let (index, seen) = Index::read(&run, Reading::Notes).await?;
        let funnel = funnel(&index, &run.shape, costs);
        let mut last = vec![(0, 0); index.records.len()];
        for (s, rows) in index.stages.iter().enumerate() {
            for (row, record) in rows.record.iter().enumerate() {
                last[*record as usize] = (s as u32, row as u32);
            }
        }
        let complete = run.report.as_ref().is_some_and(|r| r.complete);
        Ok(Snapshot {
            live: seen.from_ledger || !complete,
            unreadable: seen.unreadable.len(),
            run,
            index,
            funnel,
            last,
            version,
        })
    }

    /// Rows of stage number `stage` that `filter` lets through, sorted as it says.
    pub fn rows(&self, stage: usize, filter: &Filter) -> Vec<usize> {
        let rows = &self.index.stages[stage];
        let records = &self.index.records;
        let test = Test::of(self, filter);
        let mut out: Vec<usize> = (0..rows.len())
            .filter(|&row| {
                let record = rows.record[row] as usize;
                test.row(rows.disposition[row], rows.port[row], rows.reason[row])
                    && test.record(records.category[record], records.source[record])
                    && test.words(self, record, rows.notes.get(row))
            })
            .collect();
        self.sort(&mut out, &filter.sort, |row| (stage, *row));
        out
    }

    /// Sorts as `by` says; `at` gives an item's stage and row. Equal ones keep the table's order.
    fn sort(&self, items: &mut [usize], by: &str, at: impl Fn(&usize) -> (usize, usize)) {
        let (name, back) = by.strip_prefix('-').map_or((by, false), |name| (name, true));
        let record = |item: &usize| {
            let (stage, row) = at(item);
            self.index.stages[stage].record[row] as usize
        };
        let score = |item: &usize| {
            let (stage, row) = at(item);
            self.index.stages[stage].score[row]
        };
        let cost = |item: &usize| {
            let (stage, row) = at(item);
            self.index.stages[stage].cost[row]
        };
        let records = &self.index.records;
        let category = |item: &usize| self.index.names.get(records.category[record(item)]);
        let turned = |order: std::cmp::Ordering| if back { order.reverse() } else { order };
        match name {
            "score" => items.sort_by(|a, b| turned(score(a).total_cmp(&score(b)))),
            "cost" => items.sort_by(|a, b| turned(cost(a).cmp(&cost(b)))),
            "category" => items.sort_by(|a, b| turned(category(a).cmp(category(b)))),
            "prompt" => items.sort_by(|a, b| {
                turned(records.prompt.get(record(a)).cmp(records.prompt.get(record(b))))
            }),
            _ => {}
        }
    }

    /// What a list shows, as stages and rows: those of the stage `list`, or, where that names none,
    /// all records' last ones.
    pub fn listed(
        &self,
        list: &str,
        filter: &Filter,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let found: Vec<(usize, usize)> = match self.index.stage(list) {
            Some((stage, _)) => {
                self.rows(stage, filter).into_iter().map(|row| (stage, row)).collect()
            }
            None => {
                let last =
                    |record: usize| (self.last[record].0 as usize, self.last[record].1 as usize);
                self.search(filter).into_iter().map(last).collect()
            }
        };
        found.into_iter()
    }

    /// Records that `filter` lets through; disposition, port and reason are of the last row.
    pub fn search(&self, filter: &Filter) -> Vec<usize> {
        let records = &self.index.records;
        let test = Test::of(self, filter);
        let mut out: Vec<usize> = (0..records.len())
            .filter(|&record| {
                let (stage, row) = self.last[record];
                let (rows, row) = (&self.index.stages[stage as usize], row as usize);
                test.row(rows.disposition[row], rows.port[row], rows.reason[row])
                    && test.record(records.category[record], records.source[record])
                    && test.words(self, record, rows.notes.get(row))
            })
            .collect();
        self.sort(&mut out, &filter.sort, |record| {
            let (stage, row) = self.last[*record];
            (stage as usize, row as usize)
        });
        out
    }
}

/// A filter with its names looked up once.
struct Test {
    /// None: any. `Some(None)`: a name that is nowhere, so nothing passes.
    disposition: Option<Option<Disposition>>,
    port: Option<Option<u32>>,
    reason: Option<Option<u32>>,
    category: Option<Option<u32>>,
    source: Option<Option<u32>>,
    words: Vec<String>,
}

impl Test {
    fn of(snapshot: &Snapshot, filter: &Filter) -> Test {
        let name = |text: &String| (!text.is_empty()).then(|| snapshot.index.names.find(text));
        let all = [Disposition::Passed, Disposition::Dropped, Disposition::Failed];
        Test {
            disposition: (!filter.disposition.is_empty())
                .then(|| all.into_iter().find(|d| d.as_str() == filter.disposition)),
            port: name(&filter.port),
            reason: name(&filter.reason),
            category: name(&filter.category),
            source: name(&filter.source),
            words: filter.words(),
        }
    }

    fn row(&self, disposition: Disposition, port: u32, reason: u32) -> bool {
        self.disposition.is_none_or(|d| d == Some(disposition))
            && self.port.is_none_or(|p| p == Some(port))
            && self.reason.is_none_or(|r| r == Some(reason))
    }

    fn record(&self, category: u32, source: u32) -> bool {
        self.category.is_none_or(|c| c == Some(category))
            && self.source.is_none_or(|s| s == Some(source))
    }

    fn words(&self, snapshot: &Snapshot, record: usize, note: &str) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let records = &snapshot.index.records;
        let text = records.prompt.get(record).to_lowercase();
        let note = note.to_lowercase();
        let id = records.id[record].hex();
        let holds = |w: &String| text.contains(w) || note.contains(w) || id.starts_with(w.as_str());
        self.words.iter().all(holds)
    }
}

/// Whether the RUN's files have changed since `snapshot`.
pub async fn changed(snapshot: &Snapshot) -> bool {
    snapshot.run.version().await.is_ok_and(|version| version != snapshot.version)
}
