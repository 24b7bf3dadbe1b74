//! What a dataset of N trajectories will take, from what a finished run or a pilot took.
//!
//! Not here: reading a RUN (`cli`). The one idea: everything is a ratio per kept trajectory
//! (prompts, calls, tokens, dollars), so one bootstrap over the run's records gives each its
//! interval, with the dependence between "got far" and "cost much" in it.

use crate::env::Rng;
use crate::record::NanoUsd;
use std::collections::BTreeMap;

/// What one record used of one role.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Use {
    pub calls: f64,
    pub tokens_in: f64,
    /// With thinking.
    pub tokens_out: f64,
    pub images: f64,
    pub cost: f64,
    /// Seconds of a slot: the sum of its calls' latencies.
    pub busy: f64,
}

/// One prompt of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// It became a trajectory.
    pub kept: bool,
    /// By role.
    pub used: BTreeMap<String, Use>,
}

/// An estimate with the interval that holds it in nine of ten bootstraps.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Range {
    pub low: f64,
    pub mid: f64,
    pub high: f64,
}

/// What one role will be asked for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RoleEstimate {
    pub role: String,
    pub calls: Range,
    pub tokens_in: Range,
    pub tokens_out: Range,
    pub images: Range,
    pub cost_usd: Range,
    /// With `slots` calls in flight and nothing else in the way.
    pub hours: Range,
    pub slots: u64,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// Trajectories wanted.
    pub target: u64,
    /// Records it rests on, and how many of them were kept.
    pub records: u64,
    pub kept: u64,
    /// Prompts that must enter.
    pub prompts: Range,
    pub cost_usd: Range,
    /// Of the slowest role: all roles work at the same time.
    pub hours: Range,
    pub roles: Vec<RoleEstimate>,
}

const BOOTSTRAPS: usize = 400;

/// The estimate for `target` trajectories; None when nothing was kept, since then nothing is
/// known. `slots` says how many calls of a role may be in flight.
pub fn estimate(samples: &[Sample], target: u64, slots: &dyn Fn(&str) -> u64) -> Option<Estimate> {
    let kept = samples.iter().filter(|sample| sample.kept).count();
    if kept == 0 {
        return None;
    }
    let mut roles: Vec<&str> =
        samples.iter().flat_map(|s| s.used.keys().map(String::as_str)).collect();
    roles.sort_unstable();
    roles.dedup();
    let slots: Vec<f64> = roles.iter().map(|role| slots(role).max(1) as f64).collect();
    let rows: Vec<Row> = samples.iter().map(|sample| Row::of(sample, &roles, &slots)).collect();
    let mid = scale(rows.iter(), target);
    let mut draws: Vec<Vec<f64>> = vec![Vec::new(); mid.len()];
    for b in 0..BOOTSTRAPS {
        let mut rng = Rng::keyed(b as u64, &["estimate"]);
        let picked = (0..rows.len()).map(|_| &rows[rng.below(rows.len())]);
        for (to, value) in draws.iter_mut().zip(scale(picked, target)) {
            to.push(value);
        }
    }
    let ranges: Vec<Range> = mid.iter().zip(draws).map(|(mid, draws)| range(*mid, draws)).collect();
    Some(Estimate {
        target,
        records: samples.len() as u64,
        kept: kept as u64,
        prompts: ranges[0],
        cost_usd: ranges[1],
        hours: ranges[2],
        roles: by_role(&roles, &slots, &ranges[3..]),
    })
}

fn by_role(roles: &[&str], slots: &[f64], ranges: &[Range]) -> Vec<RoleEstimate> {
    let one = |((role, slots), r): ((&&str, &f64), &[Range])| RoleEstimate {
        role: (*role).to_owned(),
        calls: r[0],
        tokens_in: r[1],
        tokens_out: r[2],
        images: r[3],
        cost_usd: r[4],
        hours: r[5],
        slots: *slots as u64,
    };
    roles.iter().zip(slots).zip(ranges.chunks_exact(FIELDS)).map(one).collect()
}

