//! One stage in depth: its reasons with examples, distributions of scores and lengths, the agreement
//! of votes, the position bias of pairwise comparisons, and which checks fail.
//!
//! It is fed row by row and keeps counts, a few examples and a sample of calls (picked by keyed hash,
//! so the same ones each time). A stage of a million rows takes no more memory than one of a thousand.

mod lengths;
mod orders;
mod read;

pub use lengths::LengthAudit;
pub use orders::OrderAudit;
pub use read::{all, one};

use crate::audit::deep::orders::Orders;
use crate::audit::show::line;
use crate::audit::stats::{Distribution, Share, Spread, Tally};
use crate::record::{Answer, CallKey, CheckSource, Decision, Disposition, Id};
use crate::stage::Kind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Characters of the whole prompt (in a RUN of before they were counted, of its first 200).
    pub prompt_chars: Option<Distribution>,
    /// Of what models said at this stage, role by role; of a sample of its calls.
    pub lengths: Vec<LengthAudit>,
    /// Calls a row used.
    pub calls: Option<Spread>,
    pub votes: Option<VoteAudit>,
    pub orders: Option<OrderAudit>,
    /// Most often failed first.
    pub checks: Vec<CheckAudit>,
    /// Per category: rows, and those that were accepted (`Kind::accepted`).
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

/// Agreement among repeated asks of one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoteAudit {
    /// Rows whose votes all gave the same answer, of rows with at least two votes.
    pub unanimous: Share,
    /// ask -> answer -> times.
    pub answers: BTreeMap<String, BTreeMap<String, u64>>,
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
/// Calls whose texts are measured.
const CALLS: usize = 1000;

/// Gathers a `StageAudit`.
#[derive(Default)]
pub struct Deep {
    stage: String,
    kind: Option<&'static Kind>,
    counts: [u64; 3],
    reasons: BTreeMap<(Disposition, String, String), Kept>,
    scores: Tally,
    prompt_chars: Tally,
    calls: Tally,
    /// The smallest keys: a uniform sample, since keys are hashes.
    sample: BTreeSet<CallKey>,
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

impl Deep {
    /// `kind` says what accepting means; None when unknown.
    pub fn new(stage: &str, kind: Option<&'static Kind>) -> Deep {
        Deep { stage: stage.to_owned(), kind, ..Deep::default() }
    }

    /// Counts a row.
    pub fn push(&mut self, row: &Decision) {
        self.counts[row.disposition as usize] += 1;
        self.category(row);
        self.keep(row);
        if let Some(score) = row.evidence.score {
            self.scores.push(f64::from(score));
        }
        self.prompt_chars.push(match row.prompt_chars {
            0 => row.prompt.chars().count() as f64,
            chars => f64::from(chars),
        });
        self.calls.push(row.calls.len() as f64);
        row.calls.iter().for_each(|key| self.sample_call(*key));
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

    fn sample_call(&mut self, key: CallKey) {
        let full = self.sample.len() >= CALLS;
        if full && self.sample.last().is_some_and(|last| *last <= key) {
            return;
        }
        self.sample.insert(key);
        if self.sample.len() > CALLS {
            self.sample.pop_last();
        }
    }

    fn category(&mut self, row: &Decision) {
        let counts = match self.by_category.get_mut(&row.category) {
            Some(counts) => counts,
            None => self.by_category.entry(row.category.clone()).or_default(),
        };
        let accepted =
            self.kind.and_then(|kind| kind.accepted(row.disposition, &row.port, &row.reason))
                == Some(true);
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
        for vote in votes.iter().filter(|v| !v.is_of_looks()) {
            let answers = self.votes.entry(vote.ask.clone()).or_default();
            *answers.entry(vote.answer.clone()).or_default() += 1;
        }
    }

    /// The figures; `lengths` are for who has the journal.
    pub fn finish(self) -> StageAudit {
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
            scores: self.scores.distribution(Some((0.0, 1.0))),
            prompt_chars: self.prompt_chars.distribution(None),
            lengths: Vec::new(),
            calls: self.calls.spread().filter(|calls| calls.max > 0.0),
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
            prompt_chars: 0,
            prompt: "p".to_owned(),
        }
    }

    #[test]
    fn examples_are_few_and_do_not_depend_on_order() {
        let rows: Vec<Decision> = (0..200).map(|n| row(n, "tie", "tie")).collect();
        let audit = |rows: &mut dyn Iterator<Item = &Decision>| {
            let mut deep = Deep::new("better", None);
            rows.for_each(|row| deep.push(row));
            deep.finish()
        };
        let forward = audit(&mut rows.iter());
        assert_eq!(forward, audit(&mut rows.iter().rev()));
        assert_eq!(forward.reasons[0].examples.len(), EXAMPLES);
        assert!(!forward.orders.unwrap().biased(), "no decided pair, no bias");
    }
}
