//! What judges are worth, learned from how they disagree (Dawid and Skene, 1979, with a prior): which
//! answers are right and how often each judge gives them follow from each other, and are found by
//! turns. Questions whose answer is known (canaries, people's labels) enter as they are.
//!
//! The same questions in any order give the same result.

use crate::rules::evidence::{Count, Question, Worth, likelihood, probability};
use crate::rules::{Assumed, Known, RULE, Worths};
use std::collections::BTreeMap;

/// One question of one picture, and what each judge (by place in `judges`) answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub kind: String,
    pub counts: Vec<Count>,
    /// Whether it holds, where that is known.
    pub truth: Option<bool>,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Share {
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Answers that it rests on, those of one picture counted for what they add.
    pub of: f64,
}

/// One judge on one kind of question, or on all (`kind` absent).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Judge {
    pub model: String,
    pub kind: Option<String>,
    pub looks: u64,
    pub sensitivity: Share,
    pub specificity: Share,
    /// Of its errors, the share that its family repeats.
    pub repeat: f64,
    /// What the next run takes it for: few answers of a kind are drawn to those of all kinds.
    pub taken: Worth,
}

/// What was learned.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fit {
    pub judges: Vec<Judge>,
    /// Share of questions that hold, by kind.
    pub holds: BTreeMap<String, f64>,
    pub questions: usize,
    /// Of these, how many answers were known beforehand.
    pub known: usize,
}

/// Before anything is seen, a judge is taken to be right so often, as if by so many answers.
const RIGHT: f64 = 0.85;
const WEIGHT: f64 = 12.0;
/// How strongly a kind's rates are drawn to the judge's rates over all kinds, in answers.
const POOL: f64 = 25.0;
/// How strongly a judge's rates are drawn to those of all judges together, in answers.
const PEERS: f64 = 80.0;
/// Where truth is inferred, an answer tells this share of what it tells where truth is known: errors of
/// inference shift all rates together.
const INFERRED: f64 = 0.25;
const TURNS: usize = 40;
const REPEATS: [f64; 9] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

/// (yes where it holds, all where it holds, no where it does not, all where it does not)
type Sums = [f64; 4];

/// Learns from `asked`. `families[j]` is the family of `judges[j]`.
pub fn fit(judges: &[String], families: &[usize], asked: &[Asked]) -> Fit {
    let mut kinds: Vec<String> = asked.iter().map(|a| a.kind.clone()).collect();
    kinds.sort();
    kinds.dedup();
    let mut state = State::new(judges, families, kinds);
    for turn in 0..TURNS {
        let posteriors = state.posteriors(asked);
        state.learn(asked, &posteriors);
        // The repeat rates move little; looking for them each turn would cost most of the time.
        if turn % 8 == 4 {
            state.find_repeats(asked);
        }
    }
    let posteriors = state.posteriors(asked);
    state.tell(asked, &posteriors)
}

struct State<'a> {
    judges: &'a [String],
    families: &'a [usize],
    kinds: Vec<String>,
    /// By kind.
    holds: Vec<f64>,
    /// By kind, then judge.
    worths: Vec<Vec<Worth>>,
    /// By family.
    repeats: Vec<f64>,
}

