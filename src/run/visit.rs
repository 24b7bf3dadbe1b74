//! One record at one stage: the visit, and the decision that it leaves behind.

use crate::call::{CallError, Fatal};
use crate::env::Phase;
use crate::record::{Cause, Decision, Disposition, Evidence, Id, NanoUsd, Prompt, Trajectory};
use crate::run::engine::{Abandoned, Engine};
use crate::run::trail::Trail;
use crate::stage::{Cx, Each, StageError, Step, To, Used};
use crate::store::SpillRef;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use tracing::Instrument;

/// The reason code of a record that met a defect of ours.
pub const DEFECT: &str = "defect";

impl Engine {
    /// One record at one stage.
    pub(super) async fn visit(
        &self,
        at: usize,
        each: &dyn Each,
        t: Trajectory,
        trail: &mut Trail,
    ) -> Result<Vec<(usize, Trajectory)>, Abandoned> {
        if self.phase() > Phase::Running {
            return Err(Abandoned);
        }
        let name = &self.names[at];
        let prompt = t.prompt.clone();
        let cx = Cx::new(self.model.as_ref(), self.seed, name, prompt.id);
        let span = tracing::error_span!("stage", stage = %name, record = %prompt.id);
        // A defect in a stage costs the record that shows it, not the run: nothing else is lost.
        let step = AssertUnwindSafe(each.apply(t, &cx)).catch_unwind().instrument(span).await;
        let step = step.unwrap_or_else(|panic| Err(defect(panic.as_ref())));
        let used = cx.into_used();
        match step {
            Ok(Step { mut trajectory, to, evidence }) => {
                remember(&mut trajectory, &used);
                let decision = self.decision(at, &trajectory.prompt, &to, evidence, &used);
                self.note(trail, at, decision);
                Ok(match to {
                    To::Port(port) => self.after(at, port, trajectory),
                    To::Drop(_) => Vec::new(),
                })
            }
            Err(StageError::Call(CallError::Stopped)) => Err(Abandoned),
            Err(StageError::Call(CallError::Fatal { kind, what })) => {
                self.stop(kind, format!("stage `{name}`, record {}: {what}", prompt.id), None);
                Err(Abandoned)
            }
            Err(StageError::Call(CallError::Store(cause))) => {
                let what = format!("stage `{name}`, record {}: {cause}", prompt.id);
                self.stop(Fatal::Store, what, Some(cause));
                Err(Abandoned)
            }
            Err(StageError::Undecided(evidence)) => {
                let decision = self.failure(at, &prompt, StageError::UNDECIDED, "", &used);
                self.note(trail, at, Decision { evidence: *evidence, ..decision });
                Ok(Vec::new())
            }
            Err(error) => {
                let code = match &error {
                    StageError::Record { code, .. } => code,
                    StageError::Undecided(_) => StageError::UNDECIDED,
                    StageError::Call(_) => "call_failed",
                };
                let decision = self.failure(at, &prompt, code, &error.to_string(), &used);
                self.note(trail, at, decision);
                Ok(Vec::new())
            }
        }
    }

    /// Gives where it lies in the ledger; None when that failed, and the run stops.
    pub(super) fn keep(&self, at: usize, decision: Decision) -> Option<SpillRef> {
        self.ledger.record(at, decision).inspect_err(|error| self.store_failed(error)).ok()
    }

    /// `keep` of a walk's decision, with its place in the walk's trail.
    pub(super) fn note(&self, trail: &mut Trail, at: usize, decision: Decision) {
        trail.hear(&decision);
        if let Some(place) = self.keep(at, decision) {
            trail.decided(at, place);
        }
    }

    /// What a source could not make a record of, as a drop of its own.
    pub(super) fn bad(&self, at: usize, place: &str, reason: &'static str, what: String) {
        let decision = Decision {
            stage: self.names[at].clone(),
            id: Id::of(&self.names[at], place, ""),
            category: String::new(),
            source: self.names[at].clone(),
            disposition: Disposition::Dropped,
            port: String::new(),
            reason: reason.to_owned(),
            evidence: Evidence::note(format!("{place}: {what}")),
            calls: Vec::new(),
            cost: NanoUsd::default(),
            prompt: String::new(),
            prompt_chars: 0,
        };
        self.arrive(at);
        self.keep(at, decision);
        self.leave(at);
    }

    pub(super) fn stage_failed(&self, error: StageError) {
        match error {
            StageError::Call(CallError::Fatal { kind, what }) => self.stop(kind, what, None),
            other => self.stop(Fatal::Store, other.to_string(), Some(Cause::new(other))),
        }
    }

    pub(super) fn decision(
        &self,
        at: usize,
        prompt: &Prompt,
        to: &To,
        evidence: Evidence,
        used: &[Used],
    ) -> Decision {
        let (disposition, port, reason) = match to {
            To::Port(port) => (Disposition::Passed, *port, ""),
            To::Drop(reason) => (Disposition::Dropped, "", *reason),
        };
        Decision {
            stage: self.names[at].clone(),
            id: prompt.id,
            category: prompt.category.clone(),
            source: prompt.source.clone(),
            disposition,
            port: port.to_owned(),
            reason: reason.to_owned(),
            evidence,
            calls: used.iter().map(|u| u.key).collect(),
            cost: used.iter().map(|u| u.cost).sum::<NanoUsd>(),
            prompt: first(&prompt.text, 200).to_owned(),
            prompt_chars: prompt.text.chars().count() as u32,
        }
    }

    pub(super) fn failure(
        &self,
        at: usize,
        prompt: &Prompt,
        code: &str,
        what: &str,
        used: &[Used],
    ) -> Decision {
        let evidence = Evidence::note(what.chars().take(300).collect::<String>());
        Decision {
            disposition: Disposition::Failed,
            reason: code.to_owned(),
            ..self.decision(at, prompt, &To::Drop(""), evidence, used)
        }
    }
}

/// The first `n` characters of `text`.
fn first(text: &str, n: usize) -> &str {
    text.char_indices().nth(n).map_or(text, |(end, _)| &text[..end])
}

/// A panic as the record's error; its code is what `run` tells our defects by.
pub(super) fn defect(panic: &(dyn std::any::Any + Send)) -> StageError {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let what = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    StageError::Record { code: DEFECT, what: format!("the stage panicked: {what}") }
}

/// Adds a stage's calls to the record's provenance.
pub(super) fn remember(t: &mut Trajectory, used: &[Used]) {
    for call in used {
        t.calls.push(call.key);
        t.simulated |= call.simulated;
        if let Err(at) = t.models.binary_search(&call.served) {
            t.models.insert(at, call.served.clone());
        }
    }
}
