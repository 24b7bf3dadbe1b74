//! Judging one image by as many looks as its verdict takes, each bought where it tells most for its
//! price, and the rationale that agrees with what they come to. `rules::evidence` does the sums; a
//! case is one picture's.

mod case;
mod params;
mod tell;

pub use params::{JUDGE, LOOK_AT, MAX_LOOKS, PRICES, PURE, PURITY, WORTH};

use crate::diag::{Diagnostic, SourceFile};
use crate::record::{
    Answer, Atom, CallKey, Check, CheckSource, Evidence, ImageRef, Judgement, Trajectory, Vote,
};
use crate::rules::evidence::{Belief, family};
use crate::rules::{Rules, Worths};
use crate::stage::ask::{AskOutcome, Asker, atom_rows, rule_rows};
use crate::stage::judging::{Judged, Reading, Unjudged, failed_note, read_reply, said};
use crate::stage::looks::case::Case;
use crate::stage::looks::tell::Teller;
use crate::stage::{Compile, Cx, StageError};
use crate::template::Context;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Fewer questions than this are no look of their own: their order could hardly be another one.
const FEWEST: usize = 4;

/// Judges who look until the verdict is sure enough.
pub struct Looks {
    judges: Vec<Asker>,
    models: Vec<String>,
    families: Vec<usize>,
    prices: Vec<f64>,
    worths: Worths,
    stage: String,
    purity: f64,
    max_looks: u32,
    open_only: bool,
    /// None where no J is wanted.
    teller: Option<Teller>,
}

/// What a judge is asked about in one look.
struct Ask {
    judge: usize,
    /// How many looks this judge has had.
    draw: u32,
    rules: Rules,
    atoms: Vec<Atom>,
    /// Every question is asked.
    full: bool,
}

/// A look that could be read.
struct Looked {
    full: bool,
    reading: Reading,
    call: CallKey,
}

/// A rationale, the probability that all it claims is true, and the call that gave it.
struct Found {
    text: String,
    claims: f64,
    call: CallKey,
}

/// The looks at one picture so far.
#[derive(Default)]
struct Record {
    looked: Vec<Looked>,
    votes: Vec<Vote>,
    faults: Vec<Vote>,
    /// Looks asked of each judge.
    asked: Vec<u32>,
    /// Replies of each judge that could not be read, or refusals.
    lost: Vec<u32>,
    /// Questions in their order, by judge: what was asked before.
    before: BTreeSet<(usize, Vec<String>)>,
    fault: Option<String>,
    refused: Option<String>,
}

