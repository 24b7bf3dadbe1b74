//! RUNs made up for tests and benches, with a known truth: every table, call, picture and shard
//! that a run leaves, written by the same writers, without a model.

#[path = "made_written.rs"]
mod written;

use coldstart::env::{Env, Rng};
use coldstart::export::dataset::{ShardOptions, ShardWriter};
use coldstart::journal::{Entry, Journal};
use coldstart::record::{
    Answer, Attempt, CallKey, Check, CheckSource, Decision, Disposition, Evidence, Id, ImageRef,
    Judgement, NanoUsd, Outcome, Prompt, Round, Trajectory, Vote,
};
use coldstart::store::{Blobs, Layout, Store};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// What to make.
#[derive(Debug, Clone)]
pub struct Plan {
    pub prompts: usize,
    pub seed: u64,
    /// How often the judge is wrong.
    pub judge_error: f64,
    /// How often the pairwise judge takes the first place instead of looking.
    pub place_bias: f64,
    /// Write the journal too.
    pub calls: bool,
    /// Write pictures and shards too (only with `calls`).
    pub pictures: bool,
    /// The first record's texts are full of markup and control characters.
    pub hostile: bool,
    /// Pixels of a picture's side.
    pub side: u32,
    /// The manifest's `judged.votes`.
    pub votes: u32,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            prompts: 200,
            seed: 1,
            judge_error: 0.08,
            place_bias: 0.1,
            calls: true,
            pictures: true,
            hostile: false,
            side: 24,
            votes: 1,
        }
    }
}

