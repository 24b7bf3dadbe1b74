//! A stage whose kind is known, and where each of its parameters comes from.

use crate::diag::Diagnostic;
use crate::plan::raw::RawStage;
use crate::stage::{Kind, Params};
use std::collections::BTreeMap;
use std::ops::Range;

/// A stage whose kind is known.
pub struct Known {
    pub raw: RawStage,
    pub kind: &'static Kind,
    pub params: Params,
    pub spans: BTreeMap<String, Range<usize>>,
    /// Parameters that the command line set, with the words that did so; they have no span.
    pub set_by: BTreeMap<String, String>,
}

impl Known {
    /// Points `d` at where the value of `param` comes from: the file, a flag, or the default.
    pub fn at(&self, param: &str, d: Diagnostic) -> Diagnostic {
        let source = &self.raw.source;
        match (self.set_by.get(param), self.spans.get(param)) {
            (Some(words), _) => d.note(format!("set by {words}")),
            (None, Some(range)) => d.at(source, range.clone(), ""),
            (None, None) => {
                d.at(source, 0..0, "").note(format!("`{param}` is not in the file: its default"))
            }
        }
    }
}
