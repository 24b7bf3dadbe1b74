//! Checked parameter values: typed, in range, defaults filled in.

use crate::diag::{number, ticked};
use crate::stage::{Kind, Ty};
use std::collections::BTreeMap;

/// A parameter's value; `Display` writes it as TOML, so that a manifest can be read back.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Weights(Vec<(String, f64)>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |v: &str| toml::Value::String(v.to_owned()).to_string();
        match self {
            Value::Int(v) => write!(f, "{v}"),
            Value::Float(v) => write!(f, "{}", toml::Value::Float(*v)),
            Value::Bool(v) => write!(f, "{v}"),
            Value::Text(v) => f.write_str(&text(v)),
            Value::Texts(v) => {
                write!(f, "[{}]", v.iter().map(|v| text(v)).collect::<Vec<_>>().join(", "))
            }
            Value::Weights(v) => {
                let pairs =
                    v.iter().map(|(k, n)| format!("{} = {}", text(k), toml::Value::Float(*n)));
                write!(f, "{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A stage's parameters. Getters of a name or type that the kind does not declare give the type's
/// zero: the KINDS test holds that this never happens.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    values: BTreeMap<String, Value>,
}

impl Params {
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(k, v)| (k.as_str(), v))
    }

    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Int(v)) => *v,
            _ => 0,
        }
    }

    pub fn float(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Value::Float(v)) => *v,
            Some(Value::Int(v)) => *v as f64,
            _ => 0.0,
        }
    }

    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }

    /// Empty when absent.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(v)) => v,
            _ => "",
        }
    }

    pub fn texts(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Value::Texts(v)) => v,
            _ => &[],
        }
    }

    pub fn weights(&self, name: &str) -> &[(String, f64)] {
        match self.get(name) {
            Some(Value::Weights(v)) => v,
            _ => &[],
        }
    }

    /// Fills in the defaults of what is absent.
    pub fn complete(&mut self, kind: &Kind) {
        for param in kind.params {
            let Some(default) = param.default.filter(|d| !d.is_empty()) else { continue };
            if self.get(param.name).is_none()
                && let Ok(value) = value_of_text(param.ty, default)
            {
                self.set(param.name, value);
            }
        }
    }
}

/// What TOML text means as `ty`: a parameter's default, or what `--set` gives it. A bare word that
/// happens to read as another type is still a text where a text is meant.
///
/// # Errors
/// As for `value_of`.
pub fn value_of_text(ty: Ty, text: &str) -> Result<Value, String> {
    let parsed =
        toml::from_str::<toml::Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    let bare = || toml::Value::String(text.to_owned());
    let takes_words = matches!(
        ty,
        Ty::Text | Ty::File | Ty::Template { .. } | Ty::Choice(_) | Ty::Chat(_) | Ty::Image
    );
    value_of(ty, &parsed.filter(|v| v.is_str() || !takes_words).unwrap_or_else(bare))
}

/// What a TOML value means as `ty`.
///
/// # Errors
/// What is wrong with it, to follow "`votes` of `judge`": "is 0; a whole number from 1 to 9 is meant".
pub fn value_of(ty: Ty, value: &toml::Value) -> Result<Value, String> {
    let meant = match ty {
        Ty::Int { min, max } => {
            let found = value.as_integer().filter(|v| (min..=max).contains(v));
            found.map(Value::Int).ok_or_else(|| format!("a whole number from {min} to {max}"))
        }
        Ty::Float { min, max } => {
            let found = number(value).filter(|v| (min..=max).contains(v));
            found.map(Value::Float).ok_or_else(|| format!("a number from {min} to {max}"))
        }
        Ty::Bool => value.as_bool().map(Value::Bool).ok_or_else(|| "`true` or `false`".to_owned()),
        Ty::Choice(choices) => {
            let found = value.as_str().filter(|v| choices.contains(v));
            let found = found.map(|v| Value::Text(v.to_owned()));
            found.ok_or_else(|| format!("one of {}", ticked(choices)))
        }
        Ty::Chats(_) => texts(value).ok_or_else(|| "a list of roles".to_owned()),
        Ty::Texts => texts(value).ok_or_else(|| "a list of texts".to_owned()),
        Ty::Weights => weights(value).ok_or_else(|| "a table of numbers".to_owned()),
        Ty::Tables => tables(value).ok_or_else(|| "`[[…]]` tables".to_owned()),
        Ty::Text | Ty::File | Ty::Template { .. } | Ty::Chat(_) | Ty::Image => {
            let found = value.as_str().map(|v| Value::Text(v.to_owned()));
            found.ok_or_else(|| "a text".to_owned())
        }
    };
    meant.map_err(|meant| {
        let be = if ty == Ty::Tables { "are" } else { "is" };
        format!("is {value}; {meant} {be} meant")
    })
}

fn texts(value: &toml::Value) -> Option<Value> {
    let items = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
    items.collect::<Option<_>>().map(Value::Texts)
}

fn weights(value: &toml::Value) -> Option<Value> {
    let pairs = value.as_table()?.iter().map(|(name, n)| Some((name.clone(), number(n)?)));
    pairs.collect::<Option<_>>().map(Value::Weights)
}

/// The kind reads the tables from its own file; here they are their text, as a manifest keeps it.
fn tables(value: &toml::Value) -> Option<Value> {
    match value {
        toml::Value::String(text) => Some(Value::Text(text.clone())),
        toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => {
            Some(Value::Text(value.to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back_as_the_same_value() {
        let weights = Value::Weights(vec![("one round".into(), 1.0), ("open".into(), 0.5)]);
        let values = [
            (Ty::Int { min: 0, max: 9 }, Value::Int(7)),
            (Ty::Float { min: 0.0, max: 9.0 }, Value::Float(2.0)),
            (Ty::Bool, Value::Bool(true)),
            (Ty::Text, Value::Text("quo\"te\n\u{7}é".into())),
            (Ty::Texts, Value::Texts(vec!["a b".into(), "\\".into()])),
            (Ty::Weights, weights),
        ];
        for (ty, value) in values {
            assert_eq!(value_of_text(ty, &value.to_string()), Ok(value));
        }
    }
}
