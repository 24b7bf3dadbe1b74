//! Splits by prompt group: no prompt, near-duplicate or spec stands on both sides.
//!
//! Records that share any key are one group, and a group goes to a split by the smallest keyed hash of
//! its members, so that order and shards do not matter. What near-duplicates are, the caller says:
//! `deliver::export` takes them from `text`.

use crate::record::Id;
use std::collections::HashMap;

/// Which share of the groups goes where.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares(Vec<(String, f64)>);

/// The names splits get, in order.
pub const NAMES: [&str; 3] = ["train", "validation", "test"];

impl Shares {
    /// From `0.98,0.02`: one to three shares above 0 that sum to 1 (within 1e-6). The error says
    /// what is so.
    pub fn parse(text: &str) -> Result<Shares, String> {
        let shares: Vec<f64> = text
            .split(',')
            .map(|share| {
                let share = share.trim();
                let number: f64 = share.parse().map_err(|_| format!("`{share}` is no number"))?;
                let good = number > 0.0 && number <= 1.0;
                if good { Ok(number) } else { Err(format!("share `{share}` is not in 0..1")) }
            })
            .collect::<Result<_, _>>()?;
        if shares.len() > NAMES.len() {
            return Err(format!("{} shares were given; the splits are {NAMES:?}", shares.len()));
        }
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(format!("the shares sum to {sum}, not to 1"));
        }
        Ok(Shares(NAMES.iter().map(|n| n.to_string()).zip(shares).collect()))
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The split of a number uniform in 0..1.
    fn at(&self, unit: f64) -> usize {
        let mut upto = 0.0;
        let found = self.0.iter().position(|(_, share)| {
            upto += share;
            unit < upto
        });
        found.unwrap_or(self.0.len() - 1)
    }
}

impl Default for Shares {
    fn default() -> Shares {
        Shares(vec![("train".to_string(), 1.0)])
    }
}

/// Groups in the making: union-find over records by their keys.
#[derive(Debug, Default)]
pub struct Groups {
    ids: Vec<Id>,
    places: HashMap<Id, u32>,
    parents: Vec<u32>,
    keys: HashMap<[u8; 16], u32>,
}

impl Groups {
    /// Adds a record with all that it shares with its likes.
    pub fn add<'a>(&mut self, id: Id, keys: impl IntoIterator<Item = &'a [u8]>) {
        let at = self.ids.len() as u32;
        self.ids.push(id);
        self.parents.push(at);
        if let Some(same) = self.places.insert(id, at) {
            self.unite(at, same);
        }
        for key in keys {
            let hash = short(key);
            match self.keys.get(&hash) {
                Some(&other) => self.unite(at, other),
                None => {
                    self.keys.insert(hash, at);
                }
            }
        }
    }

    /// Puts two records that were added into one group.
    pub fn join(&mut self, a: Id, b: Id) {
        if let (Some(&a), Some(&b)) = (self.places.get(&a), self.places.get(&b)) {
            self.unite(a, b);
        }
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.parents[at as usize] != at {
            let up = self.parents[self.parents[at as usize] as usize];
            self.parents[at as usize] = up;
            at = up;
        }
        at
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parents[high as usize] = low;
    }

    /// Each record's split, as an index into `Shares::names`. Where there are groups enough, every
    /// split that is asked for gets one, however small its share.
    pub fn assign(mut self, shares: &Shares, seed: u64) -> HashMap<Id, usize> {
        let mut lowest: HashMap<u32, u64> = HashMap::new();
        for at in 0..self.ids.len() as u32 {
            let root = self.root(at);
            let hash = self.ids[at as usize].keyed("export split", seed);
            lowest.entry(root).and_modify(|low| *low = hash.min(*low)).or_insert(hash);
        }
        let mut sizes: HashMap<u32, u32> = HashMap::new();
        for at in 0..self.ids.len() as u32 {
            *sizes.entry(self.root(at)).or_default() += 1;
        }
        let mut placed: Vec<Placed> = lowest
            .iter()
            .map(|(root, lowest)| {
                // The smallest of n uniform numbers is not uniform; its power is.
                let low = (lowest >> 11) as f64 / (1u64 << 53) as f64;
                let unit = 1.0 - (1.0 - low).powi(sizes[root] as i32);
                Placed { root: *root, lowest: *lowest, unit, split: shares.at(unit) }
            })
            .collect();
        fill_empty(&mut placed, shares);
        let split: HashMap<u32, usize> = placed.iter().map(|p| (p.root, p.split)).collect();
        let mut out = HashMap::with_capacity(self.ids.len());
        for at in 0..self.ids.len() as u32 {
            let root = self.root(at);
            out.insert(self.ids[at as usize], split[&root]);
        }
        out
    }
}

