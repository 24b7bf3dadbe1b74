//! Which rows of a dataset an export takes: those that an expression holds for, and of these so many,
//! balanced again over category and outcome.
//!
//! The expression is SQL over the columns below, in a database in memory that holds nothing else; it can
//! read and compare, and reach neither a file nor a setting.

use crate::deliver::export::{ExportError, Shards};
use crate::export::purity;
use crate::export::report::LeftOut;
use crate::export::screen::Left;
use crate::record::{Id, Trajectory};
use crate::sample::water_fill;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::runtime::Handle;

/// What is taken. The default takes all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// An SQL expression over `COLUMNS`.
    pub filter: Option<String>,
    /// So many rows, balanced.
    pub take: Option<u64>,
}

/// The columns that an expression may name, with what they hold.
pub const COLUMNS: [(&str, &str); 17] = [
    ("id", "the record, hex"),
    ("prompt", "the user's prompt"),
    ("category", ""),
    ("source", ""),
    ("licence", "of the prompt; null where it is not stated"),
    ("outcome", "`one_round`, `closed`, `open`"),
    ("rounds", "how many"),
    ("images", "pictures of the conversation"),
    ("score", "of the last judgement, 0 to 1"),
    ("first_score", "of the first judgement, 0 to 1"),
    ("satisfied", "whether the last judgement accepts: 1 or 0"),
    ("posterior", "that every verdict is right: 0 to 1; null where looks were not added up"),
    ("claims", "that all that its judgements claim is true, the same way"),
    ("improved", "better than the first and not good: 1 or 0"),
    ("prompt_chars", "characters of the prompt"),
    ("models", "models that had a part, as their servers name them, with commas"),
    ("simulated", "1 or 0"),
];

/// The rows taken, and why the others were not; None where all are.
pub struct Picked {
    pub ids: HashSet<Id>,
    /// By code, with examples.
    pub left: BTreeMap<String, LeftOut>,
}

/// Says of a row why it cannot be exported, as far as its texts tell.
pub type Fits<'a> = &'a mut dyn FnMut(&Trajectory) -> Result<(), Left>;

/// Picks rows of `source`; which of a stratum is a function of `seed`. On a blocking thread.
///
/// So many rows are taken of those that fit: the others would leave the export short. What only a
/// picture's bytes can tell (damage) is not known here.
pub fn pick(
    source: &Shards,
    selection: &Selection,
    seed: u64,
    handle: &Handle,
    fits: Fits<'_>,
) -> Result<Option<Picked>, ExportError> {
    if selection.filter.is_none() && selection.take.is_none() {
        return Ok(None);
    }
    let table = Table::load(source, handle)?;
    let mut left = BTreeMap::new();
    let mut ids = match &selection.filter {
        Some(filter) => table.filtered(filter)?,
        None => table.strata.keys().copied().collect(),
    };
    if let Some(filter) = &selection.filter {
        leave(&mut left, "not_where", &table, &ids, &format!("not: {filter}"));
        if ids.is_empty() {
            return Err(table.nothing(filter));
        }
    }
    if let Some(take) = selection.take {
        ids = fitting(source, ids, handle, fits, &mut left)?;
        ids = taken(&table, &ids, take, seed, &mut left);
    }
    Ok(Some(Picked { ids, left }))
}

fn leave(
    left: &mut BTreeMap<String, LeftOut>,
    code: &str,
    table: &Table,
    kept: &HashSet<Id>,
    what: &str,
) {
    let mut gone: Vec<&Id> = table.strata.keys().filter(|id| !kept.contains(*id)).collect();
    gone.sort();
    for id in gone {
        left.entry(code.to_owned()).or_default().add(&id.hex(), what);
    }
}

/// Those of `ids` whose rows can be exported; the others are counted by what is in their way.
fn fitting(
    source: &Shards,
    mut ids: HashSet<Id>,
    handle: &Handle,
    fits: Fits<'_>,
    left: &mut BTreeMap<String, LeftOut>,
) -> Result<HashSet<Id>, ExportError> {
    source.light(handle, |row| {
        if !ids.contains(&row.id) {
            return;
        }
        let t = row.into_trajectory();
        if let Err(Left { code, what }) = fits(&t) {
            ids.remove(&t.prompt.id);
            left.entry(code.to_owned()).or_default().add(&t.prompt.id.hex(), &what);
        }
    })?;
    Ok(ids)
}

/// `take` of `ids`, evenly over category and outcome as far as each goes.
fn taken(
    table: &Table,
    ids: &HashSet<Id>,
    take: u64,
    seed: u64,
    left: &mut BTreeMap<String, LeftOut>,
) -> HashSet<Id> {
    let mut strata: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for id in ids {
        strata.entry(table.strata[id].as_str()).or_default().push(*id);
    }
    let available: Vec<u64> = strata.values().map(|ids| ids.len() as u64).collect();
    let quotas = water_fill(&available, None, take);
    let mut out = HashSet::new();
    for ((stratum, mut ids), quota) in strata.into_iter().zip(quotas) {
        ids.sort_by_key(|id| (id.keyed("export take", seed), *id));
        let all = ids.len();
        for (rank, id) in ids.into_iter().enumerate() {
            if (rank as u64) < quota {
                out.insert(id);
            } else {
                let what = format!("{stratum}: {quota} of {all} taken");
                left.entry("not_taken".to_owned()).or_default().add(&id.hex(), &what);
            }
        }
    }
    out
}