/// Calls, tokens in, tokens out, images, dollars, hours.
const FIELDS: usize = 6;

/// A sample as numbers: kept, then `FIELDS` for each role.
struct Row {
    kept: bool,
    values: Vec<f64>,
}

impl Row {
    fn of(sample: &Sample, roles: &[&str], slots: &[f64]) -> Row {
        let mut values = Vec::with_capacity(roles.len() * FIELDS);
        for (role, slots) in roles.iter().zip(slots) {
            let u = sample.used.get(*role).copied().unwrap_or_default();
            let hours = u.busy / slots / 3600.0;
            values.extend([u.calls, u.tokens_in, u.tokens_out, u.images, u.cost, hours]);
        }
        Row { kept: sample.kept, values }
    }
}

/// Prompts, dollars, hours, then each role's fields, for `target` kept ones.
fn scale<'a>(rows: impl Iterator<Item = &'a Row>, target: u64) -> Vec<f64> {
    let (mut records, mut kept) = (0.0, 0.0);
    let mut sums: Vec<f64> = Vec::new();
    for row in rows {
        records += 1.0;
        kept += f64::from(u8::from(row.kept));
        sums.resize(row.values.len(), 0.0);
        for (sum, value) in sums.iter_mut().zip(&row.values) {
            *sum += value;
        }
    }
    // A draw without a kept record says "at least that many": half a record stands in.
    let factor = target as f64 / f64::max(kept, 0.5);
    sums.iter_mut().for_each(|sum| *sum *= factor);
    let cost = sums.chunks_exact(FIELDS).map(|role| role[4]).sum();
    let hours = sums.chunks_exact(FIELDS).map(|role| role[5]).fold(0.0, f64::max);
    let mut out = vec![records * factor, cost, hours];
    out.extend(sums);
    out
}

fn range(mid: f64, mut draws: Vec<f64>) -> Range {
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
    Range { low: at(0.05), mid, high: at(0.95) }
}

impl Use {
    /// Adds one bought call.
    pub fn add(&mut self, reply: &crate::call::Reply) {
        let NanoUsd(nano) = reply.cost;
        self.calls += 1.0;
        self.tokens_in += reply.usage.input as f64;
        self.tokens_out += (reply.usage.output + reply.usage.thinking) as f64;
        self.images += reply.usage.images as f64;
        self.cost += nano as f64 / 1e9;
        self.busy += reply.latency_ms as f64 / 1000.0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Sample, Use, estimate};
    use crate::env::Rng;

    /// A world where a fifth is kept, every record costs 3 judge calls of 2 s, kept ones 1 more.
    fn world(seed: u64, records: usize) -> Vec<Sample> {
        let mut rng = Rng::keyed(seed, &["world"]);
        let one = |_| {
            let kept = rng.chance(0.2);
            let calls = if kept { 4.0 } else { 3.0 };
            let judge = Use { calls, cost: 0.01 * calls, busy: 2.0 * calls, ..Use::default() };
            Sample { kept, used: [("judge".to_owned(), judge)].into() }
        };
        (0..records).map(one).collect()
    }

    #[test]
    fn the_interval_holds_the_truth_about_as_often_as_it_says() {
        // Truth for 1000: 5000 prompts, 5000 * 3.2 calls, 0.01 dollars each, 2 s in 10 slots.
        let mut held = 0;
        for seed in 0..60 {
            let found = estimate(&world(seed, 300), 1000, &|_| 10).expect("some are kept");
            let judge = &found.roles[0];
            held += u32::from(judge.calls.low <= 16_000.0 && judge.calls.high >= 16_000.0);
            assert!((judge.hours.mid - judge.calls.mid * 2.0 / 10.0 / 3600.0).abs() < 1e-6);
            assert!((found.cost_usd.mid - judge.calls.mid * 0.01).abs() < 1e-6);
        }
        assert!((45..=60).contains(&held), "{held} of 60");
    }

    #[test]
    fn nothing_kept_is_nothing_known() {
        assert!(estimate(&[Sample::default()], 10, &|_| 1).is_none());
    }
}
