//! Filling the tables of `TABLES`.

use crate::archive::{Reading, RunDir, Unreadable};
use crate::audit::error::AuditError;
use crate::audit::index::Index;
use crate::audit::sql::fault;
use crate::call::Output;
use crate::export::dataset;
use crate::journal::Entry;
use crate::record::{Answer, CheckSource, Decision, NanoUsd};
use rusqlite::{Connection, Statement, Transaction, params};

/// Fills the (empty) table `name`.
pub async fn fill(run: &RunDir, db: &mut Connection, name: &str) -> Result<(), AuditError> {
    match name {
        "stages" | "records" | "uses" => {
            let (index, _) = Index::read(run, Reading::Notes).await?;
            within(db, |tx| match name {
                "stages" => stages(tx, &index),
                "records" => records(tx, &index),
                _ => uses(tx, &index),
            })
        }
        "votes" | "checks" => evidence(run, db, name).await,
        "calls" => calls(run, db).await,
        _ => trajectories(run, db).await,
    }
}

fn within(
    db: &mut Connection,
    work: impl FnOnce(&Transaction) -> rusqlite::Result<()>,
) -> Result<(), AuditError> {
    let tx = db.transaction().map_err(fault)?;
    work(&tx).map_err(fault)?;
    tx.commit().map_err(fault)
}

fn insert<'a>(tx: &'a Transaction, table: &str, columns: usize) -> rusqlite::Result<Statement<'a>> {
    let marks = vec!["?"; columns].join(",");
    tx.prepare(&format!("insert into {table} values ({marks})"))
}

fn real(x: f32) -> Option<f64> {
    Some(f64::from(x)).filter(|x| !x.is_nan())
}

fn stages(tx: &Transaction, index: &Index) -> rusqlite::Result<()> {
    let mut row = insert(tx, "stages", 12)?;
    for (ordinal, rows) in index.stages.iter().enumerate() {
        for n in 0..rows.len() {
            let record = rows.record[n] as usize;
            row.execute(params![
                rows.stage,
                ordinal as i64,
                index.records.id[record].hex(),
                index.names.get(index.records.category[record]),
                index.names.get(index.records.source[record]),
                rows.disposition[n].as_str(),
                index.names.get(rows.port[n]),
                index.names.get(rows.reason[n]),
                real(rows.score[n]),
                NanoUsd(rows.cost[n]).usd(),
                rows.calls.get(n).len() as i64,
                rows.notes.get(n),
            ])?;
        }
    }
    Ok(())
}

fn records(tx: &Transaction, index: &Index) -> rusqlite::Result<()> {
    let mut last = vec![(0, 0); index.records.len()];
    let mut cost = vec![NanoUsd(0); index.records.len()];
    for (s, rows) in index.stages.iter().enumerate() {
        for (n, record) in rows.record.iter().enumerate() {
            last[*record as usize] = (s, n);
            cost[*record as usize] += NanoUsd(rows.cost[n]);
        }
    }
    let mut row = insert(tx, "records", 9)?;
    for (record, (s, n)) in last.into_iter().enumerate() {
        let rows = &index.stages[s];
        row.execute(params![
            index.records.id[record].hex(),
            index.names.get(index.records.category[record]),
            index.names.get(index.records.source[record]),
            index.records.prompt.get(record),
            rows.stage,
            rows.disposition[n].as_str(),
            index.names.get(rows.port[n]),
            index.names.get(rows.reason[n]),
            cost[record].usd(),
        ])?;
    }
    Ok(())
}

fn uses(tx: &Transaction, index: &Index) -> rusqlite::Result<()> {
    let mut row = insert(tx, "uses", 4)?;
    for rows in &index.stages {
        for n in 0..rows.len() {
            let id = index.records.id[rows.record[n] as usize].hex();
            for (at, key) in rows.calls.get(n).iter().enumerate() {
                row.execute(params![rows.stage, id, at as i64, key.hex()])?;
            }
        }
    }
    Ok(())
}

/// Rows wait until there are so many, and are then written together.
const TOGETHER: usize = 2000;

/// Writes rows as they come, a few thousand at a time: the table is all that grows.
struct Rows<'a, T> {
    db: &'a mut Connection,
    write: fn(&Transaction, &[T]) -> rusqlite::Result<()>,
    waiting: Vec<T>,
    wrong: Option<AuditError>,
}

