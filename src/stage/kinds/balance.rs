//! `balance`: quotas over category x outcome, and picks by keyed hash (paper: 32K, by data type and
//! by whether round two terminates).

use crate::diag::Diagnostic;
use crate::record::{DatasetReport, Evidence, Id, Outcome, Stratum, Trajectory};
use crate::sample::water_fill;
use crate::stage::{
    Arity, Compile, Does, Facts, Gather, Kind, Param, Params, Port, Reason, Ruling, Stage, To, Ty,
};
use std::collections::{BTreeMap, HashMap};

pub const KIND: Kind = Kind {
    name: "balance",
    about: "Gives each record its outcome, and picks a balanced dataset of `target` records.",
    docs: "Outcomes: `one_round` (J1 accepts), `closed` (a later J accepts; ends with a), `open` \
           (does not end with a). The paper keeps some open on purpose and does not say how they \
           are cut; both readings are here. `open_from`: `improved` takes records that got better \
           but not good, `closed` takes a share `open_share` of the closed ones by keyed hash, \
           `both` does both. `open_end`: `second_call` ends on the second tool call (the v1 \
           client's cut); `rejection` ends on a J2 that rejects and a third call, which needs a \
           third reflection upstream. Strata are category x outcome; quotas come from water-filling \
           to `target` (every stratum gets the same until it runs dry), weighted by `mix` over \
           outcomes; within a stratum the least keyed hashes are picked. What is short is \
           reported, never filled in silence.",
    does: Does::Quota,
    accepts: &["picked"],
    rejects: &["over_quota", "no_outcome", "duplicate"],
    arity: Arity::Some,
    ports: &[Port { name: "picked", doc: "in the dataset" }],
    reasons: &[
        Reason { code: "over_quota", doc: "its stratum had more than its quota" },
        Reason { code: "no_outcome", doc: "neither accepted nor a kind of open that is wanted" },
        Reason {
            code: "duplicate",
            doc: "the same record came by another edge and was taken there",
        },
    ],
    params: &[
        Param {
            name: "target",
            ty: Ty::Int { min: 1, max: 100_000_000 },
            default: Some("32000"),
            doc: "records wanted (the paper's 32K)",
        },
        Param {
            name: "open_from",
            ty: Ty::Choice(&["improved", "closed", "both", "none"]),
            default: Some("both"),
            doc: "where open trajectories come from",
        },
        Param {
            name: "open_share",
            ty: Ty::Float { min: 0.0, max: 1.0 },
            default: Some("0.15"),
            doc: "share of closed records that are cut open, by keyed hash",
        },
        Param {
            name: "open_end",
            ty: Ty::Choice(&["second_call", "rejection"]),
            default: Some("second_call"),
            doc: "where open trajectories end",
        },
        Param {
            name: "seed",
            ty: Ty::Int { min: 0, max: i64::MAX },
            default: Some(""),
            doc: "which records are picked (and which closed ones cut open) is a function of it; absent: \
                  the run's seed, which also changes prompts and pictures",
        },
        Param {
            name: "mix",
            ty: Ty::Weights,
            default: Some("{ one_round = 1, closed = 1, open = 1 }"),
            doc: "weights of the outcomes in the quotas",
        },
    ],
    flow,
    flow_all: Some(flow_all),
    compile,
};

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    // A third call that was not drawn is where `rejection` cuts.
    let third = facts.rounds >= 3 && params.text("open_end") == "rejection";
    if facts.rounds == 0 || !(facts.judged || third) {
        return Err("a judged round".into());
    }
    Ok(vec![("picked", facts)])
}

