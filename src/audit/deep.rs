//! One stage, deep: its reasons with examples, distributions of scores and lengths, the agreement
//! of votes, the position bias of pairwise comparisons, and which checks fail.
//!
//! The one idea: it is fed row by row and keeps only counts and a few examples (picked by keyed
//! hash, so the same ones each time), so a stage of a million rows costs no more than one of ten.

use crate::audit::calibrate::accepts;
use crate::audit::show::line;
use crate::audit::stats::{Histogram, Share, Spread};
use crate::record::{Answer, CheckSource, Decision, Disposition, Id};
use serde::Serialize;
use std::collections::BTreeMap;

/// What `audit --stage S` shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageAudit {
    pub stage: String,
    pub rows: u64,
    pub passed: u64,
    pub dropped: u64,
    pub failed: u64,
    /// Most numerous first.
    pub reasons: Vec<ReasonAudit>,
    /// Of rows that have a score.
    pub scores: Option<Distribution>,
    /// Characters of the prompt (of its first 200).
    pub prompt_chars: Option<Distribution>,
    /// Calls a row used.
    pub calls: Option<Spread>,
    pub votes: Option<VoteAudit>,
    pub orders: Option<OrderAudit>,
    /// Most often failed first.
    pub checks: Vec<CheckAudit>,
    /// Per category: rows, and those that were accepted (`calibrate::accepts`).
    pub by_category: BTreeMap<String, Share>,
}

/// One way out of the stage: a reason, or a port passed without remark.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReasonAudit {
    pub disposition: Disposition,
    pub port: String,
    pub reason: String,
    /// Of the stage's rows.
    pub share: Share,
    pub examples: Vec<Example>,
}

/// A record that left by a reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    pub id: Id,
    pub category: String,
    pub prompt: String,
    pub note: String,
    pub score: Option<f32>,
}

/// A histogram with its five numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    pub spread: Spread,
    pub histogram: Histogram,
}

/// Agreement among repeated asks of one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoteAudit {
    /// Rows whose votes all gave the same answer, of rows with at least two votes.
    pub unanimous: Share,
    /// ask -> answer -> times.
    pub answers: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Agreement of the two orders of a pairwise comparison. A is the picture shown first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderAudit {
    /// Both orders preferred the same picture (or both said tie).
    pub agree: Share,
    /// The later picture won both orders, of all pairs.
    pub later_wins: Share,
    /// Of pairs decided against each other by place alone: A was preferred both times. 0.5 = no
    /// bias; an interval that excludes 0.5 = the judge prefers a place.
    pub prefers_a: Share,
    /// At least one order said tie.
    pub any_tie: Share,
}

impl OrderAudit {
    /// Whether the interval excludes a judge without a preferred place.
    pub fn biased(&self) -> bool {
        self.prefers_a.of > 0 && !self.prefers_a.holds(0.5)
    }
}

/// How often one rule failed. Atoms are counted together: their ids are per prompt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckAudit {
    /// The rule's id, or `atoms`.
    pub id: String,
    pub yes: u64,
    pub no: u64,
    pub unsure: u64,
    pub void: u64,
}

const EXAMPLES: usize = 5;

/// Gathers a `StageAudit`.
#[derive(Default)]
pub struct Deep {
    stage: String,
    kind: String,
    counts: [u64; 3],
    reasons: BTreeMap<(Disposition, String, String), Kept>,
    scores: Vec<f64>,
    prompt_chars: Vec<f64>,
    calls: Vec<f64>,
    votes: BTreeMap<String, BTreeMap<String, u64>>,
    voted: [u64; 2],
    orders: Orders,
    checks: BTreeMap<String, [u64; 4]>,
    /// Accepted, all.
    by_category: BTreeMap<String, [u64; 2]>,
}

#[derive(Default)]
struct Kept {
    count: u64,
    /// Bottom-k by keyed hash.
    examples: BTreeMap<u64, Example>,
}

#[derive(Default)]
struct Orders {
    pairs: u64,
    agree: u64,
    later: u64,
    tie: u64,
    place_a: u64,
    place_b: u64,
}

