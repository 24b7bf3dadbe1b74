//! A rationale for answers that are settled: the judge is told what holds and what does not, as facts
//! about the picture, and writes J of these alone.

use crate::diag::{Diagnostic, SourceFile};
use crate::record::{CallKey, CheckSource, ImageRef, Trajectory, Vote};
use crate::rules::closing;
use crate::rules::reading::{RATIONALE, field};
use crate::stage::ask::{AskOutcome, Asker, members};
use crate::stage::grammar::Fault;
use crate::stage::judging::rationale_of;
use crate::stage::looks::case::Case;
use crate::stage::{Compile, Cx, StageError};
use crate::template::{Context, Template};
use serde_json::Value;
use std::sync::Arc;

const FILE: &str = "templates/tell.j2";

/// Writes J from facts.
pub struct Teller {
    asker: Asker,
    purity: f64,
}

/// What came of telling.
pub struct Told {
    /// J and its call; Err: the server will not answer.
    pub said: Result<(String, CallKey), String>,
    /// The probability that every fact told holds.
    pub claims: f64,
    pub votes: Vec<Vote>,
}

/// A settled answer.
struct Fact {
    at: usize,
    holds: bool,
    sure: f64,
}

impl Teller {
    /// `shown`: the parameter with what judges are asked, in whose stead the role is told.
    pub fn compile(cx: &Compile<'_>, role: &str, shown: &str) -> Result<Teller, Vec<Diagnostic>> {
        let built_in = || {
            let text = include_str!("../../../templates/tell.j2").to_owned();
            Arc::new(SourceFile { path: FILE.to_owned(), text })
        };
        let source = cx.files.text(FILE).unwrap_or_else(built_in);
        let template = Arc::new(Template::parse(source).map_err(|e| vec![e])?);
        let fields = ["prompt", "image", "right", "wrong"];
        if let Some(v) = template.variables.iter().find(|v| !fields.contains(&v.name.as_str())) {
            let title = format!("template `tell.j2` needs field `{}`", v.name);
            let d = Diagnostic::error("P10", title)
                .note("fields here: `prompt`, `image`, `right`, `wrong`");
            return Err(vec![d.at(&template.source, v.range.clone(), "")]);
        }
        let purity = cx.params.float("purity");
        let purity = if purity > 0.0 { purity } else { super::params::PURE };
        Ok(Teller { asker: Asker::of_role(cx, "judge", role, shown)?.with(template), purity })
    }

    pub async fn tell(
        &self,
        cx: &Cx<'_>,
        trajectory: &Trajectory,
        image: ImageRef,
        case: &Case<'_>,
    ) -> Result<Told, StageError> {
        let (facts, claims) = facts(case, self.purity);
        let satisfied = facts.iter().all(|f| f.holds);
        let context = Context::new()
            .text("prompt", &trajectory.prompt.text)
            .image("image", image)
            .rows("right", rows(case, &facts, true))
            .rows("wrong", rows(case, &facts, false));
        let read = |value| read(value, satisfied);
        let asked = self.asker.json(cx, &context, 0, read).await?;
        let mut votes = asked.faults;
        let said = match asked.said {
            AskOutcome::Read(text, key) => {
                votes.push(Vote { ask: "told".into(), answer: "told".into(), call: Some(key) });
                Ok((text, key))
            }
            AskOutcome::Refused(reason) => Err(reason),
            AskOutcome::Unusable(fault) => return Err(StageError::undecided(fault.what, votes)),
        };
        Ok(Told { said, claims, votes })
    }
}

fn read(value: Value, satisfied: bool) -> Result<String, Fault> {
    let reply = members(value)?;
    let text = rationale_of(field(&reply, &RATIONALE))?;
    match closing(&text) {
        Some(said) if said != satisfied => {
            let what = "the last sentence goes against the facts that were given".to_owned();
            Err(Fault { code: "contradiction", what })
        }
        _ => Ok(text),
    }
}

/// The surest facts, as many as are sure together. What holds of the rules goes without saying; a rule
/// that is broken is told by what was seen. Where there is a fault, what else is told may be wrong half
/// as often as the verdict: leaving a fact out costs no look.
fn facts(case: &Case<'_>, purity: f64) -> (Vec<Fact>, f64) {
    let holds = case.holds();
    let void = case.void(&holds);
    let mut facts: Vec<Fact> = holds
        .iter()
        .enumerate()
        .filter(|(at, _)| !void[*at])
        .map(|(at, p)| Fact { at, holds: *p >= 0.5, sure: p.max(1.0 - p) })
        .filter(|f| !f.holds || case.items[f.at].source == CheckSource::Atom)
        .collect();
    // Faults before what is right: they are what J is for.
    facts.sort_by(|a, b| a.holds.cmp(&b.holds).then(b.sure.total_cmp(&a.sure)));
    let faulty = facts.iter().any(|f| !f.holds);
    let purity = if faulty { 1.0 - (1.0 - purity) / 2.0 } else { purity };
    let mut claims = 1.0;
    facts.retain(|fact| {
        let fits = claims * fact.sure >= purity || claims == 1.0;
        claims *= if fits { fact.sure } else { 1.0 };
        fits
    });
    facts.sort_by_key(|f| f.at);
    (facts, claims)
}

fn rows<'a>(case: &'a Case<'_>, facts: &[Fact], holds: bool) -> Vec<Vec<(&'static str, &'a str)>> {
    let row = |fact: &Fact| {
        let item = &case.items[fact.at];
        let seen = case.seen(fact.at, holds);
        let text = match item.source {
            // Its own words may not be quoted.
            CheckSource::Rule if !seen.is_empty() => seen,
            _ => &item.text,
        };
        vec![("id", item.id.as_str()), ("question", text), ("expected", item.expected.as_str())]
    };
    facts.iter().filter(|f| f.holds == holds).map(row).collect()
}
