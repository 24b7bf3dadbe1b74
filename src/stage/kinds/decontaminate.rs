//! `decontaminate`: drops overlaps with evaluation prompts (genagent.md, section 6).

use crate::diag::Diagnostic;
use crate::record::{Evidence, Trajectory};
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty,
};
use crate::text::decontam::{Fingerprints, Rule};
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "decontaminate",
    about: "Drops prompts that overlap with evaluation benchmarks.",
    docs: "Compares with fingerprints (hashes, not texts) of GenEval, GenEval++, WISE, Imagine, \
           T2I-CompBench, DPG and any file added to `fingerprints`. Rules: equal words; equal words \
           with numbers and colours masked (drops only for benchmarks made from templates); equal \
           bag of words; a long n-gram in common; and an equal structured spec, so that a riddle \
           for “five clocks” is caught. Evidence names the benchmark, the row and the rule.",
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
    params: &[Param {
        name: "fingerprints",
        ty: Ty::Texts,
        default: Some("[\"data/fingerprints\"]"),
        doc: "`.fp` files, or folders of them, made by `coldstart pool fingerprint`",
    }],
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
    Ok(Stage::Each(Arc::new(Decontaminate { fingerprints: all })))
}

struct Decontaminate {
    fingerprints: Fingerprints,
}

#[async_trait::async_trait]
impl Each for Decontaminate {
    async fn apply(&self, t: Trajectory, _: &Cx<'_>) -> Result<Step, StageError> {
        let prompt = &t.prompt;
        let hit =
            self.fingerprints.check(&prompt.text, prompt.spec.as_ref(), prompt.gloss.as_deref());
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
