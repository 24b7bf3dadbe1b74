//! The shape of a JSON reply, as a server is asked to hold its model to it.
//!
//! Fields keep their order: a server that decodes by a schema writes them in it, and what was seen is
//! to be written before the answer is.

use serde_json::{Value, json};

/// A shape. Objects have all of their fields and no other one; what may be left out is `Maybe`.
#[derive(Debug, PartialEq, Eq)]
pub enum Schema {
    Text,
    Whole,
    Number,
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    List(&'static Schema),
    Fields(&'static [(&'static str, Schema)]),
    /// That, or null.
    Maybe(&'static Schema),
}

impl Schema {
    /// As JSON Schema, in the part of it that OpenAI's strict mode, vLLM and SGLang take.
    pub fn json_schema(&self) -> String {
        match self {
            Schema::Text => r#"{"type":"string"}"#.to_owned(),
            Schema::Whole => r#"{"type":"integer"}"#.to_owned(),
            Schema::Number => r#"{"type":"number"}"#.to_owned(),
            Schema::Bool => r#"{"type":"boolean"}"#.to_owned(),
            Schema::Word(words) => format!(r#"{{"type":"string","enum":{}}}"#, json!(words)),
            Schema::List(item) => format!(r#"{{"type":"array","items":{}}}"#, item.json_schema()),
            Schema::Maybe(inner) => {
                format!(r#"{{"anyOf":[{},{{"type":"null"}}]}}"#, inner.json_schema())
            }
            Schema::Fields(fields) => {
                let all: Vec<String> = fields
                    .iter()
                    .map(|(name, schema)| format!("{}:{}", json!(name), schema.json_schema()))
                    .collect();
                format!(
                    r#"{{"type":"object","properties":{{{}}},"required":{},"additionalProperties":false}}"#,
                    all.join(","),
                    json!(names(fields))
                )
            }
        }
    }

    /// As Gemini's `responseSchema`: a part of OpenAPI 3.0, with the order of fields apart.
    pub fn open_api(&self) -> Value {
        match self {
            Schema::Text => json!({"type": "STRING"}),
            Schema::Whole => json!({"type": "INTEGER"}),
            Schema::Number => json!({"type": "NUMBER"}),
            Schema::Bool => json!({"type": "BOOLEAN"}),
            Schema::Word(words) => json!({"type": "STRING", "format": "enum", "enum": words}),
            Schema::List(item) => json!({"type": "ARRAY", "items": item.open_api()}),
            Schema::Maybe(inner) => {
                let mut out = inner.open_api();
                out["nullable"] = true.into();
                out
            }
            Schema::Fields(fields) => {
                let all: serde_json::Map<String, Value> = fields
                    .iter()
                    .map(|(name, schema)| ((*name).to_owned(), schema.open_api()))
                    .collect();
                let names = names(fields);
                json!({
                    "type": "OBJECT", "properties": all, "required": names, "propertyOrdering": names,
                })
            }
        }
    }

    /// Whether `value` has this shape.
    pub fn fits(&self, value: &Value) -> bool {
        match self {
            Schema::Text => value.is_string(),
            Schema::Whole => value.is_i64() || value.is_u64(),
            Schema::Number => value.is_number(),
            Schema::Bool => value.is_boolean(),
            Schema::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Schema::List(item) => {
                value.as_array().is_some_and(|list| list.iter().all(|value| item.fits(value)))
            }
            Schema::Maybe(inner) => value.is_null() || inner.fits(value),
            Schema::Fields(fields) => value.as_object().is_some_and(|map| {
                let fits = |(name, schema): &(&str, Schema)| {
                    map.get(*name).is_some_and(|value| schema.fits(value))
                };
                map.len() == fields.len() && fields.iter().all(fits)
            }),
        }
    }
}

fn names(fields: &[(&'static str, Schema)]) -> Vec<&'static str> {
    fields.iter().map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::Schema;
    use serde_json::{Value, json};

    const SHAPE: Schema = Schema::Fields(&[
        ("seen", Schema::Text),
        ("better", Schema::Word(&["A", "B"])),
        ("all", Schema::List(&Schema::Maybe(&Schema::Whole))),
    ]);

    #[test]
    fn fields_keep_their_order_in_both_dialects() {
        let text = SHAPE.json_schema();
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        assert!(text.find("seen") < text.find("better") && text.find("better") < text.find("all"));
        assert_eq!(SHAPE.open_api()["propertyOrdering"], json!(["seen", "better", "all"]));
        assert_eq!(SHAPE.open_api()["properties"]["all"]["items"]["nullable"], json!(true));
    }

    #[test]
    fn a_value_fits_with_all_fields_and_no_other() {
        assert!(SHAPE.fits(&json!({"seen": "x", "better": "A", "all": [1, null]})));
        for bad in [
            json!({"seen": "x", "better": "C", "all": []}),
            json!({"seen": "x", "better": "A"}),
            json!({"seen": "x", "better": "A", "all": [], "more": 1}),
            json!({"seen": "x", "better": "A", "all": ["1"]}),
        ] {
            assert!(!SHAPE.fits(&bad), "{bad}");
        }
    }
}
