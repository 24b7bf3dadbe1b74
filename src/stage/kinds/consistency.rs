//! `consistency`: J, T, P and the verdicts agree (paper, section 3.2; practice, section 6).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Judgement, Trajectory, Vote};
use crate::stage::ask::{Asker, Said};
use crate::stage::judging::bound;
use crate::stage::{
    Arity, Compile, Cx, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError, Step, Ty,
};
use crate::template::Context;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "consistency",
    about: "Drops trajectories that contradict themselves.",
    docs: "Program checks first, they cost nothing: verdicts in the order the story needs (every \
           round but the last rejects), each P differs from q and from the P before, length within \
           `max_words`, no talk in a caption of earlier images. Then a model reads each rationale \
           ALONE and must re-derive the verdict that code made; and is asked whether the last P \
           still entails q with nothing dropped or contradicted.",
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "coherent" }],
    reasons: &[
        Reason { code: "verdict_order", doc: "an earlier round was accepted and yet went on" },
        Reason {
            code: "caption_repeats",
            doc: "a caption repeats the prompt or the caption before",
        },
        Reason { code: "caption_too_long", doc: "a caption is longer than the generator reads" },
        Reason { code: "meta_talk", doc: "a caption speaks of earlier images or attempts" },
        Reason { code: "verdict_not_derivable", doc: "a blind reader of J concludes otherwise" },
        Reason { code: "intent_lost", doc: "the last caption drops or contradicts part of q" },
        Reason { code: "unreadable_judgement", doc: "a reply was not the JSON asked for" },
        Reason { code: "refused", doc: "the verifier will not answer (safety, policy)" },
    ],
    params: &[
        Param { name: "model", ty: Ty::Chat, default: Some("verifier"), doc: "the blind reader" },
        Param {
            name: "template",
            ty: Ty::Template { fields: &["judgement"] },
            default: Some("rederive.j2"),
            doc: "asks for the verdict from the rationale alone",
        },
        Param {
            name: "intent_template",
            ty: Ty::Template { fields: &["prompt", "refined", "plain"] },
            default: Some("intent.j2"),
            doc: "asks whether P still entails q",
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
    if facts.rounds == 0 || !facts.image || !facts.judged {
        return Err("a last round with an image and a judgement".into());
    }
    Ok(vec![("passed", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(Consistency {
        rederive: Asker { role: cx.role("model")?, template: cx.template("template")? },
        intent: Asker { role: cx.role("model")?, template: cx.template("intent_template")? },
        max_words: cx.params.int("max_words") as usize,
    })))
}

struct Consistency {
    rederive: Asker,
    intent: Asker,
    max_words: usize,
}

#[derive(serde::Deserialize)]
struct RawVerdict {
    verdict: String,
}

#[derive(serde::Deserialize)]
struct RawIntent {
    entails: bool,
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    contradicts: Vec<String>,
}

type Fault = (&'static str, Evidence);

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
        let mut before = crate::text::normalise(&t.prompt.text);
        for (k, round) in t.rounds.iter().enumerate() {
            let last = k + 1 == t.rounds.len();
            if !last && round.judgement.as_ref().is_some_and(|j| j.satisfied) {
                return Some((
                    "verdict_order",
                    format!("J{} accepts, and yet a call follows", k + 1),
                ));
            }
            let now = crate::text::normalise(&round.refined);
            if now == before {
                return Some(("caption_repeats", format!("P{} says nothing new", k + 1)));
            }
            let words = round.refined.split_whitespace().count();
            if words > self.max_words {
                return Some(("caption_too_long", format!("P{} has {words} words", k + 1)));
            }
            if let Some(phrase) = meta_talk(&now) {
                return Some(("meta_talk", format!("P{} says “{phrase}”", k + 1)));
            }
            before = now;
        }
        None
    }

    async fn derive(
        &self,
        cx: &Cx<'_>,
        judgement: &Judgement,
        votes: &mut Vec<Vote>,
    ) -> Result<Result<(), Fault>, StageError> {
        let context = Context::new().text("judgement", &judgement.rationale);
        let raw = match self.rederive.json::<RawVerdict>(cx, &context, 0).await? {
            Said::Garbage(what) => return Ok(Err(("unreadable_judgement", Evidence::note(what)))),
            Said::Refused(what) => return Ok(Err(("refused", Evidence::note(what)))),
            Said::Read(raw, key) => {
                let answer = bound(&raw.verdict.to_lowercase(), 20);
                votes.push(Vote {
                    ask: "rederive".into(),
                    answer: answer.clone(),
                    call: Some(key),
                });
                answer
            }
        };
        let made = if judgement.satisfied { "satisfied" } else { "unsatisfied" };
        Ok(if raw == made {
            Ok(())
        } else {
            let note = format!("code says {made}; a blind reader of the rationale says {raw}");
            Err(("verdict_not_derivable", Evidence::note(note)))
        })
    }

    async fn entails(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        votes: &mut Vec<Vote>,
    ) -> Result<Result<(), Fault>, StageError> {
        let Some(last) = t.rounds.last() else { return Ok(Ok(())) };
        let context = Context::new()
            .text("prompt", &t.prompt.text)
            .text("refined", &last.refined)
            .text("plain", t.prompt.gloss.as_deref().unwrap_or_default());
        Ok(match self.intent.json::<RawIntent>(cx, &context, 0).await? {
            Said::Garbage(what) => Err(("unreadable_judgement", Evidence::note(what))),
            Said::Refused(what) => Err(("refused", Evidence::note(what))),
            Said::Read(raw, key) => {
                let answer = if raw.entails { "entails" } else { "lost" };
                votes.push(Vote { ask: "intent".into(), answer: answer.into(), call: Some(key) });
                if raw.entails && raw.missing.is_empty() && raw.contradicts.is_empty() {
                    Ok(())
                } else {
                    let note = format!(
                        "missing: {}; contradicts: {}",
                        raw.missing.join(", "),
                        raw.contradicts.join(", ")
                    );
                    Err(("intent_lost", Evidence::note(bound(&note, 300))))
                }
            }
        })
    }
}

/// A phrase by which a caption speaks of the loop instead of a picture. `caption` is normalised.
fn meta_talk(caption: &str) -> Option<&'static str> {
    const PHRASES: [&str; 9] = [
        "previous image",
        "previous attempt",
        "last attempt",
        "the last image",
        "earlier image",
        "this time",
        "try again",
        "regenerate",
        "as an ai",
    ];
    PHRASES.into_iter().find(|phrase| caption.contains(phrase))
}
