//! Which segment holds which call: about 60 bytes of memory an entry.

use crate::journal::frame::Short;
use std::collections::HashMap;
use std::collections::hash_map;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Where a call's frame lies: the segment's number in the catalog, and bytes in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loc {
    pub segment: u32,
    pub offset: u32,
    pub len: u32,
}

const SHARDS: usize = 64;

type Shard = HashMap<Short, Loc, BuildHasherDefault<Uniform>>;

/// A concurrent map from call to place; sharded, so that replays do not wait for each other.
pub(super) struct Index {
    shards: Vec<RwLock<Shard>>,
    len: AtomicUsize,
}

/// Call keys are BLAKE3 already: any eight of their bytes are a hash.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }
}

impl Index {
    pub fn new() -> Index {
        Index { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), len: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub fn get(&self, key: &Short) -> Option<Loc> {
        self.read(key).get(key).copied()
    }

    /// Keeps what is there, unless `replace` says of it that `loc` supersedes it.
    pub fn insert(&self, key: Short, loc: Loc, replace: impl FnOnce(Loc) -> bool) {
        match self.write(&key).entry(key) {
            hash_map::Entry::Vacant(slot) => {
                slot.insert(loc);
                self.len.fetch_add(1, Ordering::Relaxed);
            }
            hash_map::Entry::Occupied(mut slot) => {
                if replace(*slot.get()) {
                    slot.insert(loc);
                }
            }
        }
    }

    /// Forgets `key` if it is still at `loc`.
    pub fn forget(&self, key: &Short, loc: Loc) {
        let mut shard = self.write(key);
        if shard.get(key) == Some(&loc) {
            shard.remove(key);
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn shard(&self, key: &Short) -> &RwLock<Shard> {
        // The last byte: the map's own buckets come from the others mixed with it.
        &self.shards[usize::from(key[15]) % SHARDS]
    }

    fn read(&self, key: &Short) -> RwLockReadGuard<'_, Shard> {
        self.shard(key).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &Short) -> RwLockWriteGuard<'_, Shard> {
        self.shard(key).write().unwrap_or_else(PoisonError::into_inner)
    }
}
