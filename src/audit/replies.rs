//! What models said that could not be read as it came, per role and model: asked again, answered then
//! or not, contradictions, records left undecided, sentences cut.
//!
//! Every row of the stage tables counts, however much of the journal was read: a vote names its call,
//! and where that was not read, the role is the one that the stage's parameter `model` names.

use crate::archive::Shape;
use crate::audit::facts::JournalFacts;
use crate::audit::index::Index;
use crate::record::{CallKey, Vote};
use crate::stage::{Fault, StageError, Ty};
use serde::Serialize;
use std::collections::BTreeMap;

/// One role's replies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ReplyAudit {
    pub role: String,
    pub model: String,
    /// Replies that could not be read, and were asked again.
    pub asked_again: u64,
    /// Of those, questions that were answered when asked again.
    pub answered: u64,
    /// Replies that say one thing and conclude another.
    pub contradictions: u64,
    /// Records that a judge left undecided: it gave no answer, or could not tell.
    pub undecided: u64,
    /// Sentences taken out of thinking.
    pub sentences_cut: u64,
}

/// Roles of which there is something to tell, by name.
pub fn replies(index: &Index, shape: &Shape, journal: &JournalFacts) -> Vec<ReplyAudit> {
    let mut all: BTreeMap<String, ReplyAudit> = BTreeMap::new();
    for rows in &index.stages {
        let asked = role_of_stage(shape, &rows.stage);
        for vote in &rows.replies {
            let role = vote.call.and_then(|key| role_of_call(journal, &key));
            note(vote, all.entry(role.unwrap_or_else(|| asked.clone())).or_default());
        }
        let undecided = rows.reason.iter();
        let undecided = undecided.filter(|r| index.names.get(**r) == StageError::UNDECIDED).count();
        if undecided > 0 {
            all.entry(asked).or_default().undecided += undecided as u64;
        }
    }
    let named = |(role, counts): (String, ReplyAudit)| {
        let model = shape.models.get(&role).cloned().unwrap_or_default();
        ReplyAudit { role, model, ..counts }
    };
    all.into_iter().map(named).collect()
}

fn note(vote: &Vote, counts: &mut ReplyAudit) {
    match vote.ask.as_str() {
        Vote::UNREAD => counts.asked_again += 1,
        Vote::AGAIN if vote.answer == Vote::ANSWERED => counts.answered += 1,
        Vote::CUT => counts.sentences_cut += vote.answer.parse().unwrap_or(0),
        _ => {}
    }
    counts.contradictions += u64::from(vote.answer == Fault::CONTRADICTION);
}

fn role_of_call(journal: &JournalFacts, key: &CallKey) -> Option<String> {
    let call = journal.calls.get(key)?;
    journal.roles.get(usize::from(call.role)).cloned()
}

/// The role that answers for a stage: its parameter `model`, else the first that chats.
fn role_of_stage(shape: &Shape, stage: &str) -> String {
    let params = shape.known(stage).map_or(&[][..], |kind| kind.params);
    let chats = || params.iter().filter(|p| matches!(p.ty, Ty::Chat(_))).map(|p| p.name);
    let param = chats().find(|name| *name == "model").or_else(|| chats().next());
    let value = param.and_then(|name| shape.stage(stage)?.params.get(name));
    value.map_or(String::new(), |text| text.trim_matches('"').to_owned())
}