impl Looks {
    /// From the parameters of `params`, and `template` with what is asked; None where `judge` names
    /// nobody. `tells`: J is wanted too.
    pub fn compile(
        cx: &Compile<'_>,
        template: &str,
        tells: bool,
    ) -> Result<Option<Looks>, Vec<Diagnostic>> {
        let roles = cx.params.texts("judge");
        if roles.is_empty() {
            return Ok(None);
        }
        let judges: Vec<Asker> = roles
            .iter()
            .map(|role| Asker::of_role(cx, "judge", role, template))
            .collect::<Result<_, _>>()?;
        let models: Vec<String> = judges.iter().map(|j| j.role.model.clone()).collect();
        let mut names: Vec<String> = Vec::new();
        let mut number = |model: &String| {
            let name = family(model);
            names.iter().position(|n| *n == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            })
        };
        let families = models.iter().map(&mut number).collect();
        let prices = cx.params.weights("prices");
        let price = |role: &String| {
            prices.iter().find(|(name, _)| name == role).map_or(1.0, |(_, p)| p.max(1e-6))
        };
        let or = |given: f64, default: f64| if given > 0.0 { given } else { default };
        Ok(Some(Looks {
            prices: roles.iter().map(price).collect(),
            worths: worths(cx)?,
            stage: cx.stage.to_owned(),
            purity: or(cx.params.float("purity"), params::PURE),
            max_looks: or(cx.params.int("max_looks") as f64, params::LOOKS) as u32,
            open_only: cx.params.text("look_at") != "all",
            teller: if tells { Some(Teller::compile(cx, &roles[0], template)?) } else { None },
            judges,
            models,
            families,
        }))
    }

    /// Looks until the verdict is sure, or nothing more can be learned.
    pub async fn judge(
        &self,
        cx: &Cx<'_>,
        (trajectory, image): (&Trajectory, ImageRef),
        rules: &Rules,
        (scored, standard): (bool, Option<&str>),
    ) -> Result<Result<Judged, Unjudged>, StageError> {
        let atoms = &trajectory.atoms;
        let panel = (&self.models[..], &self.families[..]);
        let known = (&self.worths, &self.stage[..]);
        let mut case = Case::new(rules, atoms, known, panel, self.purity);
        let mut record = Record {
            asked: vec![0; self.judges.len()],
            lost: vec![0; self.judges.len()],
            ..Record::default()
        };
        while self.goes_on(&case, &record) {
            let Some(ask) = self.next(cx, &case, &mut record, rules, atoms) else { break };
            let mut context = Context::new()
                .text("prompt", &trajectory.prompt.text)
                .image("image", image)
                .rows("rules", rule_rows(&ask.rules))
                .rows("atoms", atom_rows(&ask.atoms));
            if let Some(standard) = standard {
                context = context.text("standard", standard);
            }
            let read = |value| read_reply(&ask.rules, &ask.atoms, scored, value);
            let asked = self.judges[ask.judge].json(cx, &context, ask.draw, read).await?;
            record.faults.extend(asked.faults);
            match asked.said {
                AskOutcome::Read(reading, key) => {
                    case.take(ask.judge, &reading.verdict.checks);
                    let answer = letters(&case, &reading.verdict.checks);
                    let number = record.looked.len() + 1;
                    let ask_name = format!("look_{number}:{}", self.models[ask.judge]);
                    record.votes.push(Vote { ask: ask_name, answer, call: Some(key) });
                    record.looked.push(Looked { full: ask.full, reading, call: key });
                }
                AskOutcome::Refused(reason) => {
                    record.lost[ask.judge] += 2;
                    record.refused = Some(reason);
                }
                AskOutcome::Unusable(fault) => {
                    record.lost[ask.judge] += 1;
                    record.fault = Some(fault.what);
                }
            }
        }
        self.conclude(cx, (trajectory, image), &case, record).await
    }

    /// Whether the verdict is open and more looks can settle it.
    fn goes_on(&self, case: &Case<'_>, record: &Record) -> bool {
        let left = self.max_looks.saturating_sub(record.asked.iter().sum());
        left > 0
            && matches!(case.belief(), Belief::Open(_))
            && !case.is_beyond_judges()
            && (record.looked.is_empty() || case.can_settle(left))
    }

    /// The look that is expected to tell most for its price; None when none tells anything.
    fn next(
        &self,
        cx: &Cx<'_>,
        case: &Case<'_>,
        record: &mut Record,
        rules: &Rules,
        atoms: &[Atom],
    ) -> Option<Ask> {
        let mut best: Option<(usize, f64)> = None;
        for judge in (0..self.judges.len()).filter(|j| record.lost[*j] < 2) {
            let worth = case.gain(judge) / self.prices[judge];
            if worth > 1e-4 && best.is_none_or(|(_, most)| worth > most + 1e-12) {
                best = Some((judge, worth));
            }
        }
        let (judge, _) = best?;
        let draw = record.asked[judge];
        let asked_of = self.shown(case, rules, atoms, record.looked.is_empty());
        for salt in 0..24 {
            let (mut rules, mut atoms) = asked_of.clone();
            // A first look is the plain request; a later one in the same order would be a copy of it.
            if draw > 0 || salt > 0 {
                let mut rng = cx.rng(&format!("look {judge} {draw} {salt}"));
                rng.shuffle(&mut rules.rules);
                rng.shuffle(&mut atoms);
            }
            let ids = rules.rules.iter().map(|r| &r.id).chain(atoms.iter().map(|a| &a.id));
            if record.before.insert((judge, ids.cloned().collect())) {
                record.asked[judge] += 1;
                let full = rules.rules.len() + atoms.len() == case.items.len();
                return Some(Ask { judge, draw, rules, atoms, full });
            }
        }
        None
    }

    /// What a look asks: everything, or what is open, with enough beside it to be a look of its own. A
    /// rule is only asked together with the whole checklist, which says what it means here.
    fn shown(
        &self,
        case: &Case<'_>,
        rules: &Rules,
        atoms: &[Atom],
        first: bool,
    ) -> (Rules, Vec<Atom>) {
        // What is there need not be found anew: a slip on it would void what is asked of it.
        let there = case.there();
        let free = |atom: &Atom| {
            let mut atom = atom.clone();
            atom.parents.retain(|p| !there.contains(&p.as_str()));
            atom
        };
        let all = || (rules.clone(), atoms.iter().map(free).collect());
        let open = case.open();
        let (of_rules, of_atoms) = open.split_at(rules.rules.len());
        if first || !self.open_only || of_rules.contains(&true) {
            return all();
        }
        let mut more = FEWEST.saturating_sub(of_atoms.iter().filter(|o| **o).count());
        let mut chosen = Vec::new();
        for (atom, open) in atoms.iter().zip(of_atoms) {
            if *open || more > 0 {
                more -= usize::from(!open);
                chosen.push(free(atom));
            }
        }
        (Rules::default(), chosen)
    }

    async fn conclude(
        &self,
        cx: &Cx<'_>,
        (trajectory, image): (&Trajectory, ImageRef),
        case: &Case<'_>,
        mut record: Record,
    ) -> Result<Result<Judged, Unjudged>, StageError> {
        if record.looked.is_empty() {
            if let Some(reason) = record.refused {
                return Ok(Err(Unjudged::Refused(reason)));
            }
            let what = record.fault.unwrap_or_else(|| "no judge looked".to_owned());
            return Err(StageError::undecided(what, record.faults));
        }
        let checks = case.checks();
        let kinds: Vec<&str> = case.items.iter().map(|i| i.kind).collect();
        let mut votes = vec![told(Vote::QUESTIONS, kinds.join(","))];
        votes.append(&mut record.votes);
        votes.append(&mut record.faults);
        let score = passed(&checks);
        let (satisfied, posterior) = match case.belief() {
            Belief::Satisfied(p) => (true, p),
            Belief::Unsatisfied(p) => (false, p),
            Belief::Open(p) => {
                votes.push(told(Vote::POSTERIOR, format!("{p:.5}")));
                let note = format!("{p:.3} that all holds, after {} looks", record.looked.len());
                let evidence =
                    Evidence { note, score: Some(score), votes, checks, ..Evidence::default() };
                return Ok(Err(Unjudged::Undecided(evidence)));
            }
        };
        votes.push(told(Vote::POSTERIOR, format!("{posterior:.5}")));
        let given =
            record.looked.iter().filter(|l| said(l.reading.verdict.said) == word(satisfied));
        let given_score = given.filter_map(|l| l.reading.score).reduce(f32::max);
        let found = match (&self.teller, self.bought(case, &checks, &record.looked)) {
            (_, Some(found)) => found,
            (Some(teller), None) => {
                let told = teller.tell(cx, trajectory, image, case).await?;
                votes.extend(told.votes);
                match told.said {
                    Ok((text, call)) => Found { text, claims: told.claims, call },
                    Err(reason) => return Ok(Err(Unjudged::Refused(reason))),
                }
            }
            // Where no J is wanted, any will do.
            (None, None) => {
                let first = &record.looked[0];
                Found { text: first.reading.rationale.clone(), claims: 0.0, call: first.call }
            }
        };
        let Found { text: rationale, claims, call } = found;
        let answer = format!("{claims:.5}");
        votes.push(Vote { ask: Vote::CLAIMS.to_owned(), answer, call: Some(call) });
        let judgement = Judgement {
            rationale,
            satisfied,
            score,
            checks,
            posterior: Some(posterior as f32),
            claims: Some(claims as f32),
        };
        let evidence = Evidence {
            note: failed_note(&judgement),
            score: Some(score),
            votes,
            checks: judgement.checks.clone(),
            peer: None,
        };
        Ok(Ok(Judged { judgement, given_score, evidence }))
    }

    /// The first rationale bought whose every answer is as it is settled, where that is sure enough. A
    /// rule that only says again what the checklist found is no claim of its own. A look that says
    /// something of a thing which it says is not there may claim it in its words too.
    fn bought(&self, case: &Case<'_>, checks: &[Check], looked: &[Looked]) -> Option<Found> {
        let holds = case.holds();
        let claimed = |c: &Check| match c.answer {
            Answer::Void => false,
            Answer::Unsure => c.source == CheckSource::Atom,
            Answer::Yes | Answer::No => true,
        };
        let counted = checks.iter().zip(&holds).filter(|(c, _)| claimed(c));
        let claims: f64 = counted.map(|(_, p)| p.max(1.0 - p)).product();
        if claims < self.purity {
            return None;
        }
        let agrees = |l: &&Looked| {
            let said = &l.reading.verdict.checks;
            l.full
                && !l.reading.verdict.orphans
                && checks.iter().filter(|c| claimed(c)).all(|c| {
                    let same = said.iter().find(|s| s.source == c.source && s.id == c.id);
                    same.is_some_and(|s| s.answer == c.answer)
                })
        };
        looked.iter().find(agrees).map(|l| Found {
            text: l.reading.rationale.clone(),
            claims,
            call: l.call,
        })
    }
}