/// Two-round records may come too (they close); but some edge must bring third rounds.
fn flow_all(params: &Params, arriving: &[Facts]) -> Result<(), String> {
    let wants_third = params.text("open_end") == "rejection" && params.text("open_from") != "none";
    if wants_third && !arriving.iter().any(|f| f.rounds >= 3) {
        return Err("a third reflection (for `open_end = \"rejection\"`)".into());
    }
    Ok(())
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let mut mix = [1.0; 3];
    let mut errors = Vec::new();
    for (name, weight) in cx.params.weights("mix") {
        match Outcome::ALL.iter().position(|o| o.as_str() == name) {
            Some(at) if *weight >= 0.0 => mix[at] = *weight,
            Some(_) => {
                errors.push(cx.fault("mix", "P04", format!("the weight of `{name}` is below 0")))
            }
            None => errors.push(
                cx.fault("mix", "P04", format!("no outcome `{name}`"))
                    .note("outcomes: `one_round`, `closed`, `open`")
                    .suggest(name, Outcome::ALL.map(Outcome::as_str)),
            ),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let from = cx.params.text("open_from");
    Ok(Stage::Gather(Box::new(Balance {
        target: cx.params.int("target") as u64,
        improved_opens: matches!(from, "improved" | "both"),
        share: if matches!(from, "closed" | "both") { cx.params.float("open_share") } else { 0.0 },
        rounds_of_open: if cx.params.text("open_end") == "rejection" { 3 } else { 2 },
        mix,
        seed: match cx.params.get("seed") {
            Some(_) => cx.params.int("seed") as u64,
            None => cx.seed,
        },
        offered: Vec::new(),
        categories: Vec::new(),
        numbers: HashMap::new(),
        strata: BTreeMap::new(),
    })))
}

struct Balance {
    target: u64,
    improved_opens: bool,
    /// Of closed records, cut open.
    share: f64,
    rounds_of_open: usize,
    mix: [f64; 3],
    seed: u64,
    /// 32 bytes a record.
    offered: Vec<Offer>,
    /// Names by number, and back.
    categories: Vec<String>,
    numbers: HashMap<String, u32>,
    strata: BTreeMap<String, Stratum>,
}

struct Offer {
    id: Id,
    category: u32,
    outcome: Option<Outcome>,
}

impl Gather for Balance {
    fn offer(&mut self, t: &Trajectory) {
        let category = match self.numbers.get(&t.prompt.category) {
            Some(at) => *at,
            None => {
                let at = self.categories.len() as u32;
                self.numbers.insert(t.prompt.category.clone(), at);
                self.categories.push(t.prompt.category.clone());
                at
            }
        };
        let outcome = self.end_of(t);
        self.offered.push(Offer { id: t.prompt.id, category, outcome });
    }

    fn rule(&mut self) -> Vec<Ruling> {
        let mut offered = std::mem::take(&mut self.offered);
        offered.sort_by_key(|o| (o.id, o.outcome.is_none(), o.outcome));
        let mut rulings = Vec::new();
        let mut strata: BTreeMap<(String, Outcome), Vec<Id>> = BTreeMap::new();
        let mut before = None;
        for offer in offered {
            let drop = |reason| Ruling {
                id: offer.id,
                outcome: offer.outcome,
                to: To::Drop(reason),
                evidence: Evidence::default(),
            };
            match offer.outcome {
                _ if before == Some(offer.id) => rulings.push(drop("duplicate")),
                None => rulings.push(drop("no_outcome")),
                Some(outcome) => {
                    let category = self.categories[offer.category as usize].clone();
                    strata.entry((category, outcome)).or_default().push(offer.id);
                }
            }
            before = Some(offer.id);
        }
        self.pick(strata, &mut rulings);
        rulings
    }

    fn amend(&self, mut t: Trajectory) -> Trajectory {
        t.outcome = self.end_of(&t);
        if t.outcome == Some(Outcome::Open) {
            t.rounds.truncate(self.rounds_of_open);
            if let Some(last) = t.rounds.last_mut() {
                last.image = None;
                last.seed = None;
                last.judgement = None;
            }
            t.comparisons.truncate(self.rounds_of_open.saturating_sub(2));
        }
        t
    }

    fn outcome(&self, t: &Trajectory) -> Option<Outcome> {
        self.end_of(t)
    }

    fn dataset_report(&self) -> Option<DatasetReport> {
        Some(DatasetReport {
            target: self.target,
            strata: self.strata.clone(),
            ..DatasetReport::default()
        })
    }
}

impl Balance {
    /// A function of the record alone, so that shards and reruns agree.
    fn end_of(&self, t: &Trajectory) -> Option<Outcome> {
        // A third reflection that was not drawn has nothing to be accepted.
        let last = t.rounds.last()?.judgement.as_ref();
        let accepted = last.is_some_and(|j| j.satisfied);
        let can_open = t.rounds.len() >= self.rounds_of_open
            && (self.rounds_of_open == 2 || rejected(t, self.rounds_of_open - 2));
        match (t.rounds.len(), accepted) {
            (1, true) => Some(Outcome::OneRound),
            (_, true) => {
                let draw = t.prompt.id.keyed("open", self.seed) as f64 / u64::MAX as f64;
                Some(if can_open && draw < self.share { Outcome::Open } else { Outcome::Closed })
            }
            (_, false) if t.improved && can_open && self.improved_opens => Some(Outcome::Open),
            (_, false) => None,
        }
    }

    fn pick(&mut self, strata: BTreeMap<(String, Outcome), Vec<Id>>, rulings: &mut Vec<Ruling>) {
        let available: Vec<u64> = strata.values().map(|ids| ids.len() as u64).collect();
        let weights: Vec<f64> = strata.keys().map(|(_, o)| self.mix[*o as usize]).collect();
        let quotas = water_fill(&available, Some(&weights), self.target);
        let all: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        for (((category, outcome), mut ids), quota) in strata.into_iter().zip(quotas) {
            let available = ids.len() as u64;
            let wanted = (self.target as f64 * self.mix[outcome as usize] / all).round() as u64;
            let stratum = Stratum { available, quota, wanted, taken: quota.min(available) };
            self.strata.insert(format!("{category}/{}", outcome.as_str()), stratum);
            ids.sort_by_key(|id| (id.keyed("balance", self.seed), *id));
            for (rank, id) in ids.into_iter().enumerate() {
                let note = format!(
                    "{} of {} in {category}/{}, quota {quota}",
                    rank + 1,
                    stratum.available,
                    outcome.as_str()
                );
                let to =
                    if (rank as u64) < quota { To::Port("picked") } else { To::Drop("over_quota") };
                let evidence = Evidence::note(note);
                rulings.push(Ruling { id, outcome: Some(outcome), to, evidence });
            }
        }
    }
}

/// Round `index` (from 0) was judged and rejected.
fn rejected(t: &Trajectory, index: usize) -> bool {
    t.rounds.get(index).and_then(|r| r.judgement.as_ref()).is_some_and(|j| !j.satisfied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Judgement, Prompt, Round};

    fn record(key: &str, verdicts: &[bool], improved: bool) -> Trajectory {
        let mut t = Trajectory::new(Prompt {
            id: Id::of("t", key, key),
            text: key.into(),
            category: "c".into(),
            source: "t".into(),
            key: None,
            reference: None,
            spec: None,
            gloss: None,
            licence: None,
        });
        t.improved = improved;
        t.rounds = verdicts
            .iter()
            .map(|&satisfied| Round {
                thinking: "t".into(),
                refined: "p".into(),
                image: None,
                seed: None,
                judgement: Some(Judgement {
                    rationale: "j".into(),
                    satisfied,
                    score: 0.0,
                    checks: vec![],
                }),
            })
            .collect();
        t
    }

    fn balance(target: u64, share: f64, rounds_of_open: usize) -> Balance {
        Balance {
            target,
            improved_opens: true,
            share,
            rounds_of_open,
            mix: [1.0; 3],
            seed: 7,
            offered: vec![],
            categories: vec![],
            numbers: HashMap::new(),
            strata: BTreeMap::new(),
        }
    }

    #[test]
    fn outcomes_follow_from_the_rounds() {
        let b = balance(9, 0.0, 2);
        assert_eq!(b.end_of(&record("a", &[true], false)), Some(Outcome::OneRound));
        assert_eq!(b.end_of(&record("a", &[false, true], false)), Some(Outcome::Closed));
        assert_eq!(b.end_of(&record("a", &[false, false], true)), Some(Outcome::Open));
        assert_eq!(b.end_of(&record("a", &[false, false], false)), None);
        assert_eq!(
            balance(9, 1.0, 2).end_of(&record("a", &[false, true], false)),
            Some(Outcome::Open)
        );
    }

    #[test]
    fn both_cuts_end_on_a_call() {
        let cut = balance(9, 1.0, 2).amend(record("a", &[false, true], false));
        assert_eq!(cut.rounds.len(), 2);
        assert!(cut.rounds[0].judgement.is_some() && cut.rounds[1].judgement.is_none());
        let cut = balance(9, 0.0, 3).amend(record("a", &[false, false, false], true));
        assert_eq!((cut.outcome, cut.rounds.len()), (Some(Outcome::Open), 3));
        assert!(cut.rounds[1].judgement.is_some() && cut.rounds[2].judgement.is_none());
    }

    #[test]
    fn picks_do_not_depend_on_order_and_conserve() {
        let records: Vec<_> = (0..40)
            .map(|n| record(&n.to_string(), &[n % 2 == 0, true][..1 + n % 2], false))
            .collect();
        let rule = |records: &[Trajectory]| {
            let mut b = balance(10, 0.3, 2);
            records.iter().for_each(|r| b.offer(r));
            let mut out: Vec<_> = b.rule().into_iter().map(|r| (r.id, r.to)).collect();
            out.sort_by_key(|(id, _)| *id);
            out
        };
        let there = rule(&records);
        let back: Vec<_> = records.iter().rev().cloned().collect();
        assert_eq!(there, rule(&back));
        assert_eq!(there.len(), 40);
        assert_eq!(there.iter().filter(|(_, to)| *to == To::Port("picked")).count(), 10);
    }
}