/// Text that tries to be markup, script and terminal control.
pub const HOSTILE: &str = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\
     \u{1b}[31mred\u{7} \u{202e}olleh\u{202c} </textarea></svg>&amp;\"'`{{7*7}}";

/// What is true of a made RUN.
#[derive(Debug, Default)]
pub struct Truth {
    /// (record, the judge should have said satisfied), of every row at `judged`.
    pub judged: Vec<(Id, bool)>,
    pub rows: usize,
    pub calls: usize,
    /// Records in the dataset.
    pub kept: Vec<Id>,
    /// The hostile record.
    pub first: Option<Id>,
}

const STAGES: [(&str, &str, &[&str], &[&str]); 15] = [
    ("pool", "read_pool", &[], &["out"]),
    ("unique", "dedup", &["pool.out"], &["unique"]),
    ("clean", "decontaminate", &["unique.unique"], &["clean"]),
    ("hard", "attempt", &["clean.clean"], &["hard"]),
    ("first_round", "think_and_call", &["hard.hard"], &["passed"]),
    ("first_image", "generate", &["first_round.passed"], &["passed"]),
    ("judged", "judge", &["first_image.passed"], &["satisfied", "unsatisfied"]),
    ("reflected", "reflect", &["judged.unsatisfied"], &["passed"]),
    ("unleaked", "leak_filter", &["reflected.passed"], &["passed"]),
    ("second_image", "generate", &["unleaked.passed"], &["passed"]),
    ("better", "pairwise", &["second_image.passed"], &["better"]),
    ("good", "pointwise", &["better.better"], &["good", "improved"]),
    ("coherent", "consistency", &["good.good", "good.improved"], &["passed"]),
    ("balanced", "balance", &["judged.satisfied", "coherent.passed"], &["picked"]),
    ("dataset", "write_dataset", &["balanced.picked"], &[]),
];

const CATEGORIES: [&str; 6] = ["counting", "colour", "position", "text", "knowledge", "riddle"];

struct Maker {
    plan: Plan,
    store: Store,
    blobs: Blobs,
    journal: Option<Journal>,
    rng: Rng,
    rows: BTreeMap<&'static str, Vec<Decision>>,
    shards: Option<ShardWriter>,
    made: HashSet<CallKey>,
    waiting: Vec<Entry>,
    truth: Truth,
    at_ms: u64,
}

/// Makes a RUN at `uri`.
pub async fn make(uri: &str, plan: Plan) -> Truth {
    let store = Store::open(uri).unwrap();
    let journal = match plan.calls {
        true => Some(
            Journal::open(Env::real(), &store, Layout::JOURNAL, Duration::from_millis(5))
                .await
                .unwrap(),
        ),
        false => None,
    };
    let shards =
        (plan.calls && plan.pictures).then(|| ShardWriter::new(ShardOptions::default()).unwrap());
    let mut maker = Maker {
        blobs: Blobs::new(store.clone(), 1 << 20),
        rng: Rng::keyed(plan.seed, &["made"]),
        rows: BTreeMap::new(),
        made: HashSet::new(),
        waiting: Vec::new(),
        truth: Truth::default(),
        at_ms: 1_767_225_600_000,
        store,
        journal,
        shards,
        plan,
    };
    for number in 0..maker.plan.prompts {
        maker.record(number).await;
    }
    maker.finish().await
}

/// One record on its way.
struct Walk {
    t: Trajectory,
    stage: &'static str,
    calls: Vec<CallKey>,
    cost: NanoUsd,
}

impl Maker {
    async fn record(&mut self, number: usize) {
        // Its own stream, so that another plan's record of this number is the same prompt.
        self.rng = Rng::keyed(self.plan.seed, &["made", &number.to_string()]);
        let category = CATEGORIES[self.rng.below(CATEGORIES.len())];
        let source = if number.is_multiple_of(3) { "t2i" } else { "own" };
        let hostile = self.plan.hostile && number == 0;
        let things = ["red apples", "blue clocks", "glass owls", "tiny boats", "green doors"];
        let thing = things[self.rng.below(things.len())];
        let text = match hostile {
            true => HOSTILE.to_owned(),
            false => format!("a photo of {} {thing} on a table, number {number}", 2 + number % 7),
        };
        let id = Id::of(source, &number.to_string(), &text);
        let prompt = Prompt {
            id,
            text,
            category: category.to_owned(),
            source: source.to_owned(),
            key: Some(number.to_string()),
            reference: None,
            spec: None,
            gloss: None,
            licence: Some("CC0".to_owned()),
        };
        let mut walk =
            Walk { t: Trajectory::new(prompt), stage: "", calls: Vec::new(), cost: NanoUsd(0) };
        if hostile {
            self.truth.first = Some(id);
        }
        self.pass(&mut walk, "pool", "out", Evidence::default());
        if self.rng.chance(0.05) && !hostile {
            let peer = Evidence { peer: Some(id), ..Evidence::note("same words as another") };
            return self.drop(&mut walk, "unique", "near_duplicate", peer);
        }
        self.pass(&mut walk, "unique", "unique", Evidence::default());
        if self.rng.chance(0.02) && !hostile {
            return self.drop(&mut walk, "clean", "ngram", Evidence::note("GenEval++ 12"));
        }
        self.pass(&mut walk, "clean", "clean", Evidence::default());
        if !self.attempts(&mut walk).await && !hostile {
            return;
        }
        self.rounds(walk, hostile).await;
    }

    /// Stage `hard`: up to three draws.
    async fn attempts(&mut self, walk: &mut Walk) -> bool {
        let mut votes = Vec::new();
        for draw in 0..3u32 {
            let image = self.image(walk, "generator", "q", u64::from(draw), draw).await;
            let good = self.rng.chance(0.12);
            let word = if good { "satisfied" } else { "unsatisfied" };
            votes.push(Vote {
                ask: format!("draw_{}", draw + 1),
                answer: word.to_owned(),
                call: None,
            });
            walk.t.attempts.push(Attempt { seed: u64::from(draw), image, satisfied: good });
            if good {
                let evidence = Evidence { votes, score: Some(1.0), ..Evidence::default() };
                self.drop(walk, "hard", "solved", evidence);
                return false;
            }
        }
        let evidence = Evidence { votes, score: Some(0.4), ..Evidence::default() };
        self.pass(walk, "hard", "hard", evidence);
        true
    }

    async fn rounds(&mut self, mut walk: Walk, hostile: bool) {
        if self.rng.chance(0.04) && !hostile {
            self.chat(&mut walk, "teacher", "I will not call it.", &[]).await;
            let evidence = Evidence::note("no <tool_call> in \"I will not call it.\"");
            return self.drop(&mut walk, "first_round", "no_tool_call", evidence);
        }
        let thinking =
            if hostile { HOSTILE.to_owned() } else { "Count them, then place them.".to_owned() };
        let refined = format!("{} clearly arranged", walk.t.prompt.text.replace('<', "("));
        self.turn(&mut walk, "teacher", &thinking, &refined, &[]).await;
        self.pass(&mut walk, "first_round", "passed", Evidence::default());
        self.draw(&mut walk, "first_image", 0).await;
        let truth = self.rng.chance(0.35) && !hostile;
        let said = truth != self.rng.chance(self.plan.judge_error);
        let said = said && !hostile;
        self.truth.judged.push((walk.t.prompt.id, truth));
        self.judge(&mut walk, "judged", "judge", said, hostile).await;
        if said {
            walk.t.outcome = Some(Outcome::OneRound);
            self.pass(&mut walk, "judged", "satisfied", self.judged(said, hostile));
            return self.end(walk).await;
        }
        self.pass(&mut walk, "judged", "unsatisfied", self.judged(said, hostile));
        self.second_round(walk, hostile).await;
    }

    async fn second_round(&mut self, mut walk: Walk, hostile: bool) {
        let hint = self.picture(90_000 + self.truth.rows as u32);
        let hint = self.blob(hint).await;
        let first = walk.t.rounds[0].image.unwrap();
        let refined = format!("{}, evenly spaced", walk.t.rounds[0].refined);
        self.turn(&mut walk, "reflector", "The count was off.", &refined, &[first, hint]).await;
        self.pass(&mut walk, "reflected", "passed", Evidence::default());
        if self.rng.chance(0.05) && !hostile {
            let vote = Vote { ask: "model".to_owned(), answer: "leak".to_owned(), call: None };
            let evidence =
                Evidence { votes: vec![vote], ..Evidence::note("\"as in the reference\"") };
            return self.drop(&mut walk, "unleaked", "leak", evidence);
        }
        self.pass(&mut walk, "unleaked", "passed", Evidence::default());
        self.draw(&mut walk, "second_image", 1).await;
        if !self.pairwise(&mut walk).await && !hostile {
            return;
        }
        let good = self.rng.chance(0.6);
        self.judge(&mut walk, "good", "grader", good, hostile).await;
        walk.t.improved = !good;
        let port = if good { "good" } else { "improved" };
        self.pass(&mut walk, "good", port, self.judged(good, false));
        if self.rng.chance(0.06) && !hostile {
            let evidence = Evidence::note("the verdict does not follow");
            return self.drop(&mut walk, "coherent", "verdict_not_derived", evidence);
        }
        self.pass(&mut walk, "coherent", "passed", Evidence::default());
        walk.t.outcome = Some(if good { Outcome::Closed } else { Outcome::Open });
        if !good {
            walk.t.rounds[1].judgement = None;
        }
        self.end(walk).await;
    }

    async fn pairwise(&mut self, walk: &mut Walk) -> bool {
        let better = self.rng.chance(0.75) || self.truth.first == Some(walk.t.prompt.id);
        let pick = if better { "second" } else { "first" };
        let hostile = self.truth.first == Some(walk.t.prompt.id);
        let biased = self.rng.chance(self.plan.place_bias) && !hostile;
        let (ab, ba) = if biased { ("first", "second") } else { (pick, pick) };
        let [i1, i2] = [0, 1].map(|n| walk.t.rounds[n].image.unwrap());
        let a = self.chat(walk, "comparator", "{\"better\":\"B\"}", &[i1, i2]).await;
        let b = self.chat(walk, "comparator", "{\"better\":\"A\"}", &[i2, i1]).await;
        let vote = |ask: &str, answer: &str, call| Vote {
            ask: ask.to_owned(),
            answer: answer.to_owned(),
            call: Some(call),
        };
        let votes = vec![vote("order_ab", ab, a), vote("order_ba", ba, b)];
        let evidence = Evidence { votes, ..Evidence::default() };
        match (ab, ba) {
            ("second", "second") => self.pass(walk, "better", "better", evidence),
            ("first", "first") => self.drop(walk, "better", "worse", evidence),
            _ => self.drop(walk, "better", "tie", evidence),
        }
        (ab, ba) == ("second", "second")
    }

    fn judged(&self, satisfied: bool, hostile: bool) -> Evidence {
        let check = |id: &str, source, answer| Check {
            id: id.to_owned(),
            source,
            question: String::new(),
            answer,
            evidence: if hostile { HOSTILE.to_owned() } else { "seen".to_owned() },
        };
        let last = if satisfied { Answer::Yes } else { Answer::No };
        Evidence {
            note: if hostile { HOSTILE.to_owned() } else { "looked at it".to_owned() },
            score: Some(if satisfied { 1.0 } else { 2.0 / 3.0 }),
            checks: vec![
                check("all_objects", CheckSource::Rule, Answer::Yes),
                check("a1", CheckSource::Atom, Answer::Yes),
                check("a2", CheckSource::Atom, last),
            ],
            ..Evidence::default()
        }
    }

    async fn judge(&mut self, walk: &mut Walk, _: &str, role: &str, good: bool, hostile: bool) {
        let rationale = match (hostile, good) {
            (true, _) => HOSTILE.to_owned(),
            (_, true) => "Everything asked for is there.".to_owned(),
            (_, false) => "One is missing on the right.".to_owned(),
        };
        let reply = serde_json::json!({ "checks": [], "rationale": rationale }).to_string();
        let image = walk.t.rounds.last().unwrap().image.unwrap();
        self.chat(walk, role, &reply, &[image]).await;
        let evidence = self.judged(good, hostile);
        walk.t.rounds.last_mut().unwrap().judgement = Some(Judgement {
            rationale,
            satisfied: good,
            score: evidence.score.unwrap(),
            checks: evidence.checks,
            ..Judgement::default()
        });
    }

    async fn turn(&mut self, walk: &mut Walk, role: &str, t: &str, p: &str, shown: &[ImageRef]) {
        let call = serde_json::json!({
            "name": "image_generation_tool", "arguments": { "caption": p },
        });
        let reply = format!("<think>{t}</think> <tool_call>\n{call}\n</tool_call>");
        self.chat(walk, role, &reply, shown).await;
        walk.t.rounds.push(Round {
            thinking: t.to_owned(),
            refined: p.to_owned(),
            image: None,
            seed: None,
            judgement: None,
        });
    }

    async fn draw(&mut self, walk: &mut Walk, stage: &'static str, draw: u32) {
        let refined = walk.t.rounds.last().unwrap().refined.clone();
        let image = self.image(walk, "generator", &refined, 7, draw).await;
        let round = walk.t.rounds.last_mut().unwrap();
        (round.image, round.seed) = (Some(image), Some(7));
        self.pass(walk, stage, "passed", Evidence::default());
    }

    async fn end(&mut self, mut walk: Walk) {
        if self.rng.chance(0.1) && self.truth.first != Some(walk.t.prompt.id) {
            return self.drop(&mut walk, "balanced", "over_quota", Evidence::default());
        }
        self.pass(&mut walk, "balanced", "picked", Evidence::default());
        self.pass(&mut walk, "dataset", "", Evidence::default());
        self.truth.kept.push(walk.t.prompt.id);
        let Some(shards) = &mut self.shards else { return };
        let all = self.rows.values().flatten().filter(|row| row.id == walk.t.prompt.id);
        walk.t.calls = all.flat_map(|row| row.calls.iter().copied()).collect();
        let mut images = Vec::new();
        for image in coldstart::export::conversation::images(&walk.t) {
            images.push(self.blobs.get(image.digest).await.unwrap());
        }
        shards.push(&walk.t, &images).unwrap();
    }

    fn pass(&mut self, walk: &mut Walk, stage: &'static str, port: &str, evidence: Evidence) {
        self.row(walk, stage, Disposition::Passed, port, "", evidence);
    }

    fn drop(&mut self, walk: &mut Walk, stage: &'static str, reason: &str, evidence: Evidence) {
        self.row(walk, stage, Disposition::Dropped, "", reason, evidence);
    }
}
