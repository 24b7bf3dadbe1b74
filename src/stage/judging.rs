//! Judging one image: ask a judge per rule and atom, conclude by code, vote.

use crate::call::Schema;
use crate::record::{Answer, Atom, Evidence, ImageRef, Judgement, Trajectory, Vote};
use crate::rules::reading::{RATIONALE, field, score, word};
use crate::rules::{Given, Overall, Rules, Verdict, closing, conclude};
use crate::stage::ask::{AskOutcome, Asker, atom_rows, members, rule_rows};
use crate::stage::grammar::Fault;
use crate::stage::looks::Looks;
use crate::stage::{Compile, Cx, Param, StageError, Ty};
use crate::template::Context;
use crate::text::json;
use crate::text::leak::Patterns;
use futures::future::join_all;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The longest rationale, in characters. A longer one is no judgement: cut, it would be trained on
/// with its end missing.
const MAX_RATIONALE: usize = 4000;

/// The parameter of every kind that judges by rules.
pub const RULES: Param = Param {
    name: "rules",
    ty: Ty::File,
    default: Some("judge_rules.toml"),
    doc: "the rules, as data",
};

/// The parameter of every kind that holds a text to what the agent may know.
pub const PATTERNS: Param = Param {
    name: "patterns",
    ty: Ty::File,
    default: Some("leak_patterns.toml"),
    doc: "phrases that speak of what the agent never saw, as data",
};

/// A judge with its rules.
pub struct Judging {
    pub asker: Asker,
    pub rules: Arc<Rules>,
    /// Whether a reply must hold a score from 0 to 10.
    pub scored: bool,
    /// Where several judges look until the verdict is sure.
    pub looks: Option<Looks>,
}

/// A judge's reply, read.
pub struct Reading {
    pub verdict: Verdict,
    pub rationale: String,
    /// 0..=10 where one was given.
    pub score: Option<f32>,
}

/// A judgement by majority.
pub struct Judged {
    pub judgement: Judgement,
    pub given_score: Option<f32>,
    pub evidence: Evidence,
}

/// Why there is no judgement: drop reasons shared by the kinds that judge. A judge whose reply cannot
/// be read is no reason but an error (`StageError::Undecided`).
pub enum Unjudged {
    /// `undecided`: nothing is answered no, and something is unsure.
    Undecided(Evidence),
    /// `refused`
    Refused(String),
}

/// The spellings of the fields of a judge's reply.
const CHECKS: [&str; 6] = ["checks", "answers", "results", "rules", "checklist", "atoms"];
const ID: [&str; 6] = ["id", "check", "rule", "atom", "item", "name"];
const ANSWER: [&str; 5] = ["answer", "result", "verdict", "value", "response"];
const EVIDENCE: [&str; 4] = ["evidence", "observation", "reason", "explanation"];
const SCORE: [&str; 3] = ["score", "rating", "grade"];

/// What a judge answers: evidence before the answer it is for.
const CHECKED: Schema = Schema::List(&Schema::Fields(&[
    ("id", Schema::Text),
    ("evidence", Schema::Text),
    ("answer", Schema::Word(&["yes", "no", "unsure"])),
]));
pub const JUDGED: Schema = Schema::Fields(&[("checks", CHECKED), ("rationale", Schema::Text)]);
const SCORED: Schema =
    Schema::Fields(&[("checks", CHECKED), ("score", Schema::Number), ("rationale", Schema::Text)]);

/// The verdict that a judge's reply comes to, and its rationale; Err says why it cannot be read.
pub fn read_judgement(
    rules: &Rules,
    atoms: &[Atom],
    text: &str,
) -> Result<(Verdict, String), String> {
    let read = |value| read_reply(rules, atoms, false, value);
    let reading: Reading = json::last(text, read).map_err(|fault: Fault| fault.what)?;
    Ok((reading.verdict, reading.rationale))
}

/// A reply in any of the shapes that judges give it. Err is what the judge is asked again about.
pub fn read_reply(
    rules: &Rules,
    atoms: &[Atom],
    scored: bool,
    value: Value,
) -> Result<Reading, Fault> {
    let unanswered = |what: String| Fault { code: "unanswered", what };
    let reply = members(value)?;
    let rationale = rationale_of(field(&reply, &RATIONALE))?;
    let verdict = conclude(rules, atoms, &given(&reply));
    if !verdict.unanswered.is_empty() {
        let ids = verdict.unanswered.join(", ");
        return Err(unanswered(format!("no answer that is yes, no or unsure to: {ids}")));
    }
    let score = field(&reply, &SCORE).and_then(score);
    if scored && score.is_none() {
        return Err(unanswered("`score` is no bare number from 0 to 10".into()));
    }
    let found = match (verdict.said, closing(&rationale)) {
        (Overall::Satisfied, Some(false)) => {
            "every answer is yes, and the rationale closes with no"
        }
        (Overall::Unsatisfied, Some(true)) => "an answer is no, and the rationale closes with yes",
        _ => return Ok(Reading { verdict, rationale, score }),
    };
    let what = format!("{found}: look again and make them agree with what is to be seen");
    Err(Fault { code: Fault::CONTRADICTION, what })
}

