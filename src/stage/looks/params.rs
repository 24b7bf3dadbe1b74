//! The parameters by which a kind that judges takes several looks. Absent they leave a stage, and its
//! identity, as it was.

use crate::stage::{Param, Ty, Wants};

/// Where `purity` and `max_looks` are not given.
pub const PURE: f64 = 0.99;
pub const LOOKS: f64 = 9.0;
/// Where `worth` is not given.
pub const FILE: &str = "data/judges.toml";

pub const JUDGE: Param = Param {
    name: "judge",
    ty: Ty::Chats(Wants::SEEN_JSON),
    default: Some(""),
    doc: "roles that look in turn until the verdict is sure: who tells most for its price looks \
          next. They stand in for `model`; models of another family tell what one family repeats",
};

pub const PURITY: Param = Param {
    name: "purity",
    ty: Ty::Float { min: 0.5, max: 0.9999 },
    default: Some(""),
    doc: "with `judge`: so probable must a verdict be, and what J claims (0.99 unless given)",
};

pub const MAX_LOOKS: Param = Param {
    name: "max_looks",
    ty: Ty::Int { min: 1, max: 64 },
    default: Some(""),
    doc: "with `judge`: at most so many looks at a picture (9 unless given); what is open then is \
          `undecided`",
};

pub const LOOK_AT: Param = Param {
    name: "look_at",
    ty: Ty::Choice(&["open", "all"]),
    default: Some(""),
    doc: "with `judge`: whether a later look asks what is still open (unless given) or everything",
};

pub const WORTH: Param = Param {
    name: "worth",
    ty: Ty::File,
    default: Some(""),
    doc: "with `judge`: what each judge is worth, as `coldstart judges` writes it (`judges.toml` \
          unless given)",
};

pub const PRICES: Param = Param {
    name: "prices",
    ty: Ty::Weights,
    default: Some(""),
    doc: "with `judge`: what a look costs by role, in any unit (1 where none is given)",
};
