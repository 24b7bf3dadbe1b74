//! The field map: under which names a row keeps what.
//!
//! The one idea: the names that open sets use are tried in a fixed order, so that most sources
//! need no map; a name given by the user is the only one tried. `a.b` reaches into objects.

use crate::record::Spec;
use serde_json::Value;

/// Names of fields; None means the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    pub prompt: Option<String>,
    pub category: Option<String>,
    pub spec: Option<String>,
    pub gloss: Option<String>,
    pub image: Option<String>,
    pub licence: Option<String>,
}

const PROMPT: &[&str] = &[
    "prompt",
    "Prompt",
    "text",
    "caption",
    "input_prompt",
    "instruction",
    "prompt_en",
    "question",
    "original_prompt",
    "output_instruction",
];
const CATEGORY: &[&str] =
    &["category", "Category", "task_type", "tag", "type", "class", "subset", "domain"];
const IMAGE: &[&str] = &[
    "image",
    "reference",
    "output_image",
    "img_path",
    "image_path",
    "file_name",
    "image_file",
    "jpg",
    "png",
    "gt_image",
];

impl Fields {
    pub const NAMES: [&str; 6] = ["prompt", "category", "spec", "gloss", "image", "licence"];

    /// The names that are tried for the prompt, in order.
    pub fn prompt_names(&self) -> Vec<&str> {
        names(&self.prompt, PROMPT)
    }

    pub fn category_names(&self) -> Vec<&str> {
        names(&self.category, CATEGORY)
    }

    pub fn image_names(&self) -> Vec<&str> {
        names(&self.image, IMAGE)
    }

    /// The prompt of a row.
    pub fn prompt_of(&self, row: &Value) -> Option<String> {
        if let (Value::String(text), None) = (row, &self.prompt) {
            return Some(text.clone());
        }
        self.prompt_names().iter().find_map(|name| text_at(row, name))
    }

    pub fn category_of(&self, row: &Value) -> Option<String> {
        self.category_names().iter().find_map(|name| text_at(row, name))
    }

    /// The path that a row gives for its image.
    pub fn image_of(&self, row: &Value) -> Option<String> {
        self.image_names().iter().find_map(|name| text_at(row, name))
    }

    pub fn gloss_of(&self, row: &Value) -> Option<String> {
        names(&self.gloss, &["gloss", "plain", "plain_meaning"])
            .iter()
            .find_map(|n| text_at(row, n))
    }

    pub fn licence_of(&self, row: &Value) -> Option<String> {
        names(&self.licence, &["licence", "license"]).iter().find_map(|n| text_at(row, n))
    }

    /// The spec, given as an object or as JSON in a string; Err says why it cannot be used.
    pub fn spec_of(&self, row: &Value) -> Result<Option<Spec>, String> {
        let found = names(&self.spec, &["spec"]).iter().find_map(|name| at(row, name).cloned());
        let parsed = match found {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => serde_json::from_str(&text),
            Some(value) => serde_json::from_value(value),
        };
        parsed.map(Some).map_err(|e| format!("its spec is not understood: {e}"))
    }
}

fn names<'a>(given: &'a Option<String>, usual: &'a [&'a str]) -> Vec<&'a str> {
    match given {
        Some(name) => vec![name],
        None => usual.to_vec(),
    }
}

/// The value at a dotted path; a key that itself holds dots wins.
fn at<'a>(row: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(value) = row.get(path) {
        return Some(value);
    }
    path.split('.').try_fold(row, |value, part| value.get(part))
}

/// A non-empty string (or a number, as text) at `path`; of a list, its first.
fn text_at(row: &Value, path: &str) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match at(row, path)? {
        Value::Array(list) => text(list.first()?),
        value => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use serde_json::json;

    #[test]
    fn usual_names_are_tried_and_a_given_one_is_the_only_one() {
        let row = json!({"instruction": "draw", "prompt": "", "meta": {"q": "a cat", "kind": "x"}});
        assert_eq!(Fields::default().prompt_of(&row).as_deref(), Some("draw"));
        let mapped = Fields {
            prompt: Some("meta.q".into()),
            category: Some("meta.kind".into()),
            ..Fields::default()
        };
        assert_eq!(mapped.prompt_of(&row).as_deref(), Some("a cat"));
        assert_eq!(mapped.category_of(&row).as_deref(), Some("x"));
        let none = Fields { prompt: Some("nope".into()), ..Fields::default() };
        assert_eq!(none.prompt_of(&row), None);
    }

    #[test]
    fn specs_come_as_objects_or_as_text() {
        let fields = Fields::default();
        let spec = json!({"include": [{"class": "clock", "count": 5}]});
        let direct = fields.spec_of(&json!({ "spec": spec })).unwrap();
        let quoted = fields.spec_of(&json!({ "spec": spec.to_string() })).unwrap();
        assert_eq!(direct, quoted);
        assert_eq!(direct.unwrap().include[0].count, 5);
        assert!(fields.spec_of(&json!({"spec": {"inclde": []}})).is_err());
    }
}
