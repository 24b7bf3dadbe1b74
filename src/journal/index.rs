//! Which segment holds which call: about 60 bytes of memory an entry.

use crate::journal::bytes::Short;
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::collections::HashMap;
use std::collections::hash_map;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// Later copies of an entry, oldest first: it was bought again because the first was lost, or
    /// by two shards at once. Mostly empty.
    copies: Mutex<HashMap<Short, Vec<Loc>>>,
}

/// Call keys are BLAKE3 already: any eight of their bytes are a hash.
#[derive(Default)]
pub(super) struct Uniform(u64);

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
        Index {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            len: AtomicUsize::new(0),
            copies: Mutex::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub fn get(&self, key: &Short) -> Option<Loc> {
        self.read(key).get(key).copied()
    }

    /// Whether there is one copy of an entry and no other.
    pub fn is_single(&self, key: &Short) -> bool {
        self.get(key).is_some() && !self.copies().contains_key(key)
    }

    /// The first copy of an entry counts and later ones wait, unless `superseded` says of the
    /// first that its segment is gone and `loc` is its place now.
    pub fn insert(&self, key: Short, loc: Loc, superseded: impl FnOnce(Loc) -> bool) {
        match self.write(&key).entry(key) {
            hash_map::Entry::Vacant(slot) => {
                slot.insert(loc);
                self.len.fetch_add(1, Ordering::Relaxed);
            }
            hash_map::Entry::Occupied(mut slot) => {
                if superseded(*slot.get()) {
                    slot.insert(loc);
                } else {
                    self.copies().entry(key).or_default().push(loc);
                }
            }
        }
    }

    /// Forgets `key`'s copy at `loc`, if that is the one that counts: the next takes its place.
    pub fn forget(&self, key: &Short, loc: Loc) {
        let mut shard = self.write(key);
        if shard.get(key) != Some(&loc) {
            return;
        }
        let next =
            self.copies().get_mut(key).filter(|all| !all.is_empty()).map(|all| all.remove(0));
        match next {
            Some(next) => {
                shard.insert(*key, next);
            }
            None => {
                shard.remove(key);
                self.len.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Drops the waiting copies of which `gone` is true.
    pub fn retire(&self, gone: impl Fn(u32) -> bool) {
        self.copies().retain(|_, all| {
            all.retain(|loc| !gone(loc.segment));
            !all.is_empty()
        });
    }

    fn copies(&self) -> MutexGuard<'_, HashMap<Short, Vec<Loc>>> {
        self.copies.lock()
    }

    fn shard(&self, key: &Short) -> &RwLock<Shard> {
        // The last byte: the map's own buckets come from the others mixed with it.
        &self.shards[usize::from(key[15]) % SHARDS]
    }

    fn read(&self, key: &Short) -> RwLockReadGuard<'_, Shard> {
        self.shard(key).read()
    }

    fn write(&self, key: &Short) -> RwLockWriteGuard<'_, Shard> {
        self.shard(key).write()
    }
}