/// The text of a rationale: there, and of a length that is trained on whole.
pub fn rationale_of(value: Option<&Value>) -> Result<String, Fault> {
    let text = value.and_then(Value::as_str).unwrap_or_default().trim();
    if text.is_empty() {
        let what = "`rationale` is missing or empty".to_owned();
        return Err(Fault { code: "unanswered", what });
    }
    if text.chars().count() > MAX_RATIONALE {
        let what = format!("the rationale is longer than {MAX_RATIONALE} characters");
        return Err(Fault { code: "unreadable", what });
    }
    Ok(text.to_owned())
}

/// What a reply says of each item: a list of objects, a map from id to answer, or such lists and maps
/// apart for rules and checklist.
fn given(reply: &Map<String, Value>) -> Vec<Given> {
    let mut out = Vec::new();
    for name in CHECKS {
        match field(reply, &[name]) {
            Some(Value::Array(list)) => {
                for entry in list.iter().filter_map(Value::as_object) {
                    match field(entry, &ID).and_then(Value::as_str) {
                        Some(id) => out.push(entry_of(id, entry)),
                        None => out.extend(entry.iter().map(|(id, v)| answer_of(id, v))),
                    }
                }
            }
            Some(Value::Object(map)) => out.extend(map.iter().map(|(id, v)| answer_of(id, v))),
            _ => {}
        }
    }
    out
}

fn answer_of(id: &str, value: &Value) -> Given {
    match value {
        Value::Object(entry) => entry_of(id, entry),
        value => Given { id: id.to_owned(), answer: word(value), evidence: String::new() },
    }
}

fn entry_of(id: &str, entry: &Map<String, Value>) -> Given {
    let evidence = field(entry, &EVIDENCE).and_then(Value::as_str).unwrap_or_default();
    Given {
        id: id.to_owned(),
        answer: field(entry, &ANSWER).and_then(word),
        evidence: bound(evidence, 300),
    }
}

impl Judging {
    /// From parameters `model` (role), `template`, `rules`, and those of `looks` where a kind has them.
    pub fn compile(
        cx: &Compile<'_>,
        scored: bool,
    ) -> Result<Judging, Vec<crate::diag::Diagnostic>> {
        let schema = if scored { &SCORED } else { &JUDGED };
        let asker = Asker::compile(cx, "model", "template")?.shaped(schema);
        Ok(Judging {
            asker,
            rules: cx.rules("rules")?,
            scored,
            looks: Looks::compile(cx, "template", true)?,
        })
    }

    /// Where only the verdict counts: no J is written.
    pub fn compile_verdict(cx: &Compile<'_>) -> Result<Judging, Vec<crate::diag::Diagnostic>> {
        let asker = Asker::compile(cx, "model", "template")?.shaped(&JUDGED);
        let looks = Looks::compile(cx, "template", false)?;
        Ok(Judging { asker, rules: cx.rules("rules")?, scored: false, looks })
    }

    /// Asks `votes` times at once and takes the majority of the verdicts (a tie is unsatisfied).
    /// The rationale is the first one that agrees with it. With `looks`, those decide.
    pub async fn judge(
        &self,
        cx: &Cx<'_>,
        trajectory: &Trajectory,
        image: ImageRef,
        standard: Option<&str>,
        votes: u32,
    ) -> Result<Result<Judged, Unjudged>, StageError> {
        if let Some(looks) = &self.looks {
            let rules = self.rules.applying(&trajectory.atoms, trajectory.prompt.spec.as_ref());
            let asked = (self.scored, standard);
            return looks.judge(cx, (trajectory, image), &rules, asked).await;
        }
        let parts: Vec<Cx<'_>> = (0..votes).map(|_| cx.part()).collect();
        let asks = (0..).zip(&parts);
        let asks = asks.map(|(draw, cx)| self.ask(cx, trajectory, image, standard, draw));
        let answers = join_all(asks).await;
        cx.join(parts);
        let mut ballot = Ballot::default();
        for (number, asked) in (1..).zip(answers) {
            let asked = asked?;
            let ask = format!("vote_{number}");
            ballot.faults.extend(asked.faults);
            match asked.said {
                AskOutcome::Refused(reason) => return Ok(Err(Unjudged::Refused(reason))),
                AskOutcome::Read(reading, key) => {
                    let answer = said(reading.verdict.said).to_owned();
                    ballot.votes.push(Vote { ask, answer, call: Some(key) });
                    ballot.readings.push(reading);
                }
                AskOutcome::Unusable(fault) => {
                    ballot.votes.push(Vote { ask, answer: fault.code.into(), call: None });
                    ballot.unread = Some(fault);
                }
            }
        }
        ballot.majority(votes as usize)
    }

