//! The one reader of JSON that a model wrote: objects in prose, fences or alone, with the slips that
//! models make, and never a value that the text does not hold.
//!
//! Read: trailing commas, raw line breaks and tabs inside strings, typographic quotation marks as
//! delimiters, Python's `True`, `False` and `None`. Not read, because each would need a guess: a cut
//! object, an unescaped quotation mark inside a string, a key that stands twice, bare words. JSON5
//! and repairing crates read neither typographic marks nor prose around the object, or fill in what
//! is missing, so this is our own.

use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Objects and lists within one another, at most.
const DEPTH: usize = 48;
/// Characters that are looked at, for each of the text, before the rest counts as unreadable: every
/// `{` of a hostile text may open an object that is never closed.
const EFFORT: usize = 24;

/// The last object of `text` that `fit` takes; what stands before a `</think>` is no answer. Err is
/// why there is none, for the model to read.
pub fn last<T, E: From<String>>(text: &str, fit: impl Fn(Value) -> Result<T, E>) -> Result<T, E> {
    let text = text.rsplit_once("</think>").map_or(text, |(_, rest)| rest);
    let mut fault = None;
    for object in objects(text)?.into_iter().rev() {
        match fit(object) {
            Ok(value) => return Ok(value),
            Err(what) => fault = fault.or(Some(what)),
        }
    }
    Err(fault.unwrap_or_else(|| E::from("there is no JSON object in it".to_owned())))
}

