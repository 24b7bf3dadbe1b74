//! The rollouts of a RUN with their scores, record by record: played again from the journal by the
//! stage's own machine, so that every text, picture, token and second is there, whoever made the RUN.
//!
//! Tables (`table`), the viewer and the report all read rollouts here.

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::audit::steps::shown;
use crate::benchmark::{self, Benchmark, of_source};
use crate::call::Request;
use crate::journal::{Entry, ReadJournal};
use crate::record::{CallKey, Decision, Id, Part, Rollout, Speaker, Vote};
use crate::stage::Does;
use crate::stage::agent::{Rules, replay};
use bytes::Bytes;
use std::sync::Arc;

/// One picture's score on its set's scale; each None where there is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shot {
    /// As the official script counts it.
    pub official: Option<f64>,
    pub strict: Option<f64>,
    /// What a judge that cannot err would have said.
    pub truth: Option<f64>,
    /// Whether it was shown to a judge at all.
    pub judged: bool,
    /// What stands where there is no strict score: `unparsed`, `undecided`, `refused`.
    pub unscored: String,
    /// The judge's last call about it.
    pub call: Option<CallKey>,
}

/// One rollout.
#[derive(Debug, Clone)]
pub struct Play {
    pub id: Id,
    /// Whole.
    pub prompt: String,
    pub category: String,
    pub rollout: Rollout,
    /// Of each picture in turn; empty where nothing was scored.
    pub shots: Vec<Shot>,
}

/// What a judge that cannot err answers to a request that shows these pictures; None: nobody knows.
pub type Truth = Arc<dyn Fn(&Request, Vec<Bytes>) -> Option<String> + Send + Sync>;

/// Reads rollouts of one RUN.
pub struct RolloutReader<'a> {
    run: &'a RunDir,
    journal: &'a ReadJournal,
    truth: Option<Truth>,
    /// The stage that plays, and the one that scores.
    pub rolled: String,
    pub scored: Option<String>,
    /// `agent`, `without_tool`, `raw`.
    pub setting: String,
    pub n_max: usize,
    rules: Rules,
    draws: u32,
    /// By whose rules pictures are scored; empty: by those of each prompt's own set.
    protocol: String,
}

