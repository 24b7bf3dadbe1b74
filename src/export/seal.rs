//! What an export's rows are, in one number a split: any byte of a row that changes, a row that is
//! lost, doubled or moved shows in it.
//!
//! A row counts as its values (sorted keys, no nulls) and the names of its images, so that the number is
//! the same for the row that was written and for the one that a file gives back. Image bytes are proved
//! by the digest in their names.

use crate::record::Digest;
use serde_json::Value;

/// Rows so far, in order.
#[derive(Debug, Clone)]
pub struct Seal(blake3::Hasher);

impl Default for Seal {
    fn default() -> Seal {
        Seal(blake3::Hasher::new_derive_key("coldstart 2026 export rows v1"))
    }
}

impl Seal {
    /// Adds a row: all columns but `images`, and its images by path (the last part counts).
    pub fn add<'a>(&mut self, row: &Value, images: impl Iterator<Item = &'a str>) {
        let mut text = String::new();
        plain(row, &mut text);
        for path in images {
            text.push('\n');
            text.push_str(path.rsplit('/').next().unwrap_or(path));
        }
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    pub fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

/// JSON with sorted keys, without nulls and without the top's `images`.
fn plain(row: &Value, out: &mut String) {
    match row {
        Value::Object(fields) => {
            out.push('{');
            let mut names: Vec<_> = fields.iter().filter(|(_, value)| !value.is_null()).collect();
            names.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in names.into_iter().filter(|(name, _)| *name != "images") {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                plain(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                plain(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_change_shows_and_nulls_and_folders_do_not() {
        let of = |rows: &[(Value, &[&str])]| {
            let mut seal = Seal::default();
            for (row, images) in rows {
                seal.add(row, images.iter().copied());
            }
            seal.digest()
        };
        let (a, b) = (json!({"id": "1", "m": [{"r": "x"}]}), json!({"id": "2", "m": []}));
        let base = of(&[(a.clone(), &["i/x.png"]), (b.clone(), &[])]);
        let nulls = json!({"m": [{"r": "x", "q": null}], "id": "1", "images": ["i/x.png"]});
        assert_eq!(base, of(&[(nulls, &["x.png"]), (b.clone(), &[])]));
        assert_ne!(base, of(&[(b.clone(), &[]), (a.clone(), &["x.png"])]));
        assert_ne!(base, of(&[(a.clone(), &["y.png"]), (b.clone(), &[])]));
        assert_ne!(base, of(&[(a.clone(), &["x.png"]), (b.clone(), &[]), (b, &[])]));
        assert_ne!(base, of(&[(a, &["x.png"]), (json!({"id": "2", "m": [""]}), &[])]));
    }
}
