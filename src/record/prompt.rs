//! A prompt and what is known of its meaning: the structured spec, in GenEval++'s vocabulary
//! (class, count, colour, region, size) extended by material, relations and rendered text.

use crate::record::{Id, ImageRef};
use serde::{Deserialize, Serialize};

/// A user prompt (q) with its origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    pub id: Id,
    /// q, as the user wrote it (white space trimmed; never empty).
    pub text: String,
    /// The data type that `balance` stratifies by.
    pub category: String,
    /// The pool source's name, or the synthesising stage's.
    pub source: String,
    /// The row's place in its source: a row number, member path or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The image that came with the prompt; shown to the reflector only, as a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImageRef>,
    /// What the picture must hold, where that is known. Never in training text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// The plain meaning of a riddle. Never in training text as if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gloss: Option<String>,
    /// The source's licence, carried to the dataset card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// A structured meaning: all parts must hold in the picture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    #[serde(default)]
    pub include: Vec<SpecObject>,
    /// Objects with a count that must NOT be reached (GenEval++: at most count - 1 may appear).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<SpecObject>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Relation>,
    /// Text that must be legible in the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// So many objects of a class that share the attributes given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecObject {
    /// Singular, lower case: "clock".
    pub class: String,
    #[serde(default = "one")]
    pub count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<String>,
}

fn one() -> u32 {
    1
}

/// Where in the picture (absolute when the spec has one object, else relative to the rest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    Left,
    Right,
    Above,
    Below,
}

/// Relative size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    Larger,
    Smaller,
}

/// `subject` stands to the `region` of `object`; both index `Spec::include`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    pub subject: usize,
    pub region: Region,
    pub object: usize,
}
