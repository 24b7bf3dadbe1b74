//! Which records stay together in a split: same words, near-duplicates, one spec.
//!
//! How groups fall on splits is `export::split`'s. Likeness is taken between all records that were selected, those too that the export then leaves
//! out, so that the sides do not depend on the form or its limits.

use crate::deliver::export::{ExportError, Shards};
use crate::export::split::{Groups, Shares, words};
use crate::record::{Id, Spec};
use crate::text::dedup::{Dedup, THRESHOLD};
use crate::text::spec::canonical;
use std::collections::{HashMap, HashSet};
use tokio::runtime::Handle;

/// Each record's split, as an index into `Shares::names`; empty when there is only one.
pub fn splits(
    source: &Shards,
    shares: &Shares,
    seed: u64,
    among: Option<&HashSet<Id>>,
    handle: &Handle,
) -> Result<HashMap<Id, usize>, ExportError> {
    if shares.names().len() < 2 {
        return Ok(HashMap::new());
    }
    let mut groups = Groups::default();
    let mut near = Dedup::new(THRESHOLD, seed);
    source.light(handle, |row| {
        if among.is_some_and(|among| !among.contains(&row.id)) {
            return;
        }
        near.offer(row.id, &row.prompt);
        let mut keys = vec![format!("words {}", words(&row.prompt).join(" "))];
        keys.extend(row.truth.spec.map(|spec| format!("spec {}", meaning(&spec))));
        groups.add(row.id, keys.iter().map(String::as_bytes));
    })?;
    for (a, b) in near.pairs() {
        groups.join(a, b);
    }
    Ok(groups.assign(shares, seed))
}

/// A spec's canonical text; one of a later version stands for itself.
fn meaning(json: &str) -> String {
    serde_json::from_str::<Spec>(json).map_or_else(|_| json.to_string(), |spec| canonical(&spec))
}
