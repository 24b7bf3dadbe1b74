//! How long the texts are that models said at a stage: thinking, refined prompts, judgements.

use crate::audit::error::AuditError;
use crate::audit::stats::{Distribution, Tally};
use crate::audit::steps::{CallTurn, LifeCall};
use crate::journal::ReadJournal;
use crate::record::CallKey;
use serde::Serialize;
use std::collections::BTreeMap;

/// Lengths of one kind of text by one role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LengthAudit {
    pub role: String,
    /// `thinking`, `refined prompt`, or `reply` where it is no turn that calls the generator.
    pub text: &'static str,
    /// Characters.
    pub chars: Distribution,
}

/// Of the given calls; pictures and calls that are not journaled have no length.
pub async fn lengths(
    journal: &ReadJournal,
    calls: impl IntoIterator<Item = CallKey>,
) -> Result<Vec<LengthAudit>, AuditError> {
    let mut tallies: BTreeMap<(String, &'static str), Tally> = BTreeMap::new();
    for key in calls {
        let call = LifeCall { key, entry: journal.get(&key).await? };
        let mut add = |text: &'static str, said: &str| {
            if !said.is_empty() {
                let tally = tallies.entry((call.role().to_owned(), text)).or_default();
                tally.push(said.chars().count() as f64);
            }
        };
        let turn = CallTurn::of(call.text());
        add("thinking", turn.thinking.unwrap_or_else(|| call.reasoning()));
        match turn.refined() {
            Some(refined) => add("refined prompt", &refined),
            None => add("reply", call.text()),
        }
    }
    let measured = tallies.into_iter().filter_map(|((role, text), tally)| {
        Some(LengthAudit { role, text, chars: tally.distribution(None)? })
    });
    Ok(measured.collect())
}
