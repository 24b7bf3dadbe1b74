//! The rollouts of a RUN with their scores: played again from the journal, so that every text,
//! picture and token is there, whoever made the RUN.

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::benchmark::{Benchmark, of_source};
use crate::call::{Output, Request};
use crate::journal::{Entry, ReadJournal};
use crate::record::{CallKey, Decision, Disposition, Id, Part, Rollout, Speaker, Vote};
use crate::stage::Does;
use crate::stage::agent::{Ask, Game, Heard, Rules};
use bytes::Bytes;
use std::collections::BTreeMap;

/// One picture's score on its set's scale; each None where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shot {
    /// As the official script counts it.
    pub official: Option<f64>,
    pub strict: Option<f64>,
    /// What a judge that cannot err would have said.
    pub truth: Option<f64>,
}

/// One rollout.
#[derive(Debug, Clone)]
pub struct Play {
    pub id: Id,
    pub prompt: String,
    pub category: String,
    pub rollout: Rollout,
    /// Of each picture in turn; empty where nothing was scored.
    pub shots: Vec<Shot>,
}

/// A run's rollouts.
#[derive(Debug, Clone, Default)]
pub struct Played {
    pub name: String,
    pub set: Option<&'static Benchmark>,
    /// `agent`, `without_tool`, `raw`.
    pub setting: String,
    pub n_max: usize,
    pub simulated: bool,
    pub plays: Vec<Play>,
    pub notes: Vec<String>,
}

/// What a judge that cannot err answers to a request that shows these pictures; None: nobody knows.
pub type Truth<'a> = &'a (dyn Fn(&Request, Vec<Bytes>) -> Option<String> + Sync);

/// The rollouts of `run` in the order of their ids.
pub async fn read(run: &RunDir, truth: Option<Truth<'_>>) -> Result<Played, AuditError> {
    let stage = |does| run.shape.stages.iter().find(|s| run.shape.does(&s.name) == Some(does));
    let Some(rolled) = stage(Does::RollOut) else {
        return Err(AuditError::input(format!(
            "`{}` has no rollouts: its pipeline `{}` has no stage that rolls out\n  `coldstart run \
             agent` makes some",
            run.name(),
            run.shape.pipeline
        )));
    };
    let word = |name: &str| rolled.params.get(name).map_or("", |v| v.trim_matches('"'));
    let n_max = word("n_max").parse().unwrap_or(1);
    let rules = Rules::of(word("grammar"), word("mode"), word("setting"), n_max, "");
    let mut out = Played {
        name: run.name(),
        setting: word("setting").to_owned(),
        n_max,
        simulated: run.shape.simulated,
        ..Played::default()
    };
    let draws = word("draws").parse().unwrap_or(1);
    let mut rows = Vec::new();
    collect(run, &rolled.name, &mut rows, &mut out).await?;
    let mut scores = Vec::new();
    match stage(Does::Score) {
        Some(scored) => collect(run, &scored.name, &mut scores, &mut out).await?,
        None => out.notes.push(format!("{}: nothing scores its pictures", out.name)),
    }
    let mut scores: BTreeMap<Id, Decision> = scores.into_iter().map(|d| (d.id, d)).collect();
    let journal = run.journal().await?;
    out.set = rows.first().and_then(|row| of_source(&row.source));
    rows.sort_by_key(|row| row.id);
    for row in rows {
        let votes = scores.remove(&row.id).map(|d| d.evidence.votes).unwrap_or_default();
        for mut play in replay(&journal, &rules, draws, &row).await? {
            let count = play.rollout.pictures().len();
            play.shots = shots(run, &journal, &votes, &play, count, out.set, truth).await?;
            out.plays.push(play);
        }
    }
    Ok(out)
}

/// The rows of a stage that did not fail; what failed is said.
async fn collect(
    run: &RunDir,
    stage: &str,
    rows: &mut Vec<Decision>,
    out: &mut Played,
) -> Result<(), AuditError> {
    let mut failed = 0;
    let unreadable = run
        .each(stage, &mut |row| match row.disposition {
            Disposition::Failed => failed += 1,
            Disposition::Passed | Disposition::Dropped => rows.push(row),
        })
        .await?;
    for part in unreadable {
        out.notes.push(format!("{}: `{}` cannot be read: {}", out.name, part.name, part.what));
    }
    if failed > 0 {
        out.notes.push(format!(
            "{}: {failed} records failed at `{stage}` and are in no figure; run again to retry them",
            out.name
        ));
    }
    Ok(())
}

