//! Judging one image: ask a judge per rule and atom, conclude by code, vote.

use crate::record::{Answer, Atom, Evidence, ImageRef, Judgement, Trajectory, Vote};
use crate::rules::{Given, Rules, Verdict, conclude};
use crate::stage::ask::{Asker, Said, atom_rows, read_json, rule_rows};
use crate::stage::grammar::control_token;
use crate::stage::{Compile, Cx, StageError};
use crate::template::Context;
use futures::future::try_join_all;
use std::sync::Arc;

/// The longest rationale, in characters. A longer one is no judgement: cut, it would be trained on
/// with its end missing.
const MAX_RATIONALE: usize = 4000;

/// A judge with its rules.
pub struct Judging {
    pub asker: Asker,
    pub rules: Arc<Rules>,
}

/// One reading of a judge's reply.
pub struct Reading {
    pub verdict: Verdict,
    pub rationale: String,
    /// 0..=10 where the template asks for it.
    pub given_score: Option<f32>,
    pub vote: Vote,
}

/// A judgement by majority.
pub struct Judged {
    pub judgement: Judgement,
    pub given_score: Option<f32>,
    pub evidence: Evidence,
}

/// Why there is no judgement: drop reasons shared by the kinds that judge.
pub enum Unjudged {
    /// `unreadable_judgement`
    Garbage(String),
    /// `refused`
    Refused(String),
}

#[derive(serde::Deserialize)]
struct RawReply {
    #[serde(default)]
    checks: Vec<RawCheck>,
    rationale: String,
    #[serde(default)]
    score: Option<f32>,
}

#[derive(serde::Deserialize)]
struct RawCheck {
    id: String,
    #[serde(default)]
    evidence: Option<String>,
    /// A word or, from models that think in JSON, a boolean.
    answer: serde_json::Value,
}

/// The verdict that a judge's reply comes to, and its rationale; Err says why it cannot be read.
pub fn read_judgement(
    rules: &Rules,
    atoms: &[Atom],
    text: &str,
) -> Result<(Verdict, String), String> {
    let raw: RawReply = read_json(text)?;
    Ok((concluded(rules, atoms, raw.checks), raw.rationale.trim().to_owned()))
}

fn concluded(rules: &Rules, atoms: &[Atom], checks: Vec<RawCheck>) -> Verdict {
    let given = checks.into_iter().map(|c| Given {
        id: c.id,
        answer: answer(&c.answer),
        evidence: bound(&c.evidence.unwrap_or_default(), 300),
    });
    conclude(rules, atoms, &given.collect::<Vec<_>>())
}

impl Judging {
    /// From parameters `model` (role), `template`, `rules`.
    pub fn compile(cx: &Compile<'_>) -> Result<Judging, Vec<crate::diag::Diagnostic>> {
        let asker = Asker { role: cx.role("model")?, template: cx.template("template")? };
        Ok(Judging { asker, rules: cx.rules("rules")? })
    }

    /// Asks `votes` times at once and takes the majority of the verdicts (a tie is unsatisfied).
    /// The rationale is the first one that agrees with it.
    pub async fn judge(
        &self,
        cx: &Cx<'_>,
        trajectory: &Trajectory,
        image: ImageRef,
        standard: Option<&str>,
        votes: u32,
    ) -> Result<Result<Judged, Unjudged>, StageError> {
        let asks = (0..votes).map(|draw| self.ask(cx, trajectory, image, standard, draw));
        let mut readings = Vec::new();
        for answer in try_join_all(asks).await? {
            match answer {
                Ok(reading) => readings.push(reading),
                Err(unjudged) => return Ok(Err(unjudged)),
            }
        }
        Ok(Ok(majority(readings)))
    }

    async fn ask(
        &self,
        cx: &Cx<'_>,
        trajectory: &Trajectory,
        image: ImageRef,
        standard: Option<&str>,
        draw: u32,
    ) -> Result<Result<Reading, Unjudged>, StageError> {
        let mut context = Context::new()
            .text("prompt", &trajectory.prompt.text)
            .image("image", image)
            .rows("rules", rule_rows(&self.rules))
            .rows("atoms", atom_rows(&trajectory.atoms));
        if let Some(standard) = standard {
            context = context.text("standard", standard);
        }
        Ok(match self.asker.json::<RawReply>(cx, &context, draw).await? {
            Said::Read(raw, _) if raw.rationale.trim().chars().count() > MAX_RATIONALE => {
                let what = format!("the rationale is longer than {MAX_RATIONALE} characters");
                Err(Unjudged::Garbage(what))
            }
            Said::Read(raw, key) => Ok(self.read(trajectory, raw, draw, key)),
            Said::Garbage(what) => Err(Unjudged::Garbage(what)),
            Said::Refused(reason) => Err(Unjudged::Refused(reason)),
        })
    }

