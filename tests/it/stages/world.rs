//! A scripted model, records, and what the tests of stages ask about both.

use coldstart::call::{CallError, KeyedRequest, Model, Output, Reply, Request, Usage};
use coldstart::plan::{Home, Overrides, Plan, Project, compile};
use coldstart::record::{
    Atom, AtomKind, Digest, Id, ImageRef, Judgement, Mime, NanoUsd, Part, Prompt, Round, Trajectory,
};
use coldstart::stage::{Cx, Each, Stage, StageError, Step, To};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub type Answers = dyn Fn(&Request, usize) -> String + Send + Sync;

/// A model that answers by a function of the request and of how many came before. `image:N` is the
/// picture number N, `blank:N` one of one colour, `refused` a refusal; everything else is text.
pub struct Script {
    asked: Mutex<Vec<Request>>,
    answer: Box<Answers>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub fn new(answer: impl Fn(&Request, usize) -> String + Send + Sync + 'static) -> Script {
        Script { asked: Mutex::default(), answer: Box::new(answer) }
    }

    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("no panic").clone()
    }
}

#[async_trait::async_trait]
impl Model for Script {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let request = request.request();
        let before = {
            let mut asked = self.asked.lock().expect("no panic");
            asked.push(request.clone());
            asked.len() - 1
        };
        let said = (self.answer)(request, before);
        let drawn = |prefix| said.strip_prefix(prefix);
        let output = match drawn("image:").or_else(|| drawn("blank:")) {
            Some(n) => Output::Image {
                image: picture(n.parse().expect("a number")),
                blank: said.starts_with("blank:"),
                bytes: None,
            },
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

pub fn picture(n: u8) -> ImageRef {
    ImageRef { digest: Digest([n; 32]), mime: Mime::Png, width: 64, height: 64, bytes: 9 }
}

pub fn plan(pipeline: &str, set: &[(&str, &str, &str)]) -> Plan {
    let project =
        Project::open(&Home::Folder(env!("CARGO_MANIFEST_DIR").into()), pipeline).expect("opens");
    let set = set.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect();
    let overrides = Overrides { seed: 7, set, flags: vec![] };
    compile(&project, &overrides).plan.expect("compiles")
}

/// The stage of that name, with parameters set over its file.
pub fn stage(name: &str, set: &[(&str, &str)]) -> Arc<dyn Each> {
    stage_of("paper", name, set)
}

pub fn stage_of(pipeline: &str, name: &str, set: &[(&str, &str)]) -> Arc<dyn Each> {
    let set: Vec<(&str, &str, &str)> = set.iter().map(|(param, v)| (name, *param, *v)).collect();
    let plan = plan(pipeline, &set);
    match plan.stages.into_iter().find(|s| s.name == name).expect("there").stage {
        Stage::Each(each) => each,
        _ => panic!("`{name}` works on single records"),
    }
}

pub fn prompt(text: &str) -> Trajectory {
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

pub fn judgement(satisfied: bool, rationale: &str) -> Judgement {
    let rationale = rationale.to_owned();
    Judgement { rationale, satisfied, score: 0.5, ..Judgement::default() }
}

pub fn round(refined: &str, image: Option<u8>, judgement: Option<Judgement>) -> Round {
    Round {
        thinking: "I count and place them.".into(),
        refined: refined.into(),
        image: image.map(picture),
        seed: image.map(|_| 5),
        judgement,
    }
}

/// A record that was judged, reflected on and drawn again.
pub fn two_rounds() -> Trajectory {
    let mut t = prompt("two red cats");
    t.atoms = vec![atom("a1", &[]), atom("a2", &["a1"])];
    t.rounds = vec![
        round("exactly two cats", Some(1), Some(judgement(false, "One cat is there, not two."))),
        round("exactly two red cats, side by side", Some(2), None),
    ];
    t
}

pub fn atom(id: &str, parents: &[&str]) -> Atom {
    Atom {
        id: id.into(),
        kind: AtomKind::Object,
        question: format!("Does {id} hold?"),
        expected: "it does".into(),
        parents: parents.iter().map(|p| (*p).to_owned()).collect(),
    }
}

pub async fn apply(stage: &Arc<dyn Each>, script: &Script, t: Trajectory) -> Step {
    attempt(stage, script, t).await.unwrap_or_else(|e| panic!("{e}"))
}

pub async fn attempt(
    stage: &Arc<dyn Each>,
    script: &Script,
    t: Trajectory,
) -> Result<Step, StageError> {
    let id = t.prompt.id;
    stage.apply(t, &Cx::new(script, 7, "stage", id)).await
}

pub fn reason(step: &Step) -> &str {
    match step.to {
        To::Port(port) => port,
        To::Drop(reason) => reason,
    }
}

/// The port, the drop reason or the error's code.
pub fn code(found: &Result<Step, StageError>) -> &str {
    match found {
        Ok(step) => reason(step),
        Err(StageError::Record { code, .. }) => code,
        Err(StageError::Undecided(_)) => StageError::UNDECIDED,
        Err(error) => panic!("{error}"),
    }
}

/// What was said in the request, pictures as `[digest]`.
pub fn words(request: &Request) -> String {
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

pub fn shows(request: &Request, n: u8) -> bool {
    words(request).contains(&format!("[{}]", Digest([n; 32])))
}

/// Ids of the rules as they are shipped.
pub fn rules() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/judge_rules.toml");
    let text = std::fs::read_to_string(path).expect("readable");
    let lines = text.lines().filter_map(|line| line.strip_prefix("id = \""));
    lines.map(|rest| rest.trim_end_matches('"').to_owned()).collect()
}

/// A judge's reply: yes to all rules, and to atoms as given.
pub fn verdict(atoms: &[(&str, &str)], rationale: &str) -> String {
    let check = |id: &str, answer: &str| serde_json::json!({"id": id, "evidence": "seen", "answer": answer});
    let rules = rules();
    let checks: Vec<_> = rules
        .iter()
        .map(|id| check(id, "yes"))
        .chain(atoms.iter().map(|(id, answer)| check(id, answer)))
        .collect();
    serde_json::json!({"checks": checks, "rationale": rationale, "score": 9}).to_string()
}

pub const CHECKLIST: &str =
    r#"{"atoms": [{"kind": "object", "question": "Are there cats?", "expected": "cats"}]}"#;

/// `attempt`: the checklist, then draws of which the first `failing` are rejected.
pub fn draws(failing: usize, pictures: [u8; 3]) -> Script {
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

pub fn seeds(script: &Script) -> Vec<u64> {
    let asked = script.asked();
    let seed = |r: &Request| match r {
        Request::Image(image) => Some(image.seed),
        Request::Chat(_) => None,
    };
    asked.iter().filter_map(seed).collect()
}
