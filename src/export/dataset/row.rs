//! A trajectory as a row and back. Field names are column names (`schema`).

use crate::export::conversation::{self, ConversationOptions, Refusal, Speaker};
use crate::record::{
    Atom, Attempt, CallKey, Check, Comparison, Id, ImageRef, Judgement, Outcome, Prompt, Rejected,
    Round, Trajectory,
};
use serde::{Deserialize, Serialize};

/// A row without its image bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetRow {
    pub id: Id,
    pub prompt: String,
    pub category: String,
    pub source: String,
    #[serde(default)]
    pub outcome: Option<Outcome>,
    #[serde(default)]
    pub rounds: Vec<RoundRow>,
    /// The conversation in the text dialect, control tokens escaped.
    #[serde(default)]
    pub messages: Vec<Message>,
    #[serde(default)]
    pub improved: bool,
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
    #[serde(default)]
    pub atoms: Vec<Atom>,
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    #[serde(default)]
    pub truth: Truth,
    pub provenance: Provenance,
    #[serde(default)]
    pub licence: Option<String>,
    /// A column of datasets of preference pairs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: String,
    pub content: String,
}

/// One round, flat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRow {
    thinking: String,
    refined_prompt: String,
    #[serde(default)]
    image: Option<i32>,
    #[serde(default)]
    picture: Option<ImageRef>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    judgement: Option<String>,
    #[serde(default)]
    satisfied: Option<bool>,
    #[serde(default)]
    score: Option<f32>,
    #[serde(default)]
    checks: Vec<Check>,
    #[serde(default)]
    posterior: Option<f32>,
    #[serde(default)]
    claims: Option<f32>,
}

/// What the pipeline knew and the model must not: never in training text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Truth {
    /// `record::Spec` as JSON.
    #[serde(default)]
    pub spec: Option<String>,
    #[serde(default)]
    pub gloss: Option<String>,
    #[serde(default)]
    pub reference: Option<ImageRef>,
}

/// Where a row comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The row's place in its source.
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub calls: Vec<CallKey>,
    #[serde(default)]
    pub models: Vec<String>,
    /// The pipeline's digest (the manifest's).
    #[serde(default)]
    pub pipeline: String,
    #[serde(default)]
    pub simulated: bool,
    /// Control tokens broken in `messages`.
    #[serde(default)]
    pub escaped: u64,
}

impl DatasetRow {
    /// The row of `trajectory`, made by the pipeline with digest `pipeline`.
    pub fn of(
        trajectory: &Trajectory,
        options: &ConversationOptions,
        pipeline: &str,
    ) -> Result<DatasetRow, Refusal> {
        let Trajectory {
            prompt,
            atoms,
            attempts,
            rounds,
            comparisons,
            improved,
            outcome,
            // What is not a trajectory's conversation stays with its run.
            rollouts: _,
            rejected,
            calls,
            models,
            simulated,
        } = trajectory;
        let Prompt { id, text, category, source, key, reference, spec, gloss, licence } = prompt;
        let conversation = conversation::turns(trajectory, options)?;
        let shown = conversation::images(trajectory).len();
        let spec = spec.as_ref().and_then(|spec| serde_json::to_string(spec).ok());
        Ok(DatasetRow {
            id: *id,
            prompt: text.clone(),
            category: category.clone(),
            source: source.clone(),
            outcome: *outcome,
            rounds: round_rows(rounds, shown),
            messages: conversation.turns.into_iter().map(message).collect(),
            improved: *improved,
            comparisons: comparisons.clone(),
            atoms: atoms.clone(),
            attempts: attempts.clone(),
            truth: Truth { spec, gloss: gloss.clone(), reference: *reference },
            provenance: Provenance {
                key: key.clone(),
                calls: calls.clone(),
                models: models.clone(),
                pipeline: pipeline.to_string(),
                simulated: *simulated,
                escaped: conversation.escaped as u64,
            },
            licence: licence.clone(),
            rejected: rejected.clone(),
        })
    }

    /// The trajectory it was made of. A spec of a later version is dropped, not guessed.
    pub fn into_trajectory(self) -> Trajectory {
        let DatasetRow { id, prompt, category, source, outcome, rounds, messages: _, .. } = self;
        let Provenance { key, calls, models, simulated, .. } = self.provenance;
        let spec = self.truth.spec.and_then(|json| serde_json::from_str(&json).ok());
        Trajectory {
            prompt: Prompt {
                id,
                text: prompt,
                category,
                source,
                key,
                reference: self.truth.reference,
                spec,
                gloss: self.truth.gloss,
                licence: self.licence,
            },
            atoms: self.atoms,
            attempts: self.attempts,
            rounds: rounds.into_iter().map(RoundRow::into_round).collect(),
            comparisons: self.comparisons,
            improved: self.improved,
            outcome,
            rollouts: Vec::new(),
            rejected: self.rejected,
            calls,
            models,
            simulated,
        }
    }
}

/// A turn as role and content, tools and observations as text.
fn message(turn: conversation::Turn) -> Message {
    let role = match turn.speaker {
        Speaker::System => "system",
        Speaker::User | Speaker::Observation => "user",
        Speaker::Model => "assistant",
    };
    Message { role: role.to_string(), content: turn.text }
}

/// The first `shown` pictures are in the conversation (a picture is hidden only in the last round).
fn round_rows(rounds: &[Round], shown: usize) -> Vec<RoundRow> {
    let mut next = 0;
    let row = |round: &Round| {
        let Round { thinking, refined, image, seed, judgement } = round.clone();
        let index = image.filter(|_| (next as usize) < shown).map(|_| next);
        next += i32::from(index.is_some());
        let satisfied = judgement.as_ref().map(|j| j.satisfied);
        let score = judgement.as_ref().map(|j| j.score);
        let posterior = judgement.as_ref().and_then(|j| j.posterior);
        let claims = judgement.as_ref().and_then(|j| j.claims);
        let (rationale, checks) = match judgement {
            Some(judgement) => (Some(judgement.rationale), bare(judgement.checks)),
            None => (None, Vec::new()),
        };
        RoundRow {
            thinking,
            refined_prompt: refined,
            image: index,
            picture: image,
            seed,
            judgement: rationale,
            satisfied,
            score,
            checks,
            posterior,
            claims,
        }
    };
    rounds.iter().map(row).collect()
}

/// Checks without what was asked: the judge's rules are no part of a dataset.
fn bare(checks: Vec<Check>) -> Vec<Check> {
    checks.into_iter().map(|check| Check { question: String::new(), ..check }).collect()
}

impl RoundRow {
    /// Whether J accepts; None where the round has none.
    pub fn accepts(&self) -> Option<bool> {
        self.satisfied
    }

    fn into_round(self) -> Round {
        let judgement = self.judgement.map(|rationale| Judgement {
            rationale,
            satisfied: self.satisfied.unwrap_or(false),
            score: self.score.unwrap_or(0.0),
            checks: self.checks,
            posterior: self.posterior,
            claims: self.claims,
        });
        Round {
            thinking: self.thinking,
            refined: self.refined_prompt,
            image: self.picture,
            seed: self.seed,
            judgement,
        }
    }
}
