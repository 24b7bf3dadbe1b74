//! What judges are worth, learned from how they disagree (Dawid and Skene, 1979, with a prior): which
//! answers are right and how often each judge gives them follow from each other, and are found by
//! turns. Questions whose answer is known (canaries, people's labels) enter as they are.
//!
//! An error that a family repeats at every look draws more looks to its question, so that shares of
//! answers would tell of more errors than there are. Hence two rates, as `evidence` has them: of
//! questions, how many appear to a family other than they are; of answers, how many are not even as
//! it appears.
//!
//! The same questions in any order give the same result.

use crate::rules::evidence::{Count, Question, Worth, appearances, likelihood, logit, probability};
use crate::rules::{Assumed, Known, RULE, Worths};
use std::collections::{BTreeMap, BTreeSet};

/// One question of one picture, and what each judge (by place in `judges`) answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The stage that asked. What is drawn first and what is drawn after advice hold in unlike shares.
    pub stage: String,
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
    /// The same by stage.
    pub holds_at: BTreeMap<String, BTreeMap<String, f64>>,
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
const TURNS: usize = 60;
/// Before anything is seen, so many of so many questions of a kind hold.
const HOLDS: (f64, f64) = (1.5, 2.5);
/// How strongly the share of a kind that holds at one stage is drawn to that of all stages, in questions.
const STAGES: f64 = 10.0;
/// Before anything is seen, so many of so many errors repeat.
const REPEAT: (f64, f64) = (1.0, 5.0);

/// (yes where it holds, all where it holds, no where it does not, all where it does not)
type Sums = [f64; 4];

/// What a judge's answers to questions of a kind come to, by how probably each question holds.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Questions that hold, and those of them that appear otherwise to its family.
    holds: f64,
    hidden: f64,
    /// Questions that do not hold, and those of them that appear to.
    fails: f64,
    shown: f64,
    /// Answers where it appears to hold, and the noes among them.
    seen: f64,
    slipped: f64,
    /// Answers where it does not appear to hold, and the yeses among them.
    unseen: f64,
    invented: f64,
    /// Answers to what holds and to what does not, those to one question for what they add.
    told: (f64, f64),
    looks: f64,
}

impl Tally {
    /// Shares of what holds that is answered no, and of what does not hold that is answered yes.
    fn errors(&self) -> (f64, f64) {
        let of = |part: f64, all: f64| if all > 1e-9 { part / all } else { 0.0 };
        let both = |lasting: f64, slip: f64| lasting + (1.0 - lasting) * slip;
        let slips = (of(self.slipped, self.seen), of(self.invented, self.unseen));
        let (hides, shows) = (of(self.hidden, self.holds), of(self.shown, self.fails));
        (both(hides, slips.0), both(shows, slips.1))
    }

    fn sums(&self) -> Sums {
        let ((misses, invents), (holds, fails)) = (self.errors(), self.told);
        [(1.0 - misses) * holds, holds, (1.0 - invents) * fails, fails]
    }
}

/// Learns from `asked`. `families[j]` is the family of `judges[j]`.
pub fn fit(judges: &[String], families: &[usize], asked: &[Asked]) -> Fit {
    let mut state = State::new(judges, families, asked);
    for _ in 0..TURNS {
        let posteriors = state.posteriors(asked);
        let tallies = state.tallies(asked, &posteriors);
        state.learn(asked, &posteriors, &tallies);
    }
    let posteriors = state.posteriors(asked);
    state.tell(asked, &posteriors)
}

struct State<'a> {
    judges: &'a [String],
    families: &'a [usize],
    kinds: Vec<String>,
    stages: Vec<String>,
    /// By kind.
    holds: Vec<f64>,
    /// By stage, then kind; None where a stage asked none of the questions, or all of them.
    holds_at: Vec<Vec<Option<f64>>>,
    /// By kind, then judge.
    worths: Vec<Vec<Worth>>,
    /// One for all families: of two that disagree for good, looks alone do not say which of them is
    /// deceived.
    repeat: f64,
}

