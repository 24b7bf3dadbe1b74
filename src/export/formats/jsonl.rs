//! JSON lines with image files beside them: what `llamafactory` and `ms-swift` share.

use crate::export::formats::{Example, Files, image_file};
use crate::record::Digest;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

/// Lines gathered, images written once.
#[derive(Default)]
pub struct Lines {
    written: HashSet<Digest>,
    open: BTreeSet<String>,
}

impl Lines {
    /// Writes the example's images (each content once) and returns their paths.
    pub fn images(&mut self, example: &Example<'_>, out: &mut Files) -> Vec<Value> {
        let mut paths = Vec::with_capacity(example.images.len());
        for (bytes, image) in example.images {
            let path = image_file(image);
            if self.written.insert(image.digest) {
                out.whole(path.clone(), bytes.clone());
            }
            paths.push(Value::from(path));
        }
        paths
    }

    /// One more line of `<split>.jsonl`.
    pub fn line(&mut self, split: &str, row: &Value, out: &mut Files) {
        let name = format!("{split}.jsonl");
        out.next(name.clone(), format!("{row}\n"));
        self.open.insert(name);
    }

    pub fn finish(&mut self, out: &mut Files) {
        for name in std::mem::take(&mut self.open) {
            out.end(name);
        }
    }
}
