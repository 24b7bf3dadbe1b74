//! One picture's questions, what every look said of them, and what that comes to.

use crate::record::{Answer, Atom, Check, CheckSource};
use crate::rules::evidence::{Belief, Count, Question, believe, gain, log_odds, probability};
use crate::rules::{RULE, Rule, Rules, Worths};

/// A rule or an atom under question.
pub struct Item {
    pub id: String,
    pub source: CheckSource,
    /// `rule`, or the atom's kind.
    pub kind: &'static str,
    /// What is asked, and what a right picture shows (empty for a rule).
    pub text: String,
    pub expected: String,
    /// A rule that says in general what the checklist says of this picture.
    restates: bool,
    /// Places of the items without which this one is void.
    parents: Vec<usize>,
    question: Question,
    /// One per judge.
    counts: Vec<Count>,
    /// What was last seen by a look that said no, and by one that said yes.
    seen: [String; 2],
}

/// The questions of a picture.
pub struct Case<'a> {
    pub items: Vec<Item>,
    /// The family of each judge.
    families: &'a [usize],
    purity: f64,
}

impl<'a> Case<'a> {
    /// `models` and `families` are of the judges, in their order; `worths` as known at `stage`.
    pub fn new(
        rules: &Rules,
        atoms: &[Atom],
        (worths, stage): (&Worths, &str),
        (models, families): (&[String], &'a [usize]),
        purity: f64,
    ) -> Case<'a> {
        let question = |kind: &str| Question {
            holds: worths.holds(stage, kind),
            worths: models.iter().map(|model| worths.of(model, kind)).collect(),
        };
        let counts = vec![Count::default(); models.len()];
        let rule = |rule: &Rule| Item {
            id: rule.id.clone(),
            source: CheckSource::Rule,
            kind: RULE,
            text: rule.text.clone(),
            expected: String::new(),
            restates: !rule.own,
            parents: Vec::new(),
            question: question(RULE),
            counts: counts.clone(),
            seen: Default::default(),
        };
        let mut items: Vec<Item> = rules.rules.iter().map(rule).collect();
        let first = items.len();
        for atom in atoms {
            let place = |parent: &String| {
                atoms.iter().position(|a| a.id == *parent && a.id != atom.id).map(|at| first + at)
            };
            let kind = crate::stage::ask::question_kind(atom);
            items.push(Item {
                id: atom.id.clone(),
                source: CheckSource::Atom,
                kind,
                text: atom.question.clone(),
                expected: atom.expected.clone(),
                restates: false,
                parents: atom.parents.iter().filter_map(place).collect(),
                question: question(kind),
                counts: counts.clone(),
                seen: Default::default(),
            });
        }
        Case { items, families, purity }
    }

    /// Adds what judge `j` said in one look. A rule's no beside an atom's no is no finding of its own,
    /// where the rule says in general what the checklist says of this picture.
    pub fn take(&mut self, j: usize, checks: &[Check]) {
        let fault = checks.iter().any(|c| c.source == CheckSource::Atom && c.answer == Answer::No);
        for check in checks {
            let same = |i: &&mut Item| i.source == check.source && i.id == check.id;
            let Some(item) = self.items.iter_mut().find(same) else { continue };
            let explained = fault && item.restates;
            match check.answer {
                Answer::Yes => item.counts[j].yes += 1,
                Answer::No if !explained => item.counts[j].no += 1,
                Answer::Unsure => item.counts[j].unsure += 1,
                Answer::No | Answer::Void => continue,
            }
            if matches!(check.answer, Answer::Yes | Answer::No) {
                let yes = usize::from(check.answer == Answer::Yes);
                item.seen[yes].clone_from(&check.evidence);
            }
        }
    }

    /// The probability that each item holds.
    pub fn holds(&self) -> Vec<f64> {
        let of = |i: &Item| probability(log_odds(&i.question, self.families, &i.counts));
        self.items.iter().map(of).collect()
    }

    /// Which items are void: a thing they are asked of is not there.
    pub fn void(&self, holds: &[f64]) -> Vec<bool> {
        let mut void = vec![false; holds.len()];
        // Once per level of parents, and there are no more levels than items.
        for _ in 0..holds.len() {
            for (at, item) in self.items.iter().enumerate() {
                void[at] |= item.parents.iter().any(|p| holds[*p] < 0.5 || void[*p]);
            }
        }
        void
    }

