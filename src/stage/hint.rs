//! Is a hint what it is taken for? The picture that a reflector is shown in private is held to the
//! checklist first: a reference can be wrong (drawn from a riddle's raw words, or somebody's mistake),
//! and a wrong one leads the reflector away from what was asked for.

use crate::diag::Diagnostic;
use crate::record::{Answer, Check, ImageRef, Trajectory, Vote};
use crate::rules::{Overall as Ruled, Rules};
use crate::stage::ask::{AskOutcome, Asker, atom_rows, rule_rows};
use crate::stage::judging::{JUDGED, bound, read_reply};
use crate::stage::{Compile, Cx, Param, StageError, Ty, Wants};
use crate::template::Context;
use std::sync::Arc;

/// Who looks at the hint.
pub const HINT_JUDGE: Param = Param {
    name: "hint_judge",
    ty: Ty::Chat(Wants::SEEN_JSON),
    // Empty, so that a RUN of a version without the parameter is read as it was made.
    default: Some(""),
    doc: "the role that holds a reference image to the checklist before it is shown; one that fails, \
          or of which it cannot be told, is not shown; `\"\"`: none does, and every one is shown",
};

/// What it is asked.
pub const HINT_TEMPLATE: Param = Param {
    name: "hint_template",
    ty: Ty::Template { must: &["prompt", "image", "rules", "atoms"], may: &[] },
    default: Some("judge.j2"),
    doc: "what it is asked",
};

/// By which rules.
pub const HINT_RULES: Param = Param {
    name: "rules",
    ty: Ty::File,
    default: Some("judge_rules.toml"),
    doc: "the rules that it goes by, as data",
};

/// See the module's header.
pub struct HintJudge {
    asker: Asker,
    rules: Arc<Rules>,
}

/// What was found of a hint.
pub struct Held {
    /// It may be shown.
    pub good: bool,
    /// Why it is not shown; empty if it is.
    pub note: String,
    /// `Vote::HINT`, and what had to be asked again.
    pub votes: Vec<Vote>,
}

impl HintJudge {
    /// From the three parameters; None where no role is named.
    pub fn compile(cx: &Compile<'_>) -> Result<Option<HintJudge>, Vec<Diagnostic>> {
        if cx.params.text(HINT_JUDGE.name).is_empty() {
            return Ok(None);
        }
        let asker = Asker::compile(cx, HINT_JUDGE.name, HINT_TEMPLATE.name)?.shaped(&JUDGED);
        Ok(Some(HintJudge { asker, rules: cx.rules(HINT_RULES.name)? }))
    }

    /// Holds `image` to the prompt's checklist. What a judge cannot say counts against showing it, and
    /// against nothing else: the record goes on.
    pub async fn hold(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        image: ImageRef,
    ) -> Result<Held, StageError> {
        let rules = self.rules.applying(&t.atoms, t.prompt.spec.as_ref());
        let context = Context::new()
            .text("prompt", &t.prompt.text)
            .image("image", image)
            .rows("rules", rule_rows(&rules))
            .rows("atoms", atom_rows(&t.atoms));
        let read = |value| read_reply(&rules, &t.atoms, false, value);
        let asked = self.asker.json(cx, &context, 0, read).await?;
        let mut votes = asked.faults;
        let (answer, call, why) = match asked.said {
            AskOutcome::Read(reading, key) => match reading.verdict.said {
                Ruled::Satisfied => ("satisfied", Some(key), String::new()),
                Ruled::Unsatisfied => ("unsatisfied", Some(key), failed(&reading.verdict.checks)),
                Ruled::Undecided => ("undecided", Some(key), failed(&reading.verdict.checks)),
            },
            AskOutcome::Unusable(fault) => ("unanswered", None, fault.what),
            AskOutcome::Refused(what) => ("refused", None, what),
        };
        votes.push(Vote { ask: Vote::HINT.to_owned(), answer: answer.to_owned(), call });
        let good = answer == "satisfied";
        let note = match good {
            true => String::new(),
            false => bound(&format!("the hint was not shown ({answer}): {why}"), 300),
        };
        Ok(Held { good, note, votes })
    }
}

/// `a2 no: two clocks; a3 unsure`
fn failed(checks: &[Check]) -> String {
    let one = |check: &Check| match check.answer {
        Answer::No => Some(format!("{} no: {}", check.id, bound(&check.evidence, 80))),
        Answer::Unsure => Some(format!("{} unsure", check.id)),
        Answer::Yes | Answer::Void => None,
    };
    checks.iter().filter_map(one).collect::<Vec<String>>().join("; ")
}