impl Deep {
    /// `kind` says what accepting means; empty when unknown.
    pub fn new(stage: &str, kind: &str) -> Deep {
        Deep { stage: stage.to_owned(), kind: kind.to_owned(), ..Deep::default() }
    }

    /// Counts a row.
    pub fn push(&mut self, row: &Decision) {
        self.counts[row.disposition as usize] += 1;
        self.category(row);
        self.keep(row);
        self.scores.extend(row.evidence.score.map(f64::from));
        self.prompt_chars.push(row.prompt.chars().count() as f64);
        self.calls.push(row.calls.len() as f64);
        self.vote(row);
        for check in &row.evidence.checks {
            let id = match check.source {
                CheckSource::Rule => check.id.as_str(),
                CheckSource::Atom => "atoms",
            };
            let counts = match self.checks.get_mut(id) {
                Some(counts) => counts,
                None => self.checks.entry(id.to_owned()).or_default(),
            };
            counts[answer_number(check.answer)] += 1;
        }
    }

    fn category(&mut self, row: &Decision) {
        let counts = match self.by_category.get_mut(&row.category) {
            Some(counts) => counts,
            None => self.by_category.entry(row.category.clone()).or_default(),
        };
        let accepted = accepts(&self.kind, row.disposition, &row.port).unwrap_or(false);
        counts[0] += u64::from(accepted);
        counts[1] += 1;
    }

    fn keep(&mut self, row: &Decision) {
        let way = (row.disposition, row.port.clone(), row.reason.clone());
        let kept = self.reasons.entry(way).or_default();
        kept.count += 1;
        let rank = row.id.keyed("audit example", 0);
        let full = kept.examples.len() >= EXAMPLES;
        if full && kept.examples.last_key_value().is_some_and(|(last, _)| *last < rank) {
            return;
        }
        kept.examples.insert(
            rank,
            Example {
                id: row.id,
                category: row.category.clone(),
                prompt: line(&row.prompt, 120),
                note: line(&row.evidence.note, 300),
                score: row.evidence.score,
            },
        );
        if full {
            kept.examples.pop_last();
        }
    }

    fn vote(&mut self, row: &Decision) {
        let votes = &row.evidence.votes;
        let orders: Vec<&str> = votes
            .iter()
            .filter(|v| v.ask.starts_with("order_"))
            .map(|v| v.answer.as_str())
            .collect();
        if let [ab, ba] = orders[..] {
            self.orders.push(ab, ba);
        }
        let asks: Vec<&str> = votes
            .iter()
            .filter(|v| v.ask.starts_with("vote_"))
            .map(|v| v.answer.as_str())
            .collect();
        if asks.len() > 1 {
            let same = asks.windows(2).all(|pair| pair[0] == pair[1]);
            self.voted[0] += u64::from(same);
            self.voted[1] += 1;
        }
        for vote in votes {
            let answers = self.votes.entry(vote.ask.clone()).or_default();
            *answers.entry(vote.answer.clone()).or_default() += 1;
        }
    }

    /// The figures.
    pub fn finish(mut self) -> StageAudit {
        let rows: u64 = self.counts.iter().sum();
        let mut reasons: Vec<ReasonAudit> = self
            .reasons
            .into_iter()
            .map(|((disposition, port, reason), kept)| ReasonAudit {
                disposition,
                port,
                reason,
                share: Share::of(kept.count, rows),
                examples: kept.examples.into_values().collect(),
            })
            .collect();
        reasons.sort_by_key(|r| std::cmp::Reverse(r.share.hits));
        let mut checks: Vec<CheckAudit> = self
            .checks
            .into_iter()
            .map(|(id, [yes, no, unsure, void])| CheckAudit { id, yes, no, unsure, void })
            .collect();
        checks.sort_by_key(|c| std::cmp::Reverse(c.no + c.unsure));
        let [same, voted] = self.voted;
        let answers = self.votes;
        StageAudit {
            stage: self.stage,
            rows,
            passed: self.counts[0],
            dropped: self.counts[1],
            failed: self.counts[2],
            reasons,
            scores: distribution(&mut self.scores, Some((0.0, 1.0))),
            prompt_chars: distribution(&mut self.prompt_chars, None),
            calls: Spread::of(&mut self.calls).filter(|calls| calls.max > 0.0),
            votes: (!answers.is_empty())
                .then(|| VoteAudit { unanimous: Share::of(same, voted), answers }),
            orders: self.orders.finish(),
            checks,
            by_category: self
                .by_category
                .into_iter()
                .map(|(category, [accepted, all])| (category, Share::of(accepted, all)))
                .collect(),
        }
    }
}

