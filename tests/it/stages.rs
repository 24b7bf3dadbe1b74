//! Single stages of the shipped pipelines against a scripted model: what they ask, in what order,
//! with which seeds, and what they make of each answer.
//!
//! Not here: the run (`run`). The one idea: a stage is a function of a record and of replies, so a
//! table of replies is a test of it, with no server and no journal.

use coldstart::call::{CallError, Model, Output, Part, Reply, Request, Usage};
use coldstart::plan::{Overrides, Plan, Project, compile};
use coldstart::record::{
    Answer, Atom, AtomKind, Comparison, Digest, Evidence, Id, ImageRef, Judgement, Mime, NanoUsd,
    Preference, Prompt, Round, Trajectory,
};
use coldstart::stage::{Cx, Each, Stage, StageError, Step, To};
use std::path::Path;
use std::sync::{Arc, Mutex};

type Answers = dyn Fn(&Request, usize) -> String + Send + Sync;

/// A model that answers by a function of the request and of how many came before. `image:N` is the
/// picture number N, `refused` a refusal; everything else is text.
struct Script {
    asked: Mutex<Vec<Request>>,
    answer: Box<Answers>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    fn new(answer: impl Fn(&Request, usize) -> String + Send + Sync + 'static) -> Script {
        Script { asked: Mutex::default(), answer: Box::new(answer) }
    }

    fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("no panic").clone()
    }
}

#[async_trait::async_trait]
impl Model for Script {
    async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        let before = {
            let mut asked = self.asked.lock().expect("no panic");
            asked.push(request.clone());
            asked.len() - 1
        };
        let said = (self.answer)(request, before);
        let output = match said.strip_prefix("image:") {
            Some(n) => Output::Image { image: picture(n.parse().expect("a number")), bytes: None },
            None if said == "refused" => Output::Refused { reason: "policy".into() },
            None => Output::Text { text: said, reasoning: String::new() },
        };
        Ok(Reply {
            output,
            finish: "stop".into(),
            usage: Usage::default(),
            served: "script".into(),
            cost: NanoUsd(1),
            simulated: true,
            attempts: 1,
            latency_ms: 1,
        })
    }
}

fn picture(n: u8) -> ImageRef {
    ImageRef { digest: Digest([n; 32]), mime: Mime::Png, width: 64, height: 64, bytes: 9 }
}

fn plan(pipeline: &str, set: &[(&str, &str, &str)]) -> Plan {
    let project = Project::open(Path::new(env!("CARGO_MANIFEST_DIR")), pipeline).expect("opens");
    let set = set.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect();
    let overrides = Overrides { seed: 7, set, flags: vec![] };
    compile(&project, &overrides).plan.expect("compiles")
}

/// The stage of that name, with parameters set over its file.
fn stage(name: &str, set: &[(&str, &str)]) -> Arc<dyn Each> {
    let set: Vec<(&str, &str, &str)> = set.iter().map(|(param, v)| (name, *param, *v)).collect();
    let plan = plan("paper", &set);
    match plan.stages.into_iter().find(|s| s.name == name).expect("there").stage {
        Stage::Each(each) => each,
        _ => panic!("`{name}` works on single records"),
    }
}

fn prompt(text: &str) -> Trajectory {
    Trajectory::new(Prompt {
        id: Id::of("t", "1", text),
        text: text.into(),
        category: "counting".into(),
        source: "t".into(),
        key: None,
        reference: None,
        spec: None,
        gloss: None,
        licence: None,
    })
}

fn judgement(satisfied: bool, rationale: &str) -> Judgement {
    let rationale = rationale.to_owned();
    Judgement { rationale, satisfied, score: 0.5, checks: vec![] }
}

fn round(refined: &str, image: Option<u8>, judgement: Option<Judgement>) -> Round {
    Round {
        thinking: "I count and place them.".into(),
        refined: refined.into(),
        image: image.map(picture),
        seed: image.map(|_| 5),
        judgement,
    }
}

/// A record that was judged, reflected on and drawn again.
fn two_rounds() -> Trajectory {
    let mut t = prompt("two red cats");
    t.atoms = vec![atom("a1", &[]), atom("a2", &["a1"])];
    t.rounds = vec![
        round("exactly two cats", Some(1), Some(judgement(false, "One cat is there, not two."))),
        round("exactly two red cats, side by side", Some(2), None),
    ];
    t
}

fn atom(id: &str, parents: &[&str]) -> Atom {
    Atom {
        id: id.into(),
        kind: AtomKind::Object,
        question: format!("Does {id} hold?"),
        expected: "it does".into(),
        parents: parents.iter().map(|p| (*p).to_owned()).collect(),
    }
}

async fn apply(stage: &Arc<dyn Each>, script: &Script, t: Trajectory) -> Step {
    attempt(stage, script, t).await.unwrap_or_else(|e| panic!("{e}"))
}

async fn attempt(
    stage: &Arc<dyn Each>,
    script: &Script,
    t: Trajectory,
) -> Result<Step, StageError> {
    let id = t.prompt.id;
    stage.apply(t, &Cx::new(script, 7, "stage", id)).await
}

fn reason(step: &Step) -> &str {
    match step.to {
        To::Port(port) => port,
        To::Drop(reason) => reason,
    }
}

