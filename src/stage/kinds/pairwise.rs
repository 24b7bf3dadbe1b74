//! `pairwise`: the last image against the one before, in both orders.

use crate::call::Schema;
use crate::diag::Diagnostic;
use crate::record::{Comparison, Evidence, ImageRef, Preference, Trajectory, Vote};
use crate::rules::reading::{Side, field, side};
use crate::stage::ask::{Asked, Asker, atom_rows, members};
use crate::stage::grammar::Fault;
use crate::stage::judging::bound;
use crate::stage::{
    Arity, Compile, Cx, Does, Each, Facts, Kind, Param, Params, Port, Reason, Stage, StageError,
    Step, Ty, Wants,
};
use crate::template::Context;
use std::sync::Arc;

pub const KIND: Kind = Kind {
    name: "pairwise",
    about: "Compares the last two images in both orders; keeps the record if the later one wins.",
    docs: "Asks the role `model` twice, once with each order, and takes a winner only if both agree; \
           disagreement is a tie (position bias, practice section 3). Pictures that are the same byte \
           for byte tie without a call. Which order is asked as draw \
           0 is shuffled by a seed, so that a judge with a favourite place favours neither image. \
           The judge sees q and the checklist, never P1, P2 or which is newer. `ties` says what \
           becomes of a tie (paper, section 3.2: drop if I2 is worse than I1). Where the two orders \
           disagree, the role `second` is asked in both orders too, and two votes more for one \
           picture than for the other decide. A later picture that was judged and rejected before it \
           is compared becomes `improved` if it wins.",
    does: Does::Compare,
    accepts: &["better"],
    rejects: &["worse", "tie"],
    arity: Arity::Some,
    ports: &[Port { name: "better", doc: "the later image won (or tied, with `ties = \"keep\"`)" }],
    reasons: &[
        Reason { code: "worse", doc: "the earlier image won" },
        Reason { code: "tie", doc: "a tie, or the two orders disagree" },
        Reason { code: "refused", doc: "the comparator will not answer (safety, policy)" },
    ],
    params: &[
        Param {
            name: "model",
            ty: Ty::Chat(Wants::SEEN_JSON),
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
            name: "second",
            ty: Ty::Chat(Wants::SEEN_JSON),
            default: Some(""),
            doc: "a role of another family, asked where the orders disagree; absent: nobody",
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
    let asker = Asker::compile(cx, "model", "template")?.shaped(&SCHEMA);
    let second = match cx.params.text("second") {
        "" => None,
        role => Some(Asker::of_role(cx, "second", role, "template")?.shaped(&SCHEMA)),
    };
    let keep_ties = cx.params.text("ties") == "keep";
    Ok(Stage::Each(Arc::new(Pairwise { asker, second, keep_ties })))
}

struct Pairwise {
    asker: Asker,
    second: Option<Asker>,
    keep_ties: bool,
}

/// What a comparator answers.
const SCHEMA: Schema = Schema::Fields(&[
    ("seen_a", Schema::Text),
    ("seen_b", Schema::Text),
    ("evidence", Schema::Text),
    ("better", Schema::Word(&["A", "B", "tie"])),
]);

/// One order's answer.
pub(super) struct Answer {
    pub side: Side,
    pub evidence: String,
}

/// Reads what a comparator says; a letter that cannot be read is no tie.
fn read(value: serde_json::Value) -> Result<Answer, Fault> {
    let reply = members(value)?;
    let text = |names: &[&str]| {
        let found = field(&reply, names).and_then(serde_json::Value::as_str);
        found.unwrap_or_default().trim().to_owned()
    };
    let better = field(&reply, &["better", "winner", "verdict", "answer", "result", "preference"]);
    match better.and_then(side) {
        Some(side) => Ok(Answer { side, evidence: text(&["evidence", "reason", "rationale"]) }),
        None => {
            let what = "`better` is none of A, B and tie".to_owned();
            Err(Fault { code: "unanswered", what })
        }
    }
}

#[async_trait::async_trait]
impl Each for Pairwise {
    async fn apply(&self, t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let images: Vec<ImageRef> = t.rounds.iter().rev().filter_map(|r| r.image).take(2).collect();
        let [later, earlier] = images[..] else {
            return Err(StageError::Record {
                code: "no_image",
                what: "two images are needed".into(),
            });
        };
        if earlier.digest == later.digest {
            let (orders, evidence) = ([Preference::Tie; 2], Evidence::note(SAME));
            return Ok(self.settle(t, orders, Preference::Tie, evidence));
        }
        let mut votes = Vec::new();
        let first = match self.both(cx, &t, (&self.asker, "order"), [earlier, later]).await? {
            Ok(both) => both,
            Err(what) => return Ok(Step::drop(t, "refused", Evidence::note(what))),
        };
        let (orders, note) = (first.orders, first.note);
        votes.extend(first.votes);
        let mut winner = agreed(orders);
        if let Some(second) = self.second.as_ref().filter(|_| orders[0] != orders[1]) {
            match self.both(cx, &t, (second, "second"), [earlier, later]).await? {
                Ok(both) => {
                    votes.extend(both.votes);
                    winner = majority(&[orders, both.orders].concat());
                }
                Err(what) => return Ok(Step::drop(t, "refused", Evidence::note(what))),
            }
        }
        Ok(self.settle(t, orders, winner, Evidence { note, votes, ..Evidence::default() }))
    }
}

/// One judge's answers in both orders.
struct Both {
    orders: [Preference; 2],
    votes: Vec<Vote>,
    note: String,
}

/// Both orders must say the same.
fn agreed(orders: [Preference; 2]) -> Preference {
    if orders[0] == orders[1] { orders[0] } else { Preference::Tie }
}

/// Two votes more than the other has.
fn majority(votes: &[Preference]) -> Preference {
    let of = |side: Preference| votes.iter().filter(|v| **v == side).count();
    let (first, second) = (of(Preference::First), of(Preference::Second));
    match (first, second) {
        (f, s) if f >= s + 2 => Preference::First,
        (f, s) if s >= f + 2 => Preference::Second,
        _ => Preference::Tie,
    }
}

/// What is noted of pictures that need no comparing.
const SAME: &str = "the two pictures are the same byte for byte";

impl Pairwise {
    /// Asks one judge in both orders; Err: it will not answer.
    async fn both(
        &self,
        cx: &Cx<'_>,
        t: &Trajectory,
        (asker, name_of): (&Asker, &str),
        [earlier, later]: [ImageRef; 2],
    ) -> Result<Result<Both, String>, StageError> {
        let purpose = if name_of == "order" { "positions" } else { name_of };
        let first_as_a_is_draw_0 = cx.rng(purpose).chance(0.5);
        let parts = [cx.part(), cx.part()];
        let (as_a, as_b) = futures::join!(
            compare(asker, &parts[0], t, [earlier, later], u32::from(!first_as_a_is_draw_0)),
            compare(asker, &parts[1], t, [later, earlier], u32::from(first_as_a_is_draw_0)),
        );
        cx.join(parts);
        let (as_a, as_b) = (as_a?, as_b?);
        let mut faults = Vec::new();
        let (as_a, as_b) = match (as_a.decided(&mut faults)?, as_b.decided(&mut faults)?) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(what), _) | (_, Err(what)) => return Ok(Err(what)),
        };
        // In the second order A is the later image.
        let orders = [prefer(as_a.0.side, false), prefer(as_b.0.side, true)];
        let vote = |order: &str, p: Preference, key| Vote {
            ask: format!("{name_of}_{order}"),
            answer: name(p).into(),
            call: Some(key),
        };
        let mut votes = vec![vote("ab", orders[0], as_a.1), vote("ba", orders[1], as_b.1)];
        votes.extend(faults);
        Ok(Ok(Both { orders, votes, note: bound(&as_a.0.evidence, 300) }))
    }

    /// What the answers come to.
    fn settle(
        &self,
        mut t: Trajectory,
        orders: [Preference; 2],
        winner: Preference,
        evidence: Evidence,
    ) -> Step {
        t.comparisons.push(Comparison { orders, winner });
        let rejected = t.rounds.last().and_then(|r| r.judgement.as_ref());
        t.improved |= winner == Preference::Second && rejected.is_some_and(|j| !j.satisfied);
        match winner {
            Preference::Second => Step::out(t, "better").with(evidence),
            Preference::Tie if self.keep_ties => Step::out(t, "better").with(evidence),
            Preference::Tie => Step::drop(t, "tie", evidence),
            Preference::First => Step::drop(t, "worse", evidence),
        }
    }
}

/// Asks which of two pictures answers the prompt better, in this order.
pub(super) async fn compare(
    asker: &Asker,
    cx: &Cx<'_>,
    t: &Trajectory,
    [a, b]: [ImageRef; 2],
    draw: u32,
) -> Result<Asked<Answer>, StageError> {
    let context = Context::new()
        .text("prompt", &t.prompt.text)
        .rows("atoms", atom_rows(&t.atoms))
        .image("image_a", a)
        .image("image_b", b);
    asker.json(cx, &context, draw, read).await
}

pub(super) fn prefer(side: Side, a_is_later: bool) -> Preference {
    match (side, a_is_later) {
        (Side::Tie, _) => Preference::Tie,
        (Side::A, false) | (Side::B, true) => Preference::First,
        (Side::B, false) | (Side::A, true) => Preference::Second,
    }
}

pub(super) fn name(preference: Preference) -> &'static str {
    match preference {
        Preference::First => "first",
        Preference::Second => "second",
        Preference::Tie => "tie",
    }
}
