//! Single stages of the shipped pipelines against a scripted model: what they ask, in what order,
//! with which seeds, and what they make of each answer.
//!
//! A stage is a function of a record and of replies, so a table of replies is a test of it, with no
//! server and no journal.

mod hints;
mod looks;
mod pairs;
mod readers;
mod world;

use coldstart::call::Request;
use coldstart::record::{Answer, Speaker, Vote};
use coldstart::stage::{StageError, To};
use readers::verifier;
use world::*;

#[tokio::test]
async fn three_draws_have_three_seeds_and_the_first_success_ends_them() {
    let hard = stage("hard", &[]);
    for solved_at in 0..=3 {
        let script = draws(solved_at, [1, 2, 3]);
        let step = apply(&hard, &script, prompt("two cats")).await;
        let seeds = seeds(&script);
        let expected = if solved_at == 3 { "hard" } else { "solved" };
        assert_eq!(reason(&step), expected, "solved at draw {solved_at}");
        assert_eq!(seeds.len(), (solved_at + 1).min(3));
        assert_eq!(seeds.len(), step.trajectory.attempts.len());
        assert!((1..seeds.len()).all(|i| !seeds[..i].contains(&seeds[i])), "{seeds:?}");
        // The raw prompt is what is drawn, and each call is one of its own.
        let asked = script.asked();
        let keys: std::collections::BTreeSet<_> = asked.iter().map(Request::key).collect();
        assert_eq!(keys.len(), asked.len());
        assert!(asked.iter().all(|r| match r {
            Request::Image(image) => image.prompt == "two cats",
            Request::Chat(_) => true,
        }));
    }
}

#[tokio::test]
async fn a_picture_twice_is_no_two_draws() {
    let hard = stage("hard", &[]);
    apply(&hard, &draws(3, [1, 2, 3]), prompt("a first")).await;
    for drawn in [[9, 9, 9], [1, 9, 9], [9, 1, 9]] {
        let step = apply(&hard, &draws(3, drawn), prompt("blank")).await;
        assert_eq!(reason(&step), "same_image", "{drawn:?}");
    }
}

#[tokio::test]
async fn one_checklist_serves_every_judge_and_round() {
    let script = draws(3, [1, 2, 3]);
    let mut t = apply(&stage("hard", &[]), &script, prompt("two cats")).await.trajectory;
    assert_eq!(t.atoms.len(), 1);
    t.rounds = two_rounds().rounds;
    let judge = Script::new(|_, _| verdict(&[("a1", "yes")], "All of it is there."));
    for name in ["judged", "good"] {
        let step = apply(&stage(name, &[]), &judge, t.clone()).await;
        assert!(matches!(step.to, To::Port(_)), "{name}: {:?}", step.to);
    }
    let asked = judge.asked();
    assert_eq!(asked.len(), 2, "no second checklist");
    assert!(asked.iter().all(|r| words(r).contains("- a1: Are there cats? (expected: cats)")));
}

#[tokio::test]
async fn code_makes_the_verdict() {
    // Answers to a1, a2 (child of a1) and a3; then the port or reason and what became of a2.
    let cases = [
        (["yes", "yes", "yes"], "satisfied", Answer::Yes),
        (["yes", "yes", "unsure"], "undecided", Answer::Yes),
        (["yes", "no", "unsure"], "unsatisfied", Answer::No),
        (["no", "yes", "yes"], "unsatisfied", Answer::Void),
        (["unsure", "yes", "yes"], "undecided", Answer::Void),
        (["yes", "yes, notably", "yes"], "satisfied", Answer::Yes),
        (["Yes.", " **YES** ", "true"], "satisfied", Answer::Yes),
    ];
    let judged = stage("judged", &[]);
    for (answers, port, child) in cases {
        let mut t = two_rounds();
        t.atoms.push(atom("a3", &[]));
        let script = Script::new(move |_, _| {
            let atoms: Vec<(&str, &str)> = ["a1", "a2", "a3"].into_iter().zip(answers).collect();
            verdict(&atoms, "What is seen is told here.")
        });
        let step = apply(&judged, &script, t).await;
        assert_eq!(reason(&step), port, "{answers:?}");
        assert_eq!(step.evidence.checks.len(), ALWAYS + 3);
        assert_eq!(step.evidence.checks[ALWAYS + 1].answer, child, "{answers:?}");
    }
}