/// A group with the number in 0..1 that it stands at.
struct Placed {
    root: u32,
    /// The smallest keyed hash of its members: the group's own name, whatever the order.
    lowest: u64,
    unit: f64,
    split: usize,
}

/// Gives each split without a group the one that stands nearest to its share, out of a split that has
/// others left.
fn fill_empty(placed: &mut [Placed], shares: &Shares) {
    placed.sort_by_key(|group| group.lowest);
    let mut counts = vec![0usize; shares.0.len()];
    placed.iter().for_each(|group| counts[group.split] += 1);
    let mut upto = 0.0;
    for (empty, (_, share)) in shares.0.iter().enumerate() {
        let middle = upto + share / 2.0;
        upto += share;
        if counts[empty] > 0 {
            continue;
        }
        let away = |group: &Placed| (group.unit - middle).abs();
        let spare = placed.iter_mut().filter(|group| counts[group.split] > 1);
        if let Some(nearest) = spare.min_by(|a, b| away(a).total_cmp(&away(b))) {
            counts[nearest.split] -= 1;
            counts[empty] += 1;
            nearest.split = empty;
        }
    }
}

/// A key's hash: 16 bytes bound the memory, whatever the keys.
fn short(key: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&blake3::hash(key).as_bytes()[..16]);
    out
}

/// A prompt's words: lower case, white space and punctuation as one space. Equal words are one
/// prompt.
pub fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_checked() {
        assert_eq!(Shares::parse("0.98, 0.02").unwrap().names(), ["train", "validation"]);
        assert!(Shares::parse("0.9").unwrap_err().contains("sum to 0.9"));
        assert!(Shares::parse("1,0").unwrap_err().contains("`0`"));
        assert!(Shares::parse("a").unwrap_err().contains("no number"));
    }

    #[test]
    fn shares_are_kept_roughly() {
        let mut groups = Groups::default();
        for n in 0..2_000 {
            let key = format!("group {}", n / (1 + n % 3));
            groups.add(Id::of("t", &n.to_string(), ""), [key.as_bytes()]);
        }
        let shares = Shares::parse("0.8,0.2").unwrap();
        let held = groups.assign(&shares, 7).values().filter(|split| **split == 1).count();
        assert!((250..550).contains(&held), "{held}");
    }

    #[test]
    fn a_small_share_gets_a_group_where_there_are_enough() {
        for seed in 0..40 {
            let mut groups = Groups::default();
            for n in 0..9 {
                groups.add(Id::of("t", &n.to_string(), ""), []);
            }
            let shares = Shares::parse("0.98,0.01,0.01").unwrap();
            let splits = groups.assign(&shares, seed);
            let of = |split: usize| splits.values().filter(|s| **s == split).count();
            assert_eq!((of(0), of(1), of(2)), (7, 1, 1), "seed {seed}");
        }
        let mut one = Groups::default();
        one.add(Id::of("t", "1", ""), []);
        let splits = one.assign(&Shares::parse("0.5,0.5").unwrap(), 0);
        assert_eq!(splits.len(), 1);
    }

    proptest! {
        #[test]
        fn no_key_is_on_both_sides_in_any_order(
            records in prop::collection::vec(prop::collection::vec(0u8..12, 0..3), 1..40),
            order in any::<u64>(),
        ) {
            let shares = Shares::parse("0.5,0.5").unwrap();
            let assign = |order: &[usize]| {
                let mut groups = Groups::default();
                for &n in order {
                    let keys: Vec<[u8; 1]> = records[n].iter().map(|k| [*k]).collect();
                    groups.add(Id::of("t", &n.to_string(), ""), keys.iter().map(|k| &k[..]));
                }
                groups.assign(&shares, 1)
            };
            let plain: Vec<usize> = (0..records.len()).collect();
            let mut mixed = plain.clone();
            mixed.sort_by_key(|n| Id::of("mix", &n.to_string(), "").keyed("x", order));
            let splits = assign(&plain);
            prop_assert_eq!(&splits, &assign(&mixed));
            for (a, first) in records.iter().enumerate() {
                for (b, second) in records.iter().enumerate() {
                    if first.iter().any(|key| second.contains(key)) {
                        let at = |n: usize| splits[&Id::of("t", &n.to_string(), "")];
                        prop_assert_eq!(at(a), at(b));
                    }
                }
            }
        }
    }
}