impl<'a> State<'a> {
    fn new(judges: &'a [String], families: &'a [usize], asked: &[Asked]) -> State<'a> {
        let repeat = REPEAT.0 / REPEAT.1;
        let names = |of: fn(&Asked) -> &String| -> Vec<String> {
            asked.iter().map(of).collect::<BTreeSet<_>>().into_iter().cloned().collect()
        };
        let (kinds, stages) = (names(|a| &a.kind), names(|a| &a.stage));
        State {
            judges,
            families,
            holds: kinds.iter().map(|k| if k == RULE { 0.95 } else { 0.8 }).collect(),
            worths: vec![vec![Worth::even(1.0 - RIGHT, repeat); judges.len()]; kinds.len()],
            holds_at: vec![vec![None; kinds.len()]; stages.len()],
            repeat,
            kinds,
            stages,
        }
    }

    fn kind(&self, asked: &Asked) -> usize {
        self.kinds.binary_search(&asked.kind).unwrap_or(0)
    }

    fn stage(&self, asked: &Asked) -> usize {
        self.stages.binary_search(&asked.stage).unwrap_or(0)
    }

    /// The probability that each question holds, by what is believed now.
    fn posteriors(&self, asked: &[Asked]) -> Vec<f64> {
        let of = |a: &Asked| {
            if let Some(truth) = a.truth {
                return f64::from(u8::from(truth));
            }
            let question = self.question(a);
            let (yes, no) = likelihood(&question, self.families, &a.counts);
            probability(logit(question.holds) + yes - no)
        };
        asked.iter().map(of).collect()
    }

    fn question(&self, asked: &Asked) -> Question {
        let kind = self.kind(asked);
        let holds = self.holds_at[self.stage(asked)][kind].unwrap_or(self.holds[kind]);
        Question { holds, worths: self.worths[kind].clone() }
    }

    /// By kind, then judge.
    fn tallies(&self, asked: &[Asked], posteriors: &[f64]) -> Vec<Vec<Tally>> {
        let mut tallies = vec![vec![Tally::default(); self.judges.len()]; self.kinds.len()];
        for (a, p) in asked.iter().zip(posteriors) {
            let question = self.question(a);
            let kind = self.kind(a);
            for appears in appearances(&question, self.families, &a.counts) {
                let (if_holds, if_fails) = appears.holds();
                let seen = p * if_holds + (1.0 - p) * if_fails;
                for (j, count) in a.counts.iter().enumerate() {
                    let (yes, no) = (f64::from(count.yes), f64::from(count.no));
                    let n = yes + no;
                    if self.families[j] != appears.family || n == 0.0 {
                        continue;
                    }
                    let of = &mut tallies[kind][j];
                    of.holds += p;
                    of.hidden += p * (1.0 - if_holds);
                    of.fails += 1.0 - p;
                    of.shown += (1.0 - p) * if_fails;
                    of.seen += seen * n;
                    of.slipped += seen * no;
                    of.unseen += (1.0 - seen) * n;
                    of.invented += (1.0 - seen) * yes;
                    // What those before it on the same question told already, an answer does not tell.
                    let adds = n / (1.0 + (n - 1.0) * self.repeat);
                    of.told.0 += p * adds;
                    of.told.1 += (1.0 - p) * adds;
                    of.looks += n;
                }
            }
        }
        tallies
    }

    fn learn(&mut self, asked: &[Asked], posteriors: &[f64], tallies: &[Vec<Tally>]) {
        self.repeat = self.repeats(tallies);
        let sums = sums(tallies);
        for (j, _) in self.judges.iter().enumerate() {
            let all = self.overall(&sums, j);
            for (kind, sums) in sums.iter().enumerate() {
                let [yes, holds, no, fails] = sums[j];
                self.worths[kind][j] = Worth {
                    sensitivity: (yes + POOL * all.0) / (holds + POOL),
                    specificity: (no + POOL * all.1) / (fails + POOL),
                    repeat: self.repeat,
                };
            }
        }
        self.learn_holds(asked, posteriors);
    }

    fn learn_holds(&mut self, asked: &[Asked], posteriors: &[f64]) {
        let mut sums = vec![vec![(0.0, 0.0); self.kinds.len()]; self.stages.len()];
        // What is known beforehand was not drawn from the run.
        for (a, p) in asked.iter().zip(posteriors).filter(|(a, _)| a.truth.is_none()) {
            let (sum, n) = &mut sums[self.stage(a)][self.kind(a)];
            (*sum, *n) = (*sum + p, *n + 1.0);
        }
        for kind in 0..self.kinds.len() {
            let all = sums.iter().map(|of| of[kind]);
            let (sum, every) = all.fold(HOLDS, |(sum, n), (p, one)| (sum + p, n + one));
            self.holds[kind] = sum / every;
            for (stage, sums) in sums.iter().enumerate() {
                let (sum, n) = sums[kind];
                let drawn = (sum + STAGES * self.holds[kind]) / (n + STAGES);
                let apart = n > 0.0 && n + HOLDS.1 < every;
                self.holds_at[stage][kind] = apart.then_some(drawn);
            }
        }
    }

    /// The shares by stage and kind, under their names.
    fn told_at(&self) -> BTreeMap<String, BTreeMap<String, f64>> {
        let of = |(stage, holds): (&String, &Vec<Option<f64>>)| {
            let named = self.kinds.iter().zip(holds).filter_map(|(k, p)| Some((k.clone(), (*p)?)));
            (stage.clone(), named.collect::<BTreeMap<_, _>>())
        };
        let named = self.stages.iter().zip(&self.holds_at).map(of);
        named.filter(|(_, holds)| !holds.is_empty()).collect()
    }

    /// The share of errors that come again at every look: of all kinds but the rules, which only follow
    /// from the atoms.
    fn repeats(&self, tallies: &[Vec<Tally>]) -> f64 {
        let (mut lasting, mut all) = REPEAT;
        for (tallies, _) in tallies.iter().zip(&self.kinds).filter(|(_, kind)| *kind != RULE) {
            for of in tallies {
                let (misses, invents) = of.errors();
                lasting += of.hidden + of.shown;
                all += misses * of.holds + invents * of.fails;
            }
        }
        (lasting / all).clamp(0.0, 0.95)
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

    fn tell(&self, asked: &[Asked], posteriors: &[f64]) -> Fit {
        let tallies = self.tallies(asked, posteriors);
        let sums = sums(&tallies);
        let known = asked.iter().filter(|a| a.truth.is_some()).count();
        let told = INFERRED + (1.0 - INFERRED) * known as f64 / asked.len().max(1) as f64;
        let looks = |j: usize, of: &dyn Fn(&str) -> bool| {
            let ours = self.kinds.iter().zip(&tallies).filter(|(kind, _)| of(kind));
            ours.map(|(_, tallies)| tallies[j].looks).sum::<f64>().round() as u64
        };
        let mut judges = Vec::new();
        for (j, model) in self.judges.iter().enumerate() {
            let pool = self.overall(&sums, j);
            let judge =
                |kind, looks, [yes, holds, no, fails]: Sums, prior: (f64, f64), taken| Judge {
                    model: model.clone(),
                    kind,
                    looks,
                    sensitivity: interval(yes / holds.max(1e-9), holds * told, (prior.0, 2.0)),
                    specificity: interval(no / fails.max(1e-9), fails * told, (prior.1, 2.0)),
                    repeat: self.repeat,
                    taken,
                };
            let (sensitivity, specificity) = pool;
            let of_all = Worth { sensitivity, specificity, repeat: self.repeat };
            let (all, total) = (looks(j, &|kind| kind != RULE), self.total(&sums, &[j]));
            judges.push(judge(None, all, total, (RIGHT, RIGHT), of_all));
            for (kind, name) in self.kinds.iter().enumerate() {
                if tallies[kind][j].looks > 0.0 {
                    let (n, taken) = (looks(j, &|kind| kind == name), self.worths[kind][j]);
                    judges.push(judge(Some(name.clone()), n, sums[kind][j], pool, taken));
                }
            }
        }
        Fit {
            judges,
            holds: self.kinds.iter().cloned().zip(self.holds.iter().copied()).collect(),
            holds_at: self.told_at(),
            questions: asked.len(),
            known,
        }
    }
}

fn sums(tallies: &[Vec<Tally>]) -> Vec<Vec<Sums>> {
    tallies.iter().map(|kind| kind.iter().map(Tally::sums).collect()).collect()
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
            repeat: round(judge.repeat),
            from: format!("{} answers of {from}", judge.looks),
        };
        let rounded = |of: &BTreeMap<String, f64>| {
            of.iter().map(|(kind, p)| (kind.clone(), round(*p))).collect::<BTreeMap<_, _>>()
        };
        Worths {
            assumed: Assumed::default(),
            holds: rounded(&self.holds),
            holds_at: self.holds_at.iter().map(|(s, of)| (s.clone(), rounded(of))).collect(),
            judges: self.judges.iter().map(known).collect(),
        }
    }
}

fn round(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}
