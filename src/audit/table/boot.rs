//! Intervals by resampling prompts, and means of the kinds that the tables need.

use crate::benchmark::Benchmark;
use crate::env::Rng;
use std::ops::Range;

/// Resamples of each interval.
const RESAMPLES: usize = 1000;

/// The 2.5 and 97.5 percentiles of `stat` over resamples of `prompts`; None for fewer than two. A
/// prompt is the range of its rollouts: several of one prompt are drawn together, since they are
/// alike.
pub fn interval(
    prompts: &[Range<usize>],
    stat: impl Fn(&[usize]) -> Option<f64>,
) -> Option<(f64, f64)> {
    let n = prompts.len();
    if n < 2 {
        return None;
    }
    let mut rng = Rng::keyed(0, &["bootstrap", &n.to_string()]);
    let mut drawn = Vec::with_capacity(n);
    let mut seen = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.clear();
        (0..n).for_each(|_| drawn.extend(prompts[rng.below(n)].clone()));
        seen.extend(stat(&drawn));
    }
    seen.sort_by(f64::total_cmp);
    let at =
        |share: f64| seen.get(((seen.len().max(1) - 1) as f64 * share).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

/// `n` prompts of one rollout each.
pub fn single(n: usize) -> Vec<Range<usize>> {
    (0..n).map(|at| at..at + 1).collect()
}

/// Sum over sum: a rate of things of which a prompt has none, one or several.
pub fn ratio(parts: &[(f64, f64)], at: &[usize]) -> Option<f64> {
    let (num, den) = at.iter().fold((0.0, 0.0), |(n, d), i| (n + parts[*i].0, d + parts[*i].1));
    (den > 0.0).then(|| num / den)
}

/// A score with the group that it counts in; None: it is left out.
pub type Grouped = Option<(usize, f64)>;

/// The mean over groups by their weights, of those that have rows; with no set, over all.
pub fn weighted(set: Option<&Benchmark>, scores: &[Grouped], at: &[usize]) -> Option<f64> {
    let groups = set.map_or(1, |set| set.groups.len());
    let mut sums = vec![(0.0, 0.0); groups];
    for (group, score) in at.iter().filter_map(|i| scores[*i]) {
        sums[group].0 += score;
        sums[group].1 += 1.0;
    }
    let weight = |g: usize| set.map_or(1.0, |set| set.groups[g].weight);
    let there = sums.iter().enumerate().filter(|(_, (_, n))| *n > 0.0);
    let (sum, of) =
        there.fold((0.0, 0.0), |(s, w), (g, (sum, n))| (s + weight(g) * sum / n, w + weight(g)));
    (of > 0.0).then(|| sum / of)
}

#[cfg(test)]
mod tests {
    use super::{interval, ratio, single};

    #[test]
    fn an_interval_holds_its_mean_and_narrows() {
        let parts: Vec<(f64, f64)> = (0..280).map(|n| (f64::from(n % 2), 1.0)).collect();
        let all: Vec<usize> = (0..280).collect();
        assert_eq!(ratio(&parts, &all), Some(0.5));
        let (low, high) = interval(&single(280), |at| ratio(&parts, at)).unwrap();
        // The standard error of 280 coins is 0.03.
        assert!(low > 0.42 && low < 0.47 && high > 0.53 && high < 0.58, "{low} {high}");
        let (few, many) = interval(&single(20), |at| ratio(&parts[..20], at)).unwrap();
        assert!(many - few > high - low);
        assert_eq!(interval(&single(1), |at| ratio(&parts, at)), None);
    }

    #[test]
    fn rollouts_of_one_prompt_are_drawn_together() {
        // Each prompt ten times over, all alike: that is no more evidence than once each.
        let once: Vec<(f64, f64)> = (0..50).map(|n| (f64::from(n % 2), 1.0)).collect();
        let tenfold: Vec<(f64, f64)> = once.iter().flat_map(|part| [*part; 10]).collect();
        let prompts: Vec<_> = (0..50).map(|n| n * 10..n * 10 + 10).collect();
        assert_eq!(
            interval(&prompts, |at| ratio(&tenfold, at)),
            interval(&single(50), |at| ratio(&once, at))
        );
    }
}
