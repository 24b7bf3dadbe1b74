//! A kind that the program does not know, added to a copy of its table: it runs, is audited, told of a
//! record, shown, and put before people, without a line about it anywhere else.

use crate::run::{Go, conserved};
use coldstart::archive::{Reading, RunDir};
use coldstart::audit::gather::{Depth, gather};
use coldstart::audit::lineage::life;
use coldstart::audit::rounds::StoryJudgement;
use coldstart::audit::sampling::sample;
use coldstart::audit::{AuditReport, Index};
use coldstart::diag::Diagnostic;
use coldstart::env::Env;
use coldstart::record::{Answer, Check, CheckSource, Evidence, Judgement, Outcome, Trajectory};
use coldstart::stage::{
    Arity, Compile, Cx, Does, Each, Facts, KINDS, Kind, Kinds, Params, Port, Reason, Stage,
    StageError, Step,
};
use coldstart::store::Store;
use std::path::Path;
use std::sync::Arc;

/// Likes a picture by the first bit of its prompt's id.
const TOSS: Kind = Kind {
    name: "toss",
    about: "Likes every other picture.",
    docs: "By the prompt's id.",
    does: Does::Judge,
    accepts: &["heads"],
    rejects: &["tails"],
    arity: Arity::Some,
    ports: &[Port { name: "heads", doc: "liked" }],
    reasons: &[Reason { code: "tails", doc: "not liked" }],
    params: &[],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    Ok(vec![("heads", Facts { judged: true, ..facts })])
}

fn compile(_: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    Ok(Stage::Each(Arc::new(Toss)))
}

struct Toss;

#[async_trait::async_trait]
impl Each for Toss {
    async fn apply(&self, mut t: Trajectory, _: &Cx<'_>) -> Result<Step, StageError> {
        let heads = t.prompt.id.0[0].is_multiple_of(2);
        let check = Check {
            id: "toss".into(),
            source: CheckSource::Rule,
            question: "Which side is up?".into(),
            answer: if heads { Answer::Yes } else { Answer::No },
            evidence: "seen to fall".into(),
        };
        let judgement = Judgement {
            rationale: "It is the picture that was asked for.".into(),
            satisfied: heads,
            score: f32::from(u8::from(heads)),
            checks: vec![check.clone()],
            ..Judgement::default()
        };
        let evidence = Evidence {
            score: Some(judgement.score),
            checks: vec![check],
            ..Evidence::note("tossed")
        };
        if let Some(round) = t.rounds.last_mut() {
            round.judgement = Some(judgement);
        }
        t.outcome = Some(Outcome::OneRound);
        Ok(match heads {
            true => Step::out(t, "heads").with(evidence),
            false => Step::drop(t, "tails", evidence),
        })
    }
}

const STAGES: [(&str, &str); 5] = [
    ("pool", "about = \"a\"\nkind = \"read_pool\"\npath = \"data/pool\"\n"),
    (
        "thought",
        "about = \"a\"\nkind = \"think_and_call\"\nfrom = [\"pool\"]\nmodel = \"teacher\"\n\
         template = \"think_and_call.j2\"\nthinking = \"apart\"\n",
    ),
    (
        "drawn",
        "about = \"a\"\nkind = \"generate\"\nfrom = [\"thought\"]\nmodel = \"generator\"\n\
         seed = \"fresh\"\n",
    ),
    ("tossed", "about = \"a\"\nkind = \"toss\"\nfrom = [\"drawn\"]\n"),
    ("dataset", "about = \"a\"\nkind = \"write_dataset\"\nfrom = [\"tossed\"]\n"),
];

/// A project with the stages above and all else as it is here.
fn project(root: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stages = root.join("stages/own");
    std::fs::create_dir_all(&stages).unwrap();
    for folder in ["templates", "data"] {
        std::os::unix::fs::symlink(here.join(folder), root.join(folder)).unwrap();
    }
    std::fs::copy(here.join("stages/paper/_models.toml"), stages.join("_models.toml")).unwrap();
    for (name, text) in STAGES {
        std::fs::write(stages.join(format!("{name}.toml")), text).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_of_ones_own_is_run_audited_told_shown_and_sampled() {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path().join("project");
    project(&home);
    let mut kinds = KINDS.to_vec();
    kinds.push(&TOSS);
    let kinds = Kinds::new(Box::leak(kinds.into_boxed_slice()));
    let uri = temp.path().join("run").display().to_string();
    let go = Go { limit: 24, pipeline: "own", home: Some(&home), kinds, ..Go::default() };
    let report = go.run(&Env::test(1), &Store::open(&uri).unwrap()).await.expect("runs");
    conserved(&report);
    let tossed = report.stages.iter().find(|s| s.stage == "tossed").unwrap();
    assert!(tossed.passed > 3 && tossed.reasons["tails"] > 3, "{tossed:?}");
    assert_eq!(report.dataset.rows, tossed.passed);

    let mut run = RunDir::open(&uri).await.unwrap();
    run.shape.kinds = kinds;
    let audit = AuditReport::of(&uri, &gather(&run, Depth::Full).await.unwrap());
    assert!(!audit.broken(), "{:?}", audit.findings);

    let (index, _) = Index::read(&run, Reading::Prompts).await.unwrap();
    let labelled: Vec<&str> = run.shape.labelled().collect();
    assert_eq!(labelled, ["tossed"]);
    let asked = sample(&index, &run.shape, &labelled, 10, 0);
    assert!(asked.len() >= 8, "{}", asked.len());
    for side in ["accept", "reject"] {
        let one = asked.iter().find(|a| a.decided == side).expect("of either side");
        let life = life(&run, &one.id).await.unwrap();
        assert!(life.steps.iter().any(|step| step.kind == "toss" && step.known.is_some()));
        let [round] = &life.story.rounds[..] else { panic!("{:?}", life.story) };
        assert!(round.image.is_some() && !round.refined.is_empty());
        let StoryJudgement { satisfied, stage, checks, .. } = round.judgement.as_ref().unwrap();
        assert_eq!((*satisfied, stage.as_str()), (side == "accept", "tossed"));
        assert_eq!(checks[0].question, "Which side is up?");
        assert_eq!(life.story.closed, side == "accept");
    }
}
