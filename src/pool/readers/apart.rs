//! Samples of a tar whose parts stand apart: pictures first, texts later, as some tools write them.
//!
//! Those that are not whole wait for their other half, in a window of bounded bytes and number; the
//! oldest goes on as it is where the window is full, and its message says how to sort the tar.

use super::tars::Sample;
use std::collections::{HashMap, VecDeque};

const MOST: usize = 20_000;
const BYTES: usize = 64 << 20;

/// The window.
#[derive(Default)]
pub struct Apart {
    waiting: HashMap<String, Sample>,
    /// Keys in the order in which they came; some have been taken since.
    order: VecDeque<String>,
    bytes: usize,
}

impl Apart {
    /// What waits under that key; an empty sample where nothing does.
    pub fn take(&mut self, key: &str) -> Sample {
        let sample = self.waiting.remove(key).unwrap_or_default();
        self.bytes -= sample.bytes();
        sample
    }

    /// Lets a sample wait; those that must go to make room.
    pub fn wait(&mut self, sample: Sample) -> Vec<Sample> {
        self.bytes += sample.bytes();
        self.order.push_back(sample.key.clone());
        self.waiting.insert(sample.key.clone(), sample);
        let mut gone = Vec::new();
        while self.bytes > BYTES || self.order.len() > MOST {
            let Some(oldest) = self.order.pop_front() else { break };
            if self.waiting.contains_key(&oldest) {
                gone.push(self.take(&oldest));
            }
        }
        gone
    }

    /// All that still waits, in order.
    pub fn rest(mut self) -> Vec<Sample> {
        let keys = std::mem::take(&mut self.order);
        keys.into_iter().filter_map(|key| self.waiting.remove(&key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Apart;
    use crate::pool::readers::tars::Sample;
    use bytes::Bytes;

    fn sample(key: &str, ending: &str) -> Sample {
        let parts = vec![(ending.to_owned(), Bytes::from_static(b"x"))];
        Sample { key: key.to_owned(), parts, left: None }
    }

    #[test]
    fn halves_wait_for_each_other_and_the_rest_keeps_its_order() {
        let mut apart = Apart::default();
        for key in ["a", "b", "c"] {
            assert!(apart.wait(sample(key, "jpg")).is_empty());
        }
        let mut whole = apart.take("b");
        whole.parts.extend(sample("b", "txt").parts);
        assert!(whole.is_whole() && !sample("a", "jpg").is_whole());
        assert_eq!(apart.take("z").key, "");
        let rest: Vec<String> = apart.rest().into_iter().map(|sample| sample.key).collect();
        assert_eq!(rest, ["a", "c"]);
    }
}
