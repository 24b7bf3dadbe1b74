//! What a dataset of N trajectories will take, from what a finished run or a pilot took.
//!
//! Everything is a ratio per kept trajectory (prompts, calls, tokens, dollars), so one bootstrap
//! over the run's records gives each its interval, with the dependence between "got far" and "cost
//! much" in it. The caller reads the RUN.

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

impl Use {
    /// As if it had been so many times as much.
    pub fn times(self, n: f64) -> Use {
        let Use { calls, tokens_in, tokens_out, images, cost, busy } = self;
        Use {
            calls: calls * n,
            tokens_in: tokens_in * n,
            tokens_out: tokens_out * n,
            images: images * n,
            cost: cost * n,
            busy: busy * n,
        }
    }
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
    /// At its pace, with nothing else in the way.
    pub hours: Range,
    pub slots: u64,
}

/// How fast a role's endpoint goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pace {
    /// Roles that share an endpoint wait for one another.
    pub endpoint: String,
    /// Calls in flight at most.
    pub slots: u64,
    /// Requests a minute at most.
    pub rpm: Option<u64>,
    /// Tokens a minute at most.
    pub tpm: Option<u64>,
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
    /// Of the slowest endpoint: all work at the same time.
    pub hours: Range,
    pub roles: Vec<RoleEstimate>,
}

const BOOTSTRAPS: usize = 400;

/// The estimate for `target` trajectories; None when nothing was kept, since then nothing is
/// known. `pace` says how fast a role can be asked.
pub fn estimate(samples: &[Sample], target: u64, pace: &dyn Fn(&str) -> Pace) -> Option<Estimate> {
    let kept = samples.iter().filter(|sample| sample.kept).count();
    if kept == 0 {
        return None;
    }
    let mut roles: Vec<&str> =
        samples.iter().flat_map(|s| s.used.keys().map(String::as_str)).collect();
    roles.sort_unstable();
    roles.dedup();
    let paces: Vec<Pace> = roles.iter().map(|role| pace(role)).collect();
    let rows: Vec<SampleRow> = samples.iter().map(|sample| SampleRow::of(sample, &roles)).collect();
    let mid = scale(rows.iter(), target, &paces);
    let mut draws: Vec<Vec<f64>> = vec![Vec::new(); mid.len()];
    for b in 0..BOOTSTRAPS {
        let mut rng = Rng::keyed(b as u64, &["estimate"]);
        let picked = (0..rows.len()).map(|_| &rows[rng.below(rows.len())]);
        for (to, value) in draws.iter_mut().zip(scale(picked, target, &paces)) {
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
        roles: by_role(&roles, &paces, &ranges[3..]),
    })
}

fn by_role(roles: &[&str], paces: &[Pace], ranges: &[Range]) -> Vec<RoleEstimate> {
    let one = |((role, pace), r): ((&&str, &Pace), &[Range])| RoleEstimate {
        role: (*role).to_owned(),
        calls: r[0],
        tokens_in: r[1],
        tokens_out: r[2],
        images: r[3],
        cost_usd: r[4],
        hours: r[5],
        slots: pace.slots,
    };
    roles.iter().zip(paces).zip(ranges.chunks_exact(FIELDS)).map(one).collect()
}

/// Calls, tokens in, tokens out, images, dollars, hours (in a row: seconds of a slot).
const FIELDS: usize = 6;

/// A sample as numbers: kept, then `FIELDS` for each role.
struct SampleRow {
    kept: bool,
    values: Vec<f64>,
}

impl SampleRow {
    fn of(sample: &Sample, roles: &[&str]) -> SampleRow {
        let mut values = Vec::with_capacity(roles.len() * FIELDS);
        for role in roles {
            let u = sample.used.get(*role).copied().unwrap_or_default();
            values.extend([u.calls, u.tokens_in, u.tokens_out, u.images, u.cost, u.busy]);
        }
        SampleRow { kept: sample.kept, values }
    }
}

