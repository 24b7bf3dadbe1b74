//! From a judge's answers to a verdict.

use crate::record::{Answer, Atom, Check, CheckSource};
use crate::rules::reading::{Word, id};
use crate::rules::{Rule, Rules};

/// What a judge said of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub id: String,
    /// None: a word that says nothing that is known.
    pub answer: Option<Word>,
    pub evidence: String,
}

/// What code concludes.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub said: Overall,
    /// Passed share of the non-void checks, 0..=1.
    pub score: f32,
    /// One per rule, then one per atom, in their files' order.
    pub checks: Vec<Check>,
    /// Items that were left out, or answered by a word that is in no table, or twice and otherwise.
    /// While there are any, the verdict is none: ask again.
    pub unanswered: Vec<String>,
    /// Something is answered yes of a thing that is answered not to be there.
    pub orphans: bool,
}

/// The overall verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// Every non-void check is yes.
    Satisfied,
    /// At least one check is no.
    Unsatisfied,
    /// Nothing is no, and something is unsure: the judge cannot tell.
    Undecided,
}

/// Concludes from `given`. An atom whose parent failed is void: neither a pass nor a fault of its
/// own (DSG). Items the judge invented are ignored. “Not applicable” is void for a rule that only
/// applies to some prompts, and no answer for anything else: it was asked because it applies.
pub fn conclude(rules: &Rules, atoms: &[Atom], given: &[Given]) -> Verdict {
    let rule = |rule: &Rule| {
        let read = read(&rule.id, CheckSource::Rule, !rule.always(), given);
        read.asked(rule.text.clone())
    };
    let atom = |atom: &Atom| {
        let read = read(&atom.id, CheckSource::Atom, false, given);
        read.asked(format!("{} (expected: {})", atom.question, atom.expected))
    };
    let mut read_checks: Vec<Read> = rules.rules.iter().map(rule).collect();
    let first_atom = read_checks.len();
    read_checks.extend(atoms.iter().map(atom));
    let orphans = void_children(&mut read_checks[first_atom..], atoms);
    let open = |c: &&Read| !c.answered && c.check.answer != Answer::Void;
    let unanswered = read_checks.iter().filter(open).map(|c| c.check.id.clone()).collect();
    let checks: Vec<Check> = read_checks.into_iter().map(|c| c.check).collect();
    let count = |answer| checks.iter().filter(|c| c.answer == answer).count();
    let (passed, failed, unsure) = (count(Answer::Yes), count(Answer::No), count(Answer::Unsure));
    let counted = passed + failed + unsure;
    Verdict {
        said: match (passed, failed, unsure) {
            (_, 1.., _) | (0, 0, 0) => Overall::Unsatisfied,
            (_, 0, 1..) => Overall::Undecided,
            (1.., 0, 0) => Overall::Satisfied,
        },
        score: if counted == 0 { 0.0 } else { passed as f32 / counted as f32 },
        checks,
        unanswered,
        orphans,
    }
}

struct Read {
    check: Check,
    answered: bool,
}

impl Read {
    fn asked(mut self, question: String) -> Read {
        self.check.question = question;
        self
    }
}

/// What was said of `name`. Exact ids go before ids that only differ in their manner of writing.
fn read(name: &str, source: CheckSource, may_be_void: bool, given: &[Given]) -> Read {
    let mut found: Vec<&Given> = given.iter().filter(|g| g.id == name).collect();
    if found.is_empty() {
        let like = id(name);
        found = given.iter().filter(|g| id(&g.id) == like).collect();
    }
    let first = found.first();
    let same = found.iter().all(|g| Some(g.answer) == first.map(|f| f.answer));
    let answer = match first.and_then(|f| f.answer).filter(|_| same) {
        Some(Word::Yes) => Some(Answer::Yes),
        Some(Word::No) => Some(Answer::No),
        Some(Word::Unsure) => Some(Answer::Unsure),
        Some(Word::NotApplicable) => may_be_void.then_some(Answer::Void),
        None => None,
    };
    let evidence = first.map(|f| f.evidence.clone()).unwrap_or_default();
    let check = Check {
        id: name.to_owned(),
        source,
        question: String::new(),
        answer: answer.unwrap_or(Answer::Unsure),
        evidence,
    };
    Read { check, answered: answer.is_some() }
}

