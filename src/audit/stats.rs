//! The few statistics an audit needs: proportions with intervals, agreement, quantiles,
//! histograms. Pure arithmetic on counts and slices; no chance, no I/O.
//!
//! A figure without its uncertainty invites a wrong decision, so a share is a `Share` (estimate and
//! Wilson interval), never a bare float.

use serde::Serialize;
use std::collections::BTreeMap;

/// The 97.5 % point of the normal law: intervals here are 95 % intervals.
const Z: f64 = 1.959_963_984_540_054;

/// A proportion with its 95 % Wilson score interval (which, unlike Wald's, is honest near 0 and 1
/// and for small counts).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    pub hits: u64,
    pub of: u64,
    /// `hits / of`; 0 when `of` is 0.
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

impl Share {
    pub fn of(hits: u64, of: u64) -> Share {
        let (low, high) = wilson(hits as f64, of as f64);
        let share = if of == 0 { 0.0 } else { hits as f64 / of as f64 };
        Share { hits, of, share, low, high }
    }

    /// Whether `value` lies in the interval.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl std::fmt::Display for Share {
    /// `12.3 % [10.1, 14.9] of 812`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pc = |x: f64| x * 100.0;
        let (share, low, high) = (pc(self.share), pc(self.low), pc(self.high));
        write!(f, "{share:.1} % [{low:.1}, {high:.1}] of {}", self.of)
    }
}

/// The Wilson interval; counts may be fractional (weighted samples pass their effective size).
pub fn wilson(hits: f64, of: f64) -> (f64, f64) {
    if of <= 0.0 {
        return (0.0, 1.0);
    }
    let p = (hits / of).clamp(0.0, 1.0);
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * of)) / (1.0 + z2 / of);
    let half = Z / (1.0 + z2 / of) * (p * (1.0 - p) / of + z2 / (4.0 * of * of)).sqrt();
    // At 0 and at 1 rounding could leave the estimate outside by a hair.
    ((centre - half).clamp(0.0, p), (centre + half).clamp(p, 1.0))
}

/// How often two sides of a 2 x 2 table agree by chance, 0..=1, when each says yes as often as it
/// does. Cohen's kappa is agreement beyond it; at 1, both always say the same one thing, and kappa
/// has no meaning.
pub fn chance_agreement(both_yes: f64, only_a: f64, only_b: f64, both_no: f64) -> f64 {
    let n = both_yes + only_a + only_b + both_no;
    let (a, b) = ((both_yes + only_a) / n, (both_yes + only_b) / n);
    if n > 0.0 { a * b + (1.0 - a) * (1.0 - b) } else { 1.0 }
}

/// Five numbers of a distribution. Empty input gives None.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub count: u64,
    pub mean: f64,
    pub min: f64,
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
}

/// The place, from 0, of the `q` quantile among `count` sorted values, by nearest rank.
fn rank(count: u64, q: f64) -> u64 {
    let rank = (q * count as f64).ceil().max(1.0) as u64 - 1;
    rank.min(count.saturating_sub(1))
}

/// Equal bins over `low..=high`; a value on the upper end falls into the last bin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    pub low: f64,
    pub high: f64,
    pub bins: Vec<u64>,
}

/// A histogram with its five numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    pub spread: Spread,
    pub histogram: Histogram,
}

/// Values, counted: memory grows with how many different ones there are, not with how many.
/// NaNs and infinities are left out.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<u64, u64>);

/// Bins of a `Distribution`.
const BINS: usize = 20;

impl Tally {
    pub fn push(&mut self, value: f64) {
        if value.is_finite() {
            *self.0.entry(ordered(value)).or_default() += 1;
        }
    }

    /// (value, how often), ascending.
    fn values(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.0.iter().map(|(key, n)| (unordered(*key), *n))
    }

    /// None when there is no value.
    pub fn spread(&self) -> Option<Spread> {
        let count: u64 = self.0.values().sum();
        let (min, max) = (*self.0.first_key_value()?.0, *self.0.last_key_value()?.0);
        let sum: f64 = self.values().map(|(value, n)| value * n as f64).sum();
        let at = |q: f64| {
            let mut left = rank(count, q);
            for (value, n) in self.values() {
                match left.checked_sub(n) {
                    Some(rest) => left = rest,
                    None => return value,
                }
            }
            unordered(max)
        };
        Some(Spread {
            count,
            mean: sum / count as f64,
            min: unordered(min),
            p50: at(0.5),
            p95: at(0.95),
            max: unordered(max),
        })
    }

