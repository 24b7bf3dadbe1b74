//! A cache of byte strings, bounded by their total size; the least recently used go first.

use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Not thread-safe: its owner locks it. Values are shared, never copied.
pub(super) struct ByteCache<K> {
    limit: usize,
    held: usize,
    /// Counts uses, so that the smallest number is the oldest use.
    clock: u64,
    values: HashMap<K, (u64, Bytes)>,
    by_use: BTreeMap<u64, K>,
}

impl<K: Hash + Eq + Clone> ByteCache<K> {
    pub fn new(limit: usize) -> ByteCache<K> {
        ByteCache { limit, held: 0, clock: 0, values: HashMap::new(), by_use: BTreeMap::new() }
    }

    pub fn get(&mut self, key: &K) -> Option<Bytes> {
        let (used, bytes) = self.values.get_mut(key)?;
        self.by_use.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.by_use.insert(self.clock, key.clone());
        Some(bytes.clone())
    }

    /// A value larger than the whole cache is not kept.
    pub fn insert(&mut self, key: K, bytes: Bytes) {
        if bytes.len() > self.limit {
            return;
        }
        self.remove(&key);
        self.clock += 1;
        self.held += bytes.len();
        self.by_use.insert(self.clock, key.clone());
        self.values.insert(key, (self.clock, bytes));
        while self.held > self.limit {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some((_, bytes)) = self.values.remove(&oldest) {
                self.held -= bytes.len();
            }
        }
    }

    fn remove(&mut self, key: &K) {
        if let Some((used, bytes)) = self.values.remove(key) {
            self.by_use.remove(&used);
            self.held -= bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_no_more_than_its_limit_and_keeps_what_was_used_last() {
        let mut cache = ByteCache::new(100);
        for n in 0..10u32 {
            cache.insert(n, Bytes::from(vec![0; 30]));
            assert!(cache.held <= 100);
            assert!(cache.get(&0).is_some() || n == 0, "0 was used after every insert");
        }
        assert!(cache.get(&9).is_some());
        assert!(cache.get(&8).is_some());
        assert!(cache.get(&7).is_none());
        assert_eq!(cache.values.len(), cache.by_use.len());
        cache.insert(1, Bytes::from(vec![0; 101]));
        assert!(cache.get(&1).is_none());
    }
}