    fn read(
        &self,
        trajectory: &Trajectory,
        raw: RawReply,
        draw: u32,
        key: crate::record::CallKey,
    ) -> Reading {
        let verdict = concluded(&self.rules, &trajectory.atoms, raw.checks);
        let word = if verdict.satisfied { "satisfied" } else { "unsatisfied" };
        Reading {
            vote: Vote { ask: format!("vote_{}", draw + 1), answer: word.into(), call: Some(key) },
            verdict,
            rationale: raw.rationale.trim().to_owned(),
            given_score: raw.score.map(|s| s.clamp(0.0, 10.0)),
        }
    }
}

impl Judged {
    /// Why this rationale may not become training text, if so: it quotes a rule, holds a tag, or
    /// speaks of a picture that the agent never saw. No judge is shown the hint, so the last is a
    /// slip of its own; but J of a last round passes no `leak_filter` any more.
    pub fn tainted(&self, rules: &Rules) -> Option<(&'static str, String)> {
        let text = &self.judgement.rationale;
        if let Some(rule) = rules.quoted_in(text) {
            return Some(("rules_quoted", format!("the rationale quotes rule `{rule}`")));
        }
        if let Some(token) = control_token(text) {
            return Some(("control_token", format!("the rationale holds `{token}`")));
        }
        if let Some(hit) = crate::text::leak::find(text) {
            let reason = if hit.is_markup() { "control_token" } else { "hint_mentioned" };
            return Some((reason, format!("“{}” ({})", bound(&hit.quote, 120), hit.pattern)));
        }
        text.trim().is_empty().then(|| ("empty_rationale", "the rationale is empty".to_owned()))
    }
}

impl Unjudged {
    /// The drop reason and its evidence.
    pub fn reason(self) -> (&'static str, Evidence) {
        match self {
            Unjudged::Garbage(what) => ("unreadable_judgement", Evidence::note(what)),
            Unjudged::Refused(what) => ("refused", Evidence::note(what)),
        }
    }
}

fn majority(readings: Vec<Reading>) -> Judged {
    let yes = readings.iter().filter(|r| r.verdict.satisfied).count();
    let satisfied = yes * 2 > readings.len();
    let votes: Vec<Vote> = readings.iter().map(|r| r.vote.clone()).collect();
    let chosen = readings.into_iter().find(|r| r.verdict.satisfied == satisfied);
    let (verdict, rationale, given_score) = match chosen {
        Some(r) => (r.verdict, r.rationale, r.given_score),
        None => (conclude(&Rules::default(), &[], &[]), String::new(), None),
    };
    let judgement =
        Judgement { rationale, satisfied, score: verdict.score, checks: verdict.checks };
    let evidence = Evidence {
        note: failed_note(&judgement),
        score: Some(judgement.score),
        votes,
        checks: judgement.checks.clone(),
        peer: None,
    };
    Judged { judgement, given_score, evidence }
}

/// `a2 no: two clocks; a3 unsure` or empty.
fn failed_note(judgement: &Judgement) -> String {
    let failed: Vec<String> = judgement
        .checks
        .iter()
        .filter_map(|c| match c.answer {
            Answer::No => Some(format!("{} no: {}", c.id, bound(&c.evidence, 80))),
            Answer::Unsure => Some(format!("{} unsure", c.id)),
            Answer::Yes | Answer::Void => None,
        })
        .collect();
    bound(&failed.join("; "), 300)
}

/// Exact words only: a substring test would read “not” and “notable” as no.
fn answer(value: &serde_json::Value) -> Answer {
    let word = match value {
        serde_json::Value::Bool(true) => return Answer::Yes,
        serde_json::Value::Bool(false) => return Answer::No,
        serde_json::Value::String(word) => word.trim().to_lowercase(),
        _ => return Answer::Unsure,
    };
    match word.as_str() {
        "yes" => Answer::Yes,
        "no" => Answer::No,
        _ => Answer::Unsure,
    }
}

/// The first `max` characters, trimmed.
pub fn bound(text: &str, max: usize) -> String {
    text.trim().chars().take(max).collect()
}