impl<'a> State<'a> {
    fn new(judges: &'a [String], families: &'a [usize], kinds: Vec<String>) -> State<'a> {
        let groups = families.iter().max().map_or(0, |most| most + 1);
        State {
            judges,
            families,
            holds: kinds.iter().map(|k| if k == RULE { 0.95 } else { 0.8 }).collect(),
            worths: vec![vec![Worth::even(1.0 - RIGHT, 0.1); judges.len()]; kinds.len()],
            repeats: vec![0.1; groups],
            kinds,
        }
    }

    fn kind(&self, asked: &Asked) -> usize {
        self.kinds.binary_search(&asked.kind).unwrap_or(0)
    }

    /// The probability that each question holds, by what is believed now.
    fn posteriors(&self, asked: &[Asked]) -> Vec<f64> {
        let of = |a: &Asked| {
            if let Some(truth) = a.truth {
                return f64::from(u8::from(truth));
            }
            let kind = self.kind(a);
            let question = Question { holds: self.holds[kind], worths: self.worths[kind].clone() };
            let (yes, no) = likelihood(&question, self.families, &a.counts);
            probability(crate::rules::evidence::logit(self.holds[kind]) + yes - no)
        };
        asked.iter().map(of).collect()
    }

    fn sums(&self, asked: &[Asked], posteriors: &[f64]) -> Vec<Vec<Sums>> {
        let mut sums = vec![vec![[0.0; 4]; self.judges.len()]; self.kinds.len()];
        for (a, p) in asked.iter().zip(posteriors) {
            for (j, count) in a.counts.iter().enumerate() {
                let (yes, no) = (f64::from(count.yes), f64::from(count.no));
                let of = &mut sums[self.kind(a)][j];
                of[0] += p * yes;
                of[1] += p * (yes + no);
                of[2] += (1.0 - p) * no;
                of[3] += (1.0 - p) * (yes + no);
            }
        }
        sums
    }

    fn learn(&mut self, asked: &[Asked], posteriors: &[f64]) {
        let sums = self.sums(asked, posteriors);
        for (j, _) in self.judges.iter().enumerate() {
            let all = self.overall(&sums, j);
            for (kind, sums) in sums.iter().enumerate() {
                let [yes, holds, no, fails] = sums[j];
                self.worths[kind][j] = Worth {
                    sensitivity: (yes + POOL * all.0) / (holds + POOL),
                    specificity: (no + POOL * all.1) / (fails + POOL),
                    repeat: self.repeats[self.families[j]],
                };
            }
        }
        for (kind, name) in self.kinds.iter().enumerate() {
            let ours = asked.iter().zip(posteriors).filter(|(a, _)| a.kind == *name);
            // What is known beforehand was not drawn from the run.
            let (sum, n) = ours
                .filter(|(a, _)| a.truth.is_none())
                .fold((0.0, 0.0), |(sum, n), (_, p)| (sum + p, n + 1.0));
            self.holds[kind] = (sum + 4.0) / (n + 5.0);
        }
    }

    /// A judge's rates over all kinds but the rules, which say again what the atoms say; drawn to what
    /// all judges are together, sensitivity and specificity in one.
    fn overall(&self, sums: &[Vec<Sums>], j: usize) -> (f64, f64) {
        let everyone: Vec<usize> = (0..self.judges.len()).collect();
        let [yes, holds, no, fails] = self.total(sums, &everyone);
        let right = (yes + no + WEIGHT * RIGHT) / (holds + fails + WEIGHT);
        let [yes, holds, no, fails] = self.total(sums, &[j]);
        let of = |good: f64, all: f64| (good + PEERS * right) / (all + PEERS);
        (of(yes, holds), of(no, fails))
    }

    /// Of these judges, over all kinds but the rules.
    fn total(&self, sums: &[Vec<Sums>], judges: &[usize]) -> Sums {
        let mut total = [0.0; 4];
        for (sums, kind) in sums.iter().zip(&self.kinds) {
            for j in judges.iter().filter(|_| kind != RULE) {
                (0..4).for_each(|n| total[n] += sums[*j][n]);
            }
        }
        total
    }

    /// The repeat rate under which the answers are likeliest. One for all families: of two that
    /// disagree for good, looks alone do not say which of them is deceived.
    fn find_repeats(&mut self, asked: &[Asked]) {
        let mut best = (f64::MIN, 0.0);
        for repeat in REPEATS {
            (0..self.repeats.len()).for_each(|family| self.set_repeat(family, repeat));
            let likely = self.likelihood(asked) + prior(repeat);
            if likely > best.0 {
                best = (likely, repeat);
            }
        }
        (0..self.repeats.len()).for_each(|family| self.set_repeat(family, best.1));
    }

    fn set_repeat(&mut self, family: usize, repeat: f64) {
        self.repeats[family] = repeat;
        for worths in &mut self.worths {
            for (worth, of) in worths.iter_mut().zip(self.families) {
                if *of == family {
                    worth.repeat = repeat;
                }
            }
        }
    }

    fn likelihood(&self, asked: &[Asked]) -> f64 {
        let of = |a: &Asked| {
            let kind = self.kind(a);
            let question = Question { holds: self.holds[kind], worths: self.worths[kind].clone() };
            let (yes, no) = likelihood(&question, self.families, &a.counts);
            match a.truth {
                Some(true) => yes,
                Some(false) => no,
                None => {
                    let (yes, no) = (yes + question.holds.ln(), no + (1.0 - question.holds).ln());
                    let most = yes.max(no);
                    most + ((yes - most).exp() + (no - most).exp()).ln()
                }
            }
        };
        asked.iter().map(of).sum()
    }

    fn tell(&self, asked: &[Asked], posteriors: &[f64]) -> Fit {
        let sums = self.sums(asked, posteriors);
        let known = asked.iter().filter(|a| a.truth.is_some()).count();
        let told = INFERRED + (1.0 - INFERRED) * known as f64 / asked.len().max(1) as f64;
        let mut judges = Vec::new();
        for (j, model) in self.judges.iter().enumerate() {
            let weight = self.thinned(asked, j) * told;
            let pool = self.overall(&sums, j);
            let judge = |kind, [yes, holds, no, fails]: Sums, prior: (f64, f64), taken| Judge {
                model: model.clone(),
                kind,
                looks: (holds + fails).round() as u64,
                sensitivity: interval(yes / holds.max(1e-9), holds * weight, (prior.0, 2.0)),
                specificity: interval(no / fails.max(1e-9), fails * weight, (prior.1, 2.0)),
                repeat: self.repeats[self.families[j]],
                taken,
            };
            let (sensitivity, specificity) = pool;
            let repeat = self.repeats[self.families[j]];
            let of_all = Worth { sensitivity, specificity, repeat };
            judges.push(judge(None, self.total(&sums, &[j]), (RIGHT, RIGHT), of_all));
            for (kind, name) in self.kinds.iter().enumerate() {
                if sums[kind][j][1] + sums[kind][j][3] > 0.0 {
                    let taken = self.worths[kind][j];
                    judges.push(judge(Some(name.clone()), sums[kind][j], pool, taken));
                }
            }
        }
        Fit {
            judges,
            holds: self.kinds.iter().cloned().zip(self.holds.iter().copied()).collect(),
            questions: asked.len(),
            known,
        }
    }

    /// What one answer of judge `j` counts for, when those before it on the same question told part
    /// of it already.
    fn thinned(&self, asked: &[Asked], j: usize) -> f64 {
        let counts = asked.iter().map(|a| f64::from(a.counts[j].yes + a.counts[j].no));
        let (sum, squares) = counts.fold((0.0, 0.0), |(s, q), n| (s + n, q + n * n));
        if sum == 0.0 {
            return 1.0;
        }
        let per_question = squares / sum;
        1.0 / (1.0 + (per_question - 1.0).max(0.0) * self.repeats[self.families[j]])
    }
}