impl<'a, T> Rows<'a, T> {
    fn new(
        db: &'a mut Connection,
        write: fn(&Transaction, &[T]) -> rusqlite::Result<()>,
    ) -> Rows<'a, T> {
        Rows { db, write, waiting: Vec::new(), wrong: None }
    }

    fn push(&mut self, row: T) {
        self.waiting.push(row);
        if self.waiting.len() >= TOGETHER {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let rows = std::mem::take(&mut self.waiting);
        if self.wrong.is_none() {
            self.wrong = within(self.db, |tx| (self.write)(tx, &rows)).err();
        }
    }

    fn finish(mut self) -> Result<(), AuditError> {
        self.flush();
        self.wrong.map_or(Ok(()), Err)
    }
}

async fn evidence(run: &RunDir, db: &mut Connection, name: &str) -> Result<(), AuditError> {
    let is_votes = name == "votes";
    let mut into = Rows::new(db, if is_votes { votes } else { checks });
    for stage in &run.shape.stages {
        run.each(&stage.name, &mut |row| {
            let evidence = &row.evidence;
            let none =
                if is_votes { evidence.votes.is_empty() } else { evidence.checks.is_empty() };
            if !none {
                into.push(row);
            }
        })
        .await?;
    }
    into.finish()
}

fn votes(tx: &Transaction, rows: &[Decision]) -> rusqlite::Result<()> {
    let mut row = insert(tx, "votes", 5)?;
    for d in rows {
        for v in &d.evidence.votes {
            let key = v.call.map(|key| key.hex());
            row.execute(params![d.stage, d.id.hex(), v.ask, v.answer, key])?;
        }
    }
    Ok(())
}

fn checks(tx: &Transaction, rows: &[Decision]) -> rusqlite::Result<()> {
    let mut row = insert(tx, "checks", 7)?;
    for d in rows {
        for c in &d.evidence.checks {
            let source = match c.source {
                CheckSource::Rule => "rule",
                CheckSource::Atom => "atom",
            };
            let answer = match c.answer {
                Answer::Yes => "yes",
                Answer::No => "no",
                Answer::Unsure => "unsure",
                Answer::Void => "void",
            };
            let id = d.id.hex();
            row.execute(params![d.stage, id, c.id, source, answer, c.evidence, c.question])?;
        }
    }
    Ok(())
}

async fn calls(run: &RunDir, db: &mut Connection) -> Result<(), AuditError> {
    let journal = run.journal().await?;
    let mut into = Rows::new(db, |tx, rows: &[(Entry, bool)]| {
        let mut row = insert(tx, "calls", 16)?;
        rows.iter().try_for_each(|(entry, again)| add_call(&mut row, entry, *again))
    });
    journal.scan(&mut |entry, again| into.push((entry, again))).await?;
    into.finish()
}

fn add_call(row: &mut Statement, entry: &Entry, again: bool) -> rusqlite::Result<()> {
    let reply = &entry.reply;
    let (kind, image) = match &reply.output {
        Output::Text { .. } => ("text", None),
        Output::Image { image, .. } => ("image", Some(image.digest.hex())),
        Output::Refused { .. } => ("refused", None),
    };
    row.execute(params![
        entry.key.hex(),
        entry.request.role(),
        entry.request.model(),
        reply.served,
        kind,
        entry.at_ms as i64,
        reply.latency_ms as i64,
        reply.attempts,
        reply.cost.usd(),
        reply.usage.input as i64,
        reply.usage.cached as i64,
        reply.usage.output as i64,
        reply.usage.thinking as i64,
        reply.finish,
        image,
        again,
    ])?;
    Ok(())
}

async fn trajectories(run: &RunDir, db: &mut Connection) -> Result<(), AuditError> {
    let Some(dataset) = run.dataset().await? else { return Ok(()) };
    for shard in &dataset.shards {
        let mut rows: Vec<dataset::DatasetRow> = Vec::new();
        let read = dataset.light(shard, &mut |row| rows.push(row)).await;
        read.map_err(|what| Unreadable { name: shard.name.clone(), what })?;
        within(db, |tx| {
            let mut into = insert(tx, "dataset", 10)?;
            rows.into_iter().try_for_each(|row| add_trajectory(&mut into, row))
        })?;
    }
    Ok(())
}

fn add_trajectory(into: &mut Statement, row: dataset::DatasetRow) -> rusqlite::Result<()> {
    let t = row.into_trajectory();
    into.execute(params![
        t.prompt.id.hex(),
        t.prompt.text,
        t.prompt.category,
        t.prompt.source,
        t.outcome.map(|outcome| outcome.as_str()),
        t.rounds.len() as i64,
        t.improved,
        t.calls.len() as i64,
        t.rounds.last().map(|round| round.refined.as_str()),
        t.prompt.licence,
    ])?;
    Ok(())
}
