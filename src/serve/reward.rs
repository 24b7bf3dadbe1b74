//! `POST /reward`: what a finished rollout is worth, with what that rests on.

use crate::media::Outline;
use crate::record::{Decision, Digest, Disposition, ImageRef, Rollout, Trajectory, Vote};
use crate::run::Visited;
use crate::serve::ask::Ask;
use crate::serve::known::Answer;
use crate::serve::refusal::Refusal;
use crate::serve::server::Server;
use crate::store::StoreError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Scores a rollout. A score that cannot be computed is a refusal.
pub async fn answer(server: Arc<Server>, ask: Ask) -> Answer {
    for (rule, field) in &ask.rules {
        if !server.rules.iter().any(|known| known == rule) {
            let what = format!(
                "the service has no rule `{rule}`: the trainer's rows were written with other rules; \
                 export them again, or start the service with the project that they come from"
            );
            return Err(Refusal::bad(field.clone(), what));
        }
    }
    let mut pictures = Vec::new();
    for round in &ask.rounds {
        pictures.push(picture(&server, round.digest, &round.field).await?);
    }
    let (id, step, group) = (ask.id.clone(), ask.step, ask.group.clone());
    let record = ask.record(server.grammar, &pictures)?;
    let (from, at, each) = &server.rewarded;
    let visited = server.service().visit(*at, each.as_ref(), record).await;
    let Visited { trajectory, mut decision, .. } = visited.map_err(|error| Refusal::of(&error))?;
    if decision.disposition != Disposition::Passed {
        let what = format!("{}: {}", decision.reason, decision.evidence.note);
        return Err(Refusal::no_answer("no_reward", what));
    }
    let Some(told) = told(&id, &trajectory, &decision) else {
        return Err(Refusal::no_answer("no_reward", "the stage gave no reward"));
    };
    let fact = |ask: &str, answer: String| Vote { ask: ask.to_owned(), answer, call: None };
    decision.evidence.votes.extend(step.map(|step| fact("step", step.to_string())));
    let group = group.map(|group| fact("group", group.chars().take(128).collect()));
    decision.evidence.votes.extend(group);
    server.keep(*from, &trajectory, *at, decision);
    Ok(Arc::new(told))
}

/// The picture of that digest, from memory or from the RUN.
async fn picture(server: &Server, digest: Digest, field: &str) -> Result<ImageRef, Refusal> {
    if let Some(image) = server.remembered(&digest) {
        return Ok(image);
    }
    let bytes = server.blobs.get(digest).await.map_err(|error| match error {
        StoreError::NotFound { .. } => {
            let what = "no picture of this digest is in the RUN; have it drawn by `POST /image`";
            Refusal::bad(format!("{field}.digest"), what)
        }
        other => Refusal::stopping(other.to_string()),
    })?;
    let outline = Outline::read(&bytes).map_err(|error| {
        Refusal::bad(format!("{field}.digest"), format!("is no picture: {error}"))
    })?;
    let (width, height, bytes) = (outline.width, outline.height, bytes.len() as u64);
    let image = ImageRef { digest, mime: outline.mime, width, height, bytes };
    server.remember(image);
    Ok(image)
}

fn told(id: &str, t: &Trajectory, decision: &Decision) -> Option<Value> {
    let rollout = t.rollouts.first()?;
    let reward = rollout.reward?;
    let checks = decision.evidence.checks.iter();
    let answers: Vec<Value> = checks
        .map(|check| {
            json!({"id": check.id, "source": check.source, "answer": check.answer,
                   "evidence": check.evidence})
        })
        .collect();
    Some(json!({
        "id": id,
        "score": reward.score,
        "parts": {
            "point": reward.point,
            "format": reward.format,
            "pair": reward.pair,
            "lambda": reward.lambda,
        },
        "rounds": rollout.pictures().len(),
        "answers": answers,
        "pairs": pairs(&decision.evidence.votes),
        "faults": faults(rollout),
        "judge": {
            "models": t.models,
            "calls": decision.calls,
            "cost_usd": decision.cost.usd(),
        },
        "simulated": t.simulated,
    }))
}

/// Each pair's winner, and what was said in each order that was asked.
fn pairs(votes: &[Vote]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for vote in votes {
        if let Some(number) = vote.ask.strip_prefix("pair_") {
            let pair = number.parse::<u32>().unwrap_or(0);
            out.push(json!({"pair": pair, "winner": vote.answer, "votes": []}));
        } else if vote.ask.starts_with("order_")
            && let Some(votes) = out.last_mut().and_then(|pair| pair["votes"].as_array_mut())
        {
            votes.push(json!({"order": &vote.ask[6..], "winner": vote.answer, "call": vote.call}));
        }
    }
    out
}

fn faults(rollout: &Rollout) -> Vec<Value> {
    let turns = rollout.turns.iter().enumerate().filter(|(_, turn)| !turn.fault.is_empty());
    turns.map(|(n, turn)| json!({"turn": n + 1, "code": turn.fault, "what": turn.what})).collect()
}