/// A row's rollouts, by the stage's own machine and its calls in order.
async fn replay(
    journal: &ReadJournal,
    rules: &Rules,
    draws: u32,
    row: &Decision,
) -> Result<Vec<Play>, AuditError> {
    let mut calls = row.calls.iter();
    let mut entry = match calls.next() {
        Some(key) => journal.get(key).await?,
        None => None,
    };
    let prompt = entry.as_ref().map_or(row.prompt.clone(), |e| whole_prompt(e, &row.prompt));
    let mut out = Vec::new();
    for draw in 0..draws {
        let mut game = Game::new(rules, &prompt, draw);
        while game.ask() != Ask::Nobody {
            // What was not journaled was refused, or is lost; the rollout ends here.
            let Some(Entry { request, reply, .. }) = entry.take() else { break };
            match reply.output {
                Output::Text { text, reasoning } => game.heard(&Heard {
                    text,
                    reasoning,
                    tokens_in: reply.usage.input,
                    tokens_out: reply.usage.output + reply.usage.thinking,
                    ms: reply.latency_ms,
                }),
                Output::Image { image, .. } => {
                    let seed = match &request {
                        Request::Image(asked) => asked.seed,
                        Request::Chat(_) => 0,
                    };
                    game.drawn(image, seed, reply.latency_ms);
                }
                Output::Refused { reason } => game.refused(&reason),
            }
            entry = match calls.next() {
                Some(key) => journal.get(key).await?,
                None => None,
            };
        }
        out.push(Play {
            id: row.id,
            prompt: prompt.clone(),
            category: row.category.clone(),
            rollout: game.over(),
            shots: Vec::new(),
        });
    }
    Ok(out)
}

/// Rows keep 200 characters of a prompt; the first request holds it whole.
fn whole_prompt(entry: &Entry, short: &str) -> String {
    match &entry.request {
        Request::Image(asked) => asked.prompt.clone(),
        Request::Chat(chat) => {
            let user = chat.messages.iter().find(|m| m.speaker == Speaker::User);
            let text = user.and_then(|m| match m.parts.first() {
                Some(Part::Text(text)) => text.strip_prefix("Prompt: "),
                _ => None,
            });
            text.unwrap_or(short).to_owned()
        }
    }
}

/// The scores in a row's votes, as `score` writes them.
async fn shots(
    run: &RunDir,
    journal: &ReadJournal,
    votes: &[Vote],
    play: &Play,
    count: usize,
    set: Option<&'static Benchmark>,
    truth: Option<Truth<'_>>,
) -> Result<Vec<Shot>, AuditError> {
    let draw = match play.rollout.draw {
        0 => String::new(),
        n => format!("draw_{}_", n + 1),
    };
    let find = |ask: String| votes.iter().find(|vote| vote.ask == ask);
    let mut out = Vec::new();
    for place in 1..=count {
        let official = find(format!("{draw}picture_{place}"));
        let strict = find(format!("strict_{draw}picture_{place}"));
        let number = |vote: Option<&Vote>| vote.and_then(|v| v.answer.parse().ok());
        let call = official.and_then(|vote| vote.call);
        out.push(Shot {
            official: number(official),
            strict: number(strict),
            truth: match (truth, call) {
                (Some(truth), Some(call)) => true_score(run, journal, &call, set, truth).await?,
                _ => None,
            },
        });
    }
    Ok(out)
}

async fn true_score(
    run: &RunDir,
    journal: &ReadJournal,
    call: &CallKey,
    set: Option<&'static Benchmark>,
    truth: Truth<'_>,
) -> Result<Option<f64>, AuditError> {
    let Some(entry) = journal.get(call).await?.filter(|e| e.reply.simulated) else {
        return Ok(None);
    };
    let mut pictures = Vec::new();
    for image in crate::audit::steps::shown(&entry.request) {
        match run.blobs().get(image.digest).await {
            Ok(bytes) => pictures.push(bytes),
            Err(_) => return Ok(None),
        }
    }
    let Some(answer) = truth(&entry.request, pictures) else { return Ok(None) };
    Ok(match set {
        Some(set) => (set.read)(&answer).strict,
        None => all_yes(&answer).map(f64::from),
    })
}

/// Whether a checklist's answer is yes throughout.
fn all_yes(answer: &str) -> Option<bool> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let checks = answer["checks"].as_array().filter(|checks| !checks.is_empty())?;
    Some(checks.iter().all(|check| check["answer"] == "yes"))
}

impl Played {
    /// The best score of a picture.
    pub fn most(&self) -> f64 {
        self.set.map_or(1.0, |set| set.most)
    }
}

impl Play {
    /// The picture that is used where the agent may draw `k`: the last one with index <= k, from 1.
    pub fn at(&self, k: usize) -> Option<&Shot> {
        self.shots.get(k.min(self.shots.len()).checked_sub(1)?)
    }

    pub fn last(&self) -> Option<&Shot> {
        self.shots.last()
    }

    /// The caption of its last picture; the prompt itself where the agent gave none.
    pub fn caption(&self) -> Option<&str> {
        let drawn = self.rollout.last_attempt().filter(|turn| turn.picture.is_some());
        drawn.last().and_then(|turn| turn.caption.as_deref())
    }
}
