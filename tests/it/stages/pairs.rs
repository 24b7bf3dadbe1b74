//! Pairwise preference: both orders, their agreement, and what counts as better.

use super::world::*;
use coldstart::call::Request;
use coldstart::record::{Comparison, Digest, Id, Preference, Trajectory};

/// Answers of `pairwise` by the picture that is shown first.
fn pair(first_earlier: &'static str, first_later: &'static str) -> Script {
    Script::new(move |request, _| {
        let text = words(request);
        let at = |n: u8| text.find(&Digest([n; 32]).hex()).expect("both are shown");
        let better = if at(1) < at(2) { first_earlier } else { first_later };
        format!(r#"{{"evidence": "e", "better": "{better}"}}"#)
    })
}

#[tokio::test]
async fn pairs_are_asked_in_both_orders_and_must_agree() {
    let better = stage("better", &[]);
    let keep = stage("better", &[("ties", "keep")]);
    // (answer when I1 is A, answer when I2 is A) -> verdict, and with ties kept.
    let cases = [
        ("B", "A", "better", "better"),
        ("A", "B", "worse", "worse"),
        ("A", "A", "tie", "better"),
        ("B", "B", "tie", "better"),
        ("tie", "A", "tie", "better"),
        ("neither", "A", "tie", "better"),
        (" b ", "a", "better", "better"),
        ("Picture B", "**A**.", "better", "better"),
        ("B is better", "A - it has both", "better", "better"),
    ];
    for (first, second, strict, lenient) in cases {
        let script = pair(first, second);
        let step = apply(&better, &script, two_rounds()).await;
        assert_eq!(reason(&step), strict, "{first}, {second}");
        assert_eq!(script.asked().len(), 2);
        let step = apply(&keep, &pair(first, second), two_rounds()).await;
        assert_eq!(reason(&step), lenient, "{first}, {second}, ties kept");
    }
}

#[tokio::test]
async fn equal_pictures_tie_without_a_call_and_an_unread_answer_is_no_tie() {
    let mut t = two_rounds();
    t.rounds[1].image = t.rounds[0].image;
    let script = pair("B", "A");
    let step = apply(&stage("better", &[]), &script, t).await;
    assert_eq!((reason(&step), script.asked().len()), ("tie", 0));
    assert_eq!(step.trajectory.comparisons.len(), 1);
    let script = pair("unsure", "A");
    let found = attempt(&stage("better", &[]), &script, two_rounds()).await;
    assert_eq!(code(&found), "undecided");
    assert_eq!(script.asked().len(), 3, "one of the two is asked again");
}

#[tokio::test]
async fn which_order_is_the_first_draw_is_shuffled_by_the_record() {
    let better = stage("better", &[]);
    let mut earlier_first = 0;
    for n in 0..64 {
        let script = pair("B", "A");
        let mut t = two_rounds();
        t.prompt.id = Id::of("t", &n.to_string(), "x");
        let step = apply(&better, &script, t.clone()).await;
        assert_eq!(reason(&step), "better", "the shuffle never shows in the verdict");
        let asked = script.asked();
        let draw_0 = asked.iter().find(|r| matches!(r, Request::Chat(c) if c.draw == 0));
        let text = words(draw_0.expect("a first draw"));
        let at = |n: u8| text.find(&Digest([n; 32]).hex());
        earlier_first += u32::from(at(1) < at(2));
        // And what was written of P1 and P2 is nobody's business here.
        assert!(!text.contains("side by side"));
    }
    assert!((16..=48).contains(&earlier_first), "{earlier_first} of 64");
}

#[tokio::test]
async fn improved_means_better_and_not_good() {
    let not_good = || Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "no")], "One is blue."));
    let won = |winner| Comparison { orders: [winner, winner], winner };
    let good = stage("good", &[]);
    for (comparisons, expected) in [
        (vec![won(Preference::Second)], "improved"),
        (vec![won(Preference::Tie)], "not_good"),
        (vec![], "not_good"),
    ] {
        let t = Trajectory { comparisons, ..two_rounds() };
        let step = apply(&good, &not_good(), t).await;
        assert_eq!(reason(&step), expected);
        assert_eq!(step.trajectory.improved, expected == "improved");
    }
}

#[tokio::test]
async fn a_low_score_is_not_good_though_all_checks_pass() {
    let script = Script::new(|_, _| {
        verdict(&[("a1", "yes"), ("a2", "yes")], "Fine.").replace("\"score\":9", "\"score\":6.5")
    });
    let step = apply(&stage("good", &[]), &script, two_rounds()).await;
    assert_eq!(reason(&step), "not_good");
    assert_eq!(step.evidence.score, Some(0.65));
}
