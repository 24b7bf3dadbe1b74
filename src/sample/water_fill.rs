//! Quotas by water-filling: everyone gets the same share until they run dry, and what the dry ones
//! leave is shared among the others.

/// How many to take of each stratum: the sum is `min(target, sum of available)`.
///
/// With equal weights no stratum gets more than another unless that one is taken whole (a
/// difference of one is rounding). `weights` are relative (one per stratum; missing, negative or
/// non-finite ones count as 1, 1 and 0): a stratum of weight 2 gets twice the share. Zero weight
/// takes part only once all others are taken whole. Ties of rounding go to the earlier stratum.
/// Growing `target` never shrinks a quota when the weights are equal.
pub fn water_fill(available: &[u64], weights: Option<&[f64]>, target: u64) -> Vec<u64> {
    let weight = |i: usize| match weights.and_then(|w| w.get(i)) {
        None => 1.0,
        Some(w) if w.is_finite() && *w >= 0.0 => *w,
        Some(w) if w.is_finite() => 1.0,
        Some(_) => 0.0,
    };
    let weights: Vec<f64> = (0..available.len()).map(weight).collect();
    let total: u128 = available.iter().map(|&a| u128::from(a)).sum();
    let target = u64::try_from(total.min(u128::from(target))).unwrap_or(target);
    let mut quota = vec![0; available.len()];
    fill(available, &weights, target, &mut quota);
    // What is left can only be taken from strata of zero weight.
    let left = target - quota.iter().sum::<u64>();
    if left > 0 {
        let rest: Vec<u64> = available.iter().zip(&quota).map(|(a, q)| a - q).collect();
        let more = water_fill(&rest, None, left);
        quota.iter_mut().zip(more).for_each(|(q, m)| *q += m);
    }
    quota
}

/// Fills strata of positive weight.
fn fill(available: &[u64], weights: &[f64], target: u64, quota: &mut [u64]) {
    let mut open: Vec<usize> = (0..available.len()).filter(|&i| weights[i] > 0.0).collect();
    // In the order in which a rising level takes strata whole.
    let ratio = |i: usize| available[i] as f64 / weights[i];
    open.sort_by(|&a, &b| ratio(a).total_cmp(&ratio(b)).then(a.cmp(&b)));
    let mut left = target;
    let mut weight: f64 = open.iter().map(|&i| weights[i]).sum();
    let mut next = 0;
    while next < open.len() {
        let i = open[next];
        if available[i] as f64 * weight > left as f64 * weights[i] || available[i] > left {
            break;
        }
        quota[i] = available[i];
        left -= available[i];
        weight -= weights[i];
        next += 1;
    }
    share(&open[next..], available, weights, left, quota);
}

/// Splits `left` among strata none of which it takes whole: floors, then one each by the largest
/// fraction (ties to the earlier stratum).
fn share(open: &[usize], available: &[u64], weights: &[f64], mut left: u64, quota: &mut [u64]) {
    let weight: f64 = open.iter().map(|&i| weights[i]).sum();
    if open.is_empty() || weight <= 0.0 {
        return;
    }
    let level = left as f64 / weight;
    let mut fractions: Vec<(f64, usize)> = Vec::with_capacity(open.len());
    for &i in open {
        let exact = level * weights[i];
        let floor = (exact as u64).min(available[i]).min(left);
        quota[i] = floor;
        left -= floor;
        fractions.push((exact - floor as f64, i));
    }
    fractions.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    while left > 0 {
        let before = left;
        for &(_, i) in &fractions {
            if left > 0 && quota[i] < available[i] {
                quota[i] += 1;
                left -= 1;
            }
        }
        if left == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::water_fill;
    use proptest::prelude::*;

    #[test]
    fn dry_strata_leave_their_share_to_others() {
        assert_eq!(water_fill(&[100, 5, 100], None, 60), [28, 5, 27]);
        assert_eq!(water_fill(&[3, 3], None, 100), [3, 3]);
        assert_eq!(water_fill(&[], None, 10), [0u64; 0]);
        assert_eq!(water_fill(&[100, 100, 100], Some(&[2.0, 1.0, 0.0]), 60), [40, 20, 0]);
        assert_eq!(water_fill(&[10, 100], Some(&[1.0, 0.0]), 60), [10, 50]);
        assert_eq!(water_fill(&[u64::MAX, u64::MAX], None, 7), [4, 3]);
    }

    fn strata() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(prop_oneof![Just(0u64), 0u64..20, 0u64..100_000], 0..30)
    }

    proptest! {
        #[test]
        fn the_sum_is_exact_and_nothing_is_overdrawn(
            available in strata(),
            weights in prop::collection::vec(prop_oneof![Just(0.0f64), 0.01f64..100.0, Just(f64::NAN)], 0..30),
            target in 0u64..200_000,
            weighted: bool,
        ) {
            let quota = water_fill(&available, weighted.then_some(&weights[..]), target);
            prop_assert_eq!(quota.iter().sum::<u64>(), target.min(available.iter().sum()));
            prop_assert!(quota.iter().zip(&available).all(|(q, a)| q <= a));
        }

        #[test]
        fn equal_weights_are_fair(available in strata(), target in 0u64..200_000) {
            let quota = water_fill(&available, None, target);
            let most = quota.iter().max().copied().unwrap_or(0);
            for (q, a) in quota.iter().zip(&available) {
                prop_assert!(q == a || q + 1 >= most, "{quota:?} of {available:?}");
            }
        }

        #[test]
        fn a_larger_target_takes_nothing_back(available in strata(), target in 0u64..200_000) {
            let small = water_fill(&available, None, target);
            let large = water_fill(&available, None, target + 1);
            prop_assert!(small.iter().zip(&large).all(|(s, l)| s <= l), "{small:?} {large:?}");
        }
    }
}
