//! API keys: read from the environment, never shown.
//!
//! `Key` has no `Debug`, `Display` or `Serialize`, so a key can leave only as a header; and every
//! text that comes back from a server is scrubbed of it, since some servers echo the key in their
//! error.

use reqwest::header::HeaderValue;

/// A key. Deliberately without `Debug`, `Display` and `Serialize`.
#[derive(Clone)]
pub struct Key {
    /// The environment variable that held it.
    variable: String,
    text: String,
}

/// Shorter words would scrub ordinary text; no server hands out such keys.
const SHORTEST_SCRUBBED: usize = 6;

impl Key {
    /// White space at the ends is cut: a trailing newline in an environment file is common.
    pub fn new(variable: &str, text: &str) -> Key {
        Key { variable: variable.to_owned(), text: text.trim().to_owned() }
    }

    /// The name of the environment variable that held it.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// As a header after `prefix` (`"Bearer "`), marked sensitive; None when the key holds bytes
    /// that no header can.
    pub fn header(&self, prefix: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", self.text)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// `text` with every occurrence of the key, plain or percent-encoded, replaced by `[key]`.
    pub fn scrub(&self, text: &str) -> String {
        if self.text.len() < SHORTEST_SCRUBBED {
            return text.to_owned();
        }
        let encoded: String = url::form_urlencoded::byte_serialize(self.text.as_bytes()).collect();
        let out = text.replace(&self.text, "[key]");
        if encoded == self.text { out } else { out.replace(&encoded, "[key]") }
    }
}

/// `text` for an error message: one line, no control characters, at most `limit` characters.
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut taken = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = !out.is_empty();
            continue;
        }
        if taken >= limit {
            out.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
            taken += 1;
        }
        out.push(c);
        taken += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Key, excerpt};

    #[test]
    fn a_key_is_scrubbed_plain_and_encoded() {
        let key = Key::new("K", "sk-canary+/=1\n");
        let text = "Incorrect API key sk-canary+/=1 in ?key=sk-canary%2B%2F%3D1&x";
        assert_eq!(key.scrub(text), "Incorrect API key [key] in ?key=[key]&x");
    }

    #[test]
    fn excerpts_are_one_bounded_line() {
        assert_eq!(excerpt(" a\n\tb\u{1b}[31m ", 80), "a b [31m");
        assert_eq!(excerpt("abcdef", 3), "abc…");
    }
}
