//! Stages that read a whole story: contradictions, the blind reader, leaks; and seeds of rounds.

use super::world::*;
use coldstart::call::Request;
use coldstart::record::{Evidence, Trajectory, Vote};

/// `consistency`: re-derives by words, and says this of the intent.
pub fn verifier(honest: bool, intent: &'static str) -> Script {
    Script::new(move |request, _| {
        let text = words(request);
        if text.contains("# Task: intent") {
            return intent.into();
        }
        let accepts = text.contains("Both cats are there.") == honest;
        let word = if accepts { "satisfied" } else { "unsatisfied" };
        format!(r#"{{"verdict": "{word}"}}"#)
    })
}

#[tokio::test]
async fn stories_that_contradict_themselves_are_dropped() {
    let coherent = stage("coherent", &[]);
    let whole = || {
        let mut t = two_rounds();
        t.rounds[1].judgement = Some(judgement(true, "Both cats are there."));
        t
    };
    type Change = fn(&mut Trajectory);
    let program: [(Change, &str); 8] = [
        (
            |t| t.rounds[0].judgement = Some(judgement(true, "Both cats are there.")),
            "verdict_order",
        ),
        (|t| t.rounds[0].judgement = None, "verdict_order"),
        (|t| t.rounds[1].refined = "Exactly two cats!".into(), "caption_repeats"),
        (|t| t.rounds[1].refined = "Two red cats.".into(), "caption_repeats"),
        (|t| t.rounds[1].refined = "cat ".repeat(400), "caption_too_long"),
        (|t| t.rounds[1].refined = "two red cats, better this time".into(), "meta_talk"),
        (|t| t.rounds[1].thinking = "As an AI, I count two.".into(), "self_talk"),
        (|t| t.rounds[1].judgement = Some(judgement(true, "I am Qwen and see it.")), "self_talk"),
    ];
    for (change, expected) in program {
        let mut t = whole();
        change(&mut t);
        let script = verifier(true, r#"{"entails": true}"#);
        let step = apply(&coherent, &script, t).await;
        assert_eq!(reason(&step), expected, "{:?}", step.evidence);
        assert!(script.asked().is_empty(), "the program's checks come first and cost nothing");
    }
    let model = [
        (true, r#"{"entails": true}"#, "passed"),
        (false, r#"{"entails": true}"#, "verdict_not_derivable"),
        (true, r#"{"entails": false}"#, "intent_lost"),
        (true, r#"{"entails": true, "missing": ["red"]}"#, "intent_lost"),
        (true, r#"{"entails": true, "contradicts": ["three"]}"#, "intent_lost"),
        (true, r#"{"entails": true, "unaddressed": ["the count"]}"#, "fault_ignored"),
        (true, r#"{"entails": "Yes.", "missing": "none"}"#, "passed"),
        (true, r#"{"entails": "perhaps"}"#, "undecided"),
        (true, "I cannot say.", "undecided"),
    ];
    for (honest, intent, expected) in model {
        let script = verifier(honest, intent);
        let found = attempt(&coherent, &script, whole()).await;
        assert_eq!(code(&found), expected, "{intent}");
    }
}

#[tokio::test]
async fn the_blind_reader_sees_the_rationale_and_nothing_else() {
    let mut t = two_rounds();
    t.rounds[1].judgement = Some(judgement(true, "Both cats are there."));
    let script = verifier(true, r#"{"entails": true}"#);
    apply(&stage("coherent", &[]), &script, t).await;
    let asked = script.asked();
    assert_eq!(asked.len(), 3, "J1, J2 and the intent");
    for request in &asked[..2] {
        let text = words(request);
        let told = text.rsplit("<judgement>").next().expect("the rationale");
        assert!(!text.contains("two red cats") && !told.contains("satisfied"), "{told}");
        assert!(!shows(request, 1) && !shows(request, 2));
    }
}

#[tokio::test]
async fn every_turn_is_read_for_leaks() {
    let unleaked = stage("unleaked", &[]);
    let silent = || Script::new(|_, _| "asked for nothing".into());
    let leak = "as in the reference image";
    type Change = fn(&mut Trajectory, &str);
    let turns: [(Change, &str); 5] = [
        (|t, s| t.rounds[0].thinking = s.into(), "T1"),
        (|t, s| t.rounds[0].refined = s.into(), "P1"),
        (|t, s| t.rounds[0].judgement = Some(judgement(false, s)), "J1"),
        (|t, s| t.rounds[1].thinking = s.into(), "T2"),
        (|t, s| t.rounds[1].refined = s.into(), "P2"),
    ];
    for (change, name) in turns {
        for (text, expected) in [
            (leak, "hint_mentioned"),
            ("this follows rule exact_count", "rules_quoted"),
            ("a <tool_call> astray", "markup"),
        ] {
            let mut t = two_rounds();
            change(&mut t, text);
            let step = apply(&unleaked, &silent(), t).await;
            assert_eq!(reason(&step), expected, "{name}");
            assert!(step.evidence.note.starts_with(name), "{:?}", step.evidence);
        }
    }
    assert_eq!(reason(&apply(&unleaked, &silent(), two_rounds()).await), "passed");
    // What the patterns leave in doubt is the model's to say, and only that turn is shown to it.
    for (leak, expected) in [("true", "model_says_leak"), ("\"No.\"", "passed")] {
        let mut t = two_rounds();
        t.rounds[1].thinking = "I know that a sample of cloth lies there.".into();
        let script =
            Script::new(move |_, _| format!("{{\"leak\": {leak}, \"quote\": \"sample\"}}"));
        let step = apply(&unleaked, &script, t).await;
        assert_eq!((reason(&step), script.asked().len()), (expected, 1));
        let asked = words(&script.asked()[0]);
        assert!(asked.contains("[T2]") && !asked.contains("[T1]"));
    }
}

#[tokio::test]
async fn the_second_picture_takes_the_first_ones_seed() {
    let mut t = two_rounds();
    t.rounds[1].image = None;
    t.rounds[1].seed = None;
    let script = Script::new(|_, _| "image:3".into());
    let step = apply(&stage("second_image", &[]), &script, t.clone()).await;
    assert_eq!(step.trajectory.rounds[1].seed, Some(5));
    assert_eq!(seeds(&script), [5]);
    let script = Script::new(|_, _| "refused".into());
    let step = apply(&stage("second_image", &[]), &script, t).await;
    assert_eq!(reason(&step), "refused");
    assert_ne!(step.evidence, Evidence::default(), "and says why");
}

#[tokio::test]
async fn a_checklist_that_had_to_be_asked_for_again_is_told_in_the_evidence() {
    for (second, third) in [(CHECKLIST, Some(Vote::ANSWERED)), ("Well.", None)] {
        let script = Script::new(move |request, n| match request.role() {
            "checklist" if n == 0 => "Well.".into(),
            "checklist" => second.into(),
            _ => verdict(&[("a1", "no")], "There are cats."),
        });
        let mut t = two_rounds();
        t.atoms.clear();
        let step = apply(&stage("judged", &[]), &script, t).await;
        let told = |ask: &str| step.evidence.votes.iter().filter(|v| v.ask == ask).count();
        assert_eq!(told(Vote::UNREAD), 1, "{:?}", step.evidence);
        let again = step.evidence.votes.iter().find(|vote| vote.ask == Vote::AGAIN);
        let answered = again.filter(|vote| vote.answer == Vote::ANSWERED);
        assert_eq!(answered.map(|vote| vote.answer.as_str()), third);
        assert_eq!(reason(&step) == "no_checklist", third.is_none());
    }
}

#[tokio::test]
async fn a_sets_judge_is_sent_the_shape_of_its_answer_where_that_is_json() {
    for (source, shaped) in [("benchmark/geneval_pp", true), ("benchmark/wise_verified", false)] {
        let script = Script::new(move |_, _| match shaped {
            true => r#"Here {it} is: {"correct": 1, "reason": "both are there"}"#.into(),
            false => "Score: 1".into(),
        });
        let mut t = two_rounds();
        t.prompt.source = source.into();
        let step = apply(&stage_of("agent", "scored", &[]), &script, t).await;
        assert_eq!(step.evidence.score, Some(1.0), "{:?}", step.evidence);
        for request in script.asked() {
            let Request::Chat(chat) = request else { panic!("a picture is asked for") };
            assert_eq!(chat.schema.is_some(), shaped, "{source}");
        }
    }
}
