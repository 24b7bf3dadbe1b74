//! The k records with the least keys: a sample that shards can make apart and merge.

use std::collections::BinaryHeap;

/// Keeps the `k` least `(key, item)` of all that are offered. With keys from `Id::keyed` this is a
/// uniform sample without replacement that does not depend on order or shards. Memory: k items.
#[derive(Debug, Clone)]
pub struct BottomK<T: Ord> {
    k: usize,
    heap: BinaryHeap<(u64, T)>,
}

impl<T: Ord> BottomK<T> {
    pub fn new(k: usize) -> BottomK<T> {
        BottomK { k, heap: BinaryHeap::new() }
    }

    /// Whether an item with this key could still be taken; spares building items in vain.
    pub fn wants(&self, key: u64) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_some_and(|(worst, _)| key <= *worst)
    }

    pub fn offer(&mut self, key: u64, item: T) {
        if self.k == 0 || !self.wants(key) {
            return;
        }
        self.heap.push((key, item));
        if self.heap.len() > self.k {
            self.heap.pop();
        }
    }

    /// Takes over what another kept.
    pub fn merge(&mut self, other: BottomK<T>) {
        for (key, item) in other.heap {
            self.offer(key, item);
        }
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The items, by rising key.
    pub fn into_sorted(self) -> Vec<T> {
        self.heap.into_sorted_vec().into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::BottomK;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_the_sorted_prefix_in_any_order_and_over_shards(
            mut rows in prop::collection::vec((0u64..50, 0u32..1000), 0..60),
            k in 0usize..20,
            cut in 0usize..60,
        ) {
            let cut = cut.min(rows.len());
            let run = |rows: &[(u64, u32)]| {
                let mut kept = BottomK::new(k);
                rows.iter().for_each(|&(key, item)| kept.offer(key, item));
                kept
            };
            let mut merged = run(&rows[cut..]);
            merged.merge(run(&rows[..cut]));
            let straight = run(&rows).into_sorted();
            prop_assert_eq!(&merged.into_sorted(), &straight);
            rows.sort();
            let expected: Vec<u32> = rows.iter().take(k).map(|r| r.1).collect();
            prop_assert_eq!(straight, expected);
        }
    }
}