/// Prompts, dollars, hours, then each role's fields, for `target` kept ones.
fn scale<'a>(rows: impl Iterator<Item = &'a SampleRow>, target: u64, paces: &[Pace]) -> Vec<f64> {
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
    let mut by_endpoint: BTreeMap<&str, f64> = BTreeMap::new();
    for (role, pace) in sums.chunks_exact_mut(FIELDS).zip(paces) {
        role[5] = pace.hours(role);
        *by_endpoint.entry(&pace.endpoint).or_default() += role[5];
    }
    let hours = by_endpoint.into_values().fold(0.0, f64::max);
    let mut out = vec![records * factor, cost, hours];
    out.extend(sums);
    out
}

fn range(mid: f64, mut draws: Vec<f64>) -> Range {
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
    Range { low: at(0.05), mid, high: at(0.95) }
}

impl Pace {
    /// How long a role's sums take: the slots, the requests or the tokens, whichever is longest.
    fn hours(&self, role: &[f64]) -> f64 {
        let by_slots = role[5] / self.slots.max(1) as f64 / 3600.0;
        let a_minute = |n: f64, most: Option<u64>| most.map_or(0.0, |most| n / most as f64 / 60.0);
        by_slots.max(a_minute(role[0], self.rpm)).max(a_minute(role[1] + role[2], self.tpm))
    }
}

impl Use {
    /// One bought call, which held a slot for so many milliseconds.
    pub fn of(usage: &crate::call::Usage, NanoUsd(nano): NanoUsd, latency_ms: u64) -> Use {
        Use {
            calls: 1.0,
            tokens_in: usage.input as f64,
            tokens_out: (usage.output + usage.thinking) as f64,
            images: usage.images as f64,
            cost: nano as f64 / 1e9,
            busy: latency_ms as f64 / 1000.0,
        }
    }
}

impl std::ops::AddAssign for Use {
    fn add_assign(&mut self, other: Use) {
        self.calls += other.calls;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.images += other.images;
        self.cost += other.cost;
        self.busy += other.busy;
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Sample, Use, estimate};
    use crate::env::Rng;

    fn slots(slots: u64) -> Pace {
        Pace { slots, ..Pace::default() }
    }

    #[test]
    fn quotas_and_shared_endpoints_take_their_time() {
        let one =
            Use { calls: 6.0, tokens_in: 500.0, tokens_out: 100.0, busy: 3.6, ..Use::default() };
        let used = [("grader".to_owned(), one), ("judge".to_owned(), one)].into();
        let samples = [Sample { kept: true, used }];
        let hours = |pace: &dyn Fn(&str) -> Pace| {
            estimate(&samples, 1000, pace).expect("it is kept").hours.mid
        };
        let own = |role: &str| Pace { endpoint: role.to_owned(), ..slots(1) };
        // 3,600 s of a slot; 6,000 calls at 20 a minute; 600,000 tokens at 1,000 a minute.
        assert!((hours(&own) - 1.0).abs() < 1e-9);
        assert!((hours(&|_| slots(1)) - 2.0).abs() < 1e-9, "they share one endpoint");
        assert!((hours(&|r| Pace { rpm: Some(20), ..own(r) }) - 5.0).abs() < 1e-9);
        assert!((hours(&|r| Pace { tpm: Some(1000), ..own(r) }) - 10.0).abs() < 1e-9);
    }

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
            let found = estimate(&world(seed, 300), 1000, &|_| slots(10)).expect("some are kept");
            let judge = &found.roles[0];
            held += u32::from(judge.calls.low <= 16_000.0 && judge.calls.high >= 16_000.0);
            assert!((judge.hours.mid - judge.calls.mid * 2.0 / 10.0 / 3600.0).abs() < 1e-6);
            assert!((found.cost_usd.mid - judge.calls.mid * 0.01).abs() < 1e-6);
        }
        assert!((45..=60).contains(&held), "{held} of 60");
    }

    #[test]
    fn nothing_kept_is_nothing_known() {
        assert!(estimate(&[Sample::default()], 10, &|_| slots(1)).is_none());
    }
}