/// What judges are taken for: the stage's file, or the one that is built in.
fn worths(cx: &Compile<'_>) -> Result<Worths, Vec<Diagnostic>> {
    if !cx.params.text("worth").is_empty() {
        return Worths::parse(&cx.file("worth")?);
    }
    let built_in = || {
        let text = include_str!("../../../data/judges.toml").to_owned();
        Arc::new(SourceFile { path: params::FILE.to_owned(), text })
    };
    Worths::parse(&cx.files.text(params::FILE).unwrap_or_else(built_in))
}

fn told(ask: &str, answer: String) -> Vote {
    Vote { ask: ask.to_owned(), answer, call: None }
}

fn word(satisfied: bool) -> &'static str {
    if satisfied { "satisfied" } else { "unsatisfied" }
}

/// The share of the counted answers that are yes.
fn passed(checks: &[Check]) -> f32 {
    let counted = checks.iter().filter(|c| c.answer != Answer::Void).count();
    let passed = checks.iter().filter(|c| c.answer == Answer::Yes).count();
    if counted == 0 { 0.0 } else { passed as f32 / counted as f32 }
}

/// A look as one letter a question, in the order of `QUESTIONS`: y, n, u, v (void), - (not asked).
fn letters(case: &Case<'_>, checks: &[Check]) -> String {
    let letter = |item: &case::Item| {
        let said = checks.iter().find(|c| c.source == item.source && c.id == item.id);
        said.map_or('-', |c| c.answer.letter())
    };
    case.items.iter().map(letter).collect()
}
