//! The private hint of a reflector: held to the checklist before it is shown; and pictures of one colour.

use super::world::*;
use coldstart::call::Request;
use coldstart::record::{Trajectory, Vote};

const TURN: &str = "<think>Two cats are asked for, so each gets a place of its own.</think> <tool_call>\n\
                    {\"name\": \"image_generation_tool\", \"arguments\": {\"caption\": \"exactly two red cats, \
                    one left and one right\"}}\n</tool_call>";

/// A record with one judged round.
fn judged() -> Trajectory {
    let mut t = two_rounds();
    t.rounds.truncate(1);
    t
}

/// The illustrator draws picture 9, of which the judge says `answer`.
fn world(answer: &'static str) -> Script {
    Script::new(move |request, _| match request {
        Request::Image(_) => "image:9".into(),
        Request::Chat(chat) if chat.role == "judge" && answer == "mumbles" => "Well.".into(),
        Request::Chat(chat) if chat.role == "judge" => {
            verdict(&[("a1", answer), ("a2", "yes")], "There are cats.")
        }
        Request::Chat(_) => TURN.into(),
    })
}

fn reflector_saw(script: &Script, n: u8) -> bool {
    let asked = script.asked();
    let reflector = asked.iter().find(|request| request.role() == "reflector").expect("asked");
    shows(reflector, n)
}

#[tokio::test]
async fn a_hint_that_fails_the_checklist_is_not_shown_and_that_is_said() {
    let reflected = stage("reflected", &[]);
    for (answer, shown, word) in [
        ("yes", true, "satisfied"),
        ("no", false, "unsatisfied"),
        ("unsure", false, "undecided"),
        ("mumbles", false, "unanswered"),
    ] {
        let script = world(answer);
        let step = apply(&reflected, &script, judged()).await;
        assert_eq!(reason(&step), "passed", "{answer}: {:?}", step.evidence);
        assert_eq!(reflector_saw(&script, 9), shown, "{answer}");
        assert_eq!(step.trajectory.prompt.reference.is_some(), shown, "{answer}");
        let hint = step.evidence.votes.iter().find(|vote| vote.ask == Vote::HINT);
        assert_eq!(hint.map(|vote| vote.answer.as_str()), Some(word));
        assert_eq!(step.evidence.note.contains("the hint was not shown"), !shown, "{answer}");
    }
}

#[tokio::test]
async fn a_reference_of_the_pool_stays_the_prompts_even_if_it_is_not_shown() {
    let reflected = stage("reflected", &[]);
    let script = world("no");
    let mut t = judged();
    t.prompt.reference = Some(picture(8));
    let step = apply(&reflected, &script, t).await;
    assert!(!reflector_saw(&script, 8));
    assert_eq!(step.trajectory.prompt.reference, Some(picture(8)));
}

#[tokio::test]
async fn without_a_judge_every_hint_is_shown() {
    let reflected = stage("reflected", &[("hint_judge", "\"\"")]);
    let script = world("no");
    apply(&reflected, &script, judged()).await;
    assert!(reflector_saw(&script, 9));
    assert!(script.asked().iter().all(|request| request.role() != "judge"));
}

#[tokio::test]
async fn a_picture_of_one_colour_is_dropped_only_where_that_is_asked_for() {
    for (refuse, first_image, hard) in [("true", "blank", "blank"), ("false", "passed", "hard")] {
        let set = [("refuse_blank", refuse)];
        let mut t = judged();
        t.rounds[0].image = None;
        let blank = Script::new(|_, _| "blank:3".into());
        let step = apply(&stage("first_image", &set), &blank, t).await;
        assert_eq!(reason(&step), first_image);
        let draws = Script::new(|request, _| match request {
            Request::Image(image) => format!("blank:{}", image.draw),
            Request::Chat(chat) if chat.role == "checklist" => CHECKLIST.into(),
            Request::Chat(_) => verdict(&[("a1", "no")], "There are cats."),
        });
        let step = apply(&stage("hard", &set), &draws, prompt("two cats")).await;
        assert_eq!(reason(&step), hard, "{:?}", step.evidence);
    }
}