fn answer_number(answer: Answer) -> usize {
    match answer {
        Answer::Yes => 0,
        Answer::No => 1,
        Answer::Unsure => 2,
        Answer::Void => 3,
    }
}

fn distribution(values: &mut Vec<f64>, range: Option<(f64, f64)>) -> Option<Distribution> {
    let spread = Spread::of(values)?;
    let (low, high) = range
        .filter(|(low, high)| spread.min >= *low && spread.max <= *high)
        .unwrap_or((spread.min, spread.max));
    Some(Distribution { spread, histogram: Histogram::within(values, low, high, 20) })
}

impl Orders {
    /// Answers name the picture, not its place: `first` is the earlier picture, which the first
    /// ask showed as A and the second as B.
    fn push(&mut self, ab: &str, ba: &str) {
        self.pairs += 1;
        self.agree += u64::from(ab == ba);
        self.later += u64::from(ab == "second" && ba == "second");
        self.tie += u64::from(ab == "tie" || ba == "tie");
        self.place_a += u64::from(ab == "first" && ba == "second");
        self.place_b += u64::from(ab == "second" && ba == "first");
    }

    fn finish(&self) -> Option<OrderAudit> {
        (self.pairs > 0).then(|| OrderAudit {
            agree: Share::of(self.agree, self.pairs),
            later_wins: Share::of(self.later, self.pairs),
            prefers_a: Share::of(self.place_a, self.place_a + self.place_b),
            any_tie: Share::of(self.tie, self.pairs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Evidence, NanoUsd, Vote};

    fn row(n: usize, ab: &str, ba: &str) -> Decision {
        let vote = |ask: &str, answer: &str| Vote {
            ask: ask.to_owned(),
            answer: answer.to_owned(),
            call: None,
        };
        Decision {
            stage: "better".to_owned(),
            id: Id::of("s", &n.to_string(), "p"),
            category: "count".to_owned(),
            source: "s".to_owned(),
            disposition: Disposition::Passed,
            port: "better".to_owned(),
            reason: String::new(),
            evidence: Evidence {
                votes: vec![vote("order_ab", ab), vote("order_ba", ba)],
                score: Some(0.5),
                ..Evidence::default()
            },
            calls: Vec::new(),
            cost: NanoUsd(0),
            prompt: "p".to_owned(),
        }
    }

    #[test]
    fn a_judge_who_prefers_a_place_is_found() {
        let mut deep = Deep::new("better", "pairwise");
        for n in 0..100 {
            deep.push(&row(n, "second", "second"));
        }
        for n in 100..140 {
            deep.push(&row(n, "first", "second"));
        }
        for n in 140..145 {
            deep.push(&row(n, "second", "first"));
        }
        let orders = deep.finish().orders.unwrap();
        assert_eq!((orders.prefers_a.hits, orders.prefers_a.of), (40, 45));
        assert!(orders.biased());
        assert_eq!((orders.agree.hits, orders.agree.of), (100, 145));
    }

    #[test]
    fn examples_are_few_and_do_not_depend_on_order() {
        let rows: Vec<Decision> = (0..200).map(|n| row(n, "tie", "tie")).collect();
        let audit = |rows: &mut dyn Iterator<Item = &Decision>| {
            let mut deep = Deep::new("better", "pairwise");
            rows.for_each(|row| deep.push(row));
            deep.finish()
        };
        let forward = audit(&mut rows.iter());
        assert_eq!(forward, audit(&mut rows.iter().rev()));
        assert_eq!(forward.reasons[0].examples.len(), EXAMPLES);
        assert!(!forward.orders.unwrap().biased(), "no decided pair, no bias");
    }
}