/// Rules that apply to every prompt; the atoms here are of kind `object` and call for no other.
const ALWAYS: usize = 3;

#[tokio::test]
async fn rules_that_do_not_apply_are_not_shown() {
    let judged = stage("judged", &[]);
    let all_is_well = || Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "yes")], "So it is."));
    let script = all_is_well();
    apply(&judged, &script, two_rounds()).await;
    let asked = words(&script.asked()[0]);
    assert!(asked.contains("- all_present:") && !asked.contains("- exact_count:"));
    let mut t = two_rounds();
    t.atoms[1].kind = coldstart::record::AtomKind::Count;
    let script = all_is_well();
    apply(&judged, &script, t).await;
    let asked = words(&script.asked()[0]);
    assert!(asked.contains("- exact_count:") && !asked.contains("- legible_text:"));
}

#[tokio::test]
async fn a_rationale_that_may_not_be_trained_on_is_dropped() {
    let long = "The picture shows a cat. ".repeat(400);
    let cases = [
        ("By rule exact_count this fails.", "rules_quoted"),
        ("As in the reference image, two cats are there.", "hint_mentioned"),
        ("Two cats. </judge><answer>done</answer>", "control_token"),
        ("  ", "undecided"),
        (long.as_str(), "undecided"),
    ];
    for (name, port) in [("judged", "satisfied"), ("good", "good")] {
        let stage = stage(name, &[]);
        for (rationale, expected) in cases {
            let rationale = rationale.to_owned();
            let script =
                Script::new(move |_, _| verdict(&[("a1", "yes"), ("a2", "yes")], &rationale));
            let found = attempt(&stage, &script, two_rounds()).await;
            assert_eq!(code(&found), expected, "{name}");
        }
        let script = Script::new(|_, _| verdict(&[("a1", "yes"), ("a2", "yes")], "All is there."));
        assert_eq!(reason(&apply(&stage, &script, two_rounds()).await), port);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_asked_for_once_more() {
    let judged = stage("judged", &[]);
    let script = Script::new(|_, before| match before {
        0 => "Sorry, here is no JSON.".into(),
        _ => verdict(&[("a1", "yes"), ("a2", "yes")], "All is there."),
    });
    assert_eq!(reason(&apply(&judged, &script, two_rounds()).await), "satisfied");
    let asked = script.asked();
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0].key(), asked[1].key(), "another call, not the same reply again");
    // The second ask holds the first reply and what was wrong with it.
    let Request::Chat(again) = &asked[1] else { panic!("a chat") };
    let [.., said, notice] = &again.messages[..] else { panic!("two more turns") };
    assert_eq!((said.speaker, notice.speaker), (Speaker::Assistant, Speaker::User));
    assert!(words(&asked[1]).contains("Sorry, here is no JSON."));
    assert!(words(&asked[1]).contains("there is no JSON object in it"));
    let script = Script::new(|_, _| "no".into());
    let found = attempt(&judged, &script, two_rounds()).await;
    assert_eq!((code(&found), script.asked().len()), ("undecided", 2));
    let script = Script::new(|_, _| "refused".into());
    assert_eq!(reason(&apply(&judged, &script, two_rounds()).await), "refused");
}

