//! The field map: under which names a row keeps what.
//!
//! The names that open sets use are tried in a fixed order, so that most sources need no map; a name
//! given by the user is the only one tried. `a.b` reaches into objects.

use crate::record::Spec;
use serde::Deserialize;
use serde_json::Value;

/// Names of fields; None means the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
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

    /// Has the source's `theirs` stand for our field `ours`, one of `NAMES`; false where there is no such
    /// field.
    pub fn set(&mut self, ours: &str, theirs: String) -> bool {
        let slot = match ours {
            "prompt" => &mut self.prompt,
            "category" => &mut self.category,
            "spec" => &mut self.spec,
            "gloss" => &mut self.gloss,
            "image" => &mut self.image,
            "licence" => &mut self.licence,
            _ => return false,
        };
        *slot = Some(theirs);
        true
    }

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

    /// The prompt of a row, and under which name it is there; Err for one that holds several.
    pub fn prompt_of(&self, row: &Value) -> Result<Option<(&str, String)>, String> {
        if let (Value::String(text), None) = (row, &self.prompt) {
            return Ok(Some(("the row itself", text.clone())));
        }
        for name in self.prompt_names() {
            let several = at(row, name).and_then(Value::as_array).map_or(0, Vec::len);
            if several > 1 {
                return Err(format!("`{name}` is a list of {several}: write one row a prompt"));
            }
            if let Some(text) = text_at(row, name) {
                return Ok(Some((name, text)));
            }
        }
        Ok(if self.prompt.is_none() { first_said(row) } else { None })
    }

    pub fn category_of(&self, row: &Value) -> Option<(&str, String)> {
        let names = self.category_names();
        let flag = |name: &&str| at(row, name).and_then(Value::as_bool);
        match first(names.clone(), row) {
            None => names.into_iter().find_map(|name| Some((name, flag(&name)?.to_string()))),
            found => found,
        }
    }

    /// The path that a row gives for its image.
    pub fn image_of(&self, row: &Value) -> Option<(&str, String)> {
        first(self.image_names(), row)
    }

    pub fn gloss_of(&self, row: &Value) -> Option<(&str, String)> {
        first(names(&self.gloss, &["gloss", "plain", "plain_meaning"]), row)
    }

    pub fn licence_of(&self, row: &Value) -> Option<(&str, String)> {
        first(names(&self.licence, &["licence", "license"]), row)
    }

    /// The spec, given as an object or as JSON in a string, or as GenEval's own `include` beside the
    /// prompt; Err says why it cannot be used.
    pub fn spec_of(&self, row: &Value) -> Result<Option<(&str, Spec)>, String> {
        let name = self.spec.as_deref().unwrap_or("spec");
        let not = |why: &dyn std::fmt::Display| format!("its `{name}` is not understood: {why}");
        let spec = match at(row, name) {
            None | Some(Value::Null) => {
                let include = row.get("include").filter(|i| self.spec.is_none() && i.is_array());
                let Some(_) = include else { return Ok(None) };
                let spec = crate::pool::benchmark::spec_of(row);
                let spec = spec.ok_or("its `include` is not a list of objects with a `class`")?;
                return Ok(Some(("include", spec)));
            }
            Some(Value::String(text)) => serde_json::from_str(text).map_err(|e| not(&e))?,
            Some(value) => Spec::deserialize(value).map_err(|e| not(&e))?,
        };
        Ok(Some((name, spec)))
    }
}

/// Where chats are kept.
pub const CONVERSATIONS: [&str; 3] = ["messages", "conversations", "conversation"];

/// What the user says first in a row that is a chat: messages (`role`, `content`) or ShareGPT's
/// (`from`, `value`).
fn first_said(row: &Value) -> Option<(&'static str, String)> {
    let (name, turns) =
        CONVERSATIONS.iter().find_map(|name| Some((*name, row.get(name)?.as_array()?)))?;
    let asks = |turn: &&Value| {
        let who = ["role", "from", "speaker"].iter().find_map(|key| turn.get(*key)?.as_str());
        who.is_some_and(|who| matches!(who.to_lowercase().as_str(), "user" | "human"))
    };
    let turn = turns.iter().find(asks)?;
    let said = ["content", "value", "text"].iter().find_map(|key| turn.get(*key))?;
    let text = match said {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => return None,
    };
    let name = match name {
        "messages" => "messages: the first user turn",
        "conversations" => "conversations: the first user turn",
        _ => "conversation: the first user turn",
    };
    // A slot for a picture at its ends is the format's, not the user's words.
    let mut text = text.trim();
    while let Some(rest) = text.strip_prefix("<image>").or_else(|| text.strip_suffix("<image>")) {
        text = rest.trim();
    }
    (!text.is_empty()).then(|| (name, text.to_owned()))
}