impl<'a> RolloutReader<'a> {
    /// None where the RUN's pipeline has no stage that plays. The truth is asked for only where the
    /// RUN holds simulated replies.
    pub fn of(
        run: &'a RunDir,
        journal: &'a ReadJournal,
        truth: Option<Truth>,
    ) -> Option<RolloutReader<'a>> {
        let stages = || run.shape.stages.iter();
        let does = |what: Does| stages().find(|s| run.shape.does(&s.name) == Some(what));
        let rolled = does(Does::RollOut)?;
        let word = |name: &str| rolled.params.get(name).map_or("", |v| v.trim_matches('"'));
        let n_max = word("n_max").parse().unwrap_or(1);
        let rules = Rules::of(word("grammar"), word("mode"), word("setting"), n_max, "")
            .branching(word("branch") == "true");
        let scored = does(Does::Score);
        let protocol = scored.and_then(|s| s.params.get("protocol")).map(|v| v.trim_matches('"'));
        Some(RolloutReader {
            run,
            journal,
            truth: truth.filter(|_| run.shape.simulated),
            rolled: rolled.name.clone(),
            scored: scored.map(|s| s.name.clone()),
            setting: word("setting").to_owned(),
            n_max,
            rules: match word("editor") {
                "" => rules,
                _ => rules.editing(),
            },
            draws: word("draws").parse().unwrap_or(1),
            protocol: protocol.filter(|p| *p != "auto").unwrap_or_default().to_owned(),
        })
    }

    /// The set by whose rules prompts of `source` were scored.
    pub fn set(&self, source: &str) -> Option<&'static Benchmark> {
        match self.protocol.as_str() {
            "" => of_source(source),
            name => benchmark::find(name),
        }
    }

    /// The rollouts of a record; empty where it was not played, or its playing failed.
    pub async fn of_record(&self, id: &Id) -> Result<Vec<Play>, AuditError> {
        let (rows, _) = self.run.rows_of(id).await?;
        let at = |stage: &str| rows.iter().find(|row| row.stage == stage);
        let Some(row) = at(&self.rolled) else { return Ok(Vec::new()) };
        let scored = self.scored.as_deref().and_then(at);
        self.plays(row, scored.map_or(&[], |row| &row.evidence.votes)).await
    }

    /// The rollouts of a row of `rolled`, with the scores in the votes of its row of `scored`.
    pub async fn plays(&self, row: &Decision, votes: &[Vote]) -> Result<Vec<Play>, AuditError> {
        let mut entries: Vec<Entry> = Vec::with_capacity(row.calls.len());
        for key in &row.calls {
            entries.extend(self.journal.get(key).await?);
        }
        let Some(first) = entries.first() else { return Ok(Vec::new()) };
        let prompt = whole_prompt(first, &row.prompt);
        let mut out = Vec::new();
        for draw in 0..self.draws {
            let calls = entries.iter().map(|entry| (&entry.request, &entry.reply));
            let rollout = replay(&self.rules, &prompt, draw, calls);
            let shots = self.shots(votes, &rollout, self.set(&row.source)).await?;
            let (id, category) = (row.id, row.category.clone());
            out.push(Play { id, prompt: prompt.clone(), category, rollout, shots });
        }
        Ok(out)
    }

    /// The scores in a row's votes, as the stage that scores writes them.
    async fn shots(
        &self,
        votes: &[Vote],
        rollout: &Rollout,
        set: Option<&'static Benchmark>,
    ) -> Result<Vec<Shot>, AuditError> {
        let draw = match rollout.draw {
            0 => String::new(),
            n => format!("draw_{}_", n + 1),
        };
        let find = |ask: String| votes.iter().find(|vote| vote.ask == ask);
        let number = |vote: Option<&Vote>| vote.and_then(|v| v.answer.parse().ok());
        let mut out = Vec::new();
        for place in 1..=rollout.pictures().len() {
            let official = find(format!("{draw}picture_{place}"));
            let strict = find(format!("strict_{draw}picture_{place}"));
            let call = official.and_then(|vote| vote.call);
            let unscored = match number(strict) {
                Some(_) => String::new(),
                None => strict.map_or(String::new(), |vote| vote.answer.clone()),
            };
            out.push(Shot {
                official: number(official),
                strict: number(strict),
                truth: match call {
                    Some(call) => self.true_score(&call, set).await?,
                    None => None,
                },
                judged: official.is_some(),
                unscored,
                call,
            });
        }
        Ok(out)
    }

    async fn true_score(
        &self,
        call: &CallKey,
        set: Option<&'static Benchmark>,
    ) -> Result<Option<f64>, AuditError> {
        let Some(truth) = self.truth.clone() else { return Ok(None) };
        let Some(entry) = self.journal.get(call).await?.filter(|e| e.reply.simulated) else {
            return Ok(None);
        };
        let mut pictures = Vec::new();
        for image in shown(&entry.request) {
            match self.run.blobs().get(image.digest).await {
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

    /// The judge's last answer about a picture, as text; None where it gave none.
    pub async fn answer(&self, shot: &Shot) -> Result<Option<String>, AuditError> {
        let Some(call) = &shot.call else { return Ok(None) };
        let entry = self.journal.get(call).await?;
        Ok(entry.and_then(|entry| match entry.reply.output {
            crate::call::Output::Text { text, .. } => Some(text),
            _ => None,
        }))
    }
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

/// Whether a checklist's answer is yes throughout.
fn all_yes(answer: &str) -> Option<bool> {
    let answer: serde_json::Value = serde_json::from_str(answer).ok()?;
    let checks = answer["checks"].as_array().filter(|checks| !checks.is_empty())?;
    Some(checks.iter().all(|check| check["answer"] == "yes"))
}

impl Play {
    /// The picture that is used where the agent may draw `k`: the last one with index <= k, from 1.
    pub fn at(&self, k: usize) -> Option<&Shot> {
        self.shots.get(k.min(self.shots.len()).checked_sub(1)?)
    }

    pub fn last(&self) -> Option<&Shot> {
        self.shots.last()
    }

    /// The caption of its last picture; None where the agent gave none.
    pub fn caption(&self) -> Option<&str> {
        // An instruction to an editor is no caption.
        let drawn = self.rollout.last_attempt().filter(|t| t.picture.is_some() && !t.edits);
        drawn.last().and_then(|turn| turn.caption.as_deref())
    }

    /// Without the texts that no figure is made of: a run's rollouts are held all at once.
    pub fn thin(mut self) -> Play {
        for turn in &mut self.rollout.turns {
            let calls = turn.text.contains("<tool_call>");
            turn.text = if calls { "<tool_call>".to_owned() } else { String::new() };
            turn.thinking = None;
            turn.judgement = turn.judgement.take().map(|_| String::new());
            turn.what = String::new();
        }
        self
    }
}