    /// `bins` bins over a given range; values outside are left out.
    pub fn histogram(&self, low: f64, high: f64, bins: usize) -> Histogram {
        let bins = bins.max(1);
        let mut out = Histogram { low, high, bins: vec![0; bins] };
        let width = ((high - low) / bins as f64).max(f64::MIN_POSITIVE);
        for (value, n) in self.values().filter(|(value, _)| (low..=high).contains(value)) {
            out.bins[(((value - low) / width) as usize).min(bins - 1)] += n;
        }
        out
    }

    /// Over `range` if all values are in it, else over their own.
    pub fn distribution(&self, range: Option<(f64, f64)>) -> Option<Distribution> {
        let spread = self.spread()?;
        let (low, high) = range
            .filter(|(low, high)| spread.min >= *low && spread.max <= *high)
            .unwrap_or((spread.min, spread.max));
        Some(Distribution { spread, histogram: self.histogram(low, high, BINS) })
    }
}

impl FromIterator<f64> for Tally {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Tally {
        let mut out = Tally::default();
        values.into_iter().for_each(|value| out.push(value));
        out
    }
}

/// Bits that compare as the numbers do; zero has one sign.
fn ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn unordered(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wilson_agrees_with_the_published_example() {
        // Newcombe 1998, table I: 81 of 263, method 3.
        let share = Share::of(81, 263);
        assert!((share.low - 0.2553).abs() < 1e-4, "{share:?}");
        assert!((share.high - 0.3662).abs() < 1e-4, "{share:?}");
    }

    #[test]
    fn chance_agrees_with_the_textbook_example() {
        // Cohen's grant example: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no; kappa is 0.4.
        assert!((chance_agreement(20.0, 5.0, 10.0, 15.0) - 0.5).abs() < 1e-12);
        assert_eq!(chance_agreement(9.0, 0.0, 0.0, 0.0), 1.0);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_estimate(of in 1u64..5000, part in 0.0f64..=1.0) {
            let hits = (of as f64 * part) as u64;
            let share = Share::of(hits, of);
            prop_assert!(share.holds(share.share));
            prop_assert!(share.low >= 0.0 && share.high <= 1.0);
        }

        #[test]
        fn a_histogram_loses_no_value(values in proptest::collection::vec(-1e6f64..1e6, 1..200)) {
            let all = values.iter().copied().collect::<Tally>().distribution(None).unwrap();
            prop_assert_eq!(all.histogram.bins.iter().sum::<u64>(), values.len() as u64);
        }

        #[test]
        fn counted_values_give_the_numbers_of_the_values(
            mut values in proptest::collection::vec(-50i32..50, 1..200),
        ) {
            let spread = values.iter().map(|v| f64::from(*v) / 4.0).collect::<Tally>().spread();
            let spread = spread.unwrap();
            values.sort();
            let sorted: Vec<f64> = values.iter().map(|v| f64::from(*v) / 4.0).collect();
            prop_assert_eq!(spread.count, sorted.len() as u64);
            prop_assert_eq!((spread.min, spread.max), (sorted[0], sorted[sorted.len() - 1]));
            // Nearest rank: the first value that so many are not above.
            for (p, value) in [(0.5, spread.p50), (0.95, spread.p95)] {
                let upto = |v: f64| sorted.iter().filter(|x| **x <= v).count() as f64;
                let wanted = sorted.iter().find(|v| upto(**v) >= p * sorted.len() as f64);
                prop_assert_eq!(Some(&value), wanted);
            }
            let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
            prop_assert!((spread.mean - mean).abs() < 1e-9);
        }

        #[test]
        fn numbers_keep_their_order_and_value(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (a as f64 / 1e3, b as f64 / 1e3);
            prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.partial_cmp(&b).unwrap());
            prop_assert_eq!(unordered(ordered(a)), a);
        }
    }
}
