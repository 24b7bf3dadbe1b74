//! Reading a request's JSON so that what is wrong is told by the name of its field.

use crate::serve::refusal::Refusal;
use serde_json::{Map, Value};

/// An object of a request, and where in the request it stands.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The whole body.
    pub fn of(body: &'a Value) -> Result<Fields<'a>, Refusal> {
        Fields::at(body, String::new())
    }

    fn at(value: &'a Value, path: String) -> Result<Fields<'a>, Refusal> {
        match value.as_object() {
            Some(map) => Ok(Fields { map, path }),
            None => Err(Refusal::bad(path, format!("is {}; an object is meant", kind(value)))),
        }
    }

    /// The path of a field, as errors name it.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Err for a field that this object does not have.
    pub fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(odd) => {
                let near = crate::diag::did_you_mean(odd, known.iter().copied());
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                Err(Refusal::bad(self.path(odd), format!("there is no such field{near}")))
            }
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn missing(&self, name: &str) -> Refusal {
        Refusal::bad(self.path(name), "is missing")
    }

    fn odd(&self, name: &str, value: &Value, meant: &str) -> Refusal {
        Refusal::bad(self.path(name), format!("is {}; {meant} is meant", kind(value)))
    }

    pub fn text(&self, name: &str) -> Result<&'a str, Refusal> {
        self.maybe_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text of 1 to `most` characters that is not blank.
    pub fn words(&self, name: &str, most: usize) -> Result<&'a str, Refusal> {
        let text = self.text(name)?;
        match text.chars().count() {
            n if n > most => {
                Err(Refusal::bad(self.path(name), format!("has {n} characters; at most {most}")))
            }
            _ if text.trim().is_empty() => Err(Refusal::bad(self.path(name), "is empty")),
            _ => Ok(text),
        }
    }

    pub fn maybe_text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.odd(name, value, "a text"))
    }

    pub fn maybe_number(&self, name: &str, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64() {
            Some(n) if n <= most => Ok(Some(n)),
            _ => Err(self.odd(name, value, &format!("a whole number from 0 to {most}"))),
        }
    }

    pub fn maybe_bool(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.odd(name, value, "`true` or `false`"))
    }

    /// A list, with the path of each item; absent: empty.
    pub fn list(&self, name: &str) -> Result<Vec<(String, &'a Value)>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| self.odd(name, value, "a list"))?;
        let path = self.path(name);
        Ok(items.iter().enumerate().map(|(n, item)| (format!("{path}[{n}]"), item)).collect())
    }

    /// A list that must be there.
    pub fn must_list(&self, name: &str) -> Result<Vec<(String, &'a Value)>, Refusal> {
        match self.get(name) {
            Some(_) => self.list(name),
            None => Err(self.missing(name)),
        }
    }

    /// The objects of a list.
    pub fn objects(&self, name: &str) -> Result<Vec<Fields<'a>>, Refusal> {
        self.list(name)?.into_iter().map(|(path, item)| Fields::at(item, path)).collect()
    }

    pub fn maybe_object(&self, name: &str) -> Result<Option<Fields<'a>>, Refusal> {
        self.get(name).map(|value| Fields::at(value, self.path(name))).transpose()
    }

    /// A value of a type that serde reads.
    pub fn typed<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let read = T::deserialize(value);
        read.map(Some).map_err(|error| Refusal::bad(self.path(name), error.to_string()))
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("“{}”", text.chars().take(60).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_told_by_the_name_of_its_field() {
        let body =
            json!({"id": 7, "rounds": [{"caption": "a"}, 3], "empty": " ", "more": {"x": []}});
        let fields = Fields::of(&body).unwrap();
        assert_eq!(fields.text("id").unwrap_err().field, "id");
        assert!(fields.text("id").unwrap_err().what.contains("is 7"));
        assert_eq!(fields.text("prompt").unwrap_err().what, "is missing");
        assert_eq!(fields.objects("rounds").unwrap_err().field, "rounds[1]");
        assert_eq!(fields.words("empty", 9).unwrap_err().what, "is empty");
        let more = fields.maybe_object("more").unwrap().unwrap();
        assert_eq!(more.text("x").unwrap_err().field, "more.x");
        let odd = fields.only(&["id", "rounds", "empty", "mode"]).unwrap_err();
        assert_eq!(odd.field, "more");
        assert_eq!(Fields::of(&json!([])).unwrap_err().what, "is a list; an object is meant");
    }
}
