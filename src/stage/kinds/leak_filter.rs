//! `leak_filter`: drops what speaks of the hint (paper, section 3.2; practice, section 5).

use crate::call::Schema;
use crate::diag::Diagnostic;
use crate::record::{Evidence, Trajectory, Vote};
use crate::rules::Rules;
use crate::rules::reading::{field, flag};
use crate::stage::ask::{Asker, members};
use crate::stage::grammar::Fault;
use crate::stage::judging::{PATTERNS, bound};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use crate::template::Context;
use crate::text::leak::Patterns;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "leak_filter",
    about: "Drops trajectories in which any model turn speaks of the hint or of the rules.",
    docs: "Looks at every model turn (T, P and J of every round). First the program: phrases that \
           speak of a reference, target or given image in several languages, quoted rules, stray \
           markup; innocent uses (a cultural reference, a riddle's hint) pass. What the patterns do \
           not decide is read by the role `model` (a cheap one will do; absent: the program alone \
           decides), which says whether it knows something that the agent could not have seen. \
           Evidence names the turn and quotes the words.",
    does: Does::Review,
    accepts: &["passed"],
    rejects: &["hint_mentioned", "rules_quoted", "markup", "model_says_leak"],
    arity: Arity::Some,
    ports: &[Port { name: "passed", doc: "no leak" }],
    reasons: &[
        Reason { code: "hint_mentioned", doc: "a phrase speaks of the hint image" },
        Reason { code: "rules_quoted", doc: "a turn quotes a judge rule" },
        Reason { code: "markup", doc: "a stray tag, role or control token" },
        Reason { code: "model_says_leak", doc: "the model reader found a leak" },
        Reason { code: "refused", doc: "the model reader will not answer" },
    ],
    params: &[
        Param {
            name: "rules",
            ty: Ty::File,
            default: Some("judge_rules.toml"),
            doc: "rules that may not be quoted",
        },
        PATTERNS,
        Param {
            name: "model",
            ty: Ty::Chat(Wants::JSON),
            // Empty, so that a RUN of a version without the role is read as it was made.
            default: Some(""),
            doc: "the role that reads what the patterns leave in doubt; `\"\"`: none does",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["texts"], may: &[] },
            default: Some("leak.j2"),
            doc: "what it is asked",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds == 0 {
        return Err("a round whose texts can be read".into());
    }
    Ok(vec![("passed", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let asker = if cx.params.text("model").is_empty() {
        None
    } else {
        Some(Asker::compile(cx, "model", "template")?.shaped(&SCHEMA))
    };
    let (rules, patterns) = (cx.rules("rules")?, cx.patterns("patterns")?);
    Ok(Stage::Each(Arc::new(LeakFilter { asker, rules, patterns })))
}

/// What the model reader answers.
const SCHEMA: Schema = Schema::Fields(&[("leak", Schema::Bool), ("quote", Schema::Text)]);

struct LeakFilter {
    asker: Option<Asker>,
    rules: Arc<Rules>,
    patterns: Arc<Patterns>,
}

/// Whether the model reader found a leak, and its words for it.
fn read(value: serde_json::Value) -> Result<(bool, String), Fault> {
    let reply = members(value)?;
    let quote = field(&reply, &["quote", "evidence", "words"]).and_then(serde_json::Value::as_str);
    match field(&reply, &["leak", "answer", "result", "verdict"]).and_then(flag) {
        Some(leak) => Ok((leak, quote.unwrap_or_default().to_owned())),
        None => {
            let what = "`leak` is neither true nor false".to_owned();
            Err(Fault { code: "unanswered", what })
        }
    }
}

#[async_trait::async_trait]
impl Each for LeakFilter {
    async fn apply(&self, t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let mut texts = Vec::new();
        for (name, text) in turns(&t) {
            match self.program(text) {
                Err((reason, what)) => {
                    let evidence = Evidence::note(format!("{name}: {what}"));
                    return Ok(Step::drop(t, reason, evidence));
                }
                Ok(true) => texts.push(format!("[{name}]\n{text}")),
                Ok(false) => {}
            }
        }
        let Some(asker) = self.asker.as_ref().filter(|_| !texts.is_empty()) else {
            return Ok(Step::out(t, "passed"));
        };
        let context = Context::new().text("texts", &texts.join("\n\n"));
        let mut votes = Vec::new();
        let asked = asker.json(cx, &context, 0, read).await?;
        let ((leak, quote), key) = match asked.decided(&mut votes)? {
            Ok(read) => read,
            Err(what) => return Ok(Step::drop(t, "refused", Evidence::note(what))),
        };
        let answer = if leak { "leak" } else { "clean" };
        votes.push(Vote { ask: "model".into(), answer: answer.into(), call: Some(key) });
        let note = if leak { format!("“{}”", bound(&quote, 200)) } else { String::new() };
        let evidence = Evidence { note, votes, ..Evidence::default() };
        Ok(match leak {
            true => Step::drop(t, "model_says_leak", evidence),
            false => Step::out(t, "passed").with(evidence),
        })
    }
}

impl LeakFilter {
    /// Whether a text that holds no leak is left in doubt; Err is the drop reason, and what was found.
    fn program(&self, text: &str) -> Result<bool, (&'static str, String)> {
        let (hit, doubt) = self.patterns.find_or_doubt(text);
        if let Some(hit) = hit {
            let reason = if hit.is_markup() { "markup" } else { "hint_mentioned" };
            return Err((reason, format!("“{}” ({})", bound(&hit.quote, 120), hit.pattern)));
        }
        match self.rules.quoted_in(text) {
            Some(rule) => Err(("rules_quoted", format!("quotes rule `{rule}`"))),
            None => Ok(doubt),
        }
    }
}

/// Every text a model wrote, with the symbol the paper gives it.
fn turns(t: &Trajectory) -> Vec<(String, &str)> {
    let mut out = Vec::new();
    for (k, round) in t.rounds.iter().enumerate() {
        out.push((format!("T{}", k + 1), round.thinking.as_str()));
        out.push((format!("P{}", k + 1), round.refined.as_str()));
        if let Some(judgement) = &round.judgement {
            out.push((format!("J{}", k + 1), judgement.rationale.as_str()));
        }
    }
    out
}
