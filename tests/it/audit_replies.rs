//! What an audit counts of replies that could not be read as they came, and how a run ends that has some.

use coldstart::archive::{Columns, Reading, Shape};
use coldstart::audit::Index;
use coldstart::audit::facts::JournalFacts;
use coldstart::audit::replies::replies;
use coldstart::record::{
    Decision, Disposition, Ending, Evidence, Id, NanoUsd, Report, StageReport, Vote,
};

fn row(n: usize, disposition: Disposition, reason: &str, votes: &[(&str, &str)]) -> Decision {
    let vote = |(ask, answer): &(&str, &str)| Vote {
        ask: (*ask).to_owned(),
        answer: (*answer).to_owned(),
        call: None,
    };
    Decision {
        stage: String::new(),
        id: Id::of("s", &n.to_string(), "p"),
        category: "c".into(),
        source: "s".into(),
        disposition,
        port: if disposition == Disposition::Passed { "passed".into() } else { String::new() },
        reason: reason.to_owned(),
        evidence: Evidence { votes: votes.iter().map(vote).collect(), ..Evidence::default() },
        calls: Vec::new(),
        cost: NanoUsd(0),
        prompt: "p".into(),
        prompt_chars: 0,
    }
}

#[test]
fn replies_are_counted_by_the_role_of_their_stage() {
    let manifest = r#"{"models": {"judge": "j-1", "teacher": "t-1"}, "stages": [
        {"name": "judged", "kind": "judge", "params": {"model": "\"judge\""}},
        {"name": "first_round", "kind": "think_and_call", "params": {"model": "\"teacher\""}}]}"#;
    let shape = Shape::of_manifest(manifest.as_bytes()).expect("reads");
    let mut judged = Columns::new("judged");
    let again = [("unread", "contradiction"), ("asked_again", "answered"), ("vote_1", "satisfied")];
    let vain = [("unread", "unanswered"), ("asked_again", "contradiction")];
    judged.push(&row(1, Disposition::Passed, "", &again), Reading::Replies);
    judged.push(&row(2, Disposition::Failed, "undecided", &vain), Reading::Replies);
    judged.push(&row(3, Disposition::Dropped, "undecided", &[]), Reading::Replies);
    let mut first = Columns::new("first_round");
    first.push(&row(1, Disposition::Passed, "", &[("cut", "3")]), Reading::Replies);
    first.push(&row(2, Disposition::Passed, "", &[("cut", "1")]), Reading::Replies);
    let index = Index::assemble(vec![judged, first]);
    let found = replies(&index, &shape, &JournalFacts::default());
    let counts = found.iter().map(|r| {
        let of = [r.asked_again, r.answered, r.contradictions, r.undecided, r.sentences_cut];
        (r.role.as_str(), r.model.as_str(), of)
    });
    let expected = [("judge", "j-1", [2, 1, 2, 2, 0]), ("teacher", "t-1", [0, 0, 0, 0, 4])];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_undecided_is_not_to_be_tried_again() {
    let report = |failed, undecided| Report {
        stages: vec![StageReport { failed, undecided, ..StageReport::default() }],
        ..Report::default()
    };
    assert_eq!(report(2, 2).natural_ending(), Ending::Done);
    assert_eq!(report(3, 2).natural_ending(), Ending::PartlyFailed);
    assert_eq!((report(3, 2).undecided(), report(3, 2).stages[0].to_try_again()), (2, 1));
}