/// The dataset's columns in a database of their own.
struct Table {
    database: Connection,
    /// Category and outcome of each row.
    strata: HashMap<Id, String>,
}

impl Table {
    fn load(source: &Shards, handle: &Handle) -> Result<Table, ExportError> {
        let database = Connection::open_in_memory().map_err(ExportError::Select)?;
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        database
            .execute_batch(&format!("create table rows ({})", names.join(", ")))
            .map_err(ExportError::Select)?;
        let marks = vec!["?"; COLUMNS.len()].join(", ");
        let mut strata = HashMap::new();
        {
            let insert = format!("insert into rows values ({marks})");
            let mut insert = database.prepare(&insert).map_err(ExportError::Select)?;
            let mut broken = None;
            source.light(handle, |row| {
                let t = row.into_trajectory();
                let outcome = t.outcome.map_or("", |outcome| outcome.as_str());
                strata.insert(t.prompt.id, format!("{}/{outcome}", t.prompt.category));
                if let Err(error) = insert.execute(rusqlite::params_from_iter(values(&t))) {
                    broken.get_or_insert(error);
                }
            })?;
            if let Some(error) = broken {
                return Err(ExportError::Select(error));
            }
        }
        Ok(Table { database, strata })
    }

    fn filtered(&self, filter: &str) -> Result<HashSet<Id>, ExportError> {
        let refused = |error: rusqlite::Error| ExportError::Where {
            filter: filter.to_owned(),
            source: error,
        };
        // What is no one expression is refused before it stands between parentheses.
        self.database.prepare(&format!("select ({filter}\n)")).map(drop).or_else(|error| {
            // Columns are not there without a table; anything else is the expression's own fault.
            if error.to_string().contains("no such column") { Ok(()) } else { Err(refused(error)) }
        })?;
        let query = format!("select id from rows where ({filter}\n)");
        let mut query = self.database.prepare(&query).map_err(refused)?;
        if !query.readonly() {
            return Err(refused(rusqlite::Error::InvalidQuery));
        }
        let ids = query.query_map([], |row| row.get::<_, String>(0)).map_err(refused)?;
        let ids: Result<Vec<String>, _> = ids.collect();
        Ok(ids.map_err(refused)?.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// No row is left: what the numbers are, so that the next try is no guess.
    fn nothing(&self, filter: &str) -> ExportError {
        let range = |name: &str| -> Option<String> {
            let ask = format!("select min({name}), max({name}) from rows");
            let found: (Value, Value) =
                self.database.query_row(&ask, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
            let said = |value| match value {
                Value::Integer(n) => Some(n.to_string()),
                Value::Real(n) => Some(format!("{n:.2}")),
                _ => None,
            };
            Some(format!("{name} {} to {}", said(found.0)?, said(found.1)?))
        };
        let named = COLUMNS.iter().filter(|(name, _)| filter.contains(name));
        let ranges: Vec<String> = named.filter_map(|(name, _)| range(name)).collect();
        let what = match ranges.is_empty() {
            true => "it holds for no row".to_owned(),
            false => format!("it holds for no row; here is {}", ranges.join(", ")),
        };
        ExportError::NothingChosen { filter: filter.to_owned(), what }
    }
}

/// A row's columns, in the order of `COLUMNS`.
fn values(t: &Trajectory) -> [Value; COLUMNS.len()] {
    let text = |text: &str| Value::Text(text.to_owned());
    let number = |n: usize| Value::Integer(n as i64);
    let score = |round: Option<&crate::record::Round>| {
        let judgement = round.and_then(|round| round.judgement.as_ref());
        judgement.map_or(Value::Null, |j| Value::Real((f64::from(j.score) * 1e6).round() / 1e6))
    };
    let sure = purity::of_row(t);
    let last = t.rounds.iter().rev().find(|round| round.judgement.is_some());
    let satisfied = last.and_then(|round| round.judgement.as_ref()).is_some_and(|j| j.satisfied);
    [
        text(&t.prompt.id.hex()),
        text(&t.prompt.text),
        text(&t.prompt.category),
        text(&t.prompt.source),
        t.prompt.licence.as_deref().map_or(Value::Null, text),
        t.outcome.map_or(Value::Null, |outcome| text(outcome.as_str())),
        number(t.rounds.len()),
        number(crate::export::conversation::images(t).len()),
        score(last),
        score(t.rounds.first()),
        number(usize::from(satisfied)),
        sure.map_or(Value::Null, |(posterior, _)| Value::Real(posterior)),
        sure.map_or(Value::Null, |(_, claims)| Value::Real(claims)),
        number(usize::from(t.improved)),
        number(t.prompt.text.chars().count()),
        text(&t.models.join(",")),
        number(usize::from(t.simulated)),
    ]
}