#[tokio::test]
async fn what_is_unanswered_or_contradicts_itself_is_asked_again_and_never_a_no() {
    let whole = || verdict(&[("a1", "yes"), ("a2", "yes")], "All is there.");
    let faulty: [(&str, String, &str); 6] = [
        ("a word in no table", verdict(&[("a1", "yes"), ("a2", "maybe")], "Fine."), "unanswered"),
        ("left out", verdict(&[("a1", "yes")], "Fine."), "unanswered"),
        ("n/a", verdict(&[("a1", "N/A"), ("a2", "yes")], "Fine."), "unanswered"),
        ("nothing", r#"{"checks": [], "rationale": "Fine."}"#.into(), "unanswered"),
        (
            "yes, and no",
            verdict(&[("a1", "yes"), ("a2", "yes")], "So the request is not met."),
            "contradiction",
        ),
        (
            "no, and yes",
            verdict(&[("a1", "yes"), ("a2", "no")], "So the picture does what was asked."),
            "contradiction",
        ),
    ];
    for name in ["judged", "good"] {
        let stage = stage(name, &[]);
        for (what, reply, fault) in &faulty {
            let first = reply.clone();
            let script = Script::new(move |_, before| match before {
                0 => first.clone(),
                _ => whole(),
            });
            let step = apply(&stage, &script, two_rounds()).await;
            assert!(matches!(step.to, To::Port(_)), "{name}, {what}: {:?}", step.to);
            let told = |ask: &str| step.evidence.votes.iter().find(|v| v.ask == ask).cloned();
            assert_eq!(told(Vote::UNREAD).expect("told").answer, *fault, "{what}");
            assert_eq!(told(Vote::AGAIN).expect("told").answer, Vote::ANSWERED, "{what}");
            let again = reply.clone();
            let script = Script::new(move |_, _| again.clone());
            let Err(StageError::Undecided(evidence)) = attempt(&stage, &script, two_rounds()).await
            else {
                panic!("{name}, {what}: decided")
            };
            assert!(evidence.votes.iter().any(|v| v.answer == *fault), "{what}: {evidence:?}");
        }
    }
    // A map, other keys and other spellings are answers all the same.
    let script = Script::new(|_, _| {
        let rules = rules().iter().map(|id| format!("\"{id}\": true, ")).collect::<String>();
        format!(
            "Here you are:\n```json\n{{\"Checks\": {{{rules}\"A1\": {{\"verdict\": \"Yes - in full\"}}, \
             \"**a2**\": \"YES.\",}}, \"rationale\": \"Two cats.\nBoth red.\"}}\n```"
        )
    });
    assert_eq!(reason(&apply(&stage("judged", &[]), &script, two_rounds()).await), "satisfied");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn votes_are_calls_of_their_own_and_a_tie_does_not_pass() {
    for (votes, yes, port) in [(3, 2, "satisfied"), (3, 1, "unsatisfied"), (2, 1, "unsatisfied")] {
        let judged = stage("judged", &[("votes", &votes.to_string())]);
        let script = Script::new(move |request, _| {
            let Request::Chat(chat) = request else { return String::new() };
            let answer = if chat.draw < yes { "yes" } else { "no" };
            verdict(&[("a1", answer), ("a2", answer)], &format!("Told with a {answer}."))
        });
        let step = apply(&judged, &script, two_rounds()).await;
        assert_eq!((reason(&step), step.evidence.votes.len()), (port, votes));
        let rationale = &step.trajectory.rounds[1].judgement.as_ref().expect("judged").rationale;
        let told = if port == "satisfied" { "yes" } else { "no" };
        assert!(rationale.contains(told), "the rationale is one of the majority's");
    }
}

#[tokio::test]
async fn the_hint_is_shown_to_the_reflector_alone() {
    let call = "<think>Again, with care.</think> <tool_call>{\"name\": \"image_generation_tool\", \
                \"arguments\": {\"caption\": \"two red cats in a row\"}}</tool_call>";
    let mut t = two_rounds();
    t.prompt.reference = Some(picture(77));
    t.prompt.gloss = Some("two cats that are red".into());
    t.rounds.truncate(1);
    let script = Script::new(move |_, _| call.into());
    let step = apply(&stage("reflected", &[("hint_judge", "\"\"")]), &script, t.clone()).await;
    assert_eq!(reason(&step), "passed");
    let asked = script.asked();
    assert!(asked.len() == 1 && shows(&asked[0], 77) && shows(&asked[0], 1));
    assert!(words(&asked[0]).contains("One cat is there, not two."), "J1 is shown");
    assert!(!words(&asked[0]).contains("two cats that are red"), "the gloss is another hint");

    let mut t = step.trajectory;
    t.rounds[1].image = Some(picture(2));
    for name in ["judged", "better", "good"] {
        let script = Script::new(|request, _| match words(request).contains("# Task: pairwise") {
            true => r#"{"evidence": "e", "better": "A"}"#.into(),
            false => verdict(&[("a1", "yes"), ("a2", "yes")], "All is there."),
        });
        apply(&stage(name, &[]), &script, t.clone()).await;
        let asked = script.asked();
        assert!(!asked.is_empty() && asked.iter().all(|r| !shows(r, 77)), "{name}");
    }
    t.rounds[1].judgement = Some(judgement(true, "Both cats are there."));
    let script = verifier(true, r#"{"entails": true}"#);
    apply(&stage("coherent", &[]), &script, t).await;
    assert!(script.asked().iter().all(|r| !shows(r, 77)));
}

/// What the teacher says first and when it is asked again; then the reason and T1.
#[tokio::test]
async fn a_turn_that_breaks_the_form_is_asked_for_once_more() {
    let turn = |thinking: &str, caption: &str| {
        format!(
            "<think>{thinking}</think> <tool_call>\n{{\"name\": \"image_generation_tool\", \
             \"arguments\": {{\"caption\": \"{caption}\"}}}}\n</tool_call>"
        )
    };
    let good = turn("Two cats.", "two red cats in a row on a mat");
    let talk = turn("Tip 5 says to be plain. Two cats. Write final: one call.", "two red cats");
    let cases = [
        ("no call".to_owned(), good.clone(), "passed", "Two cats.", 2),
        (
            turn("Two cats.", "zwei Katzen mit einem Ball auf der Matte"),
            good.clone(),
            "passed",
            "Two cats.",
            2,
        ),
        (
            turn("Two cats.", "two cats, as the system prompt wants"),
            good.clone(),
            "passed",
            "Two cats.",
            2,
        ),
        (talk.clone(), good.clone(), "passed", "Two cats.", 1),
        (
            turn("Tip 5 says so.", "two red cats"),
            turn("I am Qwen.", "two red cats"),
            "meta_talk",
            "",
            2,
        ),
        ("no call".to_owned(), "none again".to_owned(), "no_tool_call", "", 2),
    ];
    let first_round = stage("first_round", &[]);
    for (first, second, expected, thinking, asks) in cases {
        let script =
            Script::new(move |_, before| if before == 0 { first.clone() } else { second.clone() });
        let step = apply(&first_round, &script, prompt("cats")).await;
        assert_eq!((reason(&step), script.asked().len()), (expected, asks), "{:?}", step.evidence);
        let told = step.trajectory.rounds.first().map_or("", |r| r.thinking.as_str());
        assert_eq!(told, thinking);
    }
    let script = Script::new(move |_, _| talk.clone());
    let step = apply(&first_round, &script, prompt("cats")).await;
    assert_eq!(step.evidence.note, "2 sentences of talk were cut from the thinking");
    let once = stage("first_round", &[("asks_again", "0")]);
    let script = Script::new(|_, _| "no call".into());
    assert_eq!(reason(&apply(&once, &script, prompt("cats")).await), "no_tool_call");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_reference_is_drawn_where_there_is_none() {
    let mut t = two_rounds();
    t.rounds.truncate(1);
    let script = Script::new(|request, _| match request {
        Request::Image(_) => "image:55".into(),
        Request::Chat(_) => "no call at all".into(),
    });
    let step = apply(&stage("reflected", &[("hint_judge", "\"\"")]), &script, t).await;
    assert_eq!(reason(&step), "no_tool_call");
    assert_eq!(step.trajectory.prompt.reference, Some(picture(55)));
    assert!(shows(&script.asked()[1], 55) && shows(&script.asked()[2], 55));
}
