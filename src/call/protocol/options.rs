//! A protocol's own settings, as the endpoints file gave them: JSON values by name.

use serde_json::{Map, Value};

/// What `compile` reads.
#[derive(Debug, Clone, Default)]
pub struct ProtocolOptions {
    pub values: Map<String, Value>,
    /// `extra = {…}`: fields added to every request's body; they win over ours.
    pub extra: Map<String, Value>,
}

/// An option that cannot be used; becomes a diagnostic at the option's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionError {
    pub key: String,
    pub title: String,
    pub note: String,
}

impl OptionError {
    pub fn new(key: &str, title: impl Into<String>, note: impl Into<String>) -> OptionError {
        OptionError { key: key.to_owned(), title: title.into(), note: note.into() }
    }
}

impl ProtocolOptions {
    pub fn bool(&self, key: &str, default: bool) -> Result<bool, OptionError> {
        match self.values.get(key) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(OptionError::new(
                key,
                format!("`{key}` is `{other}`"),
                "it is `true` or `false`",
            )),
        }
    }

    pub fn text(&self, key: &str) -> Result<Option<&str>, OptionError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s)),
            Some(other) => {
                Err(OptionError::new(key, format!("`{key}` is `{other}`"), "it is a string"))
            }
        }
    }

    /// One of a few words; the first is the default.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, OptionError> {
        let known = || {
            let names: Vec<String> = words.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("it is one of {}", names.join(", "))
        };
        let Some((first, default)) = words.first() else {
            return Err(OptionError::new(key, "no words", "a defect of the protocol's table"));
        };
        let asked = self.text(key)?.unwrap_or(first);
        match words.iter().find(|(name, _)| *name == asked) {
            Some((_, value)) => Ok(*value),
            None if asked == *first => Ok(*default),
            None => Err(OptionError::new(key, format!("`{key}` is `{asked}`"), known())),
        }
    }
}
