//! Shards of one RUN: how many there are (fixed by the first), which are finished, and what the
//! others are doing.
//!
//! `shards/count.json` is created put-if-absent, so that two schedulers that disagree cannot both
//! work. A finished shard leaves `done.json` in its folder, with the pipeline it was finished for:
//! under a changed pipeline it counts as missing again.

use crate::record::{Ending, Session};
use crate::run::left::Left;
use crate::run::session::HEARTBEAT_MS;
use crate::run::{RunError, Shard};
use crate::store::{Created, Layout, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    of: u32,
}

/// `done.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// `Plan::digest` of the pipeline it was finished for.
    pipeline: String,
    /// Unix milliseconds.
    finished_ms: u64,
    /// Records that failed, to be tried again by the same command.
    failed: u64,
    /// Its walks, for the run that assembles. Earlier versions left none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<Left>,
}

/// What a shard is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ShardState {
    Done {
        finished_ms: u64,
        failed: u64,
    },
    /// A process was seen at work within three heartbeats.
    Running {
        since_ms: u64,
        seen_ms: u64,
        by: String,
    },
    /// It began and is not at work: `ended` says why, or nothing when it was lost.
    Missing {
        seen_ms: Option<u64>,
        by: Option<String>,
        ended: Option<Ending>,
    },
}

/// One shard and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardNow {
    pub index: u32,
    #[serde(flatten)]
    pub state: ShardState,
}

/// All shards of a RUN at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    pub of: u32,
    pub done: usize,
    pub running: usize,
    pub missing: usize,
    /// The missing ones, as schedulers read them: `3,7,12-14`.
    pub array: String,
    pub shards: Vec<ShardNow>,
}

impl ShardState {
    /// In words, as it is at `now_ms` (Unix milliseconds).
    fn text(&self, now_ms: u64) -> String {
        let ago = |ms: u64| format!("{} s ago", now_ms.saturating_sub(ms) / 1000);
        match self {
            ShardState::Done { finished_ms, failed: 0 } => {
                format!("done     {}", ago(*finished_ms))
            }
            ShardState::Done { finished_ms, failed } => {
                format!("done     {}, {failed} records failed", ago(*finished_ms))
            }
            ShardState::Running { since_ms, seen_ms, by } => {
                format!("running  since {}, seen {}, by {by}", ago(*since_ms), ago(*seen_ms))
            }
            ShardState::Missing { seen_ms: None, .. } => "missing  never begun".to_owned(),
            ShardState::Missing { seen_ms: Some(seen), by, ended } => {
                let by = by.as_deref().filter(|by| !by.is_empty()).unwrap_or("unknown");
                let how = match ended {
                    Some(ending) => format!("ended: {ending:?}"),
                    None => "lost".to_owned(),
                };
                format!("missing  {how}, seen {}, by {by}", ago(*seen))
            }
        }
    }
}

impl Overview {
    /// A line a shard as it is at `now_ms` (Unix milliseconds), then how many are in which state.
    pub fn text(&self, now_ms: u64) -> String {
        let line = |s: &ShardNow| format!("{:>6}  {}\n", s.index, s.state.text(now_ms));
        let mut out: String = self.shards.iter().map(line).collect();
        let Overview { of, done, running, missing, array, .. } = self;
        out += &format!("\n{done} done, {running} running, {missing} missing of {of}\n");
        if *missing > 0 {
            out += &format!("missing: {array}\n");
        }
        out
    }
}

/// The shards of the RUN at `store` for the pipeline of this digest; None: it has none.
pub async fn overview(
    store: &Store,
    pipeline: &str,
    now_ms: u64,
) -> Result<Option<Overview>, StoreError> {
    let Some(of) = count(store).await? else { return Ok(None) };
    let shards = states(store, pipeline, now_ms).await?;
    let number = |is: fn(&ShardState) -> bool| shards.iter().filter(|s| is(&s.state)).count();
    let done = number(|s| matches!(s, ShardState::Done { .. }));
    let running = number(|s| matches!(s, ShardState::Running { .. }));
    let lacking = shards.iter().filter(|s| matches!(s.state, ShardState::Missing { .. }));
    let lacking: Vec<u32> = lacking.map(|s| s.index).collect();
    let (missing, array) = (lacking.len(), array_expression(&lacking));
    Ok(Some(Overview { of, done, running, missing, array, shards }))
}

