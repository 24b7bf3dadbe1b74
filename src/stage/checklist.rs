//! The checklist of a prompt: atoms made once (practice, section 2), shown to every judge.
//!
//! Once per prompt needs no cache of ours: the request is a function of the prompt alone, so the
//! journal answers every later ask.

use crate::call::Schema;
use crate::record::{Atom, AtomKind, Evidence, Spec, Trajectory, Vote};
use crate::stage::ask::{AskOutcome, Asked, Asker, typed};
use crate::stage::grammar::{Fault, clip};
use crate::stage::{Compile, Cx, Param, StageError, Ty, Wants};
use crate::template::Context;
use std::collections::BTreeMap;

/// At most so many atoms are taken of a reply.
const MAX_ATOMS: usize = 24;

/// The parameters of every kind that makes checklists.
pub const CHECKLIST: Param = Param {
    name: "checklist",
    ty: Ty::Chat(Wants::JSON),
    default: Some("checklist"),
    doc: "the role that makes atoms, where the prompt brings none",
};

/// See `CHECKLIST`.
pub const CHECKLIST_TEMPLATE: Param = Param {
    name: "checklist_template",
    ty: Ty::Template { must: &["prompt"], may: &["plain", "spec"] },
    default: Some("atoms.j2"),
    doc: "what it is asked",
};

/// Makes checklists.
pub struct Checklist {
    asker: Asker,
}

/// What is answered.
const SCHEMA: Schema = Schema::Fields(&[(
    "atoms",
    Schema::List(&Schema::Fields(&[
        ("kind", Schema::Word(KINDS)),
        ("question", Schema::Text),
        ("expected", Schema::Text),
        ("parents", Schema::List(&Schema::Text)),
    ])),
)]);
const KINDS: &[&str] = &[
    "object",
    "count",
    "color",
    "attribute",
    "relation",
    "region",
    "size",
    "text",
    "style",
    "negation",
    "knowledge",
    "realism",
];

#[derive(serde::Deserialize)]
struct RawList {
    atoms: Vec<RawAtom>,
}

#[derive(serde::Deserialize)]
struct RawAtom {
    /// One of `AtomKind`'s names, or what a model takes for one.
    #[serde(default)]
    kind: String,
    question: String,
    #[serde(default)]
    expected: Option<String>,
    #[serde(default)]
    parents: Option<Vec<String>>,
}

impl Checklist {
    /// From the parameters `checklist` (role) and `checklist_template`.
    pub fn compile(cx: &Compile<'_>) -> Result<Checklist, Vec<crate::diag::Diagnostic>> {
        Ok(Checklist {
            asker: Asker::compile(cx, "checklist", "checklist_template")?.shaped(&SCHEMA),
        })
    }

    /// Fills in `trajectory.atoms` unless they are there; Ok(Ok) is what had to be asked again for
    /// them, Ok(Err) why none could be made.
    pub async fn ensure(
        &self,
        trajectory: &mut Trajectory,
        cx: &Cx<'_>,
    ) -> Result<Result<Vec<Vote>, Evidence>, StageError> {
        if !trajectory.atoms.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let prompt = &trajectory.prompt;
        let context = Context::new()
            .text("prompt", &prompt.text)
            .text("plain", prompt.gloss.as_deref().unwrap_or_default())
            .text("spec", &spec_json(prompt.spec.as_ref()));
        let Asked { said, faults } = self.asker.json(cx, &context, 0, read).await?;
        let note = match said {
            AskOutcome::Read(atoms, _) => {
                trajectory.atoms = atoms;
                return Ok(Ok(faults));
            }
            AskOutcome::Unusable(fault) => fault.what,
            AskOutcome::Refused(reason) => format!("refused: {reason}"),
        };
        Ok(Err(Evidence { votes: faults, ..Evidence::note(note) }))
    }
}

fn read(value: serde_json::Value) -> Result<Vec<Atom>, Fault> {
    let atoms = number(typed::<RawList>(value)?.atoms);
    match atoms.is_empty() {
        true => Err(Fault { code: "unanswered", what: "the checklist is empty".into() }),
        false => Ok(atoms),
    }
}

/// The spec as compact JSON; empty when there is none.
pub fn spec_json(spec: Option<&Spec>) -> String {
    spec.and_then(|s| serde_json::to_string(s).ok()).unwrap_or_default()
}

fn number(raw: Vec<RawAtom>) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    // The model counts its empty entries too.
    let mut ours: BTreeMap<String, String> = BTreeMap::new();
    for (n, raw) in raw.into_iter().enumerate() {
        if raw.question.trim().is_empty() || atoms.len() == MAX_ATOMS {
            continue;
        }
        let id = format!("a{}", atoms.len() + 1);
        // A parent stands before its child: anything else is the model's slip.
        let parents = raw.parents.unwrap_or_default();
        let parents = parents.iter().filter_map(|p| ours.get(p.trim()).cloned()).collect();
        ours.insert(format!("a{}", n + 1), id.clone());
        atoms.push(Atom {
            id,
            kind: kind_of(&raw.kind),
            question: clip_long(&raw.question),
            expected: clip(&raw.expected.unwrap_or_default()),
            parents,
        });
    }
    atoms
}

/// A list is not thrown away for the name of a kind: what is unknown is some attribute.
fn kind_of(word: &str) -> AtomKind {
    let word = word.trim().to_lowercase();
    match word.as_str() {
        "colour" => AtomKind::Color,
        "position" | "location" => AtomKind::Region,
        "spatial" => AtomKind::Relation,
        "number" => AtomKind::Count,
        "existence" => AtomKind::Object,
        _ => serde_json::from_value(serde_json::Value::String(word)).unwrap_or(AtomKind::Attribute),
    }
}

fn clip_long(text: &str) -> String {
    text.trim().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_asked_for_is_one() {
        for word in KINDS {
            let value = serde_json::Value::String((*word).to_owned());
            assert!(serde_json::from_value::<AtomKind>(value).is_ok(), "{word}");
        }
    }

    #[test]
    fn parents_follow_their_atoms_and_never_point_ahead() {
        let raw: RawList = serde_json::from_str(
            r#"{"atoms": [
                {"kind": "object", "question": "A cat?", "parents": ["a3"]},
                {"kind": "object", "question": " "},
                {"kind": "object", "question": "A dog?", "expected": null, "parents": null},
                {"kind": "colour", "question": "Is the dog red?", "parents": ["a3", "a9", "a4"]},
                {"kind": "vibe", "question": "Is it calm?"}
            ]}"#,
        )
        .expect("parses");
        let atoms = number(raw.atoms);
        let seen: Vec<(&str, AtomKind, Vec<String>)> =
            atoms.iter().map(|a| (a.id.as_str(), a.kind, a.parents.clone())).collect();
        assert_eq!(
            seen,
            [
                ("a1", AtomKind::Object, vec![]),
                ("a2", AtomKind::Object, vec![]),
                ("a3", AtomKind::Color, vec!["a2".to_owned()]),
                ("a4", AtomKind::Attribute, vec![]),
            ]
        );
    }
}
