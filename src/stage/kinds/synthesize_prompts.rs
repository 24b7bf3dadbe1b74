//! `synthesize_prompts`: specs rewritten so that what is drawn must be reasoned out (genagent.md,
//! section 7).

use crate::call::Schema;
use crate::diag::Diagnostic;
use crate::env::Rng;
use crate::record::{Evidence, Id, Prompt, Spec, Trajectory, Vote};
use crate::rules::reading::{field, flag};
use crate::sample::spec::{Style, Vocabulary};
use crate::stage::ask::{AskOutcome, Asker, members, typed};
use crate::stage::checklist::spec_json;
use crate::stage::grammar::Fault;
use crate::stage::judging::bound;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Source, SourceCx,
    SourceItem, Stage, StageError, Step, Ty, Wants,
};
use crate::template::Context;
use crate::text::gloss::gloss;
use crate::text::spec::{canonical, spec_eq, spec_hash};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The parameter by which prompts are written although the user brings his own.
pub const BESIDE_POOL: &str = "beside_pool";

pub const KIND: Kind = Kind {
    name: "synthesize_prompts",
    about: "Writes prompts that need reasoning, from specs drawn out of a vocabulary.",
    docs: "Draws `count` distinct specs (objects, counts, colours, positions, …) from the vocabulary, \
           weighted by category, held-out combinations left out; has the role `writer` rewrite each \
           so that what is to be drawn must be worked out (styles are data of the vocabulary); then \
           the role `solver`, which sees the riddle alone, must read the spec back, else the riddle \
           is dropped. The spec and its plain meaning stay with the prompt for judging and \
           decontamination (paper, section 3.2: synthetic prompts that need complex reasoning).",
    does: Does::Source,
    accepts: &["solvable"],
    rejects: &["unsolved", "ambiguous", "unwritten", "control_token"],
    arity: Arity::None,
    ports: &[Port { name: "solvable", doc: "the solver read the spec back" }],
    reasons: &[
        Reason { code: "exhausted", doc: "the vocabulary has fewer distinct specs than `count`" },
        Reason { code: "unsolved", doc: "the solver read another spec out of it" },
        Reason { code: "ambiguous", doc: "the solver says that it has several meanings" },
        Reason { code: "unwritten", doc: "the writer's reply was not the JSON asked for" },
        Reason { code: "refused", doc: "writer or solver will not answer (safety, policy)" },
        Reason { code: "control_token", doc: "the riddle holds a tag or control token" },
    ],
    params: &[
        Param {
            name: "count",
            ty: Ty::Int { min: 0, max: 10_000_000 },
            default: Some("1000"),
            doc: "so many specs are drawn (`--limit` bounds it too)",
        },
        Param {
            name: BESIDE_POOL,
            ty: Ty::Bool,
            default: Some(""),
            doc: "`true`: prompts are written also where `--pool` names one's own; without it, none \
                  are then, unless `--set` gives a `count`",
        },
        Param {
            name: "vocabulary",
            ty: Ty::File,
            default: Some("vocabulary.toml"),
            doc: "objects, colours, relations, knowledge, …, category weights, styles, held-out \
                  combinations",
        },
        Param {
            name: "writer",
            ty: Ty::Chat(Wants::JSON),
            default: Some("writer"),
            doc: "the role that writes riddles",
        },
        Param {
            name: "riddle_template",
            ty: Ty::Template { must: &["plain"], may: &["style", "brief", "spec", "facts"] },
            default: Some("riddle.j2"),
            doc: "what the writer is asked",
        },
        Param {
            name: "solver",
            ty: Ty::Chat(Wants::JSON),
            default: Some("solver"),
            doc: "the role that reads them back",
        },
        Param {
            name: "solve_template",
            ty: Ty::Template { must: &["prompt"], may: &[] },
            default: Some("solve.j2"),
            doc: "what the solver is asked",
        },
        Param {
            name: "licence",
            ty: Ty::Text,
            default: Some("CC0-1.0"),
            doc: "the licence that the prompts carry",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, _: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    Ok(vec![("solvable", Facts::default())])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let vocabulary = Arc::new(Vocabulary::parse(&cx.file("vocabulary")?)?);
    let make = Make {
        writer: Asker::compile(cx, "writer", "riddle_template")?.shaped(&RIDDLE),
        solver: Asker::compile(cx, "solver", "solve_template")?.shaped(&SOLUTION),
        vocabulary: vocabulary.clone(),
    };
    let source = Specs {
        stage: cx.stage.to_owned(),
        count: cx.params.int("count") as u64,
        vocabulary,
        licence: cx.params.text("licence").to_owned(),
    };
    Ok(Stage::Source { source: Box::new(source), make: Some(Arc::new(make)) })
}

/// The cheap part: distinct specs, in a fixed order.
struct Specs {
    stage: String,
    count: u64,
    vocabulary: Arc<Vocabulary>,
    licence: String,
}

#[async_trait::async_trait]
impl Source for Specs {
    async fn digest(&self) -> Result<Option<String>, StageError> {
        Ok(None)
    }

    fn size_hint(&self) -> Option<u64> {
        Some(self.count)
    }

    fn items<'a>(&'a self, cx: &'a SourceCx) -> BoxStream<'a, Result<SourceItem, StageError>> {
        let wanted = cx.limit.map_or(self.count, |limit| limit.min(self.count)) as usize;
        let mut seen: HashSet<u64> = HashSet::new();
        // A vocabulary can be smaller than `count`: after so many draws there is nothing new.
        let draws = (wanted as u64).saturating_mul(20);
        let specs = (0..draws).filter_map(move |n| {
            let t = self.draw(cx.seed, n)?;
            seen.insert(spec_hash(t.prompt.spec.as_ref()?)).then_some(t)
        });
        let ended = specs.take(wanted).map(Some).chain(std::iter::once(None));
        let items = ended.scan(0, move |made, spec| {
            let item = match spec {
                Some(t) => {
                    *made += 1;
                    Some(Ok(SourceItem::Record(Box::new(t), Evidence::default())))
                }
                None => (*made < wanted).then(|| Ok(self.exhausted(*made, wanted))),
            };
            Some(item)
        });
        futures::stream::iter(items.flatten()).boxed()
    }
}

impl Specs {
    fn exhausted(&self, made: usize, wanted: usize) -> SourceItem {
        let what = format!(
            "{made} distinct specs were drawn of {wanted}: add to the vocabulary or lower `count`"
        );
        SourceItem::Bad { place: self.stage.clone(), reason: "exhausted", what }
    }

    fn draw(&self, seed: u64, n: u64) -> Option<Trajectory> {
        let mut rng = Rng::keyed(seed, &[&self.stage, "spec", &n.to_string()]);
        let category = self.vocabulary.pick_category(&mut || rng.next_u64())?.to_owned();
        let drawn = self.vocabulary.draw(&category, &mut || rng.next_u64())?;
        let plain = gloss(&drawn.spec);
        let key = format!("{n}:{}", drawn.style);
        Some(Trajectory::new(Prompt {
            id: Id::of(&self.stage, &n.to_string(), &canonical(&drawn.spec)),
            text: plain.clone(),
            category,
            source: self.stage.clone(),
            key: Some(key),
            reference: None,
            spec: Some(drawn.spec),
            gloss: Some(plain),
            licence: Some(self.licence.clone()).filter(|l| !l.is_empty()),
        }))
    }
}

/// The longest riddle, in characters: one or two sentences are asked for.
const MAX_RIDDLE: usize = 2000;

/// What a writer and a solver answer.
const RIDDLE: Schema = Schema::Fields(&[("prompt", Schema::Text)]);
const SOLUTION: Schema =
    Schema::Fields(&[("spec", SPEC), ("ambiguous", Schema::Bool), ("why", Schema::Text)]);
const SPEC: Schema = Schema::Fields(&[
    ("include", Schema::List(&INCLUDED)),
    ("relations", Schema::List(&RELATED)),
    ("text", Schema::Maybe(&Schema::Text)),
]);
const INCLUDED: Schema = Schema::Fields(&[
    ("class", Schema::Text),
    ("count", Schema::Whole),
    ("color", Schema::Maybe(&Schema::Text)),
    ("region", Schema::Maybe(&REGION)),
    ("size", Schema::Maybe(&Schema::Word(&["larger", "smaller"]))),
    ("material", Schema::Maybe(&Schema::Text)),
]);
const RELATED: Schema =
    Schema::Fields(&[("subject", Schema::Whole), ("region", REGION), ("object", Schema::Whole)]);
const REGION: Schema = Schema::Word(&["left", "right", "above", "below"]);

/// The part that calls: riddle, then solution.
struct Make {
    writer: Asker,
    solver: Asker,
    vocabulary: Arc<Vocabulary>,
}

#[derive(serde::Deserialize)]
struct RawRiddle {
    prompt: String,
}

/// What a solver read out of a riddle.
struct Solution {
    spec: Spec,
    ambiguous: bool,
    why: String,
}

fn read_solution(value: Value) -> Result<Solution, Fault> {
    let reply = members(value)?;
    let spec = field(&reply, &["spec"]).cloned().unwrap_or_default();
    let spec = typed(without_empty(spec))?;
    let why = field(&reply, &["why", "reason", "explanation"]).and_then(Value::as_str);
    let ambiguous = match field(&reply, &["ambiguous"]) {
        None => Some(false),
        Some(value) => flag(value),
    };
    match ambiguous {
        Some(ambiguous) => Ok(Solution { spec, ambiguous, why: why.unwrap_or_default().into() }),
        None => {
            let what = "`ambiguous` is neither true nor false".to_owned();
            Err(Fault { code: "unanswered", what })
        }
    }
}

/// Without members that say nothing: a model fills what it was to leave out with null or "".
fn without_empty(value: Value) -> Value {
    let says = |v: &Value| !v.is_null() && v.as_str().is_none_or(|s| !s.trim().is_empty());
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, v)| says(v));
            Value::Object(kept.map(|(k, v)| (k, without_empty(v))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_empty).collect()),
        other => other,
    }
}