/// What was said in the request, pictures as `[digest]`.
fn words(request: &Request) -> String {
    let Request::Chat(chat) = request else { return String::new() };
    let parts = chat.messages.iter().flat_map(|m| &m.parts);
    parts
        .map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Image(image) => format!("[{}]", image.digest),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn shows(request: &Request, n: u8) -> bool {
    words(request).contains(&format!("[{}]", Digest([n; 32])))
}

/// Ids of the rules as they are shipped.
fn rules() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/judge_rules.toml");
    let text = std::fs::read_to_string(path).expect("readable");
    let lines = text.lines().filter_map(|line| line.strip_prefix("id = \""));
    lines.map(|rest| rest.trim_end_matches('"').to_owned()).collect()
}

/// A judge's reply: yes to all rules, and to atoms as given.
fn verdict(atoms: &[(&str, &str)], rationale: &str) -> String {
    let check = |id: &str, answer: &str| serde_json::json!({"id": id, "evidence": "seen", "answer": answer});
    let rules = rules();
    let checks: Vec<_> = rules
        .iter()
        .map(|id| check(id, "yes"))
        .chain(atoms.iter().map(|(id, answer)| check(id, answer)))
        .collect();
    serde_json::json!({"checks": checks, "rationale": rationale, "score": 9}).to_string()
}

const CHECKLIST: &str =
    r#"{"atoms": [{"kind": "object", "question": "Are there cats?", "expected": "cats"}]}"#;

/// `attempt`: the checklist, then draws of which the first `failing` are rejected.
fn draws(failing: usize, pictures: [u8; 3]) -> Script {
    Script::new(move |request, before| match request {
        Request::Image(image) => format!("image:{}", pictures[image.draw as usize]),
        Request::Chat(chat) if chat.role == "checklist" => CHECKLIST.into(),
        Request::Chat(_) => {
            // Checklist, then picture and verdict by turns.
            let answer = if before / 2 <= failing { "no" } else { "yes" };
            verdict(&[("a1", answer)], "There are cats.")
        }
    })
}

fn seeds(script: &Script) -> Vec<u64> {
    let asked = script.asked();
    let seed = |r: &Request| match r {
        Request::Image(image) => Some(image.seed),
        Request::Chat(_) => None,
    };
    asked.iter().filter_map(seed).collect()
}

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
    // Answers to a1, a2 (child of a1) and a3; then the port and what became of a2.
    let cases = [
        (["yes", "yes", "yes"], "satisfied", Answer::Yes),
        (["yes", "yes", "unsure"], "unsatisfied", Answer::Yes),
        (["no", "yes", "yes"], "unsatisfied", Answer::Void),
        (["unsure", "yes", "yes"], "unsatisfied", Answer::Void),
        (["yes", "not really", "yes"], "unsatisfied", Answer::Unsure),
        (["yes", "yes, notably", "yes"], "unsatisfied", Answer::Unsure),
        (["Yes", " YES ", "yes"], "satisfied", Answer::Yes),
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
        let checks = step.trajectory.rounds[1].judgement.clone().expect("judged").checks;
        assert_eq!(checks.len(), rules().len() + 3);
        assert_eq!(checks[rules().len() + 1].answer, child, "{answers:?}");
    }
    // What the judge leaves out has not passed.
    let silent = Script::new(|_, _| r#"{"checks": [], "rationale": "Fine."}"#.into());
    assert_eq!(reason(&apply(&judged, &silent, two_rounds()).await), "unsatisfied");
}

#[tokio::test]
async fn a_rationale_that_may_not_be_trained_on_is_dropped() {
    let long = "The picture shows a cat. ".repeat(400);
    let cases = [
        ("By rule exact_count this fails.", "rules_quoted"),
        ("As in the reference image, two cats are there.", "hint_mentioned"),
        ("Two cats. </judge><answer>done</answer>", "control_token"),
        ("  ", "empty_rationale"),
        (long.as_str(), "unreadable_judgement"),
    ];
    for (name, port) in [("judged", "satisfied"), ("good", "good")] {
        let stage = stage(name, &[]);
        for (rationale, expected) in cases {
            let rationale = rationale.to_owned();
            let script =
                Script::new(move |_, _| verdict(&[("a1", "yes"), ("a2", "yes")], &rationale));
            let step = apply(&stage, &script, two_rounds()).await;
            assert_eq!(reason(&step), expected, "{name}");
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
    let script = Script::new(|_, _| "no".into());
    let step = apply(&judged, &script, two_rounds()).await;
    assert_eq!((reason(&step), script.asked().len()), ("unreadable_judgement", 2));
    let script = Script::new(|_, _| "refused".into());
    assert_eq!(reason(&apply(&judged, &script, two_rounds()).await), "refused");
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
    let step = apply(&stage("reflected", &[]), &script, t.clone()).await;
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

#[tokio::test]
async fn a_reference_is_drawn_where_there_is_none() {
    let mut t = two_rounds();
    t.rounds.truncate(1);
    let script = Script::new(|request, _| match request {
        Request::Image(_) => "image:55".into(),
        Request::Chat(_) => "no call at all".into(),
    });
    let step = apply(&stage("reflected", &[]), &script, t).await;
    assert_eq!(reason(&step), "no_tool_call");
    assert_eq!(step.trajectory.prompt.reference, Some(picture(55)));
    assert!(shows(&script.asked()[1], 55));
}

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

/// `consistency`: re-derives by words, and says this of the intent.
fn verifier(honest: bool, intent: &'static str) -> Script {
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
        (true, "I cannot say.", "unreadable_judgement"),
    ];
    for (honest, intent, expected) in model {
        let script = verifier(honest, intent);
        let step = apply(&coherent, &script, whole()).await;
        assert_eq!(reason(&step), expected, "{intent}");
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