/// What fields a row has, for a message.
pub fn found_in(row: &Value) -> Option<String> {
    match row {
        Value::Object(fields) => Some(there(fields.keys().map(String::as_str))),
        Value::Array(_) => Some("the row is a list".to_owned()),
        _ => None,
    }
}

/// The names that are there, in a few words.
pub fn there<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| name.chars().take(40).collect()).collect();
    let more = if names.len() > 8 { ", …" } else { "" };
    match names.is_empty() {
        true => "it is empty".to_owned(),
        false => format!("its fields are `{}`{more}", names[..names.len().min(8)].join("`, `")),
    }
}

/// The first of `names` that holds a text.
fn first<'a>(names: Vec<&'a str>, row: &Value) -> Option<(&'a str, String)> {
    names.into_iter().find_map(|name| Some((name, text_at(row, name)?)))
}

fn names<'a>(given: &'a Option<String>, usual: &[&'static str]) -> Vec<&'a str> {
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
    path.split('.').try_fold(row, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
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
        let some = |name: &'static str, text: &str| Some((name, text.to_owned()));
        assert_eq!(Fields::default().prompt_of(&row), Ok(some("instruction", "draw")));
        let mapped = Fields {
            prompt: Some("meta.q".into()),
            category: Some("meta.kind".into()),
            ..Fields::default()
        };
        assert_eq!(mapped.prompt_of(&row), Ok(some("meta.q", "a cat")));
        assert_eq!(mapped.category_of(&row), some("meta.kind", "x"));
        let none = Fields { prompt: Some("nope".into()), ..Fields::default() };
        assert_eq!(none.prompt_of(&row), Ok(None));
    }

    #[test]
    fn chats_give_their_first_user_turn_and_lists_are_not_cut_short() {
        let fields = Fields::default();
        let chat = json!({"messages": [{"role": "system", "content": "be"},
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "a cat"}]}]});
        let found = fields.prompt_of(&chat).unwrap().unwrap();
        assert_eq!(found.1, "a cat");
        let share = json!({"id": 1, "conversations": [{"from": "human", "value": "a dog"}]});
        assert_eq!(fields.prompt_of(&share).unwrap().unwrap().1, "a dog");
        let mapped = Fields { prompt: Some("conversations.0.value".into()), ..Fields::default() };
        assert_eq!(mapped.prompt_of(&share).unwrap().unwrap().1, "a dog");
        assert_eq!(fields.prompt_of(&json!({"prompt": ["a"]})).unwrap().unwrap().1, "a");
        let several = fields.prompt_of(&json!({"prompt": ["a", "b"]})).unwrap_err();
        assert!(several.contains("a list of 2"), "{several}");
        assert_eq!(fields.category_of(&json!({"category": false})).unwrap().1, "false");
    }

    #[test]
    fn specs_come_as_objects_or_as_text() {
        let fields = Fields::default();
        let spec = json!({"include": [{"class": "clock", "count": 5}]});
        let direct = fields.spec_of(&json!({ "spec": spec })).unwrap();
        let quoted = fields.spec_of(&json!({ "spec": spec.to_string() })).unwrap();
        assert_eq!(direct, quoted);
        assert_eq!(direct.unwrap().1.include[0].count, 5);
        let geneval = json!({"include": [{"class": "clock", "count": 5}], "prompt": "…"});
        assert_eq!(fields.spec_of(&geneval).unwrap().unwrap().1.include[0].count, 5);
        assert!(fields.spec_of(&json!({"include": ["clock"]})).is_err());
        assert!(fields.spec_of(&json!({"spec": {"inclde": []}})).is_err());
    }
}