/// The objects of `text` that are not part of another one, in order. Err when none can be read.
pub fn objects(text: &str) -> Result<Vec<Value>, String> {
    let mut out = Vec::new();
    let mut fault = None;
    let mut effort = (text.len() + 64) * EFFORT;
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|n| at + n) {
        let mut reader = Reader { text, at: open };
        match reader.object(0) {
            Ok(object) => {
                out.push(object);
                at = reader.at;
            }
            Err(what) => {
                fault = fault.or(Some(what));
                at = open + 1;
            }
        }
        effort = effort.saturating_sub(reader.at - open + 1);
        if effort == 0 {
            break;
        }
    }
    match fault {
        _ if !out.is_empty() => Ok(out),
        Some(what) => Err(format!("the JSON cannot be read: {what}")),
        None => Err("there is no JSON object in it".to_owned()),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Where the next character starts.
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next character that is no white space, taken if it is `wanted`.
    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn fault(&self, wanted: &str) -> String {
        match self.peek() {
            None => "it is cut off".to_owned(),
            Some(_) => {
                let near: String = self.text[self.at..].chars().take(24).collect();
                format!("{wanted} is missing before “{near}”")
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH {
            return Err(format!("it is nested more than {DEPTH} deep"));
        }
        self.skip_space();
        match self.peek() {
            Some('{') => self.object(depth + 1),
            Some('[') => self.list(depth + 1),
            Some(c) if is_quote(c) => self.string().map(Value::String),
            _ => self.bare(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            if self.take('}') {
                return Ok(Value::Object(map));
            }
            if !self.peek().is_some_and(is_quote) {
                return Err(self.fault("a key in quotation marks"));
            }
            let key = self.string()?;
            if !self.take(':') {
                return Err(self.fault("`:`"));
            }
            let value = self.value(depth)?;
            match map.entry(key) {
                Entry::Vacant(slot) => _ = slot.insert(value),
                Entry::Occupied(slot) => {
                    let key: String = slot.key().chars().take(40).collect();
                    return Err(format!("the key “{key}” stands twice"));
                }
            }
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.fault("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            if self.take(']') {
                return Ok(Value::Array(list));
            }
            list.push(self.value(depth)?);
            if !self.take(',') && self.peek() != Some(']') {
                return Err(self.fault("`,` or `]`"));
            }
        }
    }

    /// A number, or one of the words that stand without quotation marks.
    fn bare(&mut self) -> Result<Value, String> {
        let rest = &self.text[self.at..];
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        let token = &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())];
        let value = match token {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            _ => serde_json::from_str(token).map_err(|_| self.fault("a value"))?,
        };
        self.at += token.len();
        Ok(value)
    }

    fn string(&mut self) -> Result<String, String> {
        let straight = self.peek() == Some('"');
        self.at += self.peek().map_or(0, char::len_utf8);
        if straight && let Some(plain) = self.plain() {
            return Ok(plain);
        }
        let mut raw = String::from("\"");
        let mut escaped = false;
        for (n, c) in self.text[self.at..].char_indices() {
            let after = self.at + n + c.len_utf8();
            if !escaped && (straight && c == '"' || !straight && is_quote(c) && self.ends(after)) {
                self.at = after;
                raw.push('"');
                return serde_json::from_str(&raw).map_err(|e| format!("a string is broken: {e}"));
            }
            match c {
                '\\' if !escaped => escaped = true,
                // JSON knows no such escape, and nothing else can be meant.
                '\'' if escaped => {
                    raw.push('\'');
                    escaped = false;
                    continue;
                }
                _ => {
                    if escaped {
                        raw.push('\\');
                    }
                    match c {
                        '"' if !escaped => raw.push_str("\\\""),
                        c if c.is_control() && c.is_ascii() => {
                            raw.push_str(&format!("\\u{:04x}", u32::from(c)));
                        }
                        c => raw.push(c),
                    }
                    escaped = false;
                }
            }
        }
        self.at = self.text.len();
        Err("it is cut off inside a string".to_owned())
    }

    /// The rest of a string between straight marks that holds no escape, as nearly all do.
    fn plain(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        let plain = rest.as_bytes()[end] == b'"';
        plain.then(|| {
            self.at += end + 1;
            rest[..end].to_owned()
        })
    }

    /// Whether a string may end here: typographic marks also stand inside of texts.
    fn ends(&self, at: usize) -> bool {
        let next = self.text[at..].trim_start().chars().next();
        next.is_none_or(|c| matches!(c, ',' | ':' | '}' | ']'))
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{ff02}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `tests/cases/model_json.txt`: blocks of a text and what is read of it.
    #[test]
    fn each_case_is_read_as_it_says() {
        let cases = include_str!("../../tests/cases/model_json.txt");
        let mut seen = 0;
        for block in cases.split("\n=== ").skip(1) {
            let (name, rest) = block.split_once('\n').expect("a name");
            let (text, wanted) = rest.split_once("\n--- ").expect("a reading");
            let got: Result<Value, String> = last(text, Ok);
            match wanted.trim() {
                "unread" => assert!(got.is_err(), "{name}: {got:?}"),
                wanted => {
                    let wanted: Value = serde_json::from_str(wanted).expect("JSON");
                    assert_eq!(got, Ok(wanted), "{name}");
                }
            }
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn the_last_that_fits_is_taken_and_the_fault_is_of_the_last() {
        let fit = |v: Value| v["x"].as_i64().ok_or_else(|| format!("no x in {v}"));
        assert_eq!(last(r#"{"x": 1} then {"x": 2} and {"y": 3}"#, fit), Ok(2));
        assert_eq!(last(r#"{"y": 1} {"z": 2}"#, fit), Err(r#"no x in {"z":2}"#.into()));
    }

    #[test]
    fn what_is_right_already_is_read_as_serde_reads_it() {
        let value =
            json!({"a": [1, -2.5, 1e3, true, null, "x \" \\ \n \u{1f600}"], "b": {"c": {}}});
        assert_eq!(objects(&value.to_string()), Ok(vec![value]));
    }

    #[test]
    fn hostile_texts_are_given_up_in_bounded_time() {
        for text in ["{\"a\":", "{", "{\"a\":[", "{\"{"] {
            assert!(objects(&text.repeat(20_000)).is_err());
        }
    }
}