/// Repeats are rather some than none or all.
fn prior(repeat: f64) -> f64 {
    1.0 * (repeat + 0.05).ln() + 2.0 * (1.05 - repeat).ln()
}

/// Wilson's interval of a share seen in `n` answers, with `weight` answers at `prior` beside them.
fn interval(seen: f64, n: f64, (prior, weight): (f64, f64)) -> Share {
    const Z: f64 = 1.96;
    let all = n + weight;
    let value = (seen * n + prior * weight) / all;
    let middle = (value + Z * Z / (2.0 * all)) / (1.0 + Z * Z / all);
    let half =
        Z / (1.0 + Z * Z / all) * (value * (1.0 - value) / all + Z * Z / (4.0 * all * all)).sqrt();
    Share { value, low: (middle - half).max(0.0), high: (middle + half).min(1.0), of: n }
}

impl Fit {
    /// As the file that a run reads. A tenth more error than was found: too much of it costs looks,
    /// too little purity.
    pub fn worths(&self, from: &str) -> Worths {
        let careful = |rate: f64| round(1.0 - 1.1 * (1.0 - rate));
        let known = |judge: &Judge| Known {
            model: judge.model.clone(),
            kind: judge.kind.clone(),
            sensitivity: careful(judge.taken.sensitivity),
            specificity: careful(judge.taken.specificity),
            repeat: judge.repeat,
            from: format!("{} answers of {from}", judge.looks),
        };
        Worths {
            assumed: Assumed::default(),
            holds: self.holds.iter().map(|(k, p)| (k.clone(), round(*p))).collect(),
            judges: self.judges.iter().map(known).collect(),
        }
    }
}

fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}
