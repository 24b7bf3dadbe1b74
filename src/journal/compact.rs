//! Merging small segments into large ones: the new is written, then the old are deleted.
//!
//! A fence is never deleted and never merged: the writer before it may still aim at its slot, and
//! must find it taken. Frames are copied as they are, so that nothing is decoded or re-checked
//! into being; a damaged segment is left alone, as evidence.

use crate::journal::bytes::Place;
use crate::journal::catalog::Catalog;
use crate::journal::footer;
use crate::journal::frame::{self, Walked};
use crate::journal::segment::Segment;
use crate::store::{Created, StoreError};
use bytes::Bytes;
use futures::StreamExt;
use std::collections::HashSet;
use std::sync::Arc;

/// A merged segment's size: held in memory while it is made.
const TARGET: u64 = 8 << 20;
/// Segments of this size are left alone.
const LARGE: u64 = 4 << 20;
/// Segments read at once: they are small, and a bucket takes its time for each.
const AT_ONCE: usize = 8;

/// Merges runs of consecutive small segments of `dir`. What another process merged meanwhile is
/// left to it.
pub(super) async fn merge(catalog: &Catalog, dir: &str, nonce: [u8; 16]) -> Result<(), StoreError> {
    let mine: Vec<Arc<Segment>> = catalog.live().into_iter().filter(|s| s.dir == dir).collect();
    // What we wrote is merged from memory: whether another has merged it meanwhile, only a list tells.
    let listed = catalog.store().list(dir).await?;
    let listed: HashSet<String> = listed.into_iter().map(|(name, _)| name).collect();
    if let Some(gone) = mine.iter().map(|s| s.name()).find(|name| !listed.contains(name)) {
        return Err(StoreError::NotFound { place: gone });
    }
    let mut run: Vec<Arc<Segment>> = Vec::new();
    let mut size = 0;
    for segment in mine.into_iter().filter(|s| !s.is_fence()) {
        if segment.size >= LARGE || size + segment.size > TARGET {
            merge_run(catalog, &run, nonce).await?;
            run.clear();
            size = 0;
        }
        if segment.size < LARGE {
            size += segment.size;
            run.push(segment);
        }
    }
    merge_run(catalog, &run, nonce).await
}

async fn merge_run(
    catalog: &Catalog,
    run: &[Arc<Segment>],
    nonce: [u8; 16],
) -> Result<(), StoreError> {
    // Reserved at once: growth by doubling would hold the bytes twice.
    let size: u64 = run.iter().map(|segment| segment.size).sum();
    let mut bytes = frame::unsealed((size + size / 16) as usize);
    let mut places = Vec::new();
    let mut taken: Vec<Arc<Segment>> = Vec::new();
    let mut read = futures::stream::iter(run.to_vec())
        .map(|segment| async move { (catalog.bytes_of(&segment).await, segment) })
        .buffered(AT_ONCE);
    while let Some((old, segment)) = read.next().await {
        let old = old?;
        let items = frame::walk(&old);
        if items.iter().any(|item| matches!(item, Walked::Damage { .. })) {
            finish(catalog, &taken, &mut bytes, &mut places, nonce).await?;
            taken.clear();
            continue;
        }
        for item in items {
            let Walked::Frame(Place { key, offset, len }) = item else { continue };
            places.push(Place { key, offset: bytes.len() as u32, len });
            bytes.extend_from_slice(&old[offset as usize..][..len as usize]);
        }
        taken.push(segment);
        // Megabytes were just hashed and copied: let calls have their turn.
        tokio::task::yield_now().await;
    }
    finish(catalog, &taken, &mut bytes, &mut places, nonce).await
}

/// Writes the merged segment and deletes those in it; leaves `bytes` and `places` as new.
async fn finish(
    catalog: &Catalog,
    taken: &[Arc<Segment>],
    bytes: &mut Vec<u8>,
    places: &mut Vec<Place>,
    nonce: [u8; 16],
) -> Result<(), StoreError> {
    let mut whole = std::mem::replace(bytes, frame::unsealed(0));
    let places = std::mem::take(places);
    let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return Ok(()) };
    if taken.len() < 2 {
        return Ok(());
    }
    whole.extend_from_slice(&footer::of(&places));
    frame::seal(&mut whole, nonce);
    let merged = Segment {
        dir: first.dir.clone(),
        first: first.first,
        last: last.last,
        size: whole.len() as u64,
    };
    if catalog.store().create(&merged.name(), Bytes::from(whole)).await? == Created::AlreadyThere {
        return Ok(());
    }
    let items: Vec<Walked> = places.into_iter().map(Walked::Frame).collect();
    catalog.adopt(merged, &items);
    let names: Vec<String> = taken.iter().map(|segment| segment.name()).collect();
    catalog.store().delete_all(&names).await
}

/// Deletes what an earlier merge of `dir` wrote anew but had no time to delete.
pub(super) async fn finish_earlier(catalog: &Catalog, dir: &str) -> Result<(), StoreError> {
    let live = catalog.live();
    for (name, size) in catalog.store().list(dir).await? {
        let Some(old) = Segment::parse(&name, size).filter(|s| s.dir == dir) else { continue };
        let known = live.iter().any(|s| **s == old);
        let held = live.iter().any(|s| old.is_within(s));
        if held && !known && !old.is_fence() {
            catalog.store().delete(&name).await?;
        }
    }
    Ok(())
}
