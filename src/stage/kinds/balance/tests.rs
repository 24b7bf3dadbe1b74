//! Outcomes, cuts, quotas and their independence of order.

use super::quotas::rejected;
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
                ..Judgement::default()
            }),
        })
        .collect();
    t
}

fn balance(target: u64, share: f64, open_end: OpenEnd) -> Balance {
    Balance {
        target,
        improved_opens: true,
        closed_opens: true,
        share,
        shares: BTreeMap::new(),
        open_end,
        accepts: BTreeMap::new(),
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
    let b = balance(9, 0.0, OpenEnd::SecondCall);
    assert_eq!(b.outcome(&record("a", &[true], false)), Some(Outcome::OneRound));
    assert_eq!(b.outcome(&record("a", &[false, true], false)), Some(Outcome::Closed));
    assert_eq!(b.outcome(&record("a", &[false, false], true)), Some(Outcome::Open));
    assert_eq!(b.outcome(&record("a", &[false, false], false)), None);
    assert_eq!(
        balance(9, 1.0, OpenEnd::SecondCall).outcome(&record("a", &[false, true], false)),
        Some(Outcome::Open)
    );
}

#[test]
fn both_cuts_end_on_a_call() {
    let cut = balance(9, 1.0, OpenEnd::SecondCall).amend(record("a", &[false, true], false));
    assert_eq!(cut.rounds.len(), 2);
    assert!(cut.rounds[0].judgement.is_some() && cut.rounds[1].judgement.is_none());
    let cut = balance(9, 0.0, OpenEnd::Rejection).amend(record("a", &[false, false, false], true));
    assert_eq!((cut.outcome, cut.rounds.len()), (Some(Outcome::Open), 3));
    assert!(cut.rounds[1].judgement.is_some() && cut.rounds[2].judgement.is_none());
}

#[test]
fn picks_do_not_depend_on_order_and_conserve() {
    let records: Vec<_> =
        (0..40).map(|n| record(&n.to_string(), &[n % 2 == 0, true][..1 + n % 2], false)).collect();
    let rule = |records: &[Trajectory]| {
        let mut b = balance(10, 0.3, OpenEnd::SecondCall);
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

#[test]
fn on_its_last_call_a_third_reflection_keeps_the_judgement_that_rejects() {
    let mut third = record("a", &[false, false, false], true);
    third.rounds[2].judgement = None;
    let b = balance(9, 0.0, OpenEnd::LastCall);
    let cut = b.amend(third);
    assert_eq!((cut.outcome, cut.rounds.len()), (Some(Outcome::Open), 3));
    assert!(cut.rounds[1].judgement.is_some());
    let cut = b.amend(record("a", &[false, false], true));
    assert_eq!((cut.outcome, cut.rounds.len()), (Some(Outcome::Open), 2));
}

#[test]
fn by_verdict_no_round_accepts_more_than_its_share() {
    let mut b = balance(1_000, 0.0, OpenEnd::LastCall);
    b.accepts = BTreeMap::from([(1, 0.5), (2, 0.6)]);
    let shapes: [(&[bool], usize); 3] = [(&[true], 60), (&[false, true], 30), (&[false, false], 8)];
    let mut records = Vec::new();
    for (verdicts, many) in shapes {
        let key = |n: usize| format!("{verdicts:?} {n}");
        records.extend((0..many).map(|n| record(&key(n), verdicts, true)));
    }
    // What got better but not good has a third call, not drawn.
    for t in records.iter_mut().filter(|t| t.rounds.len() == 2 && rejected(t, 1)) {
        let mut third = t.rounds[1].clone();
        third.judgement = None;
        t.rounds.push(third);
    }
    records.iter().for_each(|t| b.offer(t));
    let rulings = b.rule();
    let picked: std::collections::HashSet<Id> =
        rulings.iter().filter(|r| r.to == To::Port("picked")).map(|r| r.id).collect();
    let mut acceptance = crate::record::Acceptance::default();
    for t in records.into_iter().filter(|t| picked.contains(&t.prompt.id)) {
        let said = rulings.iter().find(|r| r.id == t.prompt.id).and_then(|r| r.outcome);
        let t = b.amend(t);
        assert_eq!(t.outcome, said);
        acceptance.add(t.rounds.iter().map(|r| r.judgement.as_ref().map(|j| j.satisfied)));
    }
    let [first, second] = acceptance.0[..] else { panic!("two rounds are judged") };
    assert_eq!((first.accepts, first.rejects), (38, 38));
    assert_eq!((second.accepts, second.rejects), (12, 8));
}