    pub fn belief(&self) -> Belief {
        let holds = self.holds();
        let void = self.void(&holds);
        let counted: Vec<f64> =
            holds.iter().zip(&void).filter(|(_, void)| !**void).map(|(p, _)| *p).collect();
        believe(&counted, self.purity)
    }

    /// Whether so many more looks could settle the verdict, if each said what settles it most. Where
    /// every family is known to repeat its errors, they often cannot.
    pub fn can_settle(&self, left: u32) -> bool {
        let void = self.void(&self.holds());
        let at_most = |item: &Item, yes: bool| {
            let more = |of: &Count| match yes {
                true => Count { yes: of.yes + left, ..*of },
                false => Count { no: of.no + left, ..*of },
            };
            let counts: Vec<Count> = item.counts.iter().map(more).collect();
            probability(log_odds(&item.question, self.families, &counts))
        };
        let fault = |item: &Item| at_most(item, false) <= 1.0 - self.purity;
        let counted = self.items.iter().zip(&void).filter(|(_, void)| !**void);
        let all: f64 = counted.map(|(item, _)| at_most(item, true)).product();
        all >= self.purity || self.items.iter().any(fault)
    }

    /// Which items could still turn the verdict or are not settled.
    pub fn open(&self) -> Vec<bool> {
        let holds = self.holds();
        let void = self.void(&holds);
        let counted = void.iter().filter(|v| !**v).count().max(1);
        // So sure must each be that all together are sure enough.
        let each = self.purity.powf(1.0 / counted as f64);
        let open = |(p, void): (&f64, &bool)| !void && *p > 1.0 - self.purity && *p < each;
        holds.iter().zip(&void).map(open).collect()
    }

    /// Ids of the items that hold for all that is known.
    pub fn there(&self) -> Vec<&str> {
        let holds = self.holds();
        let looked = |i: &Item| i.counts.iter().any(|c| c.yes > 0);
        let items = self.items.iter().zip(holds).filter(|(i, p)| *p > 0.95 && looked(i));
        items.map(|(i, _)| i.id.as_str()).collect()
    }

    /// What one more look by judge `j` is expected to tell of the open items, in nats.
    pub fn gain(&self, j: usize) -> f64 {
        let open = self.open();
        let open = self.items.iter().zip(open).filter(|(_, open)| *open);
        open.map(|(i, _)| gain(&i.question, self.families, &i.counts, j)).sum()
    }

    /// Whether judges can only say that they cannot tell: an item has two unsures and nothing else.
    pub fn is_beyond_judges(&self) -> bool {
        let sum = |i: &Item, of: fn(&Count) -> u32| i.counts.iter().map(of).sum::<u32>();
        self.items.iter().any(|i| sum(i, |c| c.unsure) >= 2 && sum(i, |c| c.yes + c.no) == 0)
    }

    /// The settled answers.
    pub fn checks(&self) -> Vec<Check> {
        let holds = self.holds();
        let void = self.void(&holds);
        let check = |(at, item): (usize, &Item)| {
            let asked = item.counts.iter().any(|c| c.yes + c.no > 0);
            let answer = match (void[at], asked, holds[at] >= 0.5) {
                (true, _, _) => Answer::Void,
                (_, true, true) => Answer::Yes,
                (_, true, false) => Answer::No,
                (_, false, _) => Answer::Unsure,
            };
            let seen = &item.seen[usize::from(holds[at] >= 0.5)];
            let question = match item.expected.as_str() {
                "" => item.text.clone(),
                expected => format!("{} (expected: {expected})", item.text),
            };
            let (id, evidence) = (item.id.clone(), seen.clone());
            Check { id, source: item.source, question, answer, evidence }
        };
        self.items.iter().enumerate().map(check).collect()
    }

    /// What was seen by a look that answered item `at` as it is settled.
    pub fn seen(&self, at: usize, holds: bool) -> &str {
        &self.items[at].seen[usize::from(holds)]
    }
}