/// `checks[i]` answers `atoms[i]`. Runs until nothing changes, so that grandchildren follow. An
/// unanswered parent is no failed one: it is asked again. Whether one of them was answered yes.
fn void_children(checks: &mut [Read], atoms: &[Atom]) -> bool {
    let mut orphans = false;
    loop {
        let failed: Vec<bool> = checks
            .iter()
            .map(|c| {
                c.check.answer != Answer::Yes && (c.answered || c.check.answer == Answer::Void)
            })
            .collect();
        let mut changed = false;
        for (index, atom) in atoms.iter().enumerate() {
            let orphaned = atom.parents.iter().any(|parent| {
                atoms
                    .iter()
                    .position(|a| a.id == *parent && a.id != atom.id)
                    .is_some_and(|p| failed[p])
            });
            if orphaned && checks[index].check.answer != Answer::Void {
                orphans |= checks[index].check.answer == Answer::Yes;
                checks[index].check.answer = Answer::Void;
                changed = true;
            }
        }
        if !changed {
            return orphans;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::AtomKind;

    fn atom(id: &str, parents: &[&str]) -> Atom {
        Atom {
            id: id.into(),
            kind: AtomKind::Object,
            question: "?".into(),
            expected: "yes".into(),
            parents: parents.iter().map(|p| (*p).to_owned()).collect(),
        }
    }

    fn given(id: &str, answer: Word) -> Given {
        Given { id: id.into(), answer: Some(answer), evidence: String::new() }
    }

    fn of(atoms: &[Atom], given: &[Given]) -> Verdict {
        conclude(&Rules::default(), atoms, given)
    }

    #[test]
    fn a_failed_parent_voids_its_descendants() {
        let atoms = [atom("a1", &[]), atom("a2", &["a1"]), atom("a3", &["a2"])];
        let verdict = of(&atoms, &[given("a1", Word::No), given("a2", Word::Yes)]);
        assert_eq!((verdict.said, verdict.score), (Overall::Unsatisfied, 0.0));
        assert_eq!(verdict.checks[2].answer, Answer::Void);
        assert!(verdict.unanswered.is_empty(), "a void question needs no answer");
        assert!(verdict.orphans, "it speaks of a thing that is not there");
        let consistent = of(&atoms, &[given("a1", Word::No), given("a2", Word::No)]);
        assert!(!consistent.orphans);
    }

    #[test]
    fn silence_is_asked_again_and_doubt_decides_nothing() {
        let atoms = [atom("a1", &[]), atom("a2", &["a1"])];
        assert_eq!(of(&atoms, &[given("a1", Word::Yes)]).unanswered, ["a2"]);
        assert_eq!(of(&atoms, &[given("a2", Word::Yes)]).unanswered, ["a1"]);
        let na = [given("a1", Word::NotApplicable), given("a2", Word::Yes)];
        assert_eq!(of(&atoms, &na).unanswered, ["a1"]);
        let two = [given("a1", Word::Yes), given("a1", Word::No), given("a2", Word::Yes)];
        assert_eq!(of(&atoms, &two).unanswered, ["a1"], "said twice, and otherwise");
        let unsure = [given("a1", Word::Yes), given("a2", Word::Unsure)];
        assert_eq!(of(&atoms, &unsure).said, Overall::Undecided);
        let no = [given("a1", Word::No), given("a2", Word::Unsure)];
        assert_eq!(of(&atoms, &no).said, Overall::Unsatisfied);
        let all = [given("A1.", Word::Yes), given("**a2**", Word::Yes)];
        assert_eq!(of(&atoms, &all).said, Overall::Satisfied);
        assert_eq!(of(&[], &[]).said, Overall::Unsatisfied);
    }

    #[test]
    fn mutual_parents_do_not_hang() {
        let atoms = [atom("a1", &["a2"]), atom("a2", &["a1"])];
        assert_eq!(
            of(&atoms, &[given("a1", Word::Yes), given("a2", Word::No)]).said,
            Overall::Unsatisfied
        );
    }
}
