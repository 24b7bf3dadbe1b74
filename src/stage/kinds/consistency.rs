//! `consistency`: J, T, P and the verdicts agree (paper, section 3.2; practice, section 6).

use crate::call::Schema;
use crate::diag::Diagnostic;
use crate::record::{Evidence, Judgement, Trajectory, Vote};
use crate::rules::reading::{Conclusion, conclusion, field, flag, id};
use crate::stage::ask::{Asker, members};
use crate::stage::grammar::Fault;
use crate::stage::judging::bound;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use crate::template::Context;
use serde_json::Value;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "consistency",
    about: "Drops trajectories that contradict themselves.",
    docs: "Program checks first, they cost nothing: verdicts in the order the story needs (every \
           round but the last is judged and rejects), each P differs from q and from every P \
           before, length within `max_words`, no talk in a caption of earlier images, no talk in T \
           or J of what the writer is. Then a model reads each rationale ALONE and must re-derive \
           the verdict that code made; and is asked whether the last P still entails q with \
           nothing dropped or contradicted, and whether T and P see to every fault that the J \
           before them names. A last round that is not drawn yet (an open one) may come too.",
    does: Does::Review,
    accepts: &["passed"],
    rejects: &[
        "verdict_order",
        "caption_repeats",
        "caption_too_long",
        "meta_talk",
        "self_talk",
        "verdict_not_derivable",
        "intent_lost",
        "fault_ignored",
    ],
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "coherent" }],
    reasons: &[
        Reason { code: "verdict_order", doc: "an earlier round did not reject, and yet went on" },
        Reason {
            code: "caption_repeats",
            doc: "a caption repeats the prompt or an earlier caption",
        },
        Reason { code: "caption_too_long", doc: "a caption is longer than the generator reads" },
        Reason { code: "meta_talk", doc: "a caption speaks of earlier images or attempts" },
        Reason { code: "self_talk", doc: "T or J speaks of the model that wrote it" },
        Reason { code: "verdict_not_derivable", doc: "a blind reader of J concludes otherwise" },
        Reason { code: "intent_lost", doc: "the last caption drops or contradicts part of q" },
        Reason { code: "fault_ignored", doc: "T and P pass over a fault that J names" },
        Reason { code: "refused", doc: "the verifier will not answer (safety, policy)" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::JSON),
            default: Some("verifier"),
            doc: "the blind reader",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["judgement"], may: &[] },
            default: Some("rederive.j2"),
            doc: "asks for the verdict from the rationale alone",
        },
        Param {
            name: "intent_template",
            ty: Ty::Template {
                must: &["prompt", "refined"],
                may: &["plain", "judgement", "thinking"],
            },
            default: Some("intent.j2"),
            doc: "asks whether P still entails q, and answers the J before it",
        },
        Param {
            name: "max_words",
            ty: Ty::Int { min: 10, max: 2000 },
            default: Some("350"),
            doc: "longest caption, in words (FLUX reads 512 tokens)",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    let open = facts.rounds > 1 && !facts.image;
    if facts.rounds == 0 || !(open || facts.image && facts.judged) {
        return Err("a last round with an image and a judgement".into());
    }
    Ok(vec![("passed", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(Consistency {
        rederive: Asker::compile(cx, "model", "template")?.shaped(&CONCLUDED),
        intent: Asker::compile(cx, "model", "intent_template")?.shaped(&INTENT),
        max_words: cx.params.int("max_words") as usize,
    })))
}

/// What the blind reader answers.
const CONCLUDED: Schema =
    Schema::Fields(&[("verdict", Schema::Word(&["satisfied", "unsatisfied", "unclear"]))]);
const INTENT: Schema = Schema::Fields(&[
    ("missing", Schema::List(&Schema::Text)),
    ("contradicts", Schema::List(&Schema::Text)),
    ("unaddressed", Schema::List(&Schema::Text)),
    ("entails", Schema::Bool),
]);

struct Consistency {
    rederive: Asker,
    intent: Asker,
    max_words: usize,
}

/// What a verifier says of the intent.
struct Intent {
    entails: bool,
    missing: Vec<String>,
    contradicts: Vec<String>,
    /// Faults of the judgement before that neither T nor P sees to.
    unaddressed: Vec<String>,
}

fn read_intent(value: Value) -> Result<Intent, Fault> {
    let reply = members(value)?;
    let list = |name: &str| match field(&reply, &[name]) {
        Some(Value::Array(items)) => texts(items),
        // “none” of a list is an empty one.
        Some(Value::String(one))
            if !matches!(id(one).as_str(), "" | "none" | "n/a" | "nothing") =>
        {
            vec![one.trim().to_owned()]
        }
        _ => Vec::new(),
    };
    match field(&reply, &["entails", "entailed", "answer", "result", "verdict"]).and_then(flag) {
        Some(entails) => Ok(Intent {
            entails,
            missing: list("missing"),
            contradicts: list("contradicts"),
            unaddressed: list("unaddressed"),
        }),
        None => Err(unanswered("`entails` is neither true nor false")),
    }
}

fn texts(items: &[Value]) -> Vec<String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), |s| s.trim().to_owned());
    items.iter().map(text).filter(|s| !s.is_empty()).collect()
}