    async fn ask(
        &self,
        cx: &Cx<'_>,
        trajectory: &Trajectory,
        image: ImageRef,
        standard: Option<&str>,
        draw: u32,
    ) -> Result<crate::stage::ask::Asked<Reading>, StageError> {
        let atoms = &trajectory.atoms;
        let rules = self.rules.applying(atoms, trajectory.prompt.spec.as_ref());
        let mut context = Context::new()
            .text("prompt", &trajectory.prompt.text)
            .image("image", image)
            .rows("rules", rule_rows(&rules))
            .rows("atoms", atom_rows(atoms));
        if let Some(standard) = standard {
            context = context.text("standard", standard);
        }
        let read = |value| read_reply(&rules, atoms, self.scored, value);
        self.asker.json(cx, &context, draw, read).await
    }
}

/// The word of a verdict.
pub fn said(verdict: Overall) -> &'static str {
    match verdict {
        Overall::Satisfied => "satisfied",
        Overall::Unsatisfied => "unsatisfied",
        Overall::Undecided => "undecided",
    }
}

/// The votes of one judgement.
#[derive(Default)]
struct Ballot {
    readings: Vec<Reading>,
    votes: Vec<Vote>,
    faults: Vec<Vote>,
    /// A vote that could not be read, even when it was asked again.
    unread: Option<Fault>,
}

impl Ballot {
    /// The verdict of more than half of all that were asked. Where there is none, a vote that could
    /// not be read, or one that cannot tell, leaves the record undecided; else a tie is unsatisfied.
    fn majority(self, asked: usize) -> Result<Result<Judged, Unjudged>, StageError> {
        let count = |what| self.readings.iter().filter(|r| r.verdict.said == what).count();
        let (yes, no) = (count(Overall::Satisfied), count(Overall::Unsatisfied));
        let verdict = match (yes, no) {
            (yes, _) if yes * 2 > asked => Overall::Satisfied,
            (yes, no) if no * 2 > asked || yes + no == asked => Overall::Unsatisfied,
            _ => Overall::Undecided,
        };
        let mut votes = self.votes;
        votes.extend(self.faults);
        let chosen = self.readings.into_iter().find(|r| r.verdict.said == verdict);
        let Some(Reading { verdict: Verdict { said, score, checks, .. }, rationale, score: given }) =
            chosen
        else {
            let what = self.unread.map_or("the votes have no majority".to_owned(), |f| f.what);
            return Err(StageError::undecided(what, votes));
        };
        let satisfied = said == Overall::Satisfied;
        let judgement = Judgement { rationale, satisfied, score, checks, ..Judgement::default() };
        let evidence = Evidence {
            note: failed_note(&judgement),
            score: Some(judgement.score),
            votes,
            checks: judgement.checks.clone(),
            peer: None,
        };
        Ok(match verdict {
            Overall::Undecided => Err(Unjudged::Undecided(evidence)),
            _ => Ok(Judged { judgement, given_score: given, evidence }),
        })
    }
}

impl Judged {
    /// Why this rationale may not become training text, if so: it quotes a rule, holds a tag, or
    /// speaks of a picture that the agent never saw. No judge is shown the hint, so the last is a
    /// slip of its own; but J of a last round passes no `leak_filter` any more.
    pub fn tainted(&self, rules: &Rules, patterns: &Patterns) -> Option<(&'static str, String)> {
        let text = &self.judgement.rationale;
        if let Some(rule) = rules.quoted_in(text) {
            return Some(("rules_quoted", format!("the rationale quotes rule `{rule}`")));
        }
        if let Some(token) = crate::markup::find(text) {
            return Some(("control_token", format!("the rationale holds `{token}`")));
        }
        if let Some(hit) = patterns.find(text) {
            let reason = if hit.is_markup() { "control_token" } else { "hint_mentioned" };
            return Some((reason, format!("“{}” ({})", bound(&hit.quote, 120), hit.pattern)));
        }
        None
    }
}

impl Unjudged {
    /// The drop reason and its evidence.
    pub fn reason(self) -> (&'static str, Evidence) {
        match self {
            Unjudged::Undecided(evidence) => (StageError::UNDECIDED, evidence),
            Unjudged::Refused(what) => ("refused", Evidence::note(what)),
        }
    }
}

/// `a2 no: two clocks; a3 unsure` or empty.
pub fn failed_note(judgement: &Judgement) -> String {
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

/// The first `max` characters, trimmed.
pub fn bound(text: &str, max: usize) -> String {
    text.trim().chars().take(max).collect()
}
