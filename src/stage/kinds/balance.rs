//! `balance`: quotas over category x outcome, and picks by keyed hash (paper: 32K, by data type and
//! by whether round two terminates).

use crate::diag::Diagnostic;
use crate::record::{DatasetReport, Evidence, Id, Outcome, Stratum, Trajectory};
use crate::stage::{
    Arity, Compile, Does, Facts, Gather, Kind, Param, Params, Port, Reason, Ruling, Stage, To, Ty,
};
use std::collections::{BTreeMap, HashMap};

mod quotas;

pub const KIND: Kind = Kind {
    name: "balance",
    about: "Gives each record its outcome, and picks a balanced dataset of `target` records.",
    docs: "Outcomes: `one_round` (J1 accepts), `closed` (a later J accepts; ends with a), `open` \
           (does not end with a). The paper keeps some open on purpose and does not say how they \
           are cut; both readings are here. `open_from`: `improved` takes records that got better \
           but not good, `closed` takes a share `open_share` of the closed ones by keyed hash, \
           `both` does both. `open_end`: `second_call` ends on the second tool call (the v1 \
           client's cut); `rejection` ends on a J2 that rejects and a third call, which needs a \
           third reflection upstream; `last_call` ends each on its own last call: the third where \
           there was a third reflection, else the second. Strata are category x outcome; quotas come from water-filling \
           to `target` (every stratum gets the same until it runs dry), weighted by `mix` over \
           outcomes; within a stratum the least keyed hashes are picked. What is short is \
           reported, never filled in silence. With `accepts` the verdicts come first: rows are \
           taken by what their last judgement says, so that no round's judgements accept more \
           often than their share. One-round records over it are left out; later ones are cut open \
           on the call before, so that the reflection is still practised. An agent trained on rows \
           whose J2 always accepts never rejects a second picture.",
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
            ty: Ty::Choice(&["second_call", "rejection", "last_call"]),
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
            doc: "weights of the outcomes in the quotas; not looked at with `accepts`",
        },
        Param {
            name: "accepts",
            ty: Ty::Weights,
            default: Some(""),
            doc: "largest share of accepting judgements by round, as `{ j1 = 0.5, j2 = 0.6 }`; \
                  absent: not held",
        },
    ],
    flow,
    flow_all: Some(flow_all),
    compile,
};

fn flow(params: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    // A third call that was not drawn is where `rejection` cuts.
    let third = facts.rounds >= 3 && params.text("open_end") != "second_call";
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
    let mut errors = Vec::new();
    let mix = mix(cx, &mut errors);
    let accepts = accepts(cx, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let from = cx.params.text("open_from");
    Ok(Stage::Gather(Box::new(Balance {
        target: cx.params.int("target") as u64,
        improved_opens: matches!(from, "improved" | "both"),
        closed_opens: matches!(from, "closed" | "both"),
        share: if matches!(from, "closed" | "both") { cx.params.float("open_share") } else { 0.0 },
        shares: BTreeMap::new(),
        open_end: match cx.params.text("open_end") {
            "rejection" => OpenEnd::Rejection,
            "last_call" => OpenEnd::LastCall,
            _ => OpenEnd::SecondCall,
        },
        mix,
        accepts,
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

fn mix(cx: &Compile<'_>, errors: &mut Vec<Diagnostic>) -> [f64; 3] {
    let mut mix = [1.0; 3];
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
    mix
}

fn accepts(cx: &Compile<'_>, errors: &mut Vec<Diagnostic>) -> BTreeMap<u8, f64> {
    let mut accepts = BTreeMap::new();
    for (name, share) in cx.params.weights("accepts") {
        let round = name.strip_prefix('j').and_then(|n| n.parse::<u8>().ok());
        match round.filter(|round| (1..=99).contains(round)) {
            Some(round) if *share > 0.0 && *share < 1.0 => {
                accepts.insert(round, *share);
            }
            Some(_) => errors.push(
                cx.fault("accepts", "P04", format!("the share of `{name}` is {share}"))
                    .note("a share between 0 and 1 is meant, without both ends"),
            ),
            None => errors.push(
                cx.fault("accepts", "P04", format!("no judgement `{name}`"))
                    .note("judgements: `j1`, `j2`, and so on"),
            ),
        }
    }
    accepts
}

/// Where open trajectories end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenEnd {
    SecondCall,
    Rejection,
    LastCall,
}

struct Balance {
    target: u64,
    improved_opens: bool,
    closed_opens: bool,
    /// Of closed records, cut open.
    share: f64,
    /// The same by the round that closes them, once the verdicts have been balanced.
    shares: BTreeMap<u8, f64>,
    open_end: OpenEnd,
    mix: [f64; 3],
    /// By round: the largest share of accepting judgements; empty: not held.
    accepts: BTreeMap<u8, f64>,
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
    end: End,
}

/// How a record can end: a function of the record alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// J of this round (from 1) accepts. It may be cut on the call before.
    Accepted { round: u8, may_open: bool },
    /// On a call of this round, which nothing judges.
    Call { round: u8 },
    /// Neither.
    Nowhere,
}

/// Records that share a quota.
struct Group {
    category: String,
    members: Vec<(Id, End)>,
    quota: u64,
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
        self.offered.push(Offer { id: t.prompt.id, category, end: self.end_of(t) });
    }

    fn rule(&mut self) -> Vec<Ruling> {
        let mut offered = std::mem::take(&mut self.offered);
        let first = |o: &Offer| {
            let outcome = self.outcome_of(o.id, o.end);
            (o.id, outcome.is_none(), outcome, o.end)
        };
        offered.sort_by_key(first);
        let (mut fit, mut rulings) = (Vec::new(), Vec::new());
        let mut before = None;
        for offer in offered {
            let reason = match offer.end {
                _ if before == Some(offer.id) => Some("duplicate"),
                End::Nowhere => Some("no_outcome"),
                _ => None,
            };
            before = Some(offer.id);
            match reason {
                Some(reason) => {
                    rulings.push((offer.id, offer.end, To::Drop(reason), String::new()))
                }
                None => fit.push(offer),
            }
        }
        let mut groups =
            if self.accepts.is_empty() { self.by_outcome(fit) } else { self.by_verdict(fit) };
        for group in &mut groups {
            group.members.sort_by_key(|(id, _)| (id.keyed("balance", self.seed), *id));
        }
        self.pick(groups, &mut rulings);
        let ruling = |(id, end, to, note)| Ruling {
            id,
            outcome: self.outcome_of(id, end),
            to,
            evidence: Evidence { note, ..Evidence::default() },
        };
        rulings.into_iter().map(ruling).collect()
    }

    fn amend(&self, mut t: Trajectory) -> Trajectory {
        t.outcome = self.outcome(&t);
        if t.outcome == Some(Outcome::Open) {
            let rounds = self.rounds_of_open(t.rounds.len());
            t.rounds.truncate(rounds);
            if let Some(last) = t.rounds.last_mut() {
                last.image = None;
                last.seed = None;
                last.judgement = None;
            }
            t.comparisons.truncate(rounds.saturating_sub(2));
        }
        t
    }

    fn outcome(&self, t: &Trajectory) -> Option<Outcome> {
        self.outcome_of(t.prompt.id, self.end_of(t))
    }

    fn dataset_report(&self) -> Option<DatasetReport> {
        Some(DatasetReport {
            target: self.target,
            strata: self.strata.clone(),
            ..DatasetReport::default()
        })
    }
}

#[cfg(test)]
mod tests;