/// How many shards the RUN at `store` was begun with; None when it has none.
pub async fn count(store: &Store) -> Result<Option<u32>, StoreError> {
    if let Some(of) = fixed(store).await? {
        return Ok(Some(of));
    }
    // RUNs of earlier versions name it in their folders only.
    let listed = store.list(Layout::SHARDS).await?;
    let of = |name: &str| name.split('/').nth(1)?.rsplit("-of-").next()?.parse().ok();
    Ok(listed.iter().find_map(|(name, _)| of(name)))
}

/// What `count.json` says.
async fn fixed(store: &Store) -> Result<Option<u32>, StoreError> {
    match store.get(Layout::SHARD_COUNT).await {
        Ok(bytes) => {
            let count: Count = serde_json::from_slice(&bytes).map_err(|e| {
                StoreError::unreadable(format!("{}/{}", store.uri(), Layout::SHARD_COUNT), e)
            })?;
            Ok(Some(count.of))
        }
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fixes the RUN's number of shards, or holds `shard` against it.
pub(super) async fn settle(store: &Store, shard: Shard) -> Result<(), RunError> {
    let other = |of: u32| RunError::OtherShards { place: store.uri(), of, asked: shard.of };
    if let Some(of) = count(store).await?.filter(|of| *of != shard.of) {
        return Err(other(of));
    }
    let bytes = serde_json::to_vec(&Count { of: shard.of }).unwrap_or_default();
    if store.create(Layout::SHARD_COUNT, bytes.into()).await? == Created::New {
        return Ok(());
    }
    match count(store).await? {
        Some(of) if of != shard.of => Err(other(of)),
        _ => Ok(()),
    }
}

/// A shard begins: it is not finished until it says so again.
pub(super) async fn begin(side: &Store) -> Result<(), StoreError> {
    side.delete(Layout::SHARD_DONE).await
}

/// A shard has come to its end.
pub(super) async fn finish(
    side: &Store,
    pipeline: &str,
    finished_ms: u64,
    failed: u64,
    left: Option<Left>,
) -> Result<(), StoreError> {
    let marker = Marker { pipeline: pipeline.to_owned(), finished_ms, failed, left };
    let bytes = serde_json::to_vec(&marker).unwrap_or_default();
    side.put(Layout::SHARD_DONE, bytes.into()).await
}

/// The shards that are not finished for the pipeline of this digest. Shards of earlier versions
/// left no markers: of those RUNs none is held to be missing.
pub async fn missing(store: &Store, pipeline: &str) -> Result<Vec<u32>, StoreError> {
    let Some(of) = fixed(store).await? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for index in 0..of {
        if marker(&store.under(&Layout::shard(index, of)), pipeline).await?.is_none() {
            out.push(index);
        }
    }
    Ok(out)
}

/// The folders of finished shards, and what each left.
pub(super) async fn left(store: &Store, pipeline: &str) -> Result<Vec<(String, Left)>, StoreError> {
    let Some(of) = fixed(store).await? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for index in 0..of {
        let folder = Layout::shard(index, of);
        let marker = marker(&store.under(&folder), pipeline).await?;
        out.extend(marker.and_then(|marker| marker.left).map(|left| (folder, left)));
    }
    Ok(out)
}

/// Finished shards that have nothing to try again: they ask for nothing any more.
pub async fn closed(store: &Store, pipeline: &str) -> Result<Vec<u32>, StoreError> {
    let Some(of) = fixed(store).await? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for index in 0..of {
        let marker = marker(&store.under(&Layout::shard(index, of)), pipeline).await?;
        if marker.is_some_and(|marker| marker.failed == 0) {
            out.push(index);
        }
    }
    Ok(out)
}

/// Every shard's state at `now_ms`.
pub async fn states(
    store: &Store,
    pipeline: &str,
    now_ms: u64,
) -> Result<Vec<ShardNow>, StoreError> {
    let of = count(store).await?.unwrap_or(0);
    let mut out = Vec::new();
    for index in 0..of {
        let side = store.under(&Layout::shard(index, of));
        let state = match marker(&side, pipeline).await? {
            Some(m) => ShardState::Done { finished_ms: m.finished_ms, failed: m.failed },
            None => at_work(&last_session(&side).await?, now_ms),
        };
        out.push(ShardNow { index, state });
    }
    Ok(out)
}

fn at_work(session: &Option<Session>, now_ms: u64) -> ShardState {
    let Some(session) = session else {
        return ShardState::Missing { seen_ms: None, by: None, ended: None };
    };
    let by = session.by.clone();
    let alive = session.ended.is_none() && !session.closed;
    if alive && now_ms.saturating_sub(session.seen_ms) < 3 * HEARTBEAT_MS {
        let (since_ms, seen_ms) = (session.started_ms, session.seen_ms);
        return ShardState::Running { since_ms, seen_ms, by };
    }
    ShardState::Missing { seen_ms: Some(session.seen_ms), by: Some(by), ended: session.ended }
}

async fn last_session(side: &Store) -> Result<Option<Session>, StoreError> {
    let mut names: Vec<String> =
        side.list(Layout::SESSIONS).await?.into_iter().map(|(name, _)| name).collect();
    // Names begin with the time.
    names.sort();
    let Some(name) = names.pop() else { return Ok(None) };
    Ok(serde_json::from_slice(&side.get(&name).await?).ok())
}

async fn marker(side: &Store, pipeline: &str) -> Result<Option<Marker>, StoreError> {
    match side.get(Layout::SHARD_DONE).await {
        // A marker that cannot be read is none: the shard runs again and buys nothing.
        Ok(bytes) => {
            let marker = serde_json::from_slice::<Marker>(&bytes).ok();
            Ok(marker.filter(|marker| marker.pipeline == pipeline))
        }
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Indices as an array expression: `3,7,12-14`.
pub fn array_expression(indices: &[u32]) -> String {
    let mut ranges: BTreeMap<u32, u32> = BTreeMap::new();
    for index in indices {
        match ranges.last_entry() {
            Some(mut last) if *last.get() + 1 == *index => {
                last.insert(*index);
            }
            _ => {
                ranges.insert(*index, *index);
            }
        }
    }
    let words: Vec<String> = ranges
        .iter()
        .map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::{ShardState, begin, finish};
    use super::{array_expression, closed, count, missing, settle, states};
    use crate::run::{RunError, Shard};
    use crate::store::{Layout, Store};

    #[test]
    fn indices_are_written_as_schedulers_read_them() {
        for (indices, expected) in [
            (vec![], ""),
            (vec![3], "3"),
            (vec![3, 7, 12, 13, 14], "3,7,12-14"),
            (vec![0, 1], "0-1"),
        ] {
            assert_eq!(array_expression(&indices), expected);
        }
    }

    #[tokio::test]
    async fn the_first_fixes_the_count_and_a_finished_one_leaves_a_marker() {
        let store = Store::open("memory://").unwrap();
        assert_eq!(count(&store).await.unwrap(), None);
        settle(&store, Shard { index: 1, of: 3 }).await.unwrap();
        settle(&store, Shard { index: 0, of: 3 }).await.unwrap();
        let refused = settle(&store, Shard { index: 0, of: 4 }).await;
        assert!(matches!(refused, Err(RunError::OtherShards { of: 3, asked: 4, .. })));
        let side = store.under(&Layout::shard(1, 3));
        begin(&side).await.unwrap();
        assert_eq!(missing(&store, "p").await.unwrap(), [0, 1, 2]);
        finish(&side, "p", 5, 2, None).await.unwrap();
        assert_eq!(missing(&store, "p").await.unwrap(), [0, 2]);
        assert!(closed(&store, "p").await.unwrap().is_empty(), "it has records to try again");
        finish(&side, "p", 5, 0, None).await.unwrap();
        assert_eq!(closed(&store, "p").await.unwrap(), [1]);
        finish(&side, "p", 5, 2, None).await.unwrap();
        assert_eq!(missing(&store, "another").await.unwrap(), [0, 1, 2]);
        let now = states(&store, "p", 10).await.unwrap();
        assert_eq!(now[1].state, ShardState::Done { finished_ms: 5, failed: 2 });
        assert!(matches!(now[0].state, ShardState::Missing { seen_ms: None, .. }));
        begin(&side).await.unwrap();
        assert_eq!(missing(&store, "p").await.unwrap(), [0, 1, 2]);
    }
}
