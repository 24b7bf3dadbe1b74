//! Looks bought one at a time: when they stop, who looks next, and which rationale becomes J.

use super::world::*;
use coldstart::call::{ChatRequest, Request};
use coldstart::record::{AtomKind, Trajectory, Vote};
use coldstart::stage::{Each, Step};
use std::sync::Arc;

fn judged(set: &[(&str, &str)]) -> Arc<dyn Each> {
    let mut all = vec![("judge", r#"["judge", "comparator"]"#), ("purity", "0.97")];
    all.extend(set);
    stage("judged", &all)
}

fn picture_to_judge() -> Trajectory {
    let mut t = two_rounds();
    t.rounds.truncate(1);
    t.rounds[0].judgement = None;
    t
}

fn chat(request: &Request) -> &ChatRequest {
    let Request::Chat(chat) = request else { panic!("no picture is drawn here") };
    chat
}

fn vote<'a>(step: &'a Step, ask: &str) -> &'a Vote {
    let found = step.evidence.votes.iter().find(|v| v.ask == ask);
    found.unwrap_or_else(|| panic!("no `{ask}`: {:?}", step.evidence.votes))
}

const GOOD: &str = "Two red cats sit there. All that was asked for is there, as requested.";
const BAD: &str = "Only one cat sits there. The picture falls short of the request.";
const TOLD: &str = r#"{"rationale": "A single cat, told of. It falls short of the request."}"#;

#[tokio::test]
async fn looks_stop_when_the_verdict_is_sure_and_no_two_are_one_request() {
    let script = Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "yes")], GOOD));
    let step = apply(&judged(&[]), &script, picture_to_judge()).await;
    assert_eq!(reason(&step), "satisfied");
    let asked = script.asked();
    assert!((2..=6).contains(&asked.len()), "{} looks", asked.len());
    // One look of the single judge is the same request, so that it is not bought again.
    let single = Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "yes")], GOOD));
    apply(&stage("judged", &[]), &single, picture_to_judge()).await;
    assert_eq!(single.asked()[0].key(), asked[0].key());
    for (n, one) in asked.iter().enumerate() {
        for other in &asked[..n] {
            let same = chat(one).model == chat(other).model && words(one) == words(other);
            assert!(!same, "look {n} repeats another word for word");
        }
    }
    let j = step.trajectory.rounds[0].judgement.as_ref().expect("judged");
    assert!(j.posterior.expect("stated") >= 0.97 && j.satisfied);
    assert_eq!(j.rationale, GOOD);
    assert_eq!(vote(&step, Vote::QUESTIONS).answer.split(',').count(), j.checks.len());
    assert_eq!(vote(&step, Vote::CLAIMS).call, Some(asked[0].key()));
}

#[tokio::test]
async fn one_slip_does_not_decide_and_the_rationale_is_of_a_look_that_was_right() {
    let script = Script::new(|_, before| match before {
        0 => verdict(&[("a1", "yes"), ("a2", "no")], BAD),
        _ => verdict(&[("a1", "yes"), ("a2", "yes")], GOOD),
    });
    let all = [("look_at", "all")];
    let step = apply(&judged(&all), &script, picture_to_judge()).await;
    assert_eq!(reason(&step), "satisfied");
    let j = step.trajectory.rounds[0].judgement.as_ref().expect("judged");
    assert_eq!(j.rationale, GOOD, "not the first look's");
}

#[tokio::test]
async fn a_fault_is_settled_before_it_is_told_and_told_where_no_rationale_is_right() {
    // Each look finds the fault, and errs on something else.
    let script = Script::new(|request, before| match words(request).contains("# Task: tell") {
        true => TOLD.to_owned(),
        false if before % 2 == 0 => verdict(&[("a1", "no"), ("a2", "yes")], BAD),
        false => verdict(&[("a1", "no"), ("a2", "no")], BAD),
    });
    let mut t = picture_to_judge();
    t.atoms[1].parents.clear();
    let step = apply(&judged(&[]), &script, t).await;
    assert_eq!(reason(&step), "unsatisfied");
    let j = step.trajectory.rounds[0].judgement.as_ref().expect("judged");
    assert!(!j.satisfied && j.rationale.contains("told of"), "{}", j.rationale);
    let asked = script.asked();
    let told = words(asked.last().expect("asked"));
    assert!(told.contains("Does a1 hold?"), "the fault is told: {told}");
    assert!(!told.contains("Does a2 hold?"), "what is open is not: {told}");
    assert_eq!(vote(&step, Vote::CLAIMS).call, Some(asked.last().expect("asked").key()));
}

#[tokio::test]
async fn what_stays_open_is_undecided_and_no_verdict() {
    // The two families disagree for good.
    let script = Script::new(|request, _| match chat(request).role.as_str() {
        "judge" => verdict(&[("a1", "yes"), ("a2", "no")], BAD),
        _ => verdict(&[("a1", "yes"), ("a2", "yes")], GOOD),
    });
    let most = [("max_looks", "6"), ("look_at", "all"), ("purity", "0.999")];
    let step = apply(&judged(&most), &script, picture_to_judge()).await;
    assert_eq!(reason(&step), "undecided");
    assert!(script.asked().len() <= 6);
    assert!(step.trajectory.rounds[0].judgement.is_none());
    assert!(step.evidence.note.contains("looks"), "{}", step.evidence.note);
}

#[tokio::test]
async fn no_look_is_bought_that_could_not_settle_the_verdict() {
    let script = Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "yes")], GOOD));
    // What one family is taken to repeat leaves more doubt than this, however often it looks.
    let one = [("judge", r#"["judge"]"#), ("purity", "0.9999"), ("max_looks", "9")];
    let step = apply(&judged(&one), &script, picture_to_judge()).await;
    assert_eq!(reason(&step), "undecided");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn many_things_to_count_are_a_kind_of_question_of_their_own() {
    let script = Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "yes"), ("a3", "yes")], GOOD));
    let mut t = picture_to_judge();
    let counts = ["a goldfish", "Exactly two Bowls", "12 flakes"];
    t.atoms = ["a1", "a2", "a3"].map(|id| atom(id, &[])).into();
    for (atom, expected) in t.atoms.iter_mut().zip(counts) {
        (atom.kind, atom.expected) = (AtomKind::Count, expected.to_owned());
    }
    let step = apply(&judged(&[]), &script, t).await;
    let kinds = &vote(&step, Vote::QUESTIONS).answer;
    assert!(kinds.ends_with("rule,count,count_few,count_many"), "{kinds}");
}

#[tokio::test]
async fn a_judge_that_answers_nothing_is_left_aside() {
    let script = Script::new(|request, _| match chat(request).role.as_str() {
        "judge" => "I would rather not say.".to_owned(),
        _ => verdict(&[("a1", "yes"), ("a2", "yes")], GOOD),
    });
    let step = apply(&judged(&[]), &script, picture_to_judge()).await;
    assert_eq!(reason(&step), "satisfied");
    let silent = Script::new(|_, _| "nothing".to_owned());
    let found = attempt(&judged(&[]), &silent, picture_to_judge()).await;
    assert_eq!(code(&found), "undecided");
}