fn read_conclusion(value: Value) -> Result<Conclusion, Fault> {
    let reply = members(value)?;
    field(&reply, &["verdict", "answer", "result", "conclusion", "value"])
        .and_then(conclusion)
        .ok_or_else(|| unanswered("`verdict` is none of satisfied, unsatisfied and unclear"))
}

fn unanswered(what: &str) -> Fault {
    Fault { code: "unanswered", what: what.to_owned() }
}

/// A drop reason and what it rests on.
type Rejected = (&'static str, Evidence);

#[async_trait::async_trait]
impl Each for Consistency {
    async fn apply(&self, t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        if let Some((reason, what)) = self.program(&t) {
            return Ok(Step::drop(t, reason, Evidence::note(what)));
        }
        let mut votes = Vec::new();
        for judgement in t.rounds.iter().filter_map(|r| r.judgement.as_ref()) {
            if let Err((reason, evidence)) = self.derive(cx, judgement, &mut votes).await? {
                let evidence = Evidence { votes, ..evidence };
                return Ok(Step::drop(t, reason, evidence));
            }
        }
        if let Err((reason, evidence)) = self.entails(cx, &t, &mut votes).await? {
            return Ok(Step::drop(t, reason, Evidence { votes, ..evidence }));
        }
        Ok(Step::out(t, "passed").with(Evidence { votes, ..Evidence::default() }))
    }
}

impl Consistency {
    fn program(&self, t: &Trajectory) -> Option<(&'static str, String)> {
        let mut before = vec![crate::text::normalise(&t.prompt.text)];
        for (k, round) in t.rounds.iter().enumerate() {
            let (k, last) = (k + 1, k + 1 == t.rounds.len());
            if !last && round.judgement.as_ref().is_none_or(|j| j.satisfied) {
                return Some((
                    "verdict_order",
                    format!("J{k} does not reject, yet a call follows"),
                ));
            }
            let now = crate::text::normalise(&round.refined);
            if before.contains(&now) {
                return Some(("caption_repeats", format!("P{k} says nothing new")));
            }
            let words = round.refined.split_whitespace().count();
            if words > self.max_words {
                return Some(("caption_too_long", format!("P{k} has {words} words")));
            }
            if let Some(phrase) = says(&now, META_TALK) {
                return Some(("meta_talk", format!("P{k} says “{phrase}”")));
            }
            let rationale = round.judgement.as_ref().map_or("", |j| j.rationale.as_str());
            for (name, text) in [("T", round.thinking.as_str()), ("J", rationale)] {
                if let Some(phrase) = says(&crate::text::normalise(text), SELF_TALK) {
                    return Some(("self_talk", format!("{name}{k} says “{phrase}”")));
                }
            }
            before.push(now);
        }
        None
    }

    async fn derive(
        &self,
        cx: &Cx<'_>,
        judgement: &Judgement,
        votes: &mut Vec<Vote>,
    ) -> Result<Result<(), Rejected>, StageError> {
        let context = Context::new().text("judgement", &judgement.rationale);
        let asked = self.rederive.json(cx, &context, 0, read_conclusion).await?;
        let (read, key) = match asked.decided(votes)? {
            Ok(read) => read,
            Err(what) => return Ok(Err(("refused", Evidence::note(what)))),
        };
        let (word, satisfied) = match read {
            Conclusion::Satisfied => ("satisfied", Some(true)),
            Conclusion::Unsatisfied => ("unsatisfied", Some(false)),
            Conclusion::Unclear => ("unclear", None),
        };
        votes.push(Vote { ask: "rederive".into(), answer: word.into(), call: Some(key) });
        let made = if judgement.satisfied { "satisfied" } else { "unsatisfied" };
        Ok(if satisfied == Some(judgement.satisfied) {
            Ok(())
        } else {
            let note = format!("code says {made}; a blind reader of the rationale says {word}");
            Err(("verdict_not_derivable", Evidence::note(note)))
        })
    }

    async fn entails(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        votes: &mut Vec<Vote>,
    ) -> Result<Result<(), Rejected>, StageError> {
        let Some(last) = t.rounds.last() else { return Ok(Ok(())) };
        let before = t.rounds.iter().rev().nth(1).and_then(|r| r.judgement.as_ref());
        let context = Context::new()
            .text("prompt", &t.prompt.text)
            .text("refined", &last.refined)
            .text("plain", t.prompt.gloss.as_deref().unwrap_or_default())
            .text("judgement", before.map_or("", |j| j.rationale.as_str()))
            .text("thinking", before.map_or("", |_| last.thinking.as_str()));
        let asked = self.intent.json(cx, &context, 0, read_intent).await?;
        let (read, key) = match asked.decided(votes)? {
            Ok(read) => read,
            Err(what) => return Ok(Err(("refused", Evidence::note(what)))),
        };
        let answer = if read.entails { "entails" } else { "lost" };
        votes.push(Vote { ask: "intent".into(), answer: answer.into(), call: Some(key) });
        let kept = read.entails && read.missing.is_empty() && read.contradicts.is_empty();
        Ok(if kept && (before.is_none() || read.unaddressed.is_empty()) {
            Ok(())
        } else if kept {
            let note = bound(&read.unaddressed.join(", "), 300);
            Err(("fault_ignored", Evidence::note(note)))
        } else {
            let (missing, contradicts) = (read.missing.join(", "), read.contradicts.join(", "));
            let note = format!("missing: {missing}; contradicts: {contradicts}");
            Err(("intent_lost", Evidence::note(bound(&note, 300))))
        })
    }
}

/// Phrases by which a caption speaks of the loop instead of a picture.
const META_TALK: &[&str] = &[
    "previous image",
    "previous picture",
    "previous attempt",
    "previous caption",
    "previous version",
    "last attempt",
    "the last image",
    "the last picture",
    "earlier image",
    "earlier picture",
    "earlier attempt",
    "first attempt",
    "this time",
    "try again",
    "regenerate",
    "as an ai",
    "the user asked",
    "the user wants",
];

/// Phrases by which a turn speaks of the model that wrote it; the trained model is another one.
const SELF_TALK: &[&str] = &[
    "as an ai",
    "as a language model",
    "as a large language model",
    "as a multimodal model",
    "i am an ai",
    "i am qwen",
    "i am gemini",
    "i am chatgpt",
    "i am claude",
    "my training data",
];

/// The first of `phrases` that stands in `text` (normalised) as whole words.
fn says(text: &str, phrases: &[&'static str]) -> Option<&'static str> {
    let text = format!(" {text} ");
    phrases.iter().find(|phrase| text.contains(&format!(" {phrase} "))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_whole_words() {
        assert_eq!(says("draw it better this time", META_TALK), Some("this time"));
        assert_eq!(says("this timeless scene of a vast image", META_TALK), None);
        assert_eq!(says("a gemini constellation above the sea", SELF_TALK), None);
    }
}