#[async_trait::async_trait]
impl Each for Make {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let Some(style) = self.style(&t) else {
            return Err(StageError::Record {
                code: "no_style",
                what: "the vocabulary has no styles".into(),
            });
        };
        let context = Context::new()
            .text("plain", t.prompt.gloss.as_deref().unwrap_or_default())
            .text("style", &style.name)
            .text("brief", &style.brief)
            .text("spec", &spec_json(t.prompt.spec.as_ref()))
            .text("facts", &self.facts(&t));
        let asked = self.writer.json(cx, &context, 0, typed::<RawRiddle>).await?;
        let note = |what: String| Evidence { votes: asked.faults.clone(), ..Evidence::note(what) };
        let riddle = match asked.said {
            AskOutcome::Read(raw, _) => raw.prompt.trim().to_owned(),
            AskOutcome::Unusable(fault) => return Ok(Step::drop(t, "unwritten", note(fault.what))),
            AskOutcome::Refused(what) => return Ok(Step::drop(t, "refused", note(what))),
        };
        let faults = asked.faults;
        t.prompt.text = riddle;
        let length = t.prompt.text.chars().count();
        if length == 0 || length > MAX_RIDDLE {
            let note = format!("the riddle has {length} characters; 1 to {MAX_RIDDLE} are meant");
            return Ok(Step::drop(t, "unwritten", Evidence::note(note)));
        }
        if let Some(token) = crate::markup::find(&t.prompt.text) {
            let note = format!("the riddle holds `{token}`");
            return Ok(Step::drop(t, "control_token", Evidence::note(note)));
        }
        self.solve(t, cx, faults).await
    }
}

