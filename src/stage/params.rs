//! Checked parameter values: typed, in range, defaults filled in.

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
                && let Some(value) = literal(param.ty, default)
            {
                self.set(param.name, value);
            }
        }
    }
}

/// A default or a `--set` value as TOML text, or bare text for text-like types. None when it is
/// not of the type (ranges are checked elsewhere).
pub fn literal(ty: Ty, text: &str) -> Option<Value> {
    let parsed: Option<toml::Value> = toml::from_str::<toml::Table>(&format!("v = {text}"))
        .ok()
        .and_then(|mut table| table.remove("v"));
    match (ty, parsed) {
        (Ty::Int { .. }, Some(toml::Value::Integer(v))) => Some(Value::Int(v)),
        (Ty::Float { .. }, Some(toml::Value::Float(v))) => Some(Value::Float(v)),
        (Ty::Float { .. }, Some(toml::Value::Integer(v))) => Some(Value::Float(v as f64)),
        (Ty::Bool, Some(toml::Value::Boolean(v))) => Some(Value::Bool(v)),
        (Ty::Texts, Some(toml::Value::Array(items))) => items
            .iter()
            .map(|i| i.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map(Value::Texts),
        (Ty::Weights, Some(toml::Value::Table(table))) => table
            .iter()
            .map(|(k, v)| v.as_float().or(v.as_integer().map(|i| i as f64)).map(|n| (k.clone(), n)))
            .collect::<Option<Vec<_>>>()
            .map(Value::Weights),
        (
            Ty::Text
            | Ty::Choice(_)
            | Ty::Chat
            | Ty::Image
            | Ty::Template { .. }
            | Ty::File
            | Ty::Tables,
            parsed,
        ) => match parsed {
            Some(toml::Value::String(v)) => Some(Value::Text(v)),
            _ => Some(Value::Text(text.to_owned())),
        },
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
            assert_eq!(literal(ty, &value.to_string()), Some(value));
        }
    }
}
