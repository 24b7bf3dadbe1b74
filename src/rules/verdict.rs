//! From a judge's answers to a verdict.

use crate::record::{Answer, Atom, Check, CheckSource};
use crate::rules::Rules;

/// What a judge said of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub id: String,
    pub answer: Answer,
    pub evidence: String,
}

/// What code concludes.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Every non-void check is yes. Unsure and unanswered count as failed.
    pub satisfied: bool,
    /// Passed share of the non-void checks, 0..=1.
    pub score: f32,
    /// One per rule, then one per atom, in their files' order.
    pub checks: Vec<Check>,
    /// Items the judge left out.
    pub unanswered: usize,
}

/// Concludes from `given`. An atom whose parent failed is void: neither a pass nor a fault of its
/// own (DSG). Items the judge invented are ignored; of repeats the first counts.
pub fn conclude(rules: &Rules, atoms: &[Atom], given: &[Given]) -> Verdict {
    let mut unanswered = 0;
    let mut checks: Vec<Check> = Vec::new();
    let mut take = |id: &str, source: CheckSource| {
        let found = given.iter().find(|g| g.id == id);
        unanswered += usize::from(found.is_none());
        Check {
            id: id.to_owned(),
            source,
            answer: found.map_or(Answer::Unsure, |g| g.answer),
            evidence: found.map(|g| g.evidence.clone()).unwrap_or_default(),
        }
    };
    checks.extend(rules.rules.iter().map(|rule| take(&rule.id, CheckSource::Rule)));
    let first_atom = checks.len();
    checks.extend(atoms.iter().map(|atom| take(&atom.id, CheckSource::Atom)));
    void_children(&mut checks[first_atom..], atoms);
    let counted = checks.iter().filter(|c| c.answer != Answer::Void).count();
    let passed = checks.iter().filter(|c| c.answer == Answer::Yes).count();
    Verdict {
        satisfied: passed == counted && counted > 0,
        score: if counted == 0 { 0.0 } else { passed as f32 / counted as f32 },
        checks,
        unanswered,
    }
}

/// `checks[i]` answers `atoms[i]`. Runs until nothing changes, so that grandchildren follow.
fn void_children(checks: &mut [Check], atoms: &[Atom]) {
    loop {
        let failed: Vec<bool> = checks.iter().map(|c| c.answer != Answer::Yes).collect();
        let mut changed = false;
        for (index, atom) in atoms.iter().enumerate() {
            let orphaned = atom.parents.iter().any(|parent| {
                atoms
                    .iter()
                    .position(|a| a.id == *parent && a.id != atom.id)
                    .is_some_and(|p| failed[p])
            });
            if orphaned && checks[index].answer != Answer::Void {
                checks[index].answer = Answer::Void;
                changed = true;
            }
        }
        if !changed {
            return;
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

    fn given(id: &str, answer: Answer) -> Given {
        Given { id: id.into(), answer, evidence: String::new() }
    }

    #[test]
    fn a_failed_parent_voids_its_descendants() {
        let atoms = [atom("a1", &[]), atom("a2", &["a1"]), atom("a3", &["a2"])];
        let answers = [given("a1", Answer::No), given("a2", Answer::Yes), given("a3", Answer::Yes)];
        let verdict = conclude(&Rules::default(), &atoms, &answers);
        assert!(!verdict.satisfied);
        assert_eq!(verdict.score, 0.0);
        assert_eq!(verdict.checks[2].answer, Answer::Void);
    }

    #[test]
    fn silence_and_doubt_do_not_pass() {
        let atoms = [atom("a1", &[]), atom("a2", &[])];
        assert!(!conclude(&Rules::default(), &atoms, &[given("a1", Answer::Yes)]).satisfied);
        let unsure = [given("a1", Answer::Yes), given("a2", Answer::Unsure)];
        assert!(!conclude(&Rules::default(), &atoms, &unsure).satisfied);
        let all = [given("a1", Answer::Yes), given("a2", Answer::Yes)];
        assert!(conclude(&Rules::default(), &atoms, &all).satisfied);
        assert!(!conclude(&Rules::default(), &[], &[]).satisfied);
    }

    #[test]
    fn mutual_parents_do_not_hang() {
        let atoms = [atom("a1", &["a2"]), atom("a2", &["a1"])];
        let all = [given("a1", Answer::Yes), given("a2", Answer::No)];
        assert!(!conclude(&Rules::default(), &atoms, &all).satisfied);
    }
}
