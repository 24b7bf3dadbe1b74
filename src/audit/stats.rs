//! The few statistics an audit needs: proportions with intervals, agreement, quantiles,
//! histograms. Pure arithmetic on counts and slices; no chance, no I/O.
//!
//! The one idea: a figure without its uncertainty invites a wrong decision, so a share is a
//! `Share` (estimate and Wilson interval), never a bare float.

use serde::Serialize;

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

/// Cohen's kappa of a 2 x 2 table: agreement beyond chance, -1..=1. None when both sides always
/// say the same one thing (chance agreement is then 1 and kappa has no meaning).
pub fn kappa(both_yes: f64, only_a: f64, only_b: f64, both_no: f64) -> Option<f64> {
    let n = both_yes + only_a + only_b + both_no;
    if n <= 0.0 {
        return None;
    }
    let observed = (both_yes + both_no) / n;
    let (a, b) = ((both_yes + only_a) / n, (both_yes + only_b) / n);
    let chance = a * b + (1.0 - a) * (1.0 - b);
    (chance < 1.0 - 1e-12).then(|| (observed - chance) / (1.0 - chance))
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

impl Spread {
    /// Sorts `values`; NaNs are left out.
    pub fn of(values: &mut Vec<f64>) -> Option<Spread> {
        values.retain(|v| !v.is_nan());
        values.sort_by(f64::total_cmp);
        let (first, last) = (*values.first()?, *values.last()?);
        Some(Spread {
            count: values.len() as u64,
            mean: values.iter().sum::<f64>() / values.len() as f64,
            min: first,
            p50: quantile(values, 0.5),
            p95: quantile(values, 0.95),
            max: last,
        })
    }
}

/// The nearest-rank quantile of sorted values; 0 for none.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize - 1;
    sorted.get(rank.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Equal bins over `low..=high`; a value on the upper end falls into the last bin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    pub low: f64,
    pub high: f64,
    pub bins: Vec<u64>,
}

impl Histogram {
    /// `bins` bins over the values' own range; None when there is no value.
    pub fn of(values: &[f64], bins: usize) -> Option<Histogram> {
        let real = || values.iter().copied().filter(|v| v.is_finite());
        let low = real().reduce(f64::min)?;
        let high = real().reduce(f64::max)?;
        Some(Histogram::within(values, low, high, bins))
    }

    /// `bins` bins over a given range; values outside are left out.
    pub fn within(values: &[f64], low: f64, high: f64, bins: usize) -> Histogram {
        let bins = bins.max(1);
        let mut out = Histogram { low, high, bins: vec![0; bins] };
        let width = ((high - low) / bins as f64).max(f64::MIN_POSITIVE);
        for &v in values.iter().filter(|v| (low..=high).contains(*v)) {
            let bin = (((v - low) / width) as usize).min(bins - 1);
            out.bins[bin] += 1;
        }
        out
    }
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
    fn kappa_agrees_with_the_textbook_example() {
        // Cohen's grant example: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no.
        assert!((kappa(20.0, 5.0, 10.0, 15.0).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(kappa(9.0, 0.0, 0.0, 0.0), None);
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
            let histogram = Histogram::of(&values, 12).unwrap();
            prop_assert_eq!(histogram.bins.iter().sum::<u64>(), values.len() as u64);
        }

        #[test]
        fn quantiles_are_values_in_order(mut values in proptest::collection::vec(0.0f64..1e6, 1..200)) {
            let spread = Spread::of(&mut values).unwrap();
            prop_assert!(spread.min <= spread.p50 && spread.p50 <= spread.p95);
            prop_assert!(spread.p95 <= spread.max && values.contains(&spread.p50));
        }
    }
}
