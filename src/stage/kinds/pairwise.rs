//! `pairwise`: the last image against the one before, in both orders.

use crate::diag::Diagnostic;
use crate::record::{Comparison, Evidence, ImageRef, Preference, Trajectory, Vote};
use crate::stage::ask::{Asker, Said, atom_rows};
use crate::stage::judging::bound;
use crate::stage::{
    Arity, Compile, Cx, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError, Step, Ty,
};
use crate::template::Context;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "pairwise",
    about: "Compares the last two images in both orders; keeps the record if the later one wins.",
    docs: "Asks the role `model` twice, once with each order, and takes a winner only if both agree; \
           disagreement is a tie (position bias, practice section 3). Which order is asked as draw \
           0 is shuffled by a seed, so that a judge with a favourite place favours neither image. \
           The judge sees q and the checklist, never P1, P2 or which is newer. `ties` says what \
           becomes of a tie (paper, section 3.2: drop if I2 is worse than I1).",
    arity: Arity::Some,
    ports: &[Port { name: "better", doc: "the later image won (or tied, with `ties = \"keep\"`)" }],
    reasons: &[
        Reason { code: "worse", doc: "the earlier image won" },
        Reason { code: "tie", doc: "a tie, or the two orders disagree" },
        Reason { code: "unreadable_judgement", doc: "a reply was not the JSON asked for" },
        Reason { code: "refused", doc: "the comparator will not answer (safety, policy)" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat,
            default: Some("comparator"),
            doc: "the role that compares",
        },
        Param {
            name: "template",
            ty: Ty::Template { must: &["prompt", "image_a", "image_b"], may: &["atoms"] },
            default: Some("pairwise.j2"),
            doc: "what it is asked",
        },
        Param {
            name: "ties",
            ty: Ty::Choice(&["drop", "keep"]),
            default: Some("drop"),
            doc: "what becomes of a tie",
        },
    ],
    flow,
    flow_all: None,
    compile,
};

fn flow(_: &Params, facts: Facts) -> Result<Vec<(&'static str, Facts)>, String> {
    if facts.rounds < 2 || !facts.image {
        return Err("two rounds with images".into());
    }
    Ok(vec![("better", Facts { compared: true, ..facts })])
}

fn compile(cx: &mut Compile<'_>) -> Result<Stage, Vec<Diagnostic>> {
    let asker = Asker { role: cx.role("model")?, template: cx.template("template")? };
    Ok(Stage::Each(Arc::new(Pairwise { asker, keep_ties: cx.params.text("ties") == "keep" })))
}

struct Pairwise {
    asker: Asker,
    keep_ties: bool,
}

#[derive(serde::Deserialize)]
struct RawPair {
    #[serde(default)]
    evidence: String,
    better: String,
}

#[async_trait::async_trait]
impl Each for Pairwise {
    async fn apply(&self, mut t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let images: Vec<ImageRef> = t.rounds.iter().rev().filter_map(|r| r.image).take(2).collect();
        let [later, earlier] = images[..] else {
            return Err(StageError::Record {
                code: "no_image",
                what: "two images are needed".into(),
            });
        };
        let first_as_a_is_draw_0 = cx.rng("positions").chance(0.5);
        let (as_a, as_b) = futures::try_join!(
            self.ask(cx, &t, earlier, later, u32::from(!first_as_a_is_draw_0)),
            self.ask(cx, &t, later, earlier, u32::from(first_as_a_is_draw_0)),
        )?;
        let (as_a, as_b) = match (as_a, as_b) {
            (Ok(a), Ok(b)) => (a, b),
            (Err((reason, what)), _) | (_, Err((reason, what))) => {
                return Ok(Step::drop(t, reason, Evidence::note(what)));
            }
        };
        // In the second order A is the later image.
        let orders = [prefer(&as_a.0, false), prefer(&as_b.0, true)];
        let winner = if orders[0] == orders[1] { orders[0] } else { Preference::Tie };
        let vote =
            |ask: &str, p: Preference, call| Vote { ask: ask.into(), answer: name(p).into(), call };
        let evidence = Evidence {
            note: bound(&as_a.1, 300),
            votes: vec![vote("order_ab", orders[0], as_a.2), vote("order_ba", orders[1], as_b.2)],
            ..Evidence::default()
        };
        t.comparisons.push(Comparison { orders, winner });
        Ok(match winner {
            Preference::Second => Step::out(t, "better").with(evidence),
            Preference::Tie if self.keep_ties => Step::out(t, "better").with(evidence),
            Preference::Tie => Step::drop(t, "tie", evidence),
            Preference::First => Step::drop(t, "worse", evidence),
        })
    }
}

type Answer = (String, String, Option<crate::record::CallKey>);

impl Pairwise {
    async fn ask(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        a: ImageRef,
        b: ImageRef,
        draw: u32,
    ) -> Result<Result<Answer, (&'static str, String)>, StageError> {
        let context = Context::new()
            .text("prompt", &t.prompt.text)
            .rows("atoms", atom_rows(&t.atoms))
            .image("image_a", a)
            .image("image_b", b);
        Ok(match self.asker.json::<RawPair>(cx, &context, draw).await? {
            Said::Read(raw, key) => Ok((raw.better, raw.evidence, Some(key))),
            Said::Garbage(what) => Err(("unreadable_judgement", what)),
            Said::Refused(what) => Err(("refused", what)),
        })
    }
}

/// What the answer `A`, `B` or anything else prefers.
fn prefer(answer: &str, a_is_later: bool) -> Preference {
    match (answer.trim().to_ascii_uppercase().as_str(), a_is_later) {
        ("A", false) | ("B", true) => Preference::First,
        ("B", false) | ("A", true) => Preference::Second,
        _ => Preference::Tie,
    }
}

fn name(preference: Preference) -> &'static str {
    match preference {
        Preference::First => "first",
        Preference::Second => "second",
        Preference::Tie => "tie",
    }
}