impl Make {
    fn style(&self, t: &Trajectory) -> Option<&Style> {
        let index = t.prompt.key.as_ref()?.split_once(':')?.1.parse::<usize>().ok()?;
        self.vocabulary.styles().get(index)
    }

    fn facts(&self, t: &Trajectory) -> String {
        let facts = |spec| self.vocabulary.facts(&t.prompt.category, spec);
        t.prompt.spec.as_ref().map(facts).unwrap_or_default()
    }

    /// The solver's reading of the riddle; `votes` is what had to be asked again to write it.
    async fn solve(
        &self,
        t: Trajectory,
        cx: &Cx<'_>,
        mut votes: Vec<Vote>,
    ) -> Result<Step, StageError> {
        let context = Context::new().text("prompt", &t.prompt.text);
        let asked = self.solver.json(cx, &context, 0, read_solution).await?;
        let read = asked.decided(&mut votes)?;
        let evidence = |note: &str| Evidence { votes, ..Evidence::note(bound(note, 300)) };
        let solution = match read {
            Ok((solution, _)) => solution,
            Err(what) => return Ok(Step::drop(t, "refused", evidence(&what))),
        };
        if solution.ambiguous {
            return Ok(Step::drop(t, "ambiguous", evidence(&solution.why)));
        }
        let right = t.prompt.spec.as_ref().is_some_and(|spec| spec_eq(spec, &solution.spec));
        if right {
            return Ok(Step::out(t, "solvable").with(evidence("")));
        }
        let read = canonical(&solution.spec);
        let meant = t.prompt.spec.as_ref().map(canonical).unwrap_or_default();
        Ok(Step::drop(t, "unsolved", evidence(&format!("read: {read}; meant: {meant}"))))
    }
}
