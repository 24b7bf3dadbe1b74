//! `decontaminate`: drops overlaps with evaluation prompts (genagent.md, section 6).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Prompt, Spec, Trajectory};
use crate::stage::ask::{AskOutcome, Asker, members, typed};
use crate::stage::grammar::Fault;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use crate::template::Context;
use crate::text::decontam::{Fingerprints, Rule};
use crate::text::spec::plainer;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "decontaminate",
    about: "Drops prompts that overlap with evaluation benchmarks.",
    docs: "Compares with fingerprints (hashes, not texts) of GenEval, GenEval++, WISE, Imagine, \
           T2I-CompBench, DPG and any file added to `fingerprints`. Rules: equal words; equal words \
           with numbers and colours masked (drops only for benchmarks made from templates); equal \
           bag of words; a long n-gram in common; and an equal structured spec, so that a riddle \
           for “five clocks” is caught. A plain prompt is read into a spec in other words too (colour \
           after the noun, synonyms, `half a dozen`); what cannot be read goes to the role `reader`, \
           if there is one, which says the spec in any language. Evidence names the benchmark, the \
           row and the rule.",
    does: Does::Filter,
    accepts: &["clean"],
    rejects: &["exact", "spec", "masked", "bag", "ngram"],
    arity: Arity::Some,
    ports: &[Port { name: "clean", doc: "no overlap" }],
    reasons: &[
        Reason { code: "exact", doc: "the words of an evaluation prompt" },
        Reason { code: "spec", doc: "the meaning of an evaluation prompt" },
        Reason { code: "masked", doc: "an evaluation prompt with other numbers or colours" },
        Reason { code: "bag", doc: "an evaluation prompt's words in another order" },
        Reason { code: "ngram", doc: "a long run of words of an evaluation prompt" },
    ],
    params: &[
        Param {
            name: "fingerprints",
            ty: Ty::Texts,
            default: Some("[\"data/fingerprints\"]"),
            doc: "`.fp` files, or folders of them, made by `coldstart pool fingerprint`",
        },
        Param {
            name: "reader",
            ty: Ty::Chat(Wants::JSON),
            default: Some(""),
            doc: "a cheap role that reads the spec out of a prompt that has none; absent: nobody",
        },
        Param {
            name: "reader_template",
            ty: Ty::Template { must: &["prompt"], may: &[] },
            default: Some(""),
            doc: "with `reader`: what it is asked (`solve.j2` will do)",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    Ok(vec![("clean", facts)])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let mut all = Fingerprints::default();
    let mut errors = Vec::new();
    for path in cx.params.texts("fingerprints") {
        let mut files = cx.files.list(path);
        files.retain(|f| f.ends_with(".fp"));
        if files.is_empty() {
            files.push(path.clone());
        }
        for file in files {
            match cx.files.bytes(&file).map(|bytes| Fingerprints::load(&bytes)) {
                Some(Ok(found)) => all.merge(found),
                Some(Err(e)) => {
                    errors.push(cx.fault("fingerprints", "P21", format!("`{file}`: {e}")));
                }
                None => errors.push(
                    cx.fault("fingerprints", "P21", format!("no fingerprints at `{file}`"))
                        .help("make them by `coldstart pool fingerprint`"),
                ),
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Stage::Each(Arc::new(Decontaminate { fingerprints: all, reader: reader(cx)? })))
}

fn reader(cx: &Compile<'_>) -> Result<Option<Asker>, Vec<Diagnostic>> {
    let role = cx.params.text("reader");
    if role.is_empty() {
        return Ok(None);
    }
    if cx.params.text("reader_template").is_empty() {
        let title = format!("`reader` of `{}` needs a `reader_template`", cx.stage);
        return Err(vec![
            cx.fault("reader", "P13", title).help("`reader_template = \"solve.j2\"`"),
        ]);
    }
    Asker::of_role(cx, "reader", role, "reader_template").map(Some)
}

struct Decontaminate {
    fingerprints: Fingerprints,
    reader: Option<Asker>,
}

/// The spec in a reader's reply. What is no spec says nothing of the prompt.
fn read_spec(value: serde_json::Value) -> Result<Spec, Fault> {
    let mut reply = members(value)?;
    typed(reply.remove("spec").unwrap_or_default())
}

impl Decontaminate {
    /// The spec of a prompt that has none and whose words are no plain list. None: nobody can say.
    async fn ask(&self, prompt: &Prompt, cx: &Cx<'_>) -> Result<Option<Spec>, StageError> {
        let Some(reader) = &self.reader else { return Ok(None) };
        let read = |text: &str| crate::text::spec::parse(text).is_some();
        if prompt.spec.is_some() || read(&prompt.text) || read(&plainer(&prompt.text)) {
            return Ok(None);
        }
        let context = Context::new().text("prompt", &prompt.text);
        Ok(match reader.json(cx, &context, 0, read_spec).await?.said {
            AskOutcome::Read(spec, _) => Some(spec).filter(|spec| !spec.include.is_empty()),
            AskOutcome::Unusable(_) | AskOutcome::Refused(_) => None,
        })
    }
}

#[async_trait::async_trait]
impl Each for Decontaminate {
    async fn apply(&self, t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let prompt = &t.prompt;
        let mut hit =
            self.fingerprints.check(&prompt.text, prompt.spec.as_ref(), prompt.gloss.as_deref());
        if hit.is_none()
            && let Some(spec) = self.ask(prompt, cx).await?
        {
            hit = self.fingerprints.check(&prompt.text, Some(&spec), None);
        }
        Ok(match hit {
            None => Step::out(t, "clean"),
            Some(hit) => {
                let note =
                    format!("{} {}, by rule {}", hit.benchmark, hit.place, hit.rule.as_str());
                let reason = match hit.rule {
                    Rule::Exact => "exact",
                    Rule::Spec => "spec",
                    Rule::Masked => "masked",
                    Rule::Bag => "bag",
                    Rule::Ngram => "ngram",
                };
                Step::drop(t, reason, Evidence::note(note))
            }
        })
    }
}
