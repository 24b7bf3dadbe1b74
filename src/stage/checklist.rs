//! The checklist of a prompt: atoms made once (practice, section 2), shown to every judge.
//!
//! Once per prompt needs no cache of ours: the request is a function of the prompt alone, so the
//! journal answers every later ask.

use crate::record::{Atom, AtomKind, Spec, Trajectory};
use crate::stage::ask::{Asker, Said};
use crate::stage::grammar::clip;
use crate::stage::{Compile, Cx, StageError};
use crate::template::Context;

/// At most so many atoms are taken of a reply.
const MAX_ATOMS: usize = 24;

/// Makes checklists.
pub struct Checklist {
    asker: Asker,
}

#[derive(serde::Deserialize)]
struct RawList {
    atoms: Vec<RawAtom>,
}

#[derive(serde::Deserialize)]
struct RawAtom {
    kind: AtomKind,
    question: String,
    #[serde(default)]
    expected: String,
    #[serde(default)]
    parents: Vec<String>,
}

impl Checklist {
    /// From the parameters `checklist` (role) and `checklist_template`.
    pub fn compile(cx: &Compile<'_>) -> Result<Checklist, Vec<crate::diag::Diagnostic>> {
        let asker =
            Asker { role: cx.role("checklist")?, template: cx.template("checklist_template")? };
        Ok(Checklist { asker })
    }

    /// Fills in `trajectory.atoms` unless they are there. Ok(Some(what)) when none could be made.
    pub async fn ensure(
        &self,
        trajectory: &mut Trajectory,
        cx: &Cx<'_>,
    ) -> Result<Option<String>, StageError> {
        if !trajectory.atoms.is_empty() {
            return Ok(None);
        }
        let prompt = &trajectory.prompt;
        let context = Context::new()
            .text("prompt", &prompt.text)
            .text("plain", prompt.gloss.as_deref().unwrap_or_default())
            .text("spec", &spec_json(prompt.spec.as_ref()));
        Ok(match self.asker.json::<RawList>(cx, &context, 0).await? {
            Said::Read(list, _) => {
                trajectory.atoms = number(list.atoms);
                trajectory.atoms.is_empty().then(|| "the checklist is empty".to_owned())
            }
            Said::Garbage(what) => Some(what),
            Said::Refused(reason) => Some(format!("refused: {reason}")),
        })
    }
}

/// The spec as compact JSON; empty when there is none.
pub fn spec_json(spec: Option<&Spec>) -> String {
    spec.and_then(|s| serde_json::to_string(s).ok()).unwrap_or_default()
}

fn number(raw: Vec<RawAtom>) -> Vec<Atom> {
    let id = |n: usize| format!("a{}", n + 1);
    raw.into_iter()
        .filter(|atom| !atom.question.trim().is_empty())
        .take(MAX_ATOMS)
        .enumerate()
        .map(|(n, atom)| Atom {
            id: id(n),
            kind: atom.kind,
            question: clip_long(&atom.question),
            expected: clip(&atom.expected),
            // A parent stands before its child: anything else is the model's slip.
            parents: atom.parents.into_iter().filter(|p| (0..n).any(|m| id(m) == *p)).collect(),
        })
        .collect()
}

fn clip_long(text: &str) -> String {
    text.trim().chars().take(300).collect()
}
