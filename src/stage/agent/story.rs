//! A whole rollout as the rounds of a trajectory, so that what an agent did is exported, shown and
//! filtered like what the pipeline made.

use crate::record::{Judgement, Outcome, Rollout, Round, Trajectory};

/// Fills in rounds and outcome from `rollout`; false where its turns make no conversation.
pub fn conversation(trajectory: &mut Trajectory, rollout: &Rollout) -> bool {
    let mut rounds: Vec<Round> = Vec::new();
    for turn in rollout.last_attempt() {
        if let (Some(rationale), Some(round)) = (&turn.judgement, rounds.last_mut()) {
            let satisfied = turn.answer;
            let score = f32::from(u8::from(satisfied));
            let rationale = rationale.clone();
            round.judgement =
                Some(Judgement { rationale, satisfied, score, ..Judgement::default() });
        }
        if let Some(caption) = &turn.caption {
            rounds.push(Round {
                thinking: turn.thinking.clone().unwrap_or_default(),
                refined: caption.clone(),
                image: turn.picture,
                seed: turn.seed,
                judgement: None,
            });
        }
    }
    let accepted = rounds.last().and_then(|r| r.judgement.as_ref()).is_some_and(|j| j.satisfied);
    trajectory.outcome = match (accepted, rounds.len()) {
        _ if rounds.is_empty() => None,
        (true, 1) => Some(Outcome::OneRound),
        (true, _) => Some(Outcome::Closed),
        (false, _) => Some(Outcome::Open),
    };
    trajectory.rounds = rounds;
    rollout.is_whole() && trajectory.outcome.is_some()
}
